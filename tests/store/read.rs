//! Pages, changes and heads.

use chat_domain::{PageCursor, RoomId};
use chat_store::{ChangeOutcome, Loaded, Page, Store};

use crate::{
    changes::{delete, edit, pin, react},
    support::{Database, fresh, many, repeated, room, sql},
};

on_both!(
    pages_go_both_ways_and_know_what_is_beyond,
    a_room_nobody_used_is_empty,
    changes_are_those_above_a_value,
    heads_tells_of_many_rooms,
    what_is_loaded_while_others_write_is_of_one_moment,
    a_store_outlives_the_runtime_that_used_it,
);

async fn seqs(store: &Store, room: &RoomId, cursor: PageCursor, limit: usize) -> (Vec<i64>, bool) {
    let Page { messages, has_more, .. } = store.page(room, cursor, limit).await.expect("a page");
    (messages.iter().map(|m| m.seq).collect(), has_more)
}

async fn pages_go_both_ways_and_know_what_is_beyond(db: &Database) {
    use PageCursor::{After, Before, Latest};
    let store = db.ready().await;
    let room = room("r");
    store.append_batch(many(&room, 10)).await.expect("stored");
    store.append_batch(many(&crate::support::room("other"), 3)).await.expect("stored");
    for (cursor, limit, expected, more) in [
        (Latest, 4, vec![7, 8, 9, 10], true),
        (Latest, 10, (1..=10).collect(), false),
        (Latest, 11, (1..=10).collect(), false),
        (Latest, 0, vec![], true),
        (Before(7), 4, vec![3, 4, 5, 6], true),
        (Before(5), 4, vec![1, 2, 3, 4], false),
        (Before(3), 4, vec![1, 2], false),
        (Before(1), 4, vec![], false),
        (Before(1_000), 2, vec![9, 10], true),
        (Before(-5), 2, vec![], false),
        (After(0), 3, vec![1, 2, 3], true),
        (After(6), 4, vec![7, 8, 9, 10], false),
        (After(5), 4, vec![6, 7, 8, 9], true),
        (After(10), 4, vec![], false),
        (After(i64::MAX), 4, vec![], false),
        (After(i64::MIN), 1, vec![1], true),
    ] {
        assert_eq!(seqs(&store, &room, cursor, limit).await, (expected, more), "{cursor:?} {limit}");
    }
    assert_eq!(seqs(&store, &room, Latest, usize::MAX).await.0.len(), 10);
}

async fn a_room_nobody_used_is_empty(db: &Database) {
    let store = db.ready().await;
    let (unused, epoch) = (room("unused"), store.meta().await.expect("meta").epoch);
    let Loaded { head, page, .. } = store.load(&unused, 50).await.expect("loaded");
    assert_eq!((head.epoch, head.rev, head.message_count, head.last_message_at), (epoch, 0, 0, None));
    assert_eq!((&page.messages[..], page.has_more, page.position.rev), (&[][..], false, 0));
    let changes = store.changes_since(&unused, 0, 10).await.expect("changes");
    assert_eq!((changes.head, changes.messages.len(), changes.truncated), (head, 0, false));
    let heads = store.heads(vec![unused]).await.expect("heads");
    assert_eq!((heads.meta_epoch, heads.rooms.len()), (epoch, 0), "looking at a room makes no row");
}

async fn changes_are_those_above_a_value(db: &Database) {
    let store = db.ready().await;
    let room = room("r");
    store.append_batch(many(&room, 10)).await.expect("stored");
    for (rev, limit, expected, truncated) in [
        (0, 10, (1..=10).collect::<Vec<i64>>(), false),
        (0, 3, vec![1, 2, 3], true),
        (7, 3, vec![8, 9, 10], false),
        (7, 2, vec![8, 9], true),
        (10, 5, vec![], false),
        (99, 5, vec![], false),
    ] {
        let changes = store.changes_since(&room, rev, limit).await.expect("changes");
        let revs: Vec<i64> = changes.messages.iter().map(|m| m.rev).collect();
        assert_eq!((revs, changes.truncated, changes.head.rev), (expected, truncated, 10), "{rev} {limit}");
    }
}

async fn heads_tells_of_many_rooms(db: &Database) {
    let store = db.ready().await;
    assert_eq!(store.heads(Vec::new()).await.expect("heads").rooms, []);
    let used: Vec<RoomId> = (0..5).map(|i| room(&format!("used {i}"))).collect();
    for (i, room) in used.iter().enumerate() {
        store.append_batch(many(room, i + 1)).await.expect("stored");
    }
    // More than SQLite takes in one statement.
    let mut asked: Vec<RoomId> = (0..40_000).map(|i| room(&format!("unused {i}"))).collect();
    asked.splice(20_000..20_000, used.clone());
    let mut found = store.heads(asked).await.expect("heads").rooms;
    found.sort_by_key(|(_, head)| head.rev);
    let revs: Vec<(RoomId, i64)> = found.into_iter().map(|(room, head)| (room, head.rev)).collect();
    assert_eq!(revs, used.into_iter().zip(1..).collect::<Vec<_>>());
}

async fn what_is_loaded_while_others_write_is_of_one_moment(db: &Database) {
    const N: i64 = 600;
    let (writer, reader) = (db.ready().await, db.open());
    let room = room("r");
    let written = room.clone();
    let writing = tokio::spawn(async move {
        for _ in 0..N / 10 {
            for part in [1, 4, 2, 3] {
                writer.append_batch(many(&written, part)).await.expect("stored");
            }
        }
    });
    let mut seen = 0;
    while seen < N {
        let Loaded { head, page, .. } = reader.load(&room, 50).await.expect("loaded");
        let from = (head.rev - 50).max(0);
        let expected: Vec<i64> = (from + 1..=head.rev).collect();
        assert_eq!(page.messages.iter().map(|m| m.rev).collect::<Vec<_>>(), expected);
        assert_eq!((page.has_more, head.message_count), (from > 0, head.rev));
        assert_eq!(head.last_message_at, page.messages.last().map(|m| m.created_at));
        let changes = reader.changes_since(&room, seen, 10_000).await.expect("changes");
        let revs: Vec<i64> = changes.messages.iter().map(|m| m.rev).collect();
        assert_eq!(revs, (seen + 1..=changes.head.rev).collect::<Vec<_>>());
        assert!(changes.head.rev >= head.rev);
        seen = changes.head.rev;
    }
    writing.await.expect("the writer");
}

/// Actix stops its arbiters, each with a runtime, before the last flush.
async fn a_store_outlives_the_runtime_that_used_it(db: &Database) {
    let store = db.open();
    let room = room("r");
    for n in 1..=3 {
        let (store, room) = (store.clone(), room.clone());
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
            runtime.block_on(async {
                store.migrate().await.expect("migrations");
                store.append_batch(vec![fresh(&room, "x")]).await.expect("stored");
                assert_eq!(store.head(&room).await.expect("a head").rev, n);
            });
        })
        .join()
        .expect("a thread");
    }
    assert!(store.pool_status().size <= 4, "{:?}", store.pool_status());
}

/// Plans are made while tables are empty and kept: they must not cost the size of a room, or of all rooms.
#[tokio::test]
async fn nothing_walks_through_a_table_on_a_database_without_statistics() {
    const N: usize = 60;
    let (db, store) = Database::ready_postgres().await;
    let alter = "ALTER TABLE rooms SET (autovacuum_enabled = off); ALTER TABLE messages SET (autovacuum_enabled = off)";
    let client = sql(&db.url, alter).await;
    let room = room("r");
    for _ in 0..N {
        let batch = many(&room, 10);
        store.append_batch(batch.clone()).await.expect("stored");
        let outcomes = store.append_batch(batch).await.expect("stored again");
        let ids: Vec<i64> = outcomes.iter().map(|outcome| repeated(outcome).id).collect();
        let changes = vec![
            react(&room, ids[0], "somebody", "👍", true),
            edit(&room, ids[1], 1, "another text"),
            delete(&room, ids[2], "author", false),
            pin(&room, ids[0], true),
        ];
        let outcomes = store.change_batch(changes).await.expect("changed");
        assert!(outcomes.iter().all(|o| matches!(o, ChangeOutcome::Changed(..))), "{outcomes:?}");
        store.change_batch(vec![pin(&room, ids[0], false)]).await.expect("changed");
        let another = crate::support::room(&uuid::Uuid::new_v4().to_string());
        store.append_batch(vec![fresh(&another, "x")]).await.expect("stored");
        store.load(&room, 5).await.expect("loaded");
        store.page(&room, PageCursor::Before(9), 5).await.expect("a page");
        store.page(&room, PageCursor::After(9), 5).await.expect("a page");
        store.changes_since(&room, 5, 5).await.expect("changes");
        store.heads(vec![room.clone()]).await.expect("heads");
    }
    // A session hands its figures in when it ends: all are there when the inserts are.
    drop(store);
    let figures = "SELECT sum(seq_scan)::bigint, sum(idx_tup_fetch)::bigint, sum(n_tup_ins)::bigint
        FROM pg_stat_user_tables WHERE relname IN ('rooms', 'messages')";
    let n = i64::try_from(N).expect("a number");
    let (seq_scans, fetched) = loop {
        let row = client.query_one(figures, &[]).await.expect("figures");
        let sessions = "SELECT 1 FROM pg_stat_activity
            WHERE datname = current_database() AND application_name = 'realtime-chat'";
        let ended = client.query(sessions, &[]).await.expect("sessions").is_empty();
        // The messages, and a row for each room but the one that is used all the time.
        if ended && row.get::<_, i64>(2) >= n * 12 {
            break (row.get::<_, i64>(0), row.get::<_, i64>(1));
        }
    };
    // Building the indexes scanned each table; retries, pages and foreign keys fetch a row per row.
    assert!(seq_scans <= 10, "{seq_scans} scans of whole tables");
    assert!(fetched < n * 150, "{fetched} rows fetched");
}
