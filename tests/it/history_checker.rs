//! The checker of the fault tests finds each thing that can be broken, and shows it in few events. It is tested
//! here because the fault tests are a program without test functions.

use std::{borrow::Cow, collections::BTreeSet};

use chat_wire::{AckPayload, AnnotationsPayload, AuthorPayload, ErrorCode, MessagePayload, ResumePoint};
use proptest::prelude::*;
use uuid::Uuid;

#[path = "history_of_changes.rs"]
mod of_changes;

use crate::checker::{
    Broken, Command, Event, History, Run, StoredRoom, Truth, Violation, check, check_history, shortest,
};
use of_changes::{KINDS_OF_CHANGES, Story, changed, damage_to_changes};

const ROOM: &str = "글";
const EPOCH: &str = "e";
const AUTHOR: &str = "a";

fn id(n: i64) -> Uuid {
    Uuid::from_u128(u128::try_from(n).unwrap())
}

fn row(seq: i64) -> MessagePayload<'static> {
    let author =
        AuthorPayload { id: AUTHOR.into(), nickname: "물떼새".into(), avatar: "plover".into(), badge: None };
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
