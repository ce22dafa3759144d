//! Errors of one row told from errors of all: each class once, in both databases.

use std::{sync::Arc, time::Duration};

use chat_domain::NewMessage;
use chat_store::{AppendOutcome, Store, StoreError, StoreSettings};
use tokio_postgres::Client;
use uuid::Uuid;

use crate::support::{Database, fresh, is_unavailable, many, message, open, room, settings, sql, stored};

/// PostgreSQL answers the message `SQLSTATE xxxxx` with that error, and the message `exhausted` with a lack of space.
const TRAP: &str = "
    CREATE FUNCTION trap() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN
        IF NEW.content LIKE 'SQLSTATE %' THEN
            RAISE EXCEPTION 'база данных: %', NEW.content USING ERRCODE = substr(NEW.content, 10);
        END IF;
        RETURN NEW;
    END$$;
    CREATE TRIGGER trap BEFORE INSERT ON messages FOR EACH ROW EXECUTE FUNCTION trap()";

/// What SQLite's own words mean is tested next to the code; these are errors that only a row can bring about.
const SQLITE_TRAP: &str = "
    CREATE TRIGGER abort BEFORE INSERT ON messages WHEN NEW.content = 'abort'
        BEGIN SELECT RAISE(ABORT, 'a word of ones own: database is locked'); END;
    CREATE TRIGGER fail BEFORE INSERT ON messages WHEN NEW.content = 'fail'
        BEGIN SELECT RAISE(FAIL, 'no'); END;
    CREATE TRIGGER back BEFORE INSERT ON messages WHEN NEW.content = 'rollback'
        BEGIN SELECT RAISE(ROLLBACK, 'no'); END;
    CREATE TRIGGER overflow BEFORE INSERT ON messages WHEN NEW.content = 'overflow'
        BEGIN SELECT abs(-9223372036854775807 - 1); END;
    CREATE UNIQUE INDEX twin ON messages (content) WHERE content = 'twin'";

/// Three rooms with three messages each, the culprit in the middle of the second.
fn batch_with(culprit: &str) -> Vec<Arc<NewMessage>> {
    let rooms = [room("a"), room("b"), room("c")];
    let mut rows: Vec<_> = (0..9).map(|n| fresh(&rooms[n % 3], &format!("message {n}"))).collect();
    rows[4] = fresh(&rooms[1], culprit);
    rows
}

/// The culprit is refused, all others are stored, and each room's counter tells the order of the batch.
async fn assert_only_the_culprit_is_refused(store: &Store, culprit: &str) -> String {
    let heads = async || {
        let mut revs = Vec::new();
        for name in ["a", "b", "c"] {
            revs.push(store.head(&room(name)).await.expect("a head").rev);
        }
        revs
    };
    let mut next = heads().await;
    let rows = batch_with(culprit);
    let outcomes = store.append_batch(rows.clone()).await.unwrap_or_else(|e| panic!("{culprit}: {e}"));
    let mut why = None;
    for (i, outcome) in outcomes.iter().enumerate() {
        if let (4, AppendOutcome::Refused(text)) = (i, outcome) {
            why = Some(text.to_string());
        } else {
            next[i % 3] += 1;
            assert_eq!(stored(outcome).seq, next[i % 3], "{culprit}, row {i}");
        }
    }
    assert_eq!(heads().await, next, "{culprit}: no value of a counter is left out");
    let why = why.unwrap_or_else(|| panic!("{culprit} was not refused: {outcomes:?}"));
    // Given again, nothing changes.
    let again = store.append_batch(rows).await.expect("stored");
    assert!(again.iter().enumerate().all(|(i, o)| match o {
        AppendOutcome::Repeated(_) => i != 4,
        AppendOutcome::Refused(_) => i == 4,
        _ => false,
    }));
    why
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_an_error_of_one_row_keeps_no_other_from_being_stored() {
    let (db, store) = Database::ready_postgres().await;
    sql(&db.url, TRAP).await;
    // The classes of PostgreSQL's list that are no outage, foreseen or not, and two that are nobody's.
    for code in [
        "02000", "0A000", "21000", "22001", "22021", "22P05", "23502", "23503", "23505", "23514", "23P01", "27000",
        "28000", "2F000", "38000", "39000", "3D000", "42501", "42P01", "42703", "44000", "54000", "55000", "72000",
        "HV000", "P0001", "XX000", "ABCDE", "12345",
    ] {
        let why = assert_only_the_culprit_is_refused(&store, &format!("SQLSTATE {code}")).await;
        assert!(why.contains(code), "{code}: {why}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_an_outage_keeps_the_batch() {
    let (db, store) = Database::ready_postgres().await;
    let client = sql(&db.url, TRAP).await;
    for code in ["08006", "25006", "40001", "40P01", "53100", "53200", "53300", "57014", "57P01", "57P03", "58030"] {
        let rows = batch_with(&format!("SQLSTATE {code}"));
        is_unavailable(store.append_batch(rows).await, code);
        assert_eq!(n_messages(&client).await, 0, "{code}");
    }
    // The same batch, once it is over.
    let rows = batch_with("SQLSTATE 53100");
    store.append_batch(rows.clone()).await.expect_err("no space");
    client.batch_execute("DROP TRIGGER trap ON messages").await.expect("dropped");
    assert_eq!(store.append_batch(rows).await.expect("stored").iter().map(|o| stored(o).seq).max(), Some(3));
}

/// A schema that is not ours fails every row, whose senders are told to try again: somebody is mending it.
#[tokio::test(flavor = "multi_thread")]
async fn a_broken_schema_is_an_error_of_the_batch() {
    for db in [Database::postgres().await, Database::sqlite()] {
        let store = db.ready().await;
        let rename = |from: &str, to: &str| format!("ALTER TABLE messages RENAME COLUMN {from} TO {to}");
        db.run(&rename("avatar", "gone")).await;
        let rows = many(&room("r"), 40);
        for rows in [rows.clone(), rows[..1].to_vec()] {
            let error = store.append_batch(rows).await.expect_err("no column");
            assert!(matches!(error, StoreError::Broken(_)), "{error:?}");
        }
        db.run(&rename("gone", "avatar")).await;
        assert_eq!(store.append_batch(rows).await.expect("stored").len(), 40);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_an_error_of_one_row_keeps_no_other_from_being_stored() {
    let db = Database::sqlite();
    let store = db.ready().await;
    db.run(SQLITE_TRAP).await;
    store.append_batch(vec![fresh(&room("d"), "twin")]).await.expect("stored");
    for culprit in ["abort", "fail", "rollback", "overflow", "twin"] {
        assert_only_the_culprit_is_refused(&store, culprit).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_an_outage_keeps_the_batch() {
    let db = Database::sqlite();
    db.ready().await;
    let store = open(&db.url, &StoreSettings { statement_timeout: Duration::from_millis(300), ..settings() });

    let rows = batch_with("harmless");
    let other = db.hold("").await;
    is_unavailable(store.append_batch(rows.clone()).await, "busy");
    other.release().await;
    assert_eq!(store.append_batch(rows).await.expect("stored").iter().map(|o| stored(o).seq).max(), Some(3));
}

/// A person at psql who holds one room's row.
#[tokio::test(flavor = "multi_thread")]
async fn a_room_that_somebody_has_locked_waits_alone() {
    let (db, store) = Database::ready_postgres().await;
    let rooms: Vec<_> = (0..20).map(|n| room(&format!("room{n}"))).collect();
    let round = |n: usize| rooms.iter().map(|r| fresh(r, &format!("message {n}"))).collect::<Vec<_>>();
    store.append_batch(round(1)).await.expect("stored");
    let holder = sql(&db.url, "BEGIN; SELECT * FROM rooms WHERE id IN ('room3', 'room7') FOR UPDATE").await;
    let mut rows = round(2);
    rows.extend(round(3));
    let first = store.append_batch(rows.clone()).await.expect("stored");
    for (row, outcome) in rows.iter().zip(&first) {
        match row.room.as_str() {
            "room3" | "room7" => assert_eq!(*outcome, AppendOutcome::Locked),
            name => assert!(stored(outcome).seq > 1, "{name}"),
        }
    }
    // Known to be locked: nobody waits for them.
    let again = store.append_batch_again(rows.clone()).await.expect("stored");
    assert_eq!(again.iter().filter(|o| **o == AppendOutcome::Locked).count(), 4);
    assert_eq!(again.iter().filter(|o| matches!(o, AppendOutcome::Repeated(_))).count(), 36);
    holder.batch_execute("ROLLBACK").await.expect("rolled back");
    let last = store.append_batch_again(rows.clone()).await.expect("stored");
    let in_room = rows.iter().zip(&last).filter(|(row, _)| row.room.as_str() == "room3");
    assert_eq!(in_room.map(|(_, o)| stored(o).seq).collect::<Vec<_>>(), [2, 3], "in order");
}

/// A room whose first message another transaction is just storing has no row yet that could be asked for.
#[tokio::test(flavor = "multi_thread")]
async fn a_room_that_is_being_made_by_a_transaction_that_hangs_waits_alone() {
    let (db, store) = Database::ready_postgres().await;
    let hang = "BEGIN; INSERT INTO rooms (id, epoch, last_rev, message_count, created_at)
        SELECT 'new', epoch, 0, 0, now() FROM meta";
    let holder = sql(&db.url, hang).await;
    let rows = vec![fresh(&room("a"), "a"), fresh(&room("new"), "b"), fresh(&room("z"), "c"), fresh(&room("new"), "d")];
    let outcomes = store.append_batch(rows.clone()).await.expect("stored");
    assert_eq!((stored(&outcomes[0]).seq, stored(&outcomes[2]).seq), (1, 1));
    assert_eq!((&outcomes[1], &outcomes[3]), (&AppendOutcome::Locked, &AppendOutcome::Locked));
    holder.batch_execute("ROLLBACK").await.expect("rolled back");
    assert_eq!(store.append_batch(rows).await.expect("stored").len(), 4);
}

/// All of the table: then nothing can be stored, and the batch is kept.
#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_somebody_has_locked_is_an_outage() {
    let (db, store) = Database::ready_postgres().await;
    let client_id = Uuid::new_v4();
    let rows = vec![message(&room("r"), "author", client_id, "x"), fresh(&room("s"), "y")];
    let holder = sql(&db.url, "BEGIN; LOCK TABLE rooms IN EXCLUSIVE MODE").await;
    is_unavailable(store.append_batch(rows.clone()).await, "locked");
    holder.batch_execute("ROLLBACK").await.expect("rolled back");
    assert_eq!(store.append_batch(rows).await.expect("stored").len(), 2);
}

async fn n_messages(client: &Client) -> i64 {
    client.query_one("SELECT count(*) FROM messages", &[]).await.expect("a count").get(0)
}
