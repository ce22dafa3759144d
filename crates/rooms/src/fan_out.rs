use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;

use super::messages::{Command, HubId, SessionId};
use chat_wire::CloseCode;

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
/// Keeps this order: a session gets its WELCOME, then exactly the changes behind it. A WELCOME does not wait for
/// what is gathered: it tells more than that, so what was gathered before it is for the others (its [`Place`] says
/// so). What goes to a single session (ACK, PROFILE, ERROR) may be moved behind changes, never before its WELCOME.
#[derive(Debug, Default)]
pub struct FanOut {
    attaches: Vec<(HubId, SessionId, [Bytes; 4], Place)>,
    /// The next frame begins a run of its own: no BATCH may hold frames from both sides of a WELCOME.
    cut: bool,
    place: Place,
    runs: VecDeque<Run>,
    n_bytes: usize,
    /// The counter that what was taken brings members to.
    rev: i64,
}

/// A place in all that a room ever gathered.
pub type Place = u64;

/// A frame (JSON), its place, and the counter's value that it brings a member to where it is a change.
#[derive(Debug)]
struct Frame {
    place: Place,
    rev: Option<i64>,
    json: String,
}

#[derive(Debug, Default)]
struct Run {
    frames: VecDeque<Frame>,
    directs: Vec<(HubId, SessionId, Bytes, bool)>,
    close: Option<(CloseCode, Place)>,
}

impl FanOut {
    /// Whether there is nothing to deliver.
    pub fn is_empty(&self) -> bool {
        self.runs.is_empty() && self.attaches.is_empty()
    }

    /// Whether something waits that goes to every member.
    pub fn goes_to_all(&self) -> bool {
        self.n_bytes > 0
    }

    /// Whether so much waits that the room should take no more.
    pub fn is_full(&self) -> bool {
        self.n_bytes > WAITING_BYTES_MAX
    }

    /// The counter that members have been brought to by what was taken so far.
    pub fn rev(&self) -> i64 {
        self.rev
    }

    /// A session becomes a member with this WELCOME.
    pub fn attach(&mut self, hub: HubId, session: SessionId, welcome: [Bytes; 4]) {
        self.attaches.push((hub, session, welcome, self.place));
        self.cut = true;
    }

    /// A change (JSON) for every member, which brings them to `rev`.
    pub fn change(&mut self, rev: i64, json: String) {
        self.push(Some(rev), json);
    }

    /// A frame (JSON) for every member that is no change.
    pub fn broadcast(&mut self, json: String) {
        self.push(None, json);
    }

    fn push(&mut self, rev: Option<i64>, json: String) {
        self.n_bytes += json.len();
        self.place += 1;
        let frame = Frame { place: self.place, rev, json };
        self.run().frames.push_back(frame);
    }

    /// A frame (JSON) for one session, and whether it answers a message of its.
    pub fn direct(&mut self, hub: HubId, session: SessionId, json: &str, answers: bool) {
        self.run().directs.push((hub, session, chat_wire::text_frame(json), answers));
    }

    /// Every member is closed, behind all that was said before.
    pub fn close_all(&mut self, code: CloseCode) {
        self.place += 1;
        self.runs.push_back(Run { close: Some((code, self.place)), ..Run::default() });
    }

    /// The run that frames go to now.
    fn run(&mut self) -> &mut Run {
        if std::mem::take(&mut self.cut) || self.runs.back().is_none_or(|r| r.close.is_some()) {
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
        for (hub, session, welcome, place) in std::mem::take(&mut self.attaches) {
            commands.entry(hub).or_default().push(Command::Attach(session, welcome, place));
        }
        let mut budget = DELIVERY_BYTES_MAX;
        while budget > 0 {
            let Some(mut run) = self.runs.pop_front() else { break };
            let frames = run.take_frames(&mut budget);
            self.n_bytes -= frames.iter().map(|f| f.json.len()).sum::<usize>();
            self.rev = frames.iter().filter_map(|f| f.rev).next_back().unwrap_or(self.rev);
            for (bytes, place) in batches(&frames) {
                for list in commands.values_mut() {
                    list.push(Command::Broadcast(bytes.clone(), place));
                }
            }
            if !run.frames.is_empty() {
                self.runs.push_front(run);
                break;
            }
            for (hub, session, frame, answers) in run.directs {
                commands.entry(hub).or_default().push(Command::Direct(session, frame, answers));
            }
            if let Some((code, place)) = run.close {
                for list in commands.values_mut() {
                    list.push(Command::CloseAll(code, place));
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

/// The frames as few BATCHes, each with the place of its last frame.
fn batches(frames: &[Frame]) -> Vec<(Bytes, Place)> {
    let mut batches = Vec::new();
    let (mut batch, mut n_bytes, mut last): (Vec<&String>, usize, Place) = (Vec::new(), 0, 0);
    for Frame { json, place, .. } in frames {
        if !batch.is_empty() && n_bytes + json.len() > BATCH_BYTES_MAX {
            batches.push((chat_wire::text_frame(&chat_wire::batch_json(&batch)), last));
            (batch, n_bytes) = (Vec::new(), 0);
        }
        n_bytes += json.len();
        last = *place;
        batch.push(json);
    }
    if !batch.is_empty() {
        batches.push((chat_wire::text_frame(&chat_wire::batch_json(&batch)), last));
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
            Command::Broadcast(..) => 'b',
            Command::Direct(..) => 'd',
            Command::Close(..) | Command::CloseAll(..) => 'c',
        };
        commands.iter().map(letter).collect()
    }

    #[test]
    fn gathers_frames_but_never_across_a_welcome() {
        let (one, two) = (HubId(0), HubId(1));
        let mut fan_out = FanOut::default();
        let welcome = [const { Bytes::new() }; 4];
        fan_out.broadcast("1".into());
        fan_out.direct(one, session(1), "x", false);
        fan_out.broadcast("2".into());
        assert!(fan_out.goes_to_all());
        fan_out.attach(two, session(2), welcome.clone());
        fan_out.broadcast("3".into());
        fan_out.close_all(CloseCode::StartOver);
        fan_out.broadcast("4".into());
        let commands = fan_out.take(&[one, two]);
        assert_eq!(shape(&commands[&one]), "bdbcb");
        assert_eq!(shape(&commands[&two]), "abbcb");
        assert!(fan_out.is_empty() && !fan_out.goes_to_all());
        fan_out.direct(one, session(1), "x", false);
        fan_out.attach(two, session(2), welcome);
        assert!(!fan_out.goes_to_all(), "what is for one of them");
        let Command::Broadcast(bytes, 2) = &commands[&one][0] else { panic!("a broadcast comes first") };
        assert!(String::from_utf8_lossy(bytes).ends_with(r#"{"frames":[1,2]}}"#));
    }

    #[test]
    fn a_burst_goes_out_in_parts_that_an_outbox_can_take() {
        let hub = HubId(0);
        let mut fan_out = FanOut::default();
        let frame = |n: u8| format!("\"{n}{}\"", "x".repeat(30_000));
        (0..5).for_each(|n| fan_out.broadcast(frame(n)));
        fan_out.direct(hub, session(1), "x", false);
        fan_out.close_all(CloseCode::StartOver);
        let mut shapes = Vec::new();
        let mut n_frames = 0;
        while !fan_out.is_empty() {
            let commands = fan_out.take(&[hub]).remove(&hub).expect("something to do");
            shapes.push(shape(&commands));
            n_frames += commands.iter().filter(|c| matches!(c, Command::Broadcast(b, _) if b.len() < 130_000)).count();
        }
        assert_eq!(shapes, ["bb", "bdc"]);
        assert_eq!((n_frames, fan_out.n_bytes), (3, 0));
    }

    proptest! {
        /// Whatever goes in comes out once and in order; a member gets exactly what came in behind its WELCOME; and
        /// the counter never runs ahead of what came out.
        #[test]
        fn nothing_is_lost_between_deliveries(
            steps in proptest::collection::vec((0_u8..8, prop_oneof![1_usize..500, 60_000_usize..70_000]), 1..60),
            taken_at in proptest::collection::vec(0_usize..60, 0..6),
        ) {
            let hub = HubId(0);
            let mut fan_out = FanOut::default();
            let mut all = Vec::new();
            // For each member: from which change on it is to be told, its place, what it was told.
            let mut expected: BTreeMap<u128, usize> = BTreeMap::new();
            let mut members: BTreeMap<u128, (Place, Vec<i64>)> = BTreeMap::new();
            let mut take = |fan_out: &mut FanOut| {
                let mut last = 0;
                for command in fan_out.take(&[hub]).remove(&hub).unwrap_or_default() {
                    match command {
                        Command::Attach(session, _, place) => {
                            members.insert(session.0.as_u128(), (place, Vec::new()));
                        }
                        Command::Broadcast(bytes, place) => {
                            let text = String::from_utf8_lossy(&bytes).into_owned();
                            let marks = text.split('<').skip(1).filter_map(|t| t.split_once('>'));
                            let revs: Vec<i64> = marks.filter_map(|(mark, _)| mark.parse().ok()).collect();
                            last = revs.last().copied().unwrap_or(last);
                            for (_, told) in members.values_mut().filter(|(from, _)| *from < place) {
                                told.extend(&revs);
                            }
                        }
                        Command::Direct(..) | Command::Close(..) | Command::CloseAll(..) => {}
                    }
                }
                (last, members.clone())
            };
            fan_out.attach(hub, session(0), [const { Bytes::new() }; 4]);
            expected.insert(0, 0);
            for (i, (step, n_bytes)) in steps.into_iter().enumerate() {
                let n = u128::try_from(i).unwrap_or(0) + 1;
                if step == 0 {
                    expected.insert(n, all.len());
                    fan_out.attach(hub, session(n), [const { Bytes::new() }; 4]);
                } else {
                    let rev = i64::try_from(n).unwrap_or(0);
                    all.push(rev);
                    fan_out.change(rev, format!("<{rev}>{}", "x".repeat(n_bytes)));
                }
                fan_out.direct(hub, session(0), "x", false);
                if taken_at.contains(&i) {
                    let (last, _) = take(&mut fan_out);
                    prop_assert!(last == 0 || fan_out.rev() == last);
                }
            }
            let mut told = BTreeMap::new();
            while !fan_out.is_empty() {
                told = take(&mut fan_out).1;
            }
            for (member, from) in expected {
                if let Some((_, seen)) = told.get(&member) {
                    prop_assert_eq!(seen, &all[from..], "member {}", member);
                }
            }
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
        fan_out.direct(HubId(1), session(1), "x", false);
        assert_eq!(fan_out.take(&[HubId(0), HubId(1)]).into_keys().collect::<Vec<_>>(), [HubId(1)]);
    }
}
