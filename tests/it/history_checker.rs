//! The checker of the fault tests finds each thing that can be broken, and shows it in few events. It is tested
//! here because the fault tests are a program without test functions.

use std::{borrow::Cow, collections::BTreeSet};

use chat_wire::{
    AckPayload, AnnotationsPayload, AuthorPayload, ErrorCode, MessagePayload, ReactionPayload, ResumePoint,
};
use proptest::prelude::*;
use uuid::Uuid;

use crate::checker::{
    Broken, Command, Event, History, Message, Reactions, Run, StoredEdit, StoredRoom, Truth, Violation, check,
    check_history, shortest,
};

const ROOM: &str = "글";
const EPOCH: &str = "e";
const AUTHOR: &str = "a";

fn id(n: i64) -> Uuid {
    Uuid::from_u128(u128::try_from(n).unwrap())
}

fn row(seq: i64) -> MessagePayload<'static> {
    let author = AuthorPayload { id: AUTHOR.into(), nickname: "물떼새".into(), avatar: "plover".into() };
    MessagePayload {
        id: (seq * 10).to_string().into(),
        seq,
        rev: seq,
        client_id: id(seq),
        author,
        content: format!("text {seq}").into(),
        created_at: "2026-01-01T00:00:00.000Z".into(),
        annotations: AnnotationsPayload::default(),
    }
}

fn ack(seq: i64) -> AckPayload {
    let MessagePayload { id, rev, client_id, created_at, .. } = row(seq);
    AckPayload { client_id, id: id.into_owned(), seq, rev, created_at: created_at.into_owned() }
}

fn welcome_of(rev: i64, first: i64, resumed: bool) -> Event {
    let messages = (first..=rev).map(row).collect();
    Event::Welcome { epoch: EPOCH.into(), rev, head: None, resumed, has_more: first > 1, messages }
}

/// A run in which all is well: client 0 writes `n` messages, client 1 reads them over connections that end at
/// `cuts`, missing what was written while it was away.
fn good(n: i64, cuts: &[(i64, i64)]) -> Run {
    let mut author = vec![Event::Connected, Event::Asked(None), welcome_of(0, 1, false)];
    for seq in 1..=n {
        let command = Command::Message { content: format!("text {seq}") };
        author.extend([
            Event::Sent { client_id: id(seq), command: command.clone() },
            Event::Refused { client_id: Some(id(seq)), code: ErrorCode::StoreUnavailable },
            Event::Sent { client_id: id(seq), command },
            Event::Message(row(seq)),
            Event::Ack(ack(seq)),
        ]);
    }
    let mut reader = vec![Event::Connected, Event::Asked(None), welcome_of(0, 1, false)];
    let mut at = 0;
    for (seen, missed) in cuts {
        let until = (at + seen).min(n);
        reader.extend((at + 1..=until).map(|s| Event::Message(row(s))));
        let back = (until + missed).min(n);
        reader.extend([Event::Closed(1006), Event::Connected, Event::Asked(Some(point(until)))]);
        // A start over gives the latest page, whatever was seen before.
        let is_resumed = missed % 7 != 0;
        reader.push(welcome_of(back, if is_resumed { until + 1 } else { (back - 2).max(1) }, is_resumed));
        at = back;
    }
    reader.extend((at + 1..=n).map(|s| Event::Message(row(s))));
    let rows: Vec<_> = (1..=n).map(row).collect();
    let (epoch, fresh, summaries) = (EPOCH.into(), vec![rows.clone()], vec![n, n]);
    let stored = StoredRoom { epoch, last_rev: n, message_count: n, rows, fresh, summaries, ..StoredRoom::default() };
    let timed = |events: Vec<Event>| {
        let author = Some(AUTHOR.to_owned());
        History { room: ROOM.into(), author, events: (0..).zip(events).collect() }
    };
    Run { clients: vec![timed(author), timed(reader)], rooms: [(ROOM.to_owned(), stored)].into() }
}

fn stored(run: &mut Run) -> &mut StoredRoom {
    run.rooms.get_mut(ROOM).unwrap()
}

fn position(run: &Run, client: usize, wanted: impl Fn(&Event) -> bool) -> usize {
    run.clients[client].events.iter().position(|(_, e)| wanted(e)).expect("such an event")
}

/// Where the author is told of a message.
fn message_at(run: &Run, seq: i64) -> usize {
    position(run, 0, |e| matches!(e, Event::Message(m) if m.seq == seq))
}

fn ack_at(run: &Run, seq: i64) -> usize {
    position(run, 0, |e| matches!(e, Event::Ack(a) if a.seq == seq))
}

fn events(run: &mut Run) -> &mut Vec<(u64, Event)> {
    &mut run.clients[0].events
}

fn point(rev: i64) -> ResumePoint {
    ResumePoint { epoch: EPOCH.into(), rev: u64::try_from(rev).unwrap() }
}

/// Behind a message the author comes back, asks so and is answered so.
fn comes_back(run: &mut Run, seq: i64, resume: Option<ResumePoint>, welcome: Event) {
    let behind = message_at(run, seq) + 1;
    let back = [Event::Connected, Event::Asked(resume), welcome];
    events(run).splice(behind..behind, back.map(|event| (0, event)));
}

/// Breaks one thing at the message `seq` of at least 4 and tells what must be found, and in how many events of
/// whose history at most.
fn damage(run: &mut Run, kind: usize, seq: i64) -> (Broken, Option<usize>, usize) {
    let client_id = id(seq);
    let index = usize::try_from(seq).unwrap() - 1;
    let author = Some(0);
    match kind {
        0 => {
            stored(run).rows.remove(index);
            (Broken::Lost { client_id, seq }, author, 1)
        }
        1 => {
            stored(run).rows.remove(index);
            (Broken::Phantom { seq, client_id }, author, 1)
        }
        2 => {
            let at = message_at(run, seq);
            let again = events(run)[at].clone();
            events(run).insert(at + 1, again);
            (Broken::Twice { seq }, author, 2)
        }
        3 => {
            let (a, b) = (message_at(run, seq - 1), message_at(run, seq));
            events(run).swap(a, b);
            (Broken::Swapped { after: seq, then: seq - 1 }, author, 2)
        }
        4 => {
            let at = message_at(run, seq - 1);
            events(run).remove(at);
            (Broken::Gap { after: seq - 2, then: seq }, author, 2)
        }
        5 => {
            stored(run).rows[index].content = Cow::from("other");
            let (seen, stored) = (format!("{:?}", row(seq)), format!("{:?}", stored(run).rows[index]));
            (Broken::Different { seq, seen, stored }, author, 1)
        }
        6 => {
            let at = ack_at(run, seq);
            events(run)[at].1 = Event::Ack(AckPayload { seq: seq - 1, ..ack(seq) });
            let time = "2026-01-01T00:00:00.000Z";
            let told = format!("{:?}", ((seq * 10).to_string(), seq - 1, seq, time));
            let is = format!("{:?}", ((seq * 10).to_string(), seq, seq, time));
            (Broken::WrongAck { client_id, told, stored: is }, author, 1)
        }
        7 => {
            let at = ack_at(run, seq);
            let other = AckPayload { id: "other".into(), ..ack(seq) };
            events(run).insert(at + 1, (0, Event::Ack(other)));
            (Broken::AckChanged { client_id }, author, 2)
        }
        8 => {
            let at = ack_at(run, seq);
            events(run).remove(at);
            (Broken::Unanswered { client_id }, author, 1)
        }
        9 => {
            let n = stored(run).last_rev;
            run.clients[0].events.retain(|(_, e)| !matches!(e, Event::Message(m) if m.seq >= seq));
            (Broken::NeverSaw { cursor: seq - 1, last_rev: n }, author, 1)
        }
        10 => {
            let n = stored(run).last_rev;
            let more = MessagePayload { client_id, ..row(n + 1) };
            stored(run).rows.push(more);
            (Broken::StoredTwice { client_id }, None, 0)
        }
        11 => {
            let other = MessagePayload { client_id: id(1_000_000), ..row(seq) };
            stored(run).rows[index] = other;
            (Broken::StoredUnsent { client_id: id(1_000_000) }, None, 0)
        }
        12 => {
            stored(run).message_count += 1;
            let n = stored(run).last_rev;
            (Broken::WrongCounters { last_rev: n, message_count: n + 1, rows: n }, None, 0)
        }
        13 => {
            stored(run).rows.remove(index);
            (Broken::RowsNotWhole { after: seq - 1, then: seq + 1 }, None, 0)
        }
        14 => {
            stored(run).fresh[0].remove(index);
            (Broken::FreshDiffers { seq }, None, 0)
        }
        15 => {
            comes_back(run, seq, Some(point(seq)), welcome_of(seq - 1, seq, true));
            (Broken::WentBack { had: seq, told: seq - 1 }, author, 2)
        }
        16 => {
            // A resume that gives a part: the last one of what was missed is not there.
            let mut welcome = welcome_of(seq, seq - 2, true);
            if let Event::Welcome { messages, .. } = &mut welcome {
                messages.pop();
            }
            comes_back(run, seq - 3, Some(point(seq - 3)), welcome);
            (Broken::Gap { after: seq - 1, then: seq + 1 }, author, 1)
        }
        17 => {
            let at = message_at(run, seq);
            events(run).insert(at, (0, Event::Connected));
            (Broken::BeforeWelcome { seq }, author, 1)
        }
        18 => {
            let at = message_at(run, seq);
            let other = AckPayload { client_id: id(2_000_000), ..ack(seq) };
            events(run).insert(at, (0, Event::Ack(other)));
            (Broken::UnknownAck { client_id: id(2_000_000) }, author, 1)
        }
        19 => {
            comes_back(run, seq, None, welcome_of(seq, seq + 1, true));
            (Broken::ResumedUnasked { rev: seq }, author, 1)
        }
        20 => {
            events(run)[2].1 = Event::Welcome {
                epoch: EPOCH.into(),
                rev: 0,
                head: None,
                resumed: false,
                has_more: true,
                messages: vec![],
            };
            (Broken::WrongHasMore { first: 1 }, author, 1)
        }
        21 => {
            stored(run).summaries[1] = seq;
            let n = stored(run).last_rev;
            (Broken::SummaryDiffers { told: seq, stored: n }, None, 0)
        }
        _ => {
            stored(run).epoch = "another".into();
            (Broken::OtherEpoch { told: EPOCH.into() }, author, 1)
        }
    }
}

const KINDS: usize = 23;

/// What becomes of messages in [`changed`], behind `n` new ones, each by the author of all: the message `seq` is edited,
/// edited again, reacted to twice, and the one reaction taken back; the one before it is reacted to, and deleted.
struct Story {
    n: i64,
    seq: i64,
}

const TIME: &str = "2026-01-01T00:01:00.000Z";

impl Story {
    const N_CHANGES: i64 = 7;

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
fn changed(n: i64, seq: i64, behind: i64, way: usize) -> (Run, Story) {
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
fn damage_to_changes(run: &mut Run, story: &Story, kind: usize) -> (Broken, Option<usize>, usize) {
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

const KINDS_OF_CHANGES: usize = 24;

/// That the checker finds it, and a short history shows it.
fn is_found(run: &Run, what: Broken, client: Option<usize>, n_events_max: usize) -> Result<(), TestCaseError> {
    let violation = Violation { room: ROOM.into(), client, what };
    let found = check(run);
    prop_assert!(found.contains(&violation), "{:?} is not among {:#?}", violation, found);
    let events = shortest(run, &violation);
    prop_assert!(events.len() <= n_events_max, "{:#?}", events);
    prop_assert_eq!(events.is_empty(), client.is_none() || n_events_max == 0);
    let short = History { events, ..run.clients[0].clone() };
    let truth = Truth::of(&run.rooms[ROOM], run.clients.iter());
    prop_assert!(client.is_none() || check_history(&short, &truth).contains(&violation.what));
    Ok(())
}

proptest! {
    #[test]
    fn a_good_run_shows_nothing(n in 0_i64..40, cuts in proptest::collection::vec((0_i64..8, 0_i64..8), 0..6)) {
        prop_assert_eq!(check(&good(n, &cuts)), []);
    }

    #[test]
    fn a_good_run_with_changes_shows_nothing(
        n in 6_i64..20,
        at in 0_i64..1_000,
        behind in 0_i64..=Story::N_CHANGES,
        way in 0_usize..3,
    ) {
        let (mut run, _) = changed(n, 4 + at % (n - 5), behind, way);
        prop_assert_eq!(check(&run), []);
        stored(&mut run).may_jump = true;
        prop_assert_eq!(check(&run), []);
    }

    #[test]
    fn each_damage_is_found_and_shown_in_few_events(
        n in 6_i64..30,
        at in 0_i64..1_000,
        cuts in proptest::collection::vec((0_i64..8, 0_i64..8), 0..6),
        kind in 0_usize..KINDS,
    ) {
        let mut run = good(n, &cuts);
        // Neither the first nor the last ones, so that there is something on both sides.
        let (what, client, n_events_max) = damage(&mut run, kind, 4 + at % (n - 5));
        is_found(&run, what, client, n_events_max)?;
    }

    #[test]
    fn each_damage_to_changes_is_found_and_shown_in_few_events(
        n in 6_i64..20,
        at in 0_i64..1_000,
        behind in 0_i64..=Story::N_CHANGES,
        way in 0_usize..3,
        kind in 0_usize..KINDS_OF_CHANGES,
    ) {
        let (mut run, story) = changed(n, 4 + at % (n - 5), behind, way);
        let (what, client, n_events_max) = damage_to_changes(&mut run, &story, kind);
        is_found(&run, what, client, n_events_max)?;
    }
}

#[test]
fn every_kind_of_violation_is_made_by_a_damage() {
    let made = (0..KINDS).map(|kind| damage(&mut good(12, &[]), kind, 6).0.name());
    let of_changes = (0..KINDS_OF_CHANGES).map(|kind| {
        let (mut run, story) = changed(12, 6, 3, 0);
        damage_to_changes(&mut run, &story, kind).0.name()
    });
    let made: BTreeSet<String> = made.chain(of_changes).collect();
    let source = include_str!("../faults/checker.rs");
    let (_, list) = source.split_once("pub enum Broken {").unwrap();
    let (list, _) = list.split_once("\n}").unwrap();
    let names = list.lines().filter_map(|l| Some(l.strip_prefix("    ")?.split_once(" {")?.0.to_owned()));
    let declared: BTreeSet<String> = names.filter(|name| name.chars().all(char::is_alphanumeric)).collect();
    assert_eq!(made, declared);
}
