//! P2 one order, P4 send once: counters and keys.

use std::{collections::BTreeSet, sync::Arc};

use chat_domain::{NewMessage, PageCursor, RoomId};
use chat_store::{AppendOutcome, Loaded, Store};
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::support::{Database, fresh, many, message, message_by, repeated, room, stored};

on_both!(
    counters_are_contiguous_in_the_order_of_the_batch,
    what_is_stored_is_what_was_sent,
    what_is_told_of_each_row_is_what_is_stored,
    the_same_key_twice_in_a_batch_is_stored_once,
    a_retry_gives_the_original_and_takes_no_value,
    a_key_belongs_to_one_author_in_one_room,
    other_content_under_a_used_key_is_a_conflict,
    a_row_the_database_refuses_is_refused_alone,
    an_empty_batch_is_no_work,
    a_large_batch_of_many_rooms_is_stored,
    two_servers_with_the_same_messages_in_opposite_order_agree,
    many_servers_in_one_room_leave_no_gap,
    a_caller_that_gives_up_cancels_nothing,
);

/// The counters of a room as the list has them, which must be 1, 2, 3 and so on.
async fn assert_whole(store: &Store, room: &RoomId, n: i64) {
    let page = store.page(room, PageCursor::Latest, 1_000_000).await.expect("a page");
    let seqs: Vec<i64> = page.messages.iter().map(|m| m.seq).collect();
    assert_eq!(seqs, (1..=n).collect::<Vec<_>>());
    let keys: BTreeSet<_> = page.messages.iter().map(|m| (m.author.id.clone(), m.client_id)).collect();
    assert_eq!(keys.len(), seqs.len(), "a message is stored twice");
    let head = store.head(room).await.expect("a head");
    assert_eq!((head.rev, head.message_count), (n, n));
}

async fn counters_are_contiguous_in_the_order_of_the_batch(db: &Database) {
    let store = db.ready().await;
    let (a, b) = (room("a"), room("b"));
    for start in [0, 4] {
        let batch = [&a, &b, &b, &a, &b, &a, &a, &b].map(|room| fresh(room, "hello")).to_vec();
        let outcomes = store.append_batch(batch).await.expect("stored");
        let values: Vec<i64> = outcomes.iter().map(|o| stored(o).seq - start).collect();
        assert_eq!(values, [1, 1, 2, 2, 3, 3, 4, 4]);
        assert!(outcomes.iter().all(|o| stored(o).rev == stored(o).seq));
        assert!(outcomes.is_sorted_by_key(|o| stored(o).id));
    }
    assert_whole(&store, &a, 8).await;
    assert_whole(&store, &b, 8).await;
}

async fn what_is_stored_is_what_was_sent(db: &Database) {
    let store = db.ready().await;
    let room = room("한글:post 🎉 '\"\\");
    let content = "가나다 👩‍👩‍👧‍👦\n\t\"quoted\" {braces} 'x', NULL \\ %s";
    let sent = message_by(&room, "Kk2Ljlvy_4guOHdt2GCr6g", "Anonymous Otter", Uuid::new_v4(), content);
    let outcomes = store.append_batch(vec![Arc::clone(&sent)]).await.expect("stored");
    let told = stored(outcomes.first().expect("an outcome"));
    let Loaded { head, page, .. } = store.load(&room, 10).await.expect("loaded");
    let found = page.messages.first().expect("a message");
    assert_eq!((&found.author, &found.content, found.client_id), (&sent.author, &sent.content, sent.client_id));
    assert_eq!((found.id, found.seq, found.rev, found.created_at), (told.id, told.seq, told.rev, told.created_at));
    assert_eq!((head.epoch, head.last_message_at), (told.epoch, Some(told.created_at)));
    assert_eq!(told.created_at.timestamp_subsec_nanos() % 1_000_000, 0, "whole milliseconds");
    let age = chrono::Utc::now().signed_duration_since(told.created_at);
    assert!(age.abs() < chrono::TimeDelta::minutes(1), "{age}");
    assert_eq!(told.epoch, store.meta().await.expect("meta").epoch, "a new room takes the epoch of meta");
}

async fn what_is_told_of_each_row_is_what_is_stored(db: &Database) {
    let store = db.ready().await;
    let (a, b) = (room("a"), room("b"));
    let known = fresh(&a, "known");
    let other = message(&a, "author", known.client_id, "other content");
    let refused = message_by(&a, "author", "nul\0", Uuid::new_v4(), "never");
    let batches = [
        vec![Arc::clone(&known)],
        vec![fresh(&a, "1"), fresh(&b, "2"), fresh(&a, "3"), fresh(&b, "4")],
        vec![fresh(&a, "5"), Arc::clone(&known), fresh(&b, "6"), fresh(&a, "7"), other, fresh(&a, "8")],
        vec![refused, fresh(&a, "9"), fresh(&a, "10")],
        vec![known],
    ];
    let mut told = Vec::new();
    for batch in batches {
        let ids: Vec<Uuid> = batch.iter().map(|row| row.client_id).collect();
        let outcomes = store.append_batch(batch).await.expect("stored");
        told.extend(ids.into_iter().zip(outcomes));
    }
    let mut n_told = 0;
    for room in [&a, &b] {
        let Loaded { head, page, .. } = store.load(room, 100).await.expect("loaded");
        assert_eq!(head.last_message_at, page.messages.iter().map(|m| m.created_at).max());
        for found in &page.messages {
            for (_, outcome) in told.iter().filter(|(id, _)| *id == found.client_id) {
                let (AppendOutcome::Stored(told, _) | AppendOutcome::Repeated(told)) = outcome else { continue };
                assert_eq!((told.id, told.seq, told.rev), (found.id, found.seq, found.rev));
                assert_eq!((told.created_at, told.epoch), (found.created_at, head.epoch));
                n_told += 1;
            }
        }
    }
    assert_eq!(n_told, 13, "11 are stored, and one was told three times");
    assert_whole(&store, &a, 8).await;
    assert_whole(&store, &b, 3).await;
}

async fn the_same_key_twice_in_a_batch_is_stored_once(db: &Database) {
    let store = db.ready().await;
    let (room, key) = (room("r"), Uuid::new_v4());
    let batch = vec![
        message(&room, "a", key, "first"),
        fresh(&room, "between"),
        message(&room, "a", key, "first"),
        message(&room, "a", key, "other"),
        fresh(&room, "behind"),
    ];
    let outcomes = store.append_batch(batch).await.expect("stored");
    let [first, between, again, other, behind] = outcomes.as_slice() else { panic!("{outcomes:?}") };
    assert_eq!([stored(first).seq, stored(between).seq, stored(behind).seq], [1, 2, 3]);
    assert_eq!(repeated(again), stored(first));
    assert_eq!(*other, AppendOutcome::Conflict);
    assert_whole(&store, &room, 3).await;
}

async fn a_retry_gives_the_original_and_takes_no_value(db: &Database) {
    let store = db.ready().await;
    let room = room("r");
    let batch = many(&room, 3);
    let first = store.append_batch(batch.clone()).await.expect("stored");
    // Later, from another nickname, among new ones, in another order.
    let sent = batch.get(1).expect("a message");
    let renamed = message_by(&room, "author", "새 이름", sent.client_id, sent.content.as_str());
    let second = store.append_batch(vec![fresh(&room, "4"), renamed, fresh(&room, "5")]).await.expect("stored");
    let [four, retried, five] = second.as_slice() else { panic!("{second:?}") };
    assert_eq!(repeated(retried), stored(first.get(1).expect("an outcome")));
    assert_eq!([stored(four).seq, stored(five).seq], [4, 5]);
    let third = store.append_batch(batch).await.expect("stored");
    for (now, then) in third.iter().zip(&first) {
        assert_eq!(repeated(now), stored(then));
    }
    assert_whole(&store, &room, 5).await;
}

async fn a_key_belongs_to_one_author_in_one_room(db: &Database) {
    let store = db.ready().await;
    let (a, b, key) = (room("a"), room("b"), Uuid::new_v4());
    let batch = vec![message(&a, "x", key, "1"), message(&a, "y", key, "2"), message(&b, "x", key, "3")];
    let outcomes = store.append_batch(batch).await.expect("stored");
    assert_eq!(outcomes.iter().map(|o| stored(o).seq).collect::<Vec<_>>(), [1, 2, 1]);
}

async fn other_content_under_a_used_key_is_a_conflict(db: &Database) {
    let store = db.ready().await;
    let (room, key) = (room("r"), Uuid::new_v4());
    store.append_batch(vec![message(&room, "a", key, "one")]).await.expect("stored");
    let batch = vec![message(&room, "a", key, "two"), message(&room, "a", key, "one"), fresh(&room, "three")];
    let outcomes = store.append_batch(batch).await.expect("stored");
    let [conflict, same, new] = outcomes.as_slice() else { panic!("{outcomes:?}") };
    assert_eq!(*conflict, AppendOutcome::Conflict);
    assert_eq!((repeated(same).seq, stored(new).seq), (1, 2));
    assert_whole(&store, &room, 2).await;
}

async fn a_row_the_database_refuses_is_refused_alone(db: &Database) {
    let store = db.ready().await;
    let (good, bad) = (room("good"), room("only bad ones"));
    for nickname in ["nul\0", &"x".repeat(51)] {
        let refused = |room| message_by(room, "a", nickname, Uuid::new_v4(), "never");
        let before = store.head(&good).await.expect("a head").rev;
        let mut batch = many(&good, 9);
        batch.insert(0, refused(&bad));
        batch.insert(4, refused(&good));
        batch.insert(5, refused(&good));
        batch.push(refused(&bad));
        let outcomes = store.append_batch(batch).await.expect("stored");
        let is_refused = |i: &usize| matches!(outcomes[*i], AppendOutcome::Refused(_));
        let (refused_at, others): (Vec<_>, Vec<_>) = (0..outcomes.len()).partition(is_refused);
        assert_eq!(refused_at, [0, 4, 5, 12], "{nickname:?}");
        assert!(others.iter().map(|i| stored(&outcomes[*i]).seq - before).eq(1..=9), "{outcomes:?}");
    }
    assert_whole(&store, &good, 18).await;
    assert_eq!(store.head(&bad).await.expect("a head").rev, 0);
    assert_eq!(store.heads(vec![bad]).await.expect("heads").rooms, [], "a refused message makes no room");
}

async fn an_empty_batch_is_no_work(db: &Database) {
    assert_eq!(db.open().append_batch(Vec::new()).await, Ok(Vec::new()));
}

async fn a_large_batch_of_many_rooms_is_stored(db: &Database) {
    let store = db.ready().await;
    let rooms: Vec<RoomId> = (0..200).map(|i| room(&format!("room {i}"))).collect();
    let batch: Vec<Arc<NewMessage>> = rooms.iter().cycle().take(5_000).map(|room| fresh(room, "x")).collect();
    let outcomes = store.append_batch(batch).await.expect("stored");
    assert_eq!(outcomes.len(), 5_000);
    let heads = store.heads(rooms).await.expect("heads");
    assert_eq!(heads.rooms.len(), 200);
    assert!(heads.rooms.iter().all(|(_, head)| (head.epoch, head.rev) == (heads.meta_epoch, 25)));
}

async fn two_servers_with_the_same_messages_in_opposite_order_agree(db: &Database) {
    let (one, two) = (db.ready().await, db.open());
    let rooms: Vec<RoomId> = (0..3).map(|i| room(&format!("r{i}"))).collect();
    let keys: Vec<Arc<NewMessage>> = rooms.iter().cycle().take(1_200).map(|room| fresh(room, "x")).collect();
    let run = |store: Store, messages: Vec<Arc<NewMessage>>| async move {
        let mut outcomes = Vec::new();
        for batch in messages.chunks(20) {
            outcomes.extend(store.append_batch(batch.to_vec()).await.expect("stored"));
        }
        outcomes
    };
    let backwards: Vec<_> = keys.iter().rev().cloned().collect();
    let (first, mut second) = tokio::join!(run(one.clone(), keys), run(two, backwards));
    second.reverse();
    assert_eq!((first.len(), second.len()), (1_200, 1_200));
    for (a, b) in first.iter().zip(&second) {
        match (a, b) {
            (AppendOutcome::Stored(x, _), AppendOutcome::Repeated(y))
            | (AppendOutcome::Repeated(x), AppendOutcome::Stored(y, _)) => assert_eq!(x, y),
            other => panic!("exactly one of two servers stores a message: {other:?}"),
        }
    }
    for room in &rooms {
        assert_whole(&one, room, 400).await;
    }
}

async fn many_servers_in_one_room_leave_no_gap(db: &Database) {
    let store = db.ready().await;
    let room = room("r");
    let mut servers = JoinSet::new();
    for _ in 0..4 {
        let (store, room) = (db.open(), room.clone());
        servers.spawn(async move {
            for n in [1, 7, 3, 20, 1, 1, 13, 4] {
                let outcomes = store.append_batch(many(&room, n)).await.expect("stored");
                assert!(outcomes.is_sorted_by_key(|o| stored(o).seq));
            }
        });
    }
    servers.join_all().await;
    assert_whole(&store, &room, 200).await;
}

async fn a_caller_that_gives_up_cancels_nothing(db: &Database) {
    let store = db.ready().await;
    let room = room("r");
    for _ in 0..20 {
        let appending = store.append_batch(many(&room, 5));
        // Polled once, so it has begun, then dropped.
        tokio::select! { biased; _ = appending => {}, () = std::future::ready(()) => {} }
    }
    while store.head(&room).await.expect("a head").rev < 100 {
        tokio::task::yield_now().await;
    }
    assert_whole(&store, &room, 100).await;
}
