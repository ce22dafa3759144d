use std::collections::BTreeMap;

use bytes::Bytes;

use super::messages::{Command, HubId, SessionId};
use crate::protocol::{self, CloseCode};

/// Largest BATCH frame, in bytes of JSON: above it a new one begins, so that a client never has to take in
/// too much at once.
const BATCH_BYTES_MAX: usize = 64 * 1024;

/// What a room has to deliver, gathered while the delivery before is under way. Pure.
///
/// Keeps this order: a session gets its WELCOME, then exactly the changes behind it. What goes to a single
/// session (ACK, PROFILE, ERROR) may be moved behind changes, never before its WELCOME.
#[derive(Debug, Default)]
pub struct FanOut {
    runs: Vec<Run>,
}

#[derive(Debug, Default)]
struct Run {
    attach: Option<(HubId, SessionId, [Bytes; 4])>,
    frames: Vec<String>,
    directs: Vec<(HubId, SessionId, Bytes)>,
    close: Option<CloseCode>,
}

impl FanOut {
    /// Whether there is nothing to deliver.
    pub fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    /// A session becomes a member with this WELCOME.
    pub fn attach(&mut self, hub: HubId, session: SessionId, welcome: [Bytes; 4]) {
        self.runs.push(Run { attach: Some((hub, session, welcome)), ..Run::default() });
    }

    /// A frame (JSON) for every member.
    pub fn broadcast(&mut self, json: String) {
        self.run().frames.push(json);
    }

    /// A frame (JSON) for one session.
    pub fn direct(&mut self, hub: HubId, session: SessionId, json: &str) {
        self.run().directs.push((hub, session, protocol::text_frame(json)));
    }

    /// Every member is closed, behind all that was said before.
    pub fn close_all(&mut self, code: CloseCode) {
        self.runs.push(Run { close: Some(code), ..Run::default() });
    }

    fn run(&mut self) -> &mut Run {
        if self.runs.last().is_none_or(|r| r.close.is_some()) {
            self.runs.push(Run::default());
        }
        let last = self.runs.len() - 1;
        // Just pushed where it was empty.
        #[expect(clippy::indexing_slicing, reason = "the vector was made non-empty above")]
        &mut self.runs[last]
    }

    /// Takes all that was gathered, as commands for each hub. Frames in a row are encoded once, as one BATCH.
    pub fn take(&mut self, hubs: &[HubId]) -> BTreeMap<HubId, Vec<Command>> {
        let mut commands: BTreeMap<HubId, Vec<Command>> = hubs.iter().map(|hub| (*hub, Vec::new())).collect();
        for run in self.runs.drain(..) {
            if let Some((hub, session, welcome)) = run.attach {
                commands.entry(hub).or_default().push(Command::Attach(session, welcome));
            }
            for bytes in batches(&run.frames) {
                for list in commands.values_mut() {
                    list.push(Command::Broadcast(bytes.clone()));
                }
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

fn batches(frames: &[String]) -> Vec<Bytes> {
    let mut batches = Vec::new();
    let (mut batch, mut n_bytes): (Vec<&String>, usize) = (Vec::new(), 0);
    for frame in frames {
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
        fan_out.attach(two, session(2), welcome);
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
    fn a_batch_ends_before_it_is_too_large() {
        let mut fan_out = FanOut::default();
        let frame = format!("\"{}\"", "x".repeat(30_000));
        for _ in 0..5 {
            fan_out.broadcast(frame.clone());
        }
        assert_eq!(shape(&fan_out.take(&[HubId(0)])[&HubId(0)]), "bbb");
    }

    #[test]
    fn a_hub_with_nothing_to_do_is_left_alone() {
        let mut fan_out = FanOut::default();
        fan_out.direct(HubId(1), session(1), "x");
        assert_eq!(fan_out.take(&[HubId(0), HubId(1)]).into_keys().collect::<Vec<_>>(), [HubId(1)]);
    }
}
