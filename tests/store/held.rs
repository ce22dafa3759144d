//! What waits for a moderator, since when who is known, and what the guard did.

use std::sync::Arc;

use chat_domain::{AuthorId, Mention, NewMentions, NewMessage, RoomId};
use chat_store::{
    Asked, Audit, AuthorNote, HELD_MAX, HeldState, Hold, HoldOutcome, HoldReason, SettingsChange, SettingsChanged,
    Standing, Store, Undo,
};
use chrono::TimeDelta;
use serde_json::json;
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::support::{Database, fresh, many, message, repeated, room, sql, stored};

on_both!(
    a_message_that_is_held_twice_waits_once,
    the_same_key_twice_in_a_batch_waits_once,
    what_waits_is_told_as_it_was_sent,
    what_is_stored_by_then_is_told_as_stored,
    what_was_checked_against_another_guard_is_not_held,
    a_room_holds_so_many_and_no_more,
    the_first_that_waits_raises_the_guard,
    an_approved_message_is_a_message_like_any_other,
    a_rejected_message_stays_so_until_it_is_undone,
    an_undo_has_nothing_to_do_where_somebody_was_faster,
    an_author_is_as_old_as_the_first_room_they_were_seen_in,
    whoever_wrote_before_there_were_notes_is_no_newcomer,
    only_what_is_asked_is_looked_into,
    what_is_noted_of_an_author_is_what_was_known_before,
    what_nobody_looked_at_is_forgotten,
    what_the_guard_did_is_told_until_somebody_changes_it,
    two_servers_that_hold_the_same_message_agree,
);

const NEW: HoldOutcome = HoldOutcome::Held { reason: HoldReason::First, is_new: true };
const AGAIN: HoldOutcome = HoldOutcome::Held { reason: HoldReason::First, is_new: false };

fn author(name: &str) -> AuthorId {
    AuthorId::from_stored(name)
}

/// The same message, checked against this.
fn under(guard_rev: i64, message: &Arc<NewMessage>) -> Arc<NewMessage> {
    Arc::new(NewMessage { guard_rev, ..NewMessage::clone(message) })
}

async fn hold_all(store: &Store, messages: &[Arc<NewMessage>]) -> Vec<HoldOutcome> {
    let hold = |message: &Arc<NewMessage>| Hold { message: Arc::clone(message), reason: HoldReason::First };
    store.hold(messages.iter().map(hold).collect()).await.expect("held")
}

/// As whoever sends does it: what another one has locked at that moment is given again.
async fn until_held(store: &Store, mut batch: Vec<Arc<NewMessage>>) -> Vec<HoldOutcome> {
    let mut all = Vec::new();
    while !batch.is_empty() {
        let outcomes = hold_all(store, &batch).await;
        let is_locked = |outcome: &HoldOutcome| *outcome == HoldOutcome::Locked;
        batch = batch.into_iter().zip(&outcomes).filter(|(_, outcome)| is_locked(outcome)).map(|(m, _)| m).collect();
        all.extend(outcomes.into_iter().filter(|outcome| !is_locked(outcome)));
    }
    all
}

async fn hold(store: &Store, message: &Arc<NewMessage>) -> HoldOutcome {
    let outcomes = hold_all(store, std::slice::from_ref(message)).await;
    let [outcome] = outcomes[..] else { panic!("{outcomes:?}") };
    outcome
}

/// How many wait, by the room's row, and its `guard_rev`.
async fn counts(store: &Store, room: &RoomId) -> (i64, i64) {
    let head = store.head(room).await.expect("a head");
    assert_eq!(store.open_held(room.clone()).await.expect("a count"), head.held_count);
    (head.held_count, head.guard_rev)
}

/// The ids of what waits in the room.
async fn waiting(store: &Store, room: &RoomId) -> Vec<i64> {
    store.held(Some(room.clone()), 0, 10_000).await.expect("held").into_iter().map(|held| held.id).collect()
}

async fn entry(store: &Store, id: i64) -> Audit {
    store.audit_entry(id).await.expect("read").expect("an entry")
}

fn asked(room: &RoomId, author: &str) -> Asked {
    Asked {
        room: room.clone(),
        author: AuthorId::from_stored(author),
        client_id: Uuid::new_v4(),
        seen_for: TimeDelta::zero(),
        looks_for_held: true,
        needs_age: true,
    }
}

async fn standing(store: &Store, asked: Asked) -> Standing {
    let standings = store.standing(vec![asked]).await.expect("known");
    let [standing] = standings[..] else { panic!("{standings:?}") };
    standing
}

#[track_caller]
fn assert_about(age: TimeDelta, hours: i64) {
    let off = age - TimeDelta::hours(hours);
    assert!(off >= TimeDelta::zero() && off < TimeDelta::minutes(5), "{age}");
}

/// Moves the times of a column back by so many hours.
async fn hours_ago(db: &Database, table: &str, column: &str, hours: i64) {
    let earlier = match db.is_sqlite() {
        true => format!("{column} - {}", hours * 3_600_000),
        false => format!("{column} - interval '{hours} hours'"),
    };
    db.run(&format!("UPDATE {table} SET {column} = {earlier}")).await;
}

async fn a_message_that_is_held_twice_waits_once(db: &Database) {
    let store = db.ready().await;
    let (r, key) = (room("r"), Uuid::new_v4());
    assert_eq!(store.hold(Vec::new()).await, Ok(Vec::new()));
    let first = message(&r, "author", key, "hello");
    assert_eq!(hold(&store, &first).await, NEW);
    let (_, guard_rev) = counts(&store, &r).await;
    let again = under(guard_rev, &first);
    let other_reason = vec![Hold { message: again.clone(), reason: HoldReason::All }];
    assert_eq!(store.hold(other_reason).await, Ok(vec![AGAIN]), "it waits for the reason it was held for");
    assert_eq!(hold(&store, &under(guard_rev, &message(&r, "author", key, "other"))).await, HoldOutcome::Conflict);
    assert_eq!(hold(&store, &under(guard_rev, &message(&r, "another", key, "other"))).await, NEW);
    assert_eq!(counts(&store, &r).await, (2, guard_rev));
    assert_eq!(waiting(&store, &r).await.len(), 2);
    assert_eq!(db.counters("r").await, (0, 0), "what waits takes no value of the counter");
}

async fn the_same_key_twice_in_a_batch_waits_once(db: &Database) {
    let store = db.ready().await;
    let (a, b, key) = (room("a"), room("b"), Uuid::new_v4());
    let first = message(&b, "author", key, "first");
    let batch = [
        first.clone(),
        message(&a, "author", key, "elsewhere"),
        first,
        message(&b, "author", key, "other"),
        fresh(&b, "behind"),
    ];
    let outcomes = hold_all(&store, &batch).await;
    assert_eq!(outcomes, [NEW, NEW, AGAIN, HoldOutcome::Conflict, NEW]);
    assert_eq!((counts(&store, &a).await, counts(&store, &b).await), ((1, 1), (2, 1)));
}

async fn what_waits_is_told_as_it_was_sent(db: &Database) {
    let store = db.ready().await;
    let (r, other) = (room("한글 'r'"), room("other"));
    let answered = stored(&store.append_batch(vec![fresh(&r, "asked")]).await.expect("stored")[0]);
    let plain = message(&r, "writer", Uuid::new_v4(), "@author and @nobody, @here 👍");
    let mention = |name: &str, from, to| Mention { author: author(name), from, to };
    let all = [mention("author", 0, 7), mention("nobody", 12, 19), mention("here", 21, 26)];
    let mentions = NewMentions::new(&plain.content, all.clone(), |who| who.as_str() == "here");
    assert_eq!(mentions.unknown().len(), 2);
    let sent = Arc::new(NewMessage { reply_to: Some(answered.id), mentions, ..NewMessage::clone(&plain) });
    let batch = vec![
        Hold { message: sent.clone(), reason: HoldReason::Links },
        Hold { message: fresh(&other, "elsewhere"), reason: HoldReason::All },
        Hold { message: fresh(&r, "behind"), reason: HoldReason::First },
    ];
    store.hold(batch).await.expect("held");
    let listed = store.held(Some(r.clone()), 0, 10).await.expect("held");
    let [first, behind] = &listed[..] else { panic!("{listed:?}") };
    assert_eq!((&first.room, &first.author, first.client_id), (&r, &sent.author, sent.client_id));
    assert_eq!((&first.content, first.reason, first.reply_to), (&sent.content, HoldReason::Links, Some(answered.id)));
    let [known, _, here] = all;
    assert_eq!(first.mentions, [known, here], "who never wrote here is not addressed");
    assert!((chrono::Utc::now() - first.at).abs() < TimeDelta::minutes(1));
    assert_eq!((behind.content.as_str(), behind.mentions.len(), behind.reply_to), ("behind", 0, None));
    assert!(first.id < behind.id, "the oldest first");
    assert_eq!(store.held(None, 0, 10).await.expect("held").len(), 3);
    assert_eq!(store.held(None, 0, 1).await.expect("held").len(), 2, "one more than asked");
    let after = store.held(Some(r.clone()), first.id, 10).await.expect("held");
    assert_eq!((after.len(), after.first()), (1, Some(behind)));
    let by_ids = |room: &RoomId| store.held_by_ids(room.clone(), vec![behind.id, first.id, 999_999]);
    assert_eq!(by_ids(&r).await.expect("held"), listed);
    assert!(by_ids(&other).await.expect("held").is_empty());
}

async fn what_is_stored_by_then_is_told_as_stored(db: &Database) {
    let store = db.ready().await;
    let r = room("r");
    let messages = many(&r, 3);
    let outcomes = store.append_batch(messages.clone()).await.expect("stored");
    let told = hold_all(&store, &messages).await;
    assert_eq!(told, outcomes.iter().map(|outcome| HoldOutcome::Stored(stored(outcome))).collect::<Vec<_>>());
    let other = message(&r, "author", messages[0].client_id, "other");
    assert_eq!(hold(&store, &other).await, HoldOutcome::Conflict);
    let edited = crate::changes::edit(&r, stored(&outcomes[0]).id, 1, "edited");
    store.change_batch(vec![edited]).await.expect("changed");
    assert!(matches!(hold(&store, &other).await, HoldOutcome::Stored(m) if m.seq == 1 && m.rev > 1));
    assert_eq!(counts(&store, &r).await, (0, 0));
}

async fn what_was_checked_against_another_guard_is_not_held(db: &Database) {
    let store = db.ready().await;
    let (a, b) = (room("a"), room("b"));
    assert_eq!(hold(&store, &fresh(&a, "waits")).await, NEW);
    let outcomes =
        hold_all(&store, &[fresh(&a, "late"), fresh(&b, "elsewhere"), under(1, &fresh(&a, "in time"))]).await;
    assert_eq!(outcomes, [HoldOutcome::GuardChanged, NEW, NEW]);
    assert_eq!((counts(&store, &a).await, counts(&store, &b).await), ((2, 1), (1, 1)));
}

async fn a_room_holds_so_many_and_no_more(db: &Database) {
    let store = db.ready().await;
    let (r, most) = (room("r"), usize::try_from(HELD_MAX).expect("a number"));
    let batch = many(&r, most + 2);
    let outcomes = hold_all(&store, &batch).await;
    assert!(outcomes[..most].iter().all(|outcome| *outcome == NEW));
    assert_eq!(outcomes[most..], [HoldOutcome::Full; 2]);
    assert_eq!(counts(&store, &r).await, (HELD_MAX, 1));
    let again = [under(1, &batch[0]), under(1, &batch[most]), fresh(&room("other"), "has place")];
    assert_eq!(hold_all(&store, &again).await, [AGAIN, HoldOutcome::Full, NEW]);
    let ids = waiting(&store, &r).await;
    store.settle_held(r.clone(), ids[..1].to_vec(), true, author("mod"), Vec::new()).await.expect("settled");
    assert_eq!(hold(&store, &under(1, &batch[most])).await, NEW, "one that is settled makes place");
}

async fn the_first_that_waits_raises_the_guard(db: &Database) {
    let store = db.ready().await;
    let r = room("r");
    assert_eq!(hold_all(&store, &many(&r, 3)).await, [NEW; 3]);
    assert_eq!(counts(&store, &r).await, (3, 1), "once");
    assert_eq!(hold(&store, &under(1, &fresh(&r, "another"))).await, NEW);
    assert_eq!(counts(&store, &r).await, (4, 1), "those who look already go on looking");
    let ids = waiting(&store, &r).await;
    store.settle_held(r.clone(), ids, true, author("mod"), Vec::new()).await.expect("settled");
    assert_eq!(counts(&store, &r).await, (0, 1));
    assert_eq!(hold(&store, &under(1, &fresh(&r, "the first again"))).await, NEW);
    assert_eq!(counts(&store, &r).await, (1, 2));
}

async fn an_approved_message_is_a_message_like_any_other(db: &Database) {
    let store = db.ready().await;
    let r = room("r");
    let batch = many(&r, 2);
    hold_all(&store, &batch).await;
    let ids = waiting(&store, &r).await;
    let sent = under(1, &batch[0]);
    let outcomes = store.append_batch(vec![sent.clone()]).await.expect("stored");
    let made = stored(&outcomes[0]);
    let again = store.append_batch(vec![sent.clone()]).await.expect("stored");
    assert_eq!(repeated(&again[0]), made, "a server that is killed in between begins anew");
    let settle = |ids: &[i64]| store.settle_held(r.clone(), ids.to_vec(), false, author("mod"), vec![made.id]);
    let settled = settle(&ids[..1]).await.expect("settled");
    assert_eq!(settled.settled, [(ids[0], author("author"), batch[0].client_id)]);
    let told = entry(&store, settled.entry.expect("an entry")).await;
    assert_eq!((told.action.as_str(), told.actor, told.room), ("approve", author("mod"), Some(r.clone())));
    assert_eq!(told.target, json!({"heldIds": [ids[0].to_string()], "authorId": "author"}));
    assert_eq!(told.after, json!({"n": 1, "messages": [made.id.to_string()]}));
    assert_eq!(settle(&ids[..1]).await.expect("settled"), Default::default(), "it waits no more");
    assert_eq!(counts(&store, &r).await, (1, 1));
    assert_eq!(hold(&store, &sent).await, HoldOutcome::Stored(made));
    let asked = Asked { client_id: sent.client_id, ..asked(&r, "author") };
    let Standing { held, is_stored, .. } = standing(&store, asked).await;
    assert_eq!((held, is_stored), (None, true));
    let nowhere = store.settle_held(room("nowhere"), ids, false, author("mod"), Vec::new()).await;
    assert_eq!(nowhere, Ok(Default::default()));
    assert_eq!(db.number("SELECT count(*) FROM rooms WHERE id = 'nowhere'").await, 0);
}

async fn a_rejected_message_stays_so_until_it_is_undone(db: &Database) {
    let store = db.ready().await;
    let r = room("r");
    let batch = many(&r, 2);
    hold_all(&store, &batch).await;
    let ids = waiting(&store, &r).await;
    let settled = store.settle_held(r.clone(), ids.clone(), true, author("mod"), Vec::new()).await.expect("settled");
    let rejected = settled.entry.expect("an entry");
    let told = entry(&store, rejected).await;
    assert_eq!((told.action.as_str(), told.after), ("reject", json!({"n": 2})));
    assert_eq!((counts(&store, &r).await, waiting(&store, &r).await.len()), ((0, 1), 0));
    let sent = under(1, &batch[0]);
    assert_eq!(hold(&store, &sent).await, HoldOutcome::Rejected);
    let asked = Asked { client_id: sent.client_id, ..asked(&r, "author") };
    assert_eq!(standing(&store, asked.clone()).await.held, Some(HeldState::Rejected));

    let undo = |ids: Vec<i64>| store.unreject(r.clone(), ids, author("mod"), rejected);
    let Ok(Undo::Done(undone)) = undo(ids[..1].to_vec()).await else { panic!("it is not undone") };
    let told = entry(&store, undone).await;
    assert_eq!(
        (told.action.as_str(), told.target),
        ("unreject", json!({"heldIds": [ids[0].to_string()], "authorId": "author"}))
    );
    assert_eq!(entry(&store, rejected).await.undone.map(|(_, by)| by), Some(author("mod")));
    assert_eq!(counts(&store, &r).await, (1, 2), "it is the first that waits");
    assert_eq!(standing(&store, asked).await.held, Some(HeldState::Waiting(HoldReason::First)));
    let back = store.held(Some(r.clone()), 0, 10).await.expect("held");
    assert_eq!((back.len(), &back[0].content), (1, &sent.content), "the text is back");
    assert_eq!(undo(ids).await, Ok(Undo::AlreadyUndone));
    assert_eq!(counts(&store, &r).await, (1, 2));
}

async fn an_undo_has_nothing_to_do_where_somebody_was_faster(db: &Database) {
    let store = db.ready().await;
    let r = room("r");
    hold(&store, &fresh(&r, "waits")).await;
    let ids = waiting(&store, &r).await;
    let reject = || store.settle_held(r.clone(), ids.clone(), true, author("mod"), Vec::new());
    let first = reject().await.expect("settled").entry.expect("an entry");
    let undo = |undoes| store.unreject(r.clone(), ids.clone(), author("mod"), undoes);
    assert!(matches!(undo(first).await, Ok(Undo::Done(_))));
    let second = reject().await.expect("settled").entry.expect("an entry");
    assert_eq!(undo(first).await, Ok(Undo::AlreadyUndone), "and the second rejection stays");
    assert!(matches!(undo(second).await, Ok(Undo::Done(_))));
    let third = reject().await.expect("settled").entry.expect("an entry");
    db.run("DELETE FROM held_messages").await;
    assert_eq!(undo(third).await, Ok(Undo::ChangedSince));
    assert_eq!(store.unreject(room("nowhere"), ids.clone(), author("mod"), third).await, Ok(Undo::ChangedSince));
}

async fn an_author_is_as_old_as_the_first_room_they_were_seen_in(db: &Database) {
    let store = db.ready().await;
    let (a, b) = (room("a"), room("b"));
    let new = standing(&store, asked(&a, "new")).await;
    assert_about(new.age, 0);
    assert_eq!((new.held, new.is_stored, new.has_spoken), (None, false, false));
    // A server has seen them for a while, and says so for two messages at once.
    let for_hours = |hours| Asked { seen_for: TimeDelta::hours(hours), ..asked(&a, "seen") };
    let told = store.standing(vec![for_hours(1), asked(&a, "other"), for_hours(2)]).await.expect("known");
    for (standing, hours) in told.iter().zip([2, 0, 2]) {
        assert_about(standing.age, hours);
        assert!(!standing.has_spoken);
    }
    assert_about(standing(&store, asked(&a, "seen")).await.age, 2);
    assert_about(standing(&store, asked(&b, "seen")).await.age, 2);
    assert_eq!(db.number("SELECT count(*) FROM authors").await, 4, "new, seen and other in a, seen in b");
    hours_ago(db, "authors", "first_seen_at", 10).await;
    assert_about(standing(&store, asked(&b, "seen")).await.age, 12);
    assert_about(standing(&store, asked(&room("c"), "seen")).await.age, 12);
    assert_about(standing(&store, asked(&b, "new")).await.age, 10);
    assert_about(standing(&store, asked(&b, "newer")).await.age, 0);
}

async fn whoever_wrote_before_there_were_notes_is_no_newcomer(db: &Database) {
    let store = db.ready().await;
    let (r, other) = (room("r"), room("other"));
    let batch = [message(&r, "old", Uuid::new_v4(), "1"), message(&r, "gone", Uuid::new_v4(), "2")];
    let outcomes = store.append_batch(batch.to_vec()).await.expect("stored");
    store
        .change_batch(vec![crate::changes::delete(&r, stored(&outcomes[1]).id, "gone", false)])
        .await
        .expect("deleted");
    hours_ago(db, "messages", "created_at", 5).await;
    store.append_batch(vec![message(&r, "old", Uuid::new_v4(), "3")]).await.expect("stored");
    let told = store.standing(vec![asked(&r, "old"), asked(&r, "gone")]).await.expect("known");
    assert_about(told[0].age, 5);
    assert_about(told[1].age, 0);
    assert_eq!((told[0].has_spoken, told[1].has_spoken), (true, false), "what is deleted says nothing");
    let elsewhere = standing(&store, asked(&other, "old")).await;
    assert_about(elsewhere.age, 5);
    assert!(!elsewhere.has_spoken);
    let noted = "SELECT count(*) FROM authors WHERE room_id = 'r' AND last_message_at IS NOT NULL";
    assert_eq!(db.number(noted).await, 1);
    // It is stored, and nobody has noted it yet.
    assert!(!standing(&store, asked(&other, "quick")).await.has_spoken);
    store.append_batch(vec![message(&other, "quick", Uuid::new_v4(), "4")]).await.expect("stored");
    assert!(standing(&store, asked(&other, "quick")).await.has_spoken);
}

async fn only_what_is_asked_is_looked_into(db: &Database) {
    let store = db.ready().await;
    let r = room("r");
    let sent = fresh(&r, "waits");
    hold(&store, &sent).await;
    let whole = Asked { client_id: sent.client_id, seen_for: TimeDelta::hours(1), ..asked(&r, "author") };
    let without_age = Asked { needs_age: false, ..whole.clone() };
    let without_held = Asked { looks_for_held: false, ..whole.clone() };
    let waits = Some(HeldState::Waiting(HoldReason::First));
    assert_eq!(standing(&store, without_age.clone()).await, Standing { held: waits, ..Standing::default() });
    assert_eq!(db.number("SELECT count(*) FROM authors").await, 0);
    let told = store.standing(vec![without_held, without_age, whole]).await.expect("known");
    assert_eq!(told.iter().map(|standing| standing.held).collect::<Vec<_>>(), [None, waits, waits]);
    assert_about(told[0].age, 1);
    assert_eq!(told[1].age, TimeDelta::zero());
    assert_about(told[2].age, 1);
    assert_eq!(store.standing(Vec::new()).await, Ok(Vec::new()));
}

async fn what_is_noted_of_an_author_is_what_was_known_before(db: &Database) {
    let store = db.ready().await;
    let (a, b) = (room("a"), room("b"));
    let note = async |pairs: &[(&RoomId, &str)]| -> Vec<AuthorNote> {
        let pairs = pairs.iter().map(|(room, name)| ((*room).clone(), author(name)));
        store.note_authors(pairs.collect()).await.expect("noted")
    };
    assert!(note(&[]).await.is_empty());
    let new = AuthorNote { age: TimeDelta::zero(), had_spoken: false };
    // As it is: stored first.
    store.append_batch(vec![message(&a, "new", Uuid::new_v4(), "hello")]).await.expect("stored");
    assert_eq!(note(&[(&a, "new"), (&b, "other"), (&a, "new")]).await, [new; 3]);
    hours_ago(db, "authors", "first_seen_at", 3).await;
    let again = note(&[(&a, "new"), (&b, "new")]).await;
    assert_eq!((again[0].had_spoken, again[1].had_spoken), (true, false));
    assert_about(again[0].age, 3);
    assert_about(again[1].age, 3);
    assert!(standing(&store, asked(&b, "new")).await.has_spoken);
    // Who was seen before they spoke.
    standing(&store, Asked { seen_for: TimeDelta::hours(2), ..asked(&a, "reader") }).await;
    let first = note(&[(&a, "reader")]).await;
    assert!(!first[0].had_spoken);
    assert_about(first[0].age, 2);
    assert!(note(&[(&a, "reader")]).await[0].had_spoken);
    // Who wrote before there were notes.
    store.append_batch(vec![message(&b, "old", Uuid::new_v4(), "1")]).await.expect("stored");
    hours_ago(db, "messages", "created_at", 7).await;
    store.append_batch(vec![message(&b, "old", Uuid::new_v4(), "2")]).await.expect("stored");
    let old = note(&[(&b, "old")]).await;
    assert!(old[0].had_spoken);
    assert_about(old[0].age, 7);
    // More than one statement takes.
    let names: Vec<String> = (0..1_100).map(|n| format!("one of many {n}")).collect();
    let pairs: Vec<_> = names.iter().rev().map(|name| (&a, name.as_str())).collect();
    assert!(note(&pairs).await.iter().all(|note| !note.had_spoken));
    assert!(note(&pairs).await.iter().all(|note| note.had_spoken));
}

async fn what_nobody_looked_at_is_forgotten(db: &Database) {
    let store = db.ready().await;
    let (a, b) = (room("a"), room("b"));
    hold_all(&store, &[many(&a, 3), many(&b, 2)].concat()).await;
    let ids = waiting(&store, &a).await;
    store.settle_held(a.clone(), ids[..1].to_vec(), true, author("mod"), Vec::new()).await.expect("settled");
    hours_ago(db, "held_messages", "at", 7 * 24 - 1).await;
    assert_eq!(store.sweep_held().await, Ok(0));
    let late = under(1, &fresh(&a, "a day later"));
    hours_ago(db, "held_messages", "at", 1).await;
    assert_eq!(hold(&store, &late).await, NEW);
    assert_eq!(store.sweep_held().await, Ok(5), "what was rejected as well");
    assert_eq!((counts(&store, &a).await, counts(&store, &b).await), ((1, 1), (0, 1)));
    assert_eq!(hold(&store, &late).await, AGAIN);
    assert_eq!(store.sweep_held().await, Ok(0));
}

async fn what_the_guard_did_is_told_until_somebody_changes_it(db: &Database) {
    let store = db.ready().await;
    let set = async |name: &str, known_rev: i64, by: &str, undoes: Option<i64>| -> i64 {
        let settings = json!({"slowSeconds": known_rev}).as_object().cloned().expect("an object");
        let room = (!name.is_empty()).then(|| room(name));
        let change = SettingsChange { room, settings, known_rev, by: author(by), undoes };
        match store.change_settings(change).await.expect("an answer") {
            SettingsChanged::Stored(entry, _) => entry,
            other => panic!("{other:?}"),
        }
    };
    let told = async || -> Vec<i64> { store.guard_raids().await.expect("told").iter().map(|entry| entry.id).collect() };
    assert!(told().await.is_empty());
    let (a, b, c) =
        (set("a", 0, "guard", None).await, set("b", 0, "guard", None).await, set("c", 0, "guard", None).await);
    set("d", 0, "owner", None).await;
    set("", 0, "guard", None).await;
    assert_eq!(told().await, [c, b, a]);
    set("a", 1, "owner", None).await;
    set("b", 1, "guard", Some(b)).await;
    assert_eq!(told().await, [c], "what was taken back, by whomever, is not on");
    store.note_undone(c, author("owner")).await.expect("noted");
    assert!(told().await.is_empty());
}

async fn two_servers_that_hold_the_same_message_agree(db: &Database) {
    let first = db.ready().await;
    let stores = [first.clone(), db.open(), db.open()];
    let (a, b) = (room("a"), room("b"));
    for (round, guard_rev) in (0..8).zip([0].into_iter().chain(std::iter::repeat(1))) {
        let batch: Vec<_> = [many(&a, 3), many(&b, 3)].concat().iter().map(|m| under(guard_rev, m)).collect();
        let backwards: Vec<_> = batch.iter().rev().cloned().collect();
        let mut holding = JoinSet::new();
        for (store, batch) in stores.iter().cloned().zip([batch.clone(), backwards, batch]) {
            holding.spawn(async move { until_held(&store, batch).await });
        }
        let outcomes = holding.join_all().await.concat();
        let n_new = outcomes.iter().filter(|outcome| **outcome == NEW).count();
        assert_eq!(n_new, 6, "{outcomes:?}");
        // The first to come raises the guard: who comes later checks again.
        let others = if guard_rev == 0 { HoldOutcome::GuardChanged } else { AGAIN };
        assert!(outcomes.iter().all(|outcome| *outcome == NEW || *outcome == others), "{outcomes:?}");
        let n = 3 * (round + 1);
        assert_eq!((counts(&first, &a).await, counts(&first, &b).await), ((n, 1), (n, 1)));
    }
    assert_eq!(db.number("SELECT count(*) FROM held_messages").await, 48);
}

/// Nobody waits for a room that somebody has locked, and the others are held meanwhile.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_locked_room_is_told_and_keeps_no_other_waiting() {
    let (db, store) = Database::ready_postgres().await;
    let (locked, free) = (room("locked"), room("free"));
    store.append_batch(many(&locked, 1)).await.expect("stored");
    let lock = sql(&db.url, "BEGIN; SELECT 1 FROM rooms WHERE id = 'locked' FOR UPDATE").await;
    let batch = [fresh(&locked, "waits"), fresh(&free, "is held")];
    assert_eq!(hold_all(&store, &batch).await, [HoldOutcome::Locked, NEW]);
    lock.batch_execute("ROLLBACK").await.expect("released");
    assert_eq!(hold_all(&store, &[batch[0].clone()]).await, [NEW]);
    assert_eq!((counts(&store, &locked).await, counts(&store, &free).await), ((1, 1), (1, 1)));
}

/// The planner takes the index of the keys, whatever else begins with the room, and however little it knows.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lookups_do_not_walk_through_rooms() {
    let (db, store) = Database::ready_postgres().await;
    let r = room("r");
    store.append_batch(many(&r, 5)).await.expect("stored");
    let client = sql(
        &db.url,
        "ALTER TABLE messages SET (autovacuum_enabled = off); ALTER TABLE authors SET (autovacuum_enabled = off);
         INSERT INTO messages (room_id, anonymous_id, nickname, avatar, content, client_id, seq, rev)
           SELECT 'r', 'author ' || n % 1000, 'n', 'otter', 'x', gen_random_uuid(), n + 5, n + 5 FROM generate_series(1, 50000) n;
         INSERT INTO authors (room_id, author_id, first_seen_at)
           SELECT 'room ' || n / 100, 'author ' || n % 100, now() FROM generate_series(1, 50000) n",
    )
    .await;
    let read =
        "SELECT (SELECT sum(idx_tup_read) FROM pg_stat_user_indexes WHERE relname IN ('messages', 'authors'))::bigint
        + (SELECT sum(seq_tup_read) FROM pg_stat_user_tables WHERE relname IN ('messages', 'authors'))::bigint";
    let n_read = async || -> i64 { client.query_one(read, &[]).await.expect("a number").get(0) };
    let before = n_read().await;
    let ask = |n: usize| Asked { seen_for: TimeDelta::hours(1), ..asked(&r, &format!("author {n}")) };
    let told = store.standing((0..50).map(ask).collect()).await.expect("known");
    assert!(told.iter().all(|standing| standing.has_spoken && !standing.is_stored));
    assert_eq!(hold_all(&store, &many(&r, 50)).await, [NEW; 50]);
    // A session tells what it read when it ends at the latest.
    drop(store);
    let others = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()
        AND backend_type = 'client backend'";
    while !client.query(others, &[]).await.expect("the sessions").is_empty() {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    // 50 authors with 50 messages each, and some rows for each key.
    let n = n_read().await - before;
    assert!((2_500..10_000).contains(&n), "{n} rows were read");
}
