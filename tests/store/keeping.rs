//! What is removed for good: in order, all of it or nothing, without a value of the counter.

use std::{sync::Arc, time::Duration};

use chat_domain::{MessageRef, NewMessage, PageCursor, RoomId};
use chat_store::{ChangeOutcome, Loaded, MoveInto, Moved, MovedPart, Removal, Removed, Renamed, Store};
use tokio::sync::mpsc;

use crate::{
    changes::{delete, edit, pin, react},
    support::{Database, fresh, many, room, sql, stored},
};

on_both!(
    the_oldest_go_with_all_that_hangs_on_them,
    what_is_younger_ends_it_and_nothing_takes_a_value,
    a_room_can_be_emptied_and_goes_on,
    rooms_tell_their_oldest_message,
    removing_and_changing_at_once_agree,
    a_name_leads_to_one_room,
    a_name_is_not_given_over_a_message,
    a_shortened_room_takes_what_comes_from_a_file_by_any_of_its_names,
);

/// Messages of the room up to this place were written a hundred days ago.
async fn age(db: &Database, room: &RoomId, up_to: i64) {
    let ago = if db.is_sqlite() { "8640000000" } else { "interval '100 days'" };
    let of = format!("WHERE room_id = '{room}' AND seq <= {up_to}");
    db.run(&format!("UPDATE messages SET created_at = created_at - {ago} {of}")).await;
}

/// What is older than ten days.
async fn removal(store: &Store, room: &RoomId, limit: usize) -> Removal {
    let before = store.time().await.expect("a time") - Duration::from_secs(864_000);
    Removal { room: room.clone(), before: Some(before), up_to: i64::MAX, limit }
}

async fn expire(store: &Store, room: &RoomId, limit: usize) -> Removed {
    let order = removal(store, room, limit).await;
    store.expire(order).await.expect("removed").expect("nobody else does it")
}

async fn ids(store: &Store, room: &RoomId, n: usize) -> Vec<i64> {
    store.append_batch(many(room, n)).await.expect("stored").iter().map(|outcome| stored(outcome).id).collect()
}

async fn the_oldest_go_with_all_that_hangs_on_them(db: &Database) {
    let (store, r) = (db.ready().await, room("r"));
    let ids = ids(&store, &r, 5).await;
    let changes = vec![
        react(&r, ids[0], "somebody", "👍", true),
        edit(&r, ids[0], 1, "another text"),
        pin(&r, ids[1], true),
        pin(&r, ids[4], true),
        delete(&r, ids[2], "moderator", true),
    ];
    store.change_batch(changes).await.expect("changed");
    store.report(r.clone(), ids[0], chat_domain::AuthorId::from_stored("x"), "why".into()).await.expect("reported");
    let answer = NewMessage { reply_to: Some(ids[0]), ..(*fresh(&r, "an answer")).clone() };
    store.append_batch(vec![Arc::new(answer)]).await.expect("stored");
    let before = store.head(&r).await.expect("a head");
    assert_eq!((before.rev, before.message_count, before.first_seq), (11, 5, 0));

    age(db, &r, 3).await;
    let removed = expire(&store, &r, 100).await;
    assert_eq!(removed, Removed { n_messages: 3, first_seq: 4, may_be_more: false });
    let Loaded { head, page, pinned, .. } = store.load(&r, 50).await.expect("loaded");
    assert_eq!(
        (head.rev, head.epoch, head.guard_rev),
        (before.rev, before.epoch, before.guard_rev),
        "no value is taken"
    );
    assert_eq!((head.first_seq, head.message_count), (4, 3), "of those that went one was deleted before");
    assert_eq!(page.messages.iter().map(|m| m.seq).collect::<Vec<_>>(), [4, 5, 11]);
    assert_eq!(pinned.iter().map(|m| m.id).collect::<Vec<_>>(), [ids[4]]);
    let reply = page.messages[2].annotations.as_ref().and_then(|a| a.reply_to);
    assert_eq!(reply, Some(MessageRef { id: ids[0], seq: 1 }), "an answer stays one");
    assert_eq!(store.message(&r, ids[0]).await.expect("read"), None);
    assert_eq!(store.open_reports(r.clone()).await.expect("read"), 0);
    for table in ["reactions", "message_edits", "removed_texts", "reports"] {
        assert_eq!(db.number(&format!("SELECT count(*) FROM {table}")).await, 0, "{table}");
    }
    let heads = store.heads(vec![r.clone()]).await.expect("heads");
    assert_eq!(heads.rooms[0].1.first_seq, 4);
    // A page of before it ends where the room begins.
    let page = store.page(&r, PageCursor::Before(5), 50).await.expect("a page");
    assert_eq!((page.messages.iter().map(|m| m.seq).collect::<Vec<_>>(), page.has_more), (vec![4], false));
    let all = store.changes_since(&r, 0, 100).await.expect("changes").messages;
    assert_eq!(all.iter().map(|m| m.seq).collect::<Vec<_>>(), [4, 5, 11]);
    // Nothing can be done to what went, and nobody answers it.
    let gone = store.change_batch(vec![edit(&r, ids[0], 2, "once more")]).await.expect("answered");
    assert!(matches!(gone[..], [ChangeOutcome::Rejected(chat_domain::ChangeRefusal::NotFound)]), "{gone:?}");
}

async fn what_is_younger_ends_it_and_nothing_takes_a_value(db: &Database) {
    let (store, r) = (db.ready().await, room("r"));
    ids(&store, &r, 10).await;
    assert_eq!(expire(&store, &r, 4).await, Removed { n_messages: 0, first_seq: 0, may_be_more: false });
    age(db, &r, 9).await;
    // A clock that went back: the fifth looks young.
    let now = if db.is_sqlite() { "unixepoch() * 1000" } else { "now()" };
    db.run(&format!("UPDATE messages SET created_at = {now} WHERE room_id = 'r' AND seq = 7")).await;
    assert_eq!(expire(&store, &r, 4).await, Removed { n_messages: 4, first_seq: 5, may_be_more: true });
    assert_eq!(expire(&store, &r, 4).await, Removed { n_messages: 2, first_seq: 7, may_be_more: false });
    assert_eq!(expire(&store, &r, 4).await, Removed { n_messages: 0, first_seq: 7, may_be_more: false });
    let head = store.head(&r).await.expect("a head");
    assert_eq!((head.rev, head.message_count, head.first_seq), (10, 4, 7));
    assert_eq!(expire(&store, &room("nobody was here"), 4).await, Removed::default());
}

async fn a_room_can_be_emptied_and_goes_on(db: &Database) {
    let (store, r) = (db.ready().await, room("r"));
    ids(&store, &r, 3).await;
    let order = Removal { room: r.clone(), before: None, up_to: 2, limit: 100 };
    let removed = store.remove_oldest(order.clone()).await.expect("removed");
    assert_eq!(removed, Removed { n_messages: 2, first_seq: 3, may_be_more: false });
    let removed = store.remove_oldest(Removal { up_to: i64::MAX, ..order }).await.expect("removed");
    assert_eq!(removed, Removed { n_messages: 1, first_seq: 4, may_be_more: false });
    let head = store.head(&r).await.expect("a head");
    assert_eq!((head.rev, head.message_count, head.first_seq), (3, 0, 4));
    let next = store.append_batch(vec![fresh(&r, "the next one")]).await.expect("stored");
    assert_eq!(stored(&next[0]).seq, 4, "the counter goes on");
    assert_eq!(store.load(&r, 50).await.expect("loaded").page.messages.len(), 1);
}

async fn rooms_tell_their_oldest_message(db: &Database) {
    let store = db.ready().await;
    for name in ["a", "b", "c"] {
        ids(&store, &room(name), 2).await;
    }
    let order = Removal { room: room("b"), before: None, up_to: i64::MAX, limit: 100 };
    store.remove_oldest(order).await.expect("removed");
    age(db, &room("c"), 1).await;
    let first = store.oldest_messages(None, 2).await.expect("read");
    assert_eq!(first.iter().map(|o| (&*o.name, o.at.is_some())).collect::<Vec<_>>(), [("a", true), ("b", false)]);
    let rest = store.oldest_messages(Some("b"), 2).await.expect("read");
    assert_eq!(rest.iter().map(|o| o.room.clone()).collect::<Vec<_>>(), [Some(room("c"))]);
    assert!(rest[0].at < first[0].at, "the oldest one, not any");
    assert_eq!(store.oldest_messages(Some("c"), 2).await, Ok(vec![]));
}

/// Whoever deletes or edits what is being removed finds it, or finds that it is gone; and it is counted once.
async fn removing_and_changing_at_once_agree(db: &Database) {
    let (store, other, r) = (db.ready().await, db.open(), room("r"));
    let ids = ids(&store, &r, 300).await;
    age(db, &r, 200).await;
    let changing = {
        let r = r.clone();
        tokio::spawn(async move {
            for of in ids.chunks(10) {
                let rows = of.iter().map(|id| delete(&r, *id, "author", false)).collect();
                for outcome in other.change_batch(rows).await.expect("answered") {
                    let is_fine = matches!(outcome, ChangeOutcome::Changed(..) | ChangeOutcome::Rejected(_))
                        || matches!(outcome, ChangeOutcome::Locked);
                    assert!(is_fine, "{outcome:?}");
                }
            }
        })
    };
    while expire(&store, &r, 7).await.may_be_more {}
    changing.await.expect("a task");
    let head = store.head(&r).await.expect("a head");
    let there = db.number("SELECT count(*) FROM messages WHERE deleted_at IS NULL").await;
    assert_eq!((head.first_seq, head.message_count), (201, there));
    assert_eq!(db.number("SELECT count(*) FROM messages WHERE seq < 201").await, 0);
}

/// Of several servers one does it; what another one's transaction holds is left to it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_server_at_a_time_removes() {
    let (db, store) = Database::ready_postgres().await;
    let r = room("r");
    ids(&store, &r, 3).await;
    age(&db, &r, 3).await;
    let other = sql(&db.url, "BEGIN; SELECT pg_advisory_xact_lock(30229308860100199)").await;
    let order = removal(&store, &r, 10).await;
    assert_eq!(store.expire(order.clone()).await, Ok(None));
    assert_eq!(store.head(&r).await.expect("a head").first_seq, 0);
    other.batch_execute("COMMIT").await.expect("its end");
    assert_eq!(store.expire(order).await.map(|removed| removed.map(|r| r.n_messages)), Ok(Some(3)));
}

fn order(from: &str, to: &str) -> chat_store::Rename {
    chat_store::Rename { from: room(from), to: room(to), by: chat_domain::AuthorId::from_stored("owner") }
}

async fn a_name_leads_to_one_room(db: &Database) {
    use chat_store::Undo;
    let store = db.ready().await;
    ids(&store, &room("a"), 1).await;
    ids(&store, &room("b"), 1).await;
    let Renamed::Done(entry, id) = store.rename(order("a", "c")).await.expect("renamed") else { panic!("it is free") };
    assert_eq!(id, room("a"));
    assert_eq!(
        store.rename(order("c", "d")).await.map(|r| matches!(r, Renamed::Done(_, room) if room == id)),
        Ok(true)
    );
    for (from, to, expected) in [
        ("a", "c", Renamed::Unchanged),
        ("d", "a", Renamed::Unchanged),
        ("a", "b", Renamed::Taken),
        ("b", "d", Renamed::Taken),
        ("b", "a", Renamed::Taken),
        ("none", "e", Renamed::NotFound),
    ] {
        assert_eq!(store.rename(order(from, to)).await, Ok(expected), "{from} {to}");
    }
    for (name, to) in [("a", "a"), ("c", "a"), ("d", "a"), ("b", "b"), ("x", "x")] {
        assert_eq!(store.canonical(&room(name)).await, Ok(room(to)), "{name}");
    }
    // A message that was checked before the name was given is checked again.
    let late = store.append_batch(vec![fresh(&room("c"), "on its way")]).await.expect("answered");
    assert!(matches!(late[..], [chat_store::AppendOutcome::GuardChanged]), "{late:?}");
    let all = store.control(0).await.expect("read");
    assert_eq!(all.room_aliases.len(), 2);
    let names = (room("a"), room("c"));
    let by = chat_domain::AuthorId::from_stored("owner");
    let undone = store.undo_rename(entry, names.clone(), by.clone()).await;
    assert!(matches!(undone, Ok(Undo::Done(_))), "{undone:?}");
    assert_eq!(store.undo_rename(entry, names, by).await, Ok(Undo::ChangedSince));
    assert_eq!(store.control(all.rev).await.expect("read").room_aliases, [(room("c"), None)]);
    assert_eq!(store.canonical(&room("c")).await, Ok(room("c")));
    assert!(matches!(store.rename(order("b", "c")).await, Ok(Renamed::Done(..))), "it is free again");
}

/// Whichever comes first: the name has a message and is not given, or it is given and the message is not stored in it.
async fn a_name_is_not_given_over_a_message(db: &Database) {
    use chat_store::AppendOutcome;
    let (store, other) = (db.ready().await, db.open());
    ids(&store, &room("a"), 1).await;
    for n in 0..20 {
        let name = format!("new {n}");
        let message = fresh(&room(&name), "the first one here");
        let writing = tokio::spawn({
            let other = other.clone();
            async move { other.append_batch(vec![message]).await.expect("answered").remove(0) }
        });
        let renamed = store.rename(order("a", &name)).await.expect("answered");
        let written = writing.await.expect("a task");
        match (&renamed, &written) {
            (Renamed::Done(..), AppendOutcome::GuardChanged | AppendOutcome::Locked) => {}
            (Renamed::Taken, AppendOutcome::Stored(..)) => {}
            both => panic!("{both:?}"),
        }
    }
}

async fn a_shortened_room_takes_what_comes_from_a_file_by_any_of_its_names(db: &Database) {
    let (store, r, name) = (db.ready().await, room("r"), room("another name"));
    ids(&store, &r, 3).await;
    age(db, &r, 2).await;
    assert_eq!(expire(&store, &r, 100).await.first_seq, 3);
    let renamed = store.rename(order("r", "another name")).await;
    assert!(matches!(renamed, Ok(Renamed::Done(..))), "{renamed:?}");

    let (into, mut parts) = mpsc::channel(8);
    assert_eq!(store.move_out(&name, into).await, Ok(true));
    let Some(MovedPart::Room(moved)) = parts.recv().await else { panic!("a room comes first") };
    let Some(MovedPart::Messages(messages)) = parts.recv().await else { panic!("its messages come next") };
    assert_eq!((&moved.id, messages.len(), messages[0].message.seq), (&r, 1, 3));

    // One more message, from before.
    let mut older = messages[0].clone();
    older.message.client_id = uuid::Uuid::new_v4();
    older.message.created_at -= Duration::from_secs(60);
    older.message.seq = 1;
    older.message.rev = 1;
    let (into, from) = mpsc::channel(8);
    for part in [MovedPart::Room(moved), MovedPart::Messages(vec![older]), MovedPart::End] {
        into.send(part).await.expect("room for all");
    }
    assert_eq!(store.move_in(&name, MoveInto::Merged, from).await, Ok(Moved::Written { n_new: 1, n_known: 1 }));
    let Loaded { head, page, .. } = store.load(&r, 50).await.expect("loaded");
    assert_eq!((head.first_seq, head.message_count), (0, 2), "nothing of it is below where the room begins");
    assert_eq!(page.messages.iter().map(|m| m.seq).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(store.head(&name).await.expect("a head").rev, 0, "the name is no room of its own");
}
