//! A good run in which messages are edited, deleted and reacted to, and each thing that can be broken in it. The tests
//! of the checker begin it in [`super`].

use chat_wire::{AckPayload, ErrorCode, ReactionPayload};
use uuid::Uuid;

use super::{AUTHOR, EPOCH, ack, events, good, id, point, position, row, stored};
use crate::checker::{Broken, Command, Event, Message, Reactions, Run, StoredEdit};

/// What becomes of messages in [`changed`], behind `n` new ones, each by the author of all: the message `seq` is edited,
/// edited again, reacted to twice, and the one reaction taken back; the one before it is reacted to, and deleted.
pub struct Story {
    n: i64,
    seq: i64,
}

const TIME: &str = "2026-01-01T00:01:00.000Z";

impl Story {
    pub const N_CHANGES: i64 = 7;

    fn message_id(seq: i64) -> String {
        (seq * 10).to_string()
    }

    /// The message's states from the one that it was created in, each at its value.
    fn states(&self) -> Vec<Message> {
        let reaction =
            |emoji: &'static str| ReactionPayload { emoji: emoji.into(), count: 1, authors: vec![AUTHOR.into()] };
        let mut states = vec![row(self.seq)];
        let mut at = |step: i64, change: &dyn Fn(&mut Message)| {
            let mut next = states[states.len() - 1].clone();
            next.rev = self.n + step;
            change(&mut next);
            states.push(next);
        };
        let edit = |version: i32| {
            move |m: &mut Message| {
                m.content = format!("edit {version}").into();
                (m.annotations.version, m.annotations.edited_at) = (Some(version), Some(TIME.into()));
            }
        };
        at(1, &edit(2));
        at(3, &edit(3));
        at(4, &|m| m.annotations.reactions.push(reaction("👍")));
        at(5, &|m| m.annotations.reactions.push(reaction("🎉")));
        at(7, &|m| drop(m.annotations.reactions.remove(0)));
        states
    }

    /// The deleted message's: created, reacted to at 2, deleted at 6.
    fn other_states(&self) -> Vec<Message> {
        let mut reacted = Message { rev: self.n + 2, ..row(self.seq - 1) };
        reacted.annotations.reactions =
            vec![ReactionPayload { emoji: "👍".into(), count: 1, authors: vec![AUTHOR.into()] }];
        let mut deleted = Message { rev: self.n + 6, content: "".into(), ..row(self.seq - 1) };
        deleted.annotations.deleted_at = Some(TIME.into());
        deleted.annotations.deleted_by = Some("author".into());
        vec![row(self.seq - 1), reacted, deleted]
    }

    /// The key of a step's command.
    fn key(&self, step: i64) -> Uuid {
        id(self.n + step + 10_000)
    }

    fn commands(&self) -> Vec<Command> {
        let (own, other) = (Self::message_id(self.seq), Self::message_id(self.seq - 1));
        let edit = |version, content: &str| Command::Edit { id: own.clone(), version, content: content.into() };
        let react = |id: &str, emoji: &str, on| Command::React { id: id.into(), emoji: emoji.into(), on };
        vec![
            edit(1, "edit 2"),
            react(&other, "👍", true),
            edit(2, "edit 3"),
            react(&own, "👍", true),
            react(&own, "🎉", true),
            Command::Delete { id: other.clone() },
            react(&own, "👍", false),
        ]
    }

    /// What everybody is told at each step.
    fn told(&self) -> Vec<Event> {
        let (states, others) = (self.states(), self.other_states());
        let reaction = |seq: i64, step: i64, emoji: &'static str, count: i64| {
            let authors = vec![AUTHOR.into(); usize::try_from(count).unwrap()];
            let reactions = vec![ReactionPayload { emoji: emoji.into(), count, authors }];
            Event::Reaction(Reactions { id: Self::message_id(seq).into(), seq, rev: self.n + step, reactions })
        };
        vec![
            Event::Message(states[1].clone()),
            reaction(self.seq - 1, 2, "👍", 1),
            Event::Message(states[2].clone()),
            reaction(self.seq, 4, "👍", 1),
            reaction(self.seq, 5, "🎉", 1),
            Event::Message(others[2].clone()),
            reaction(self.seq, 7, "👍", 0),
        ]
    }

    fn ack(&self, step: i64) -> AckPayload {
        let seq = if step == 2 || step == 6 { self.seq - 1 } else { self.seq };
        AckPayload { client_id: self.key(step), rev: self.n + step, ..ack(seq) }
    }

    /// All messages as they were at a value of the counter.
    fn at(&self, rev: i64) -> Vec<Message> {
        let last = |states: Vec<Message>| states.into_iter().rfind(|m| m.rev <= rev);
        let of = |seq: i64| match seq {
            _ if seq == self.seq => last(self.states()),
            _ if seq == self.seq - 1 => last(self.other_states()),
            _ => Some(row(seq)),
        };
        (1..=self.n.min(rev)).filter_map(of).collect()
    }

    /// What is missed by who was at `from`.
    fn missed(&self, from: i64, rev: i64) -> Vec<Message> {
        let mut missed: Vec<_> = self.at(rev).into_iter().filter(|m| m.rev > from).collect();
        missed.sort_by_key(|m| m.rev);
        missed
    }
}

/// A good run with the changes of a [`Story`]. The reader goes before the first and comes back behind `behind` of them,
/// to all or to what it missed; what is missed in pieces comes behind WELCOME.
pub fn changed(n: i64, seq: i64, behind: i64, way: usize) -> (Run, Story) {
    let story = Story { n, seq };
    let mut run = good(n, &[]);
    let last_rev = n + Story::N_CHANGES;
    let (told, commands) = (story.told(), story.commands());
    for (step, (told, command)) in (1..).zip(told.iter().zip(commands)) {
        let client_id = story.key(step);
        let again = AckPayload { rev: story.ack(step).seq, ..story.ack(step) };
        run.clients[0].events.extend(
            [
                Event::Sent { client_id, command: command.clone() },
                Event::Refused { client_id: Some(client_id), code: ErrorCode::Overloaded },
                Event::Sent { client_id, command },
                told.clone(),
                Event::Ack(story.ack(step)),
                Event::Ack(again),
            ]
            .map(|event| (0, event)),
        );
    }
    let back = n + behind;
    let (from, epoch) = (n, EPOCH.to_owned());
    let mut reader = vec![Event::Closed(1006), Event::Connected, Event::Asked(Some(point(from)))];
    match way {
        0 => {
            let messages = story.missed(from, back);
            let rev = messages.last().map_or(from, |m| m.rev);
            assert_eq!(rev, back, "the last value is some message's");
            reader.push(Event::Welcome { epoch, rev, head: None, resumed: true, has_more: false, messages });
        }
        1 => {
            let messages = story.at(back).split_off(1);
            reader.push(Event::Welcome { epoch, rev: back, head: None, resumed: false, has_more: true, messages });
        }
        _ => {
            let head = Some(back).filter(|_| behind > 0);
            reader.push(Event::Welcome { epoch, rev: from, head, resumed: true, has_more: false, messages: vec![] });
            reader.extend(story.missed(from, back).into_iter().map(Event::Message));
        }
    }
    reader.extend(told.into_iter().skip(usize::try_from(behind).unwrap()));
    run.clients[1].events.extend(reader.into_iter().map(|event| (0, event)));
    let rows = story.at(last_rev);
    let edit = |version: i32, content: String, step: i64| {
        let id = Story::message_id(seq);
        StoredEdit { id, version, content, client_id: story.key(step) }
    };
    let room = stored(&mut run);
    room.edits = vec![edit(1, format!("text {seq}"), 1), edit(2, "edit 2".into(), 3)];
    room.reactions = [(Story::message_id(seq), AUTHOR.to_owned(), "🎉".to_owned())].into();
    (room.last_rev, room.message_count, room.summaries) = (last_rev, n - 1, vec![last_rev]);
    (room.fresh, room.rows) = (vec![rows.clone()], rows);
    (run, story)
}

/// Breaks one thing in [`changed`]: what must be found, in whose history, in how many events at most.
pub fn damage_to_changes(run: &mut Run, story: &Story, kind: usize) -> (Broken, Option<usize>, usize) {
    let Story { n, seq, .. } = *story;
    let index = usize::try_from(seq).unwrap() - 1;
    let author = Some(0);
    let at_rev = |run: &Run, rev: i64| {
        position(run, 0, |e| match e {
            Event::Message(m) => m.rev == rev,
            Event::Reaction(r) => r.rev == rev,
            _ => false,
        })
    };
    let (edited, deleted, reacted) = (story.key(1), story.key(6), story.key(5));
    match kind {
        0 => {
            // The text is the first edit's still.
            stored(run).edits[0].client_id = story.key(9);
            (Broken::EditLost { client_id: edited, seq }, author, 1)
        }
        1 => {
            stored(run).rows[index - 1] = story.other_states()[1].clone();
            (Broken::DeletionLost { client_id: deleted, seq: seq - 1 }, author, 1)
        }
        2 => {
            stored(run).reactions.clear();
            (Broken::ReactionLost { client_id: reacted, seq }, author, 1)
        }
        3 => {
            let back = (Story::message_id(seq), AUTHOR.to_owned(), "👍".to_owned());
            stored(run).reactions.insert(back);
            (Broken::ReactionLost { client_id: story.key(7), seq }, author, 1)
        }
        4 => {
            let refused = Event::Refused { client_id: Some(edited), code: ErrorCode::MessageDeleted };
            events(run).push((0, refused));
            (Broken::WrongRefusal { client_id: edited, code: "MESSAGE_DELETED".into() }, author, 1)
        }
        5 => {
            // A page that was asked for before the deletion comes after it.
            let messages = story.at(n + 5);
            let page = |rev| Event::Welcome {
                epoch: EPOCH.into(),
                rev,
                head: None,
                resumed: false,
                has_more: false,
                messages,
            };
            events(run).extend([Event::Connected, Event::Asked(None), page(n + 7)].map(|event| (0, event)));
            (Broken::TextBack { seq: seq - 1 }, author, 1)
        }
        6 => {
            let at = at_rev(run, n + 6);
            let late = Message { rev: n + 6, ..story.other_states()[1].clone() };
            events(run)[at].1 = Event::Message(late);
            (Broken::TextBack { seq: seq - 1 }, author, 1)
        }
        7 => {
            let messages = story.at(n + 3);
            let page = Event::Welcome {
                epoch: EPOCH.into(),
                rev: n + 5,
                head: None,
                resumed: false,
                has_more: false,
                messages,
            };
            events(run).extend([Event::Connected, Event::Asked(None), page].map(|event| (0, event)));
            (Broken::Stale { seq, rev: n + 3 }, author, 1)
        }
        8 => {
            let at = at_rev(run, n + 1);
            let mut other = story.states()[1].clone();
            other.annotations.edited_at = Some("2026-01-01T00:02:00.000Z".into());
            // Somebody else was shown another time.
            let shown = events(run)[at].clone();
            run.clients[1].events.push(shown);
            events(run)[at].1 = Event::Message(other);
            (Broken::TwoStates { seq, rev: n + 1 }, author, 1)
        }
        9 => {
            // The frame moves the cursor, and names another emoji than the one that was taken back.
            let at = at_rev(run, n + 7);
            if let Event::Reaction(reaction) = &mut events(run)[at].1 {
                reaction.reactions[0].emoji = "😂".into();
            }
            (Broken::EndsOtherwise { seq }, author, 3)
        }
        10 => {
            events(run).retain(|(_, e)| !matches!(e, Event::Sent { command: Command::Delete { .. }, .. }));
            (Broken::DeletedUnasked { seq: seq - 1 }, None, 0)
        }
        11 => {
            let left = (Story::message_id(seq - 1), AUTHOR.to_owned(), "👍".to_owned());
            stored(run).reactions.insert(left);
            (Broken::TextKept { seq: seq - 1 }, None, 0)
        }
        12 => {
            stored(run).rows[index - 1].content = format!("text {}", seq - 1).into();
            (Broken::TextKept { seq: seq - 1 }, None, 0)
        }
        13 => {
            stored(run).edits.remove(0);
            (Broken::EditsNotWhole { seq }, None, 0)
        }
        14 => {
            let other = "somebody else".to_owned();
            stored(run).reactions.insert((Story::message_id(seq), other.clone(), "🎉".to_owned()));
            (Broken::ReactedUnasked { seq, author: other }, None, 0)
        }
        15 => {
            stored(run).rows[index].annotations.reactions[0].count = 2;
            (Broken::AggregateDiffers { seq }, None, 0)
        }
        16 => {
            let at = at_rev(run, n + 4);
            if let Event::Reaction(reaction) = &mut events(run)[at].1 {
                reaction.seq = seq - 1;
            }
            (Broken::ValueTwice { rev: n + 4 }, None, 0)
        }
        17 => {
            // The text of a version that nobody wrote.
            let at = at_rev(run, n + 1);
            let mut other = story.states()[1].clone();
            other.content = "other".into();
            let (seen, is) = (format!("{other:?}"), format!("{:?}", stored(run).rows[index]));
            events(run)[at].1 = Event::Message(other);
            (Broken::Different { seq, seen, stored: is }, author, 1)
        }
        18 => {
            // Another one than the deletion's text was never stored.
            stored(run).edits[1].content = "other".into();
            (Broken::StoredUnsent { client_id: edited }, None, 0)
        }
        19 => {
            // Live, a change may be left out for a later one of the same message, but not the last one of another.
            stored(run).may_jump = true;
            let at = at_rev(run, n + 6);
            events(run).remove(at);
            (Broken::Gap { after: n + 5, then: n + 7 }, author, 2)
        }
        20 => {
            // And where one server makes all changes, not that either.
            let at = at_rev(run, n + 4);
            events(run).remove(at);
            (Broken::Gap { after: n + 3, then: n + 5 }, author, 2)
        }
        21 => {
            // A change beyond the message's last one.
            let at = at_rev(run, n + 7);
            let beyond = Message { rev: n + 8, ..story.states()[5].clone() };
            events(run).insert(at + 1, (0, Event::Message(beyond)));
            (Broken::Phantom { seq, client_id: id(seq) }, author, 1)
        }
        22 => {
            let at = position(run, 0, |e| matches!(e, Event::Ack(a) if a.client_id == edited));
            events(run)[at].1 = Event::Ack(AckPayload { rev: n + 2, ..story.ack(1) });
            (Broken::ValueTwice { rev: n + 2 }, None, 0)
        }
        _ => {
            let at = position(run, 0, |e| matches!(e, Event::Ack(a) if a.client_id == edited));
            let other = AckPayload { rev: n + 3, ..story.ack(1) };
            events(run).insert(at + 1, (0, Event::Ack(other)));
            (Broken::AckChanged { client_id: edited }, author, 2)
        }
    }
}

pub const KINDS_OF_CHANGES: usize = 24;
