use std::{collections::VecDeque, fmt::Write as _};

use super::{
    changes::RoomChanges,
    mix::Kind,
    numbers::{count, size},
    state::Random,
    text::{Mark, RunId},
};

/// Own messages that are edited and deleted: the latest ones.
const OWN_MAX: usize = 16;
/// Older ones are not edited any more, so that the server's limit (15 minutes by default) is far.
const EDIT_US: u64 = 300_000_000;
/// Own reactions that may be taken back: the latest ones.
const REACTED_MAX: usize = 16;
/// What is reacted with.
const EMOJIS: [&str; 6] = ["👍", "😂", "🎉", "👏", "🔥", "🙏"];

/// What a writer sends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    Message,
    /// `version` is the one that is edited.
    Edit {
        id: Box<str>,
        version: u32,
    },
    Delete {
        id: Box<str>,
    },
    React {
        id: Box<str>,
        emoji: &'static str,
        on: bool,
    },
}

impl Command {
    /// None: a message.
    pub fn kind(&self) -> Option<Kind> {
        match self {
            Self::Message => None,
            Self::Edit { .. } => Some(Kind::Edit),
            Self::Delete { .. } => Some(Kind::Deletion),
            Self::React { .. } => Some(Kind::Reaction),
        }
    }
}

/// A command that is neither acknowledged nor refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pending {
    pub mark: Mark,
    pub command: Command,
}

/// A message of its own that a writer may change.
#[derive(Debug)]
struct Own {
    id: Box<str>,
    version: u32,
    stored_us: u64,
    /// An edit of it waits for its answer: a second one would conflict with it.
    is_busy: bool,
}

/// What one visitor writes. Pure.
#[derive(Debug, Default)]
pub struct Desk {
    /// Oldest first.
    pending: VecDeque<Pending>,
    own: VecDeque<Own>,
    reacted: VecDeque<(Box<str>, &'static str)>,
}

impl Desk {
    pub fn is_empty(&self) -> bool {
        self.pending.is_empty()
    }

    pub fn pending(&self) -> impl Iterator<Item = &Pending> {
        self.pending.iter()
    }

    pub fn push(&mut self, pending: Pending) {
        self.pending.push_back(pending);
    }

    /// The room has begun anew: what it had is not there any more.
    pub fn forget(&mut self) {
        self.own.clear();
        self.reacted.clear();
    }

    /// Makes a command of this kind; where there is nothing that it could change, a message.
    pub fn command(
        &mut self,
        kind: Option<Kind>,
        room: &RoomChanges,
        cursor: i64,
        random: &mut Random,
        now_us: u64,
    ) -> Command {
        let command = match kind {
            None => None,
            Some(Kind::Edit) => self.pick(random, |own| now_us < own.stored_us + EDIT_US).map(|own| {
                own.is_busy = true;
                Command::Edit { id: own.id.clone(), version: own.version }
            }),
            Some(Kind::Deletion) => {
                let id = self.pick(random, |_| true).map(|own| own.id.clone());
                id.map(|id| {
                    self.own.retain(|own| own.id != id);
                    Command::Delete { id }
                })
            }
            Some(Kind::Reaction) => self.reaction(room, cursor, random),
        };
        command.unwrap_or(Command::Message)
    }

    /// One of the own messages.
    fn pick(&mut self, random: &mut Random, may: impl Fn(&Own) -> bool) -> Option<&mut Own> {
        let is_free = |own: &&mut Own| !own.is_busy && may(own);
        let n = self.own.iter_mut().filter(is_free).count();
        let at = below(random, n)?;
        self.own.iter_mut().filter(is_free).nth(at)
    }

    /// A reaction to a message that the session has seen; what it has reacted with already it takes back.
    fn reaction(&mut self, room: &RoomChanges, cursor: i64, random: &mut Random) -> Option<Command> {
        let at = below(random, room.seen(cursor).count())?;
        let (_, id) = room.seen(cursor).nth(at)?;
        let emoji = *EMOJIS.get(below(random, EMOJIS.len())?)?;
        let known = self.reacted.iter().position(|(of, with)| of == id && *with == emoji);
        match known {
            Some(at) => drop(self.reacted.remove(at)),
            None => self.reacted.push_back((id.clone(), emoji)),
        }
        if self.reacted.len() > REACTED_MAX {
            self.reacted.pop_front();
        }
        Some(Command::React { id: id.clone(), emoji, on: known.is_none() })
    }

    /// A command needs no further thought.
    pub fn done(&mut self, n: u64) -> Option<Pending> {
        let at = self.pending.iter().position(|pending| pending.mark.n == n)?;
        let pending = self.pending.remove(at)?;
        if self.pending.is_empty() {
            self.pending = VecDeque::new();
        }
        Some(pending)
    }

    /// A command is stored; `id` is that of its message.
    pub fn stored(&mut self, command: &Command, id: Box<str>, now_us: u64) {
        match command {
            Command::Message => {
                self.own.push_back(Own { id, version: 1, stored_us: now_us, is_busy: false });
                if self.own.len() > OWN_MAX {
                    self.own.pop_front();
                }
            }
            Command::Edit { version, .. } => {
                if let Some(own) = self.own.iter_mut().find(|own| own.id == id) {
                    (own.version, own.is_busy) = (version + 1, false);
                }
            }
            Command::Delete { .. } | Command::React { .. } => {}
        }
    }

    /// A command was refused: its message is left alone, since nobody knows how it is.
    pub fn refused(&mut self, command: &Command) {
        match command {
            Command::Edit { id, .. } => self.own.retain(|own| own.id != *id),
            Command::React { id, .. } => self.reacted.retain(|(of, _)| of != id),
            Command::Message | Command::Delete { .. } => {}
        }
    }
}

/// A number below `n`.
fn below(random: &mut Random, n: usize) -> Option<usize> {
    (n > 0).then(|| size(random.next() % count(n)))
}

/// Appends a command's frame. Texts have `n_bytes`.
pub fn put_frame(out: &mut String, Pending { mark, command }: &Pending, run: RunId, n_bytes: usize) {
    let quoted = |id: &str| serde_json::Value::from(id).to_string();
    let kind = match command {
        Command::Message => "MESSAGE",
        Command::Edit { .. } => "EDIT",
        Command::Delete { .. } => "DELETE",
        Command::React { .. } => "REACT",
    };
    // Writing to a String cannot fail; texts and emojis have nothing that JSON escapes.
    let _ = write!(out, r#"{{"type":"{kind}","payload":{{"clientId":"{}""#, run.client_id(mark.n));
    match command {
        Command::Message => {}
        Command::Edit { id, version } => drop(write!(out, r#","id":{},"version":{version}"#, quoted(id))),
        Command::Delete { id } => drop(write!(out, r#","id":{}"#, quoted(id))),
        Command::React { id, emoji, on } => {
            let _ = write!(out, r#","id":{},"emoji":"{emoji}","on":{on}"#, quoted(id));
        }
    }
    if matches!(command, Command::Message | Command::Edit { .. }) {
        out.push_str(r#","content":""#);
        run.put_text(out, *mark, n_bytes);
        out.push('"');
    }
    out.push_str("}}");
}

#[cfg(test)]
mod tests {
    use chat_domain::Emoji;
    use chat_wire::{ClientFrame, DeleteToSend, EditToSend, ReactToSend};

    use super::*;
    use crate::parse::{Change, What};

    fn room(n: i64) -> RoomChanges {
        let mut room = RoomChanges::new(true);
        let new = |seq: i64| Change { rev: seq, seq, what: What::New, mark: None, id: Some(format!("m{seq}").into()) };
        room.learn(&(1..=n).map(new).collect::<Vec<_>>());
        room
    }

    #[test]
    fn who_has_nothing_to_change_writes_a_message() {
        let (mut desk, mut random) = (Desk::default(), Random::new(1));
        for kind in [Kind::Edit, Kind::Deletion, Kind::Reaction] {
            assert_eq!(desk.command(Some(kind), &room(3), 0, &mut random, 1), Command::Message);
        }
        assert_eq!(desk.command(None, &room(3), 3, &mut random, 1), Command::Message);
    }

    #[test]
    fn a_message_is_edited_version_by_version_and_deleted_once() {
        let (mut desk, mut random) = (Desk::default(), Random::new(1));
        let mut command = |desk: &mut Desk, kind, now_us| desk.command(Some(kind), &room(0), 9, &mut random, now_us);
        desk.stored(&Command::Message, "a".into(), 1);
        let first = command(&mut desk, Kind::Edit, 2);
        assert_eq!(first, Command::Edit { id: "a".into(), version: 1 });
        // Not while it waits.
        assert_eq!(command(&mut desk, Kind::Edit, 2), Command::Message);
        assert_eq!(command(&mut desk, Kind::Deletion, 2), Command::Message);
        desk.stored(&first, "a".into(), 3);
        assert_eq!(command(&mut desk, Kind::Edit, EDIT_US + 1), Command::Message, "it is too old");
        let second = command(&mut desk, Kind::Edit, 4);
        assert_eq!(second, Command::Edit { id: "a".into(), version: 2 });
        desk.stored(&second, "a".into(), 5);
        assert_eq!(command(&mut desk, Kind::Deletion, EDIT_US + 1), Command::Delete { id: "a".into() });
        assert_eq!(command(&mut desk, Kind::Deletion, 6), Command::Message);
        desk.stored(&Command::Message, "b".into(), 7);
        let edit = command(&mut desk, Kind::Edit, 8);
        desk.refused(&edit);
        assert_eq!(command(&mut desk, Kind::Deletion, 9), Command::Message);
    }

    #[test]
    fn a_reaction_is_there_or_is_taken_back() {
        let (mut desk, mut random) = (Desk::default(), Random::new(1));
        let mut there = std::collections::BTreeSet::new();
        for _ in 0..60 {
            let command = desk.command(Some(Kind::Reaction), &room(1), 1, &mut random, 1);
            let Command::React { id, emoji, on } = command else { panic!("{command:?}") };
            assert_eq!((&*id, on), ("m1", there.insert(emoji)), "each changes something");
            if !on {
                there.remove(emoji);
            }
        }
    }

    #[test]
    fn frames_are_those_of_the_protocol() {
        let (run, mark) = (RunId::new(5), Mark { n: 3, due_us: 7 });
        let frame = |command: &Command| {
            let mut text = String::new();
            put_frame(&mut text, &Pending { mark, command: command.clone() }, run, 60);
            chat_wire::decode(&text).unwrap_or_else(|e| panic!("{e:?}: {text}"))
        };
        let mut content = String::new();
        run.put_text(&mut content, mark, 60);
        let (client_id, id) = (run.client_id(3), "a\"b");
        let message = frame(&Command::Message);
        assert!(matches!(message, ClientFrame::Message(m) if m.client_id == client_id && m.content == content));
        let edit = frame(&Command::Edit { id: id.into(), version: 3 });
        let EditToSend { id: of, version, content: text, .. } = match edit {
            ClientFrame::Edit(edit) => edit,
            other => panic!("{other:?}"),
        };
        assert_eq!((&*of, version, text), (id, 3, content));
        let deletion = ClientFrame::Delete(DeleteToSend { client_id, id: id.into() });
        assert_eq!(frame(&Command::Delete { id: id.into() }), deletion);
        let (emoji, on) = (EMOJIS[0], false);
        let reaction = ReactToSend { client_id, id: id.into(), emoji: emoji.into(), on };
        assert_eq!(frame(&Command::React { id: id.into(), emoji, on }), ClientFrame::React(reaction));
        assert!(EMOJIS.iter().all(|emoji| Emoji::parse(emoji).is_ok()));
    }
}
