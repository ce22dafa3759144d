use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;

use super::messages::{Command, HubId, SessionId};
use crate::protocol::{self, CloseCode};

/// Largest BATCH frame, in bytes of JSON: above it a new one begins, so that a client never has to take in
/// too much at once.
const BATCH_BYTES_MAX: usize = 64 * 1024;
/// Most bytes of frames of one delivery. Well below an outbox's bound: a burst must not cut readers that have
/// had no chance to read; the rest follows once this is in the outboxes.
const DELIVERY_BYTES_MAX: usize = 64 * 1024;
/// Most bytes that may wait; beyond it the room takes no more messages. Each of them goes to every member.
const WAITING_BYTES_MAX: usize = 1024 * 1024;

/// What a room has to deliver, gathered while the delivery before is under way. Pure.
///
/// Keeps this order: a session gets its WELCOME, then exactly the changes behind it. What goes to a single
/// session (ACK, PROFILE, ERROR) may be moved behind changes, never before its WELCOME.
#[derive(Debug, Default)]
pub struct FanOut {
    runs: VecDeque<Run>,
    n_bytes: usize,
    /// The counter that what was taken brings members to.
    rev: i64,
}

/// A frame (JSON), and the counter's value that it brings a member to where it is a change.
#[derive(Debug)]
struct Frame {
    rev: Option<i64>,
    json: String,
}

#[derive(Debug, Default)]
struct Run {
    attach: Option<(HubId, SessionId, [Bytes; 4], i64)>,
    frames: VecDeque<Frame>,
    directs: Vec<(HubId, SessionId, Bytes)>,
    close: Option<CloseCode>,
}

impl FanOut {
    /// Whether there is nothing to deliver.
    pub fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    /// Whether so much waits that the room should take no more.
    pub fn is_full(&self) -> bool {
        self.n_bytes > WAITING_BYTES_MAX
    }

    /// The counter that members have been brought to by what was taken so far.
    pub fn rev(&self) -> i64 {
        self.rev
    }

    /// A session becomes a member with this WELCOME, which brings it to `rev`.
    pub fn attach(&mut self, hub: HubId, session: SessionId, welcome: [Bytes; 4], rev: i64) {
        self.runs.push_back(Run { attach: Some((hub, session, welcome, rev)), ..Run::default() });
    }

    /// A change (JSON) for every member, which brings them to `rev`.
    pub fn change(&mut self, rev: i64, json: String) {
        self.push(Frame { rev: Some(rev), json });
    }

    /// A frame (JSON) for every member that is no change.
    pub fn broadcast(&mut self, json: String) {
        self.push(Frame { rev: None, json });
    }

    fn push(&mut self, frame: Frame) {
        self.n_bytes += frame.json.len();
        self.run().frames.push_back(frame);
    }

    /// A frame (JSON) for one session.
    pub fn direct(&mut self, hub: HubId, session: SessionId, json: &str) {
        self.run().directs.push((hub, session, protocol::text_frame(json)));
    }

    /// Every member is closed, behind all that was said before.
    pub fn close_all(&mut self, code: CloseCode) {
        self.runs.push_back(Run { close: Some(code), ..Run::default() });
    }

    /// The run that frames go to now.
    fn run(&mut self) -> &mut Run {
        if self.runs.back().is_none_or(|r| r.close.is_some()) {
            self.runs.push_back(Run::default());
        }
        let last = self.runs.len() - 1;
        #[expect(clippy::indexing_slicing, reason = "the line above makes sure that there is one")]
        &mut self.runs[last]
    }

    /// Takes what was gathered, or the first part where it is more than one delivery may carry, as commands
    /// for each hub. Frames in a row are encoded once, as one BATCH.
    pub fn take(&mut self, hubs: &[HubId]) -> BTreeMap<HubId, Vec<Command>> {
        let mut commands: BTreeMap<HubId, Vec<Command>> = hubs.iter().map(|hub| (*hub, Vec::new())).collect();
        let mut budget = DELIVERY_BYTES_MAX;
        while budget > 0 {
            let Some(mut run) = self.runs.pop_front() else { break };
            if let Some((hub, session, welcome, rev)) = run.attach.take() {
                // Set, not raised: in a new life of the room the counter may be lower.
                self.rev = rev;
                commands.entry(hub).or_default().push(Command::Attach(session, welcome));
            }
            let frames = run.take_frames(&mut budget);
            self.n_bytes -= frames.iter().map(|f| f.json.len()).sum::<usize>();
            self.rev = frames.iter().filter_map(|f| f.rev).next_back().unwrap_or(self.rev);
            for bytes in batches(&frames) {
                for list in commands.values_mut() {
                    list.push(Command::Broadcast(bytes.clone()));
                }
            }
            if !run.frames.is_empty() {
                self.runs.push_front(run);
                break;
            }
            for (hub, session, frame) in run.directs {
                commands.entry(hub).or_default().push(Command::Direct(session, frame));
            }
            if let Some(code) = run.close {
                for list in commands.values_mut() {
                    list.push(Command::CloseAll(code));
                }
            }
        }
        commands.retain(|_, list| !list.is_empty());
        commands
    }
}

impl Run {
    /// Takes frames as long as the budget is not used up: one at least where there is any left of it.
    fn take_frames(&mut self, budget: &mut usize) -> Vec<Frame> {
        let mut taken = Vec::new();
        while *budget > 0
            && let Some(frame) = self.frames.pop_front()
        {
            *budget = budget.saturating_sub(frame.json.len());
            taken.push(frame);
        }
        taken
    }
}

fn batches(frames: &[Frame]) -> Vec<Bytes> {
    let mut batches = Vec::new();
    let (mut batch, mut n_bytes): (Vec<&String>, usize) = (Vec::new(), 0);
    for Frame { json: frame, .. } in frames {
        if !batch.is_empty() && n_bytes + frame.len() > BATCH_BYTES_MAX {
            batches.push(protocol::text_frame(&protocol::batch_json(&batch)));
            (batch, n_bytes) = (Vec::new(), 0);
        }
        n_bytes += frame.len();
        batch.push(frame);
    }
    if !batch.is_empty() {
        batches.push(protocol::text_frame(&protocol::batch_json(&batch)));
    }
    batches
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;

    fn session(n: u128) -> SessionId {
        SessionId(Uuid::from_u128(n))
    }

    fn shape(commands: &[Command]) -> String {
        let letter = |c: &Command| match c {
            Command::Attach(..) => 'a',
            Command::Broadcast(_) => 'b',
            Command::Direct(..) => 'd',
            Command::CloseAll(_) => 'c',
        };
        commands.iter().map(letter).collect()
    }

    #[test]
    fn gathers_frames_but_never_across_a_welcome() {
        let (one, two) = (HubId(0), HubId(1));
        let mut fan_out = FanOut::default();
        let welcome = [const { Bytes::new() }; 4];
        fan_out.broadcast("1".into());
        fan_out.direct(one, session(1), "x");
        fan_out.broadcast("2".into());
        fan_out.attach(two, session(2), welcome, 0);
        fan_out.broadcast("3".into());
        fan_out.close_all(CloseCode::StartOver);
        fan_out.broadcast("4".into());
        let commands = fan_out.take(&[one, two]);
        assert_eq!(shape(&commands[&one]), "bdbcb");
        assert_eq!(shape(&commands[&two]), "babcb");
        assert!(fan_out.is_empty());
        let Command::Broadcast(bytes) = &commands[&one][0] else { panic!("a broadcast comes first") };
        assert!(String::from_utf8_lossy(bytes).ends_with(r#"{"frames":[1,2]}}"#));
    }

    #[test]
    fn a_burst_goes_out_in_parts_that_an_outbox_can_take() {
        let hub = HubId(0);
        let mut fan_out = FanOut::default();
        let frame = |n: u8| format!("\"{n}{}\"", "x".repeat(30_000));
        (0..5).for_each(|n| fan_out.broadcast(frame(n)));
        fan_out.direct(hub, session(1), "x");
        fan_out.close_all(CloseCode::StartOver);
        let mut shapes = Vec::new();
        let mut n_frames = 0;
        while !fan_out.is_empty() {
            let commands = fan_out.take(&[hub]).remove(&hub).expect("something to do");
            shapes.push(shape(&commands));
            n_frames += commands.iter().filter(|c| matches!(c, Command::Broadcast(b) if b.len() < 130_000)).count();
        }
        assert_eq!(shapes, ["bb", "bdc"]);
        assert_eq!((n_frames, fan_out.n_bytes), (3, 0));
    }

    proptest! {
        /// Whatever goes in comes out once, in order, and the counter never runs ahead of what came out.
        #[test]
        fn nothing_is_lost_between_deliveries(
            steps in proptest::collection::vec((0_u8..8, prop_oneof![1_usize..500, 60_000_usize..70_000]), 1..60),
            taken_at in proptest::collection::vec(0_usize..60, 0..6),
        ) {
            let hub = HubId(0);
            let mut fan_out = FanOut::default();
            let (mut put_in, mut came_out) = (Vec::new(), Vec::new());
            let mut take = |fan_out: &mut FanOut| {
                for command in fan_out.take(&[hub]).remove(&hub).unwrap_or_default() {
                    match command {
                        Command::Attach(session, _) => came_out.push(format!("a{}", session.0.as_u128())),
                        Command::Broadcast(bytes) => {
                            let text = String::from_utf8_lossy(&bytes).into_owned();
                            let marks = text.split('<').skip(1).filter_map(|t| t.split_once('>'));
                            came_out.extend(marks.map(|(mark, _)| mark.to_owned()));
                        }
                        Command::Direct(..) | Command::CloseAll(_) => {}
                    }
                }
                came_out.iter().rev().find_map(|m| m.trim_start_matches('a').parse::<i64>().ok()).unwrap_or(0)
            };
            let mut rev = 0_i64;
            for (i, (step, n_bytes)) in steps.into_iter().enumerate() {
                rev += 1;
                if step == 0 {
                    put_in.push(format!("a{rev}"));
                    fan_out.attach(hub, session(rev.unsigned_abs().into()), [const { Bytes::new() }; 4], rev);
                } else {
                    put_in.push(rev.to_string());
                    fan_out.change(rev, format!("<{rev}>{}", "x".repeat(n_bytes)));
                }
                fan_out.direct(hub, session(1), "x");
                if taken_at.contains(&i) {
                    let shown = take(&mut fan_out);
                    prop_assert_eq!(fan_out.rev(), shown);
                }
            }
            while !fan_out.is_empty() {
                let shown = take(&mut fan_out);
                prop_assert_eq!(fan_out.rev(), shown);
            }
            prop_assert_eq!(came_out, put_in);
            prop_assert_eq!(fan_out.n_bytes, 0);
        }
    }

    #[test]
    fn says_when_too_much_waits() {
        let mut fan_out = FanOut::default();
        let frame = "x".repeat(300 * 1024);
        (0..4).for_each(|_| fan_out.broadcast(frame.clone()));
        assert!(fan_out.is_full());
        fan_out.take(&[]);
        assert!(!fan_out.is_full());
    }

    #[test]
    fn a_hub_with_nothing_to_do_is_left_alone() {
        let mut fan_out = FanOut::default();
        fan_out.direct(HubId(1), session(1), "x");
        assert_eq!(fan_out.take(&[HubId(0), HubId(1)]).into_keys().collect::<Vec<_>>(), [HubId(1)]);
    }
}
