//! The database away, frozen, full of others, or not ours: the right error, in bounded time, and no secret in it.

use std::time::{Duration, Instant};

use chat_store::{DatabaseUrl, Store, StoreError, StoreSettings};
use tokio::net::TcpListener;

use crate::support::{
    Database, Proxy, WATCH_COMMITS, admin_url, fresh, is_unavailable, many, open, room, settings, someone_waits, sql,
};

/// Short limits, for what is meant to reach them; long enough for a busy machine to do what must succeed.
fn hasty() -> StoreSettings {
    let (connect_timeout, limit) = (Duration::from_secs(3), Duration::from_secs(1));
    StoreSettings { connect_timeout, statement_timeout: limit, pool_wait: limit, ..settings() }
}

/// What is bounded ends within this. The limits themselves are of seconds; whoever starves on a busy machine must not be
/// taken for one who waits for ever.
const IN_TIME: Duration = Duration::from_secs(90);

async fn first_error(store: &Store) -> StoreError {
    let error = store.ping().await.expect_err("no answer");
    assert!(!error.to_string().contains("hunter2"), "{error}");
    error
}

async fn does_not_answer(store: &Store, why: &str) {
    is_unavailable(Err::<(), _>(first_error(store).await), why);
}

#[tokio::test]
async fn a_wrong_password_role_or_name_is_refused() {
    let admin = admin_url();
    let (_, server) = admin.split_once('@').expect("a URL with a user");
    for url in [
        format!("postgres://tester:hunter2@{server}"),
        format!("postgres://nobody:hunter2@{server}"),
        format!("postgres://tester@{server}"),
        admin.replace("/postgres", "/no_such_database").replace("//no_such_database", "//postgres"),
    ] {
        let store = open(&url, &settings());
        let error = first_error(&store).await;
        assert!(matches!(error, StoreError::Refused(_)), "{error:?}");
        assert!(matches!(store.migrate().await, Err(StoreError::Refused(_))));
        assert!(matches!(store.append_batch(vec![fresh(&room("r"), "x")]).await, Err(StoreError::Refused(_))));
    }
}

#[tokio::test]
async fn a_server_that_is_not_there_is_unavailable() {
    let unused = TcpListener::bind("127.0.0.1:0").await.expect("a port").local_addr().expect("an address");
    for server in [unused.to_string(), "no-such-host.invalid".into()] {
        let store = open(&format!("postgres://u:hunter2@{server}/chat"), &settings());
        does_not_answer(&store, &server).await;
    }
}

#[tokio::test]
async fn a_server_that_says_nothing_is_unavailable_in_time() {
    // It takes connections, as the kernel does for a frozen process.
    let silent = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("postgres://u:hunter2@{}/chat", silent.local_addr().expect("an address"));
    let start = Instant::now();
    does_not_answer(&open(&url, &hasty()), "silent").await;
    assert!(start.elapsed() < IN_TIME, "{:?}", start.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_freezes_is_unavailable_in_time_and_comes_back() {
    let db = Database::postgres().await;
    db.ready().await;
    let (wire, url) = Proxy::to_postgres(&db.url).await;
    let store = open(&url, &hasty());
    let room = room("r");
    store.append_batch(many(&room, 1)).await.expect("stored");
    store.head(&room).await.expect("a head");

    wire.set(|w| (w.holds_requests, w.holds_answers) = (true, true));
    let batch = many(&room, 3);
    let start = Instant::now();
    is_unavailable(store.append_batch(batch.clone()).await, "frozen");
    is_unavailable(store.head(&room).await, "frozen");
    is_unavailable(store.append_batch(batch.clone()).await, "frozen");
    is_unavailable(store.ping().await, "frozen");
    assert!(start.elapsed() < IN_TIME, "{:?}", start.elapsed());
    assert_eq!(store.pool_status().size, 0, "nobody knows when a frozen connection comes back");

    wire.calm();
    // What went out while frozen may have been committed meanwhile: the same batch settles it.
    let outcomes = loop {
        match store.append_batch(batch.clone()).await {
            Ok(outcomes) => break outcomes,
            Err(error) => assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}"),
        }
    };
    assert_eq!(outcomes.len(), 3);
    assert_eq!(store.head(&room).await.expect("a head").rev, 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_were_cut_are_replaced() {
    let (db, store) = Database::ready_postgres().await;
    let room = room("r");
    for n in 1..=5 {
        let batch = many(&room, 1);
        // A restart of the database, as its clients see it.
        let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
            WHERE datname = current_database() AND application_name = 'realtime-chat'";
        sql(&db.url, end).await;
        store.head(&room).await.expect("a reader tries again by itself");
        while let Err(error) = store.append_batch(batch.clone()).await {
            assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
        }
        assert_eq!(store.head(&room).await.expect("a head").rev, n);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_whose_connection_dies_under_it_tries_again() {
    let (db, store) = Database::ready_postgres().await;
    let lock = sql(&db.url, "BEGIN; LOCK TABLE rooms IN ACCESS EXCLUSIVE MODE").await;
    let reading = tokio::spawn(async move { store.head(&room("r")).await });
    let other = sql(&db.url, "").await;
    while !someone_waits(&other).await {}
    let kill = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE datname = current_database() AND wait_event_type = 'Lock'";
    other.batch_execute(kill).await.expect("killed");
    lock.batch_execute("ROLLBACK").await.expect("rolled back");
    assert_eq!(reading.await.expect("a task").expect("a head").rev, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wire_that_is_cut_is_unavailable() {
    let db = Database::postgres().await;
    db.ready().await;
    let (wire, url) = Proxy::to_postgres(&db.url).await;
    let store = open(&url, &settings());
    store.ping().await.expect("an answer");
    wire.down();
    for _ in 0..3 {
        does_not_answer(&store, "cut").await;
    }
    wire.calm();
    store.ping().await.expect("an answer");
}

#[tokio::test]
async fn a_read_only_database_is_unavailable() {
    let db = Database::postgres().await;
    let name = db.url.rsplit_once('/').expect("a URL").1.to_owned();
    let room = room("r");
    db.ready().await;
    sql(&db.url, &format!("ALTER DATABASE {name} SET default_transaction_read_only = on")).await;
    let store = db.open();
    is_unavailable(store.append_batch(many(&room, 1)).await, "read-only");
    store.head(&room).await.expect("reading goes on");
}

/// A database whose default is to acknowledge before the disk has it.
#[tokio::test]
async fn commits_are_durable_whatever_the_default_is() {
    let db = Database::postgres().await;
    let name = db.url.rsplit_once('/').expect("a URL").1.to_owned();
    sql(&db.url, &format!("ALTER DATABASE {name} SET synchronous_commit = off")).await;
    let store = db.ready().await;
    let client = sql(&db.url, WATCH_COMMITS).await;
    store.append_batch(many(&room("r"), 1)).await.expect("stored");
    let row = client.query_one("SELECT setting FROM seen", &[]).await.expect("a row");
    assert_eq!(row.get::<_, String>(0), "on");
}

#[tokio::test]
async fn a_sqlite_file_that_another_process_writes_is_unavailable_in_time() {
    let db = Database::sqlite();
    let room = room("r");
    db.ready().await;
    let store = open(&db.url, &hasty());
    let other = db.hold("").await;
    let batch = many(&room, 1);
    let start = Instant::now();
    is_unavailable(store.append_batch(batch.clone()).await, "locked");
    assert!(start.elapsed() < IN_TIME, "{:?}", start.elapsed());
    store.head(&room).await.expect("reading goes on");
    other.release().await;
    assert_eq!(store.append_batch(batch).await.expect("stored").len(), 1);
}

/// As with a disk that is too slow: a statement of SQLite cannot be stopped, so nobody waits for it, and it ends by itself.
#[tokio::test]
async fn a_sqlite_statement_that_takes_too_long_is_unavailable_and_ends_by_itself() {
    let db = Database::sqlite();
    let room = room("r");
    let store = db.ready().await;
    let hurried = open(&db.url, &StoreSettings { statement_timeout: Duration::from_micros(1), ..settings() });
    let batch = many(&room, 2_000);
    is_unavailable(hurried.append_batch(batch.clone()).await, "too slow");
    // Whether or not it was stored by then: it is there once.
    assert_eq!(store.append_batch(batch).await.expect("stored").len(), 2_000);
    assert_eq!(store.head(&room).await.expect("a head").rev, 2_000);
}

#[tokio::test]
async fn a_sqlite_file_that_cannot_be_made_is_an_error_with_its_path() {
    let db = Database::sqlite();
    db.ready().await;
    // A file where a folder is needed.
    let url = DatabaseUrl::parse(&format!("{}/below/chat.db", db.url)).expect("a URL");
    let error = Store::new(&url, &settings()).map(|_| ()).expect_err("no folder");
    assert!(matches!(&error, StoreError::Refused(text) if text.contains("chat.db")), "{error:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_hold_nothing_of_a_row() {
    let (db, store) = Database::ready_postgres().await;
    // A check of somebody's own: its error quotes the row, in a field that is not shown.
    sql(&db.url, "ALTER TABLE messages ADD CONSTRAINT no_such CHECK (content <> 'my secret')").await;
    let outcomes = store.append_batch(vec![fresh(&room("r"), "my secret")]).await;
    assert!(!format!("{outcomes:?}").contains("secret"), "{outcomes:?}");
    sql(&db.url, "ALTER TABLE messages DROP COLUMN avatar").await;
    let error = store.append_batch(vec![fresh(&room("r"), "my secret")]).await.expect_err("no column");
    assert!(matches!(error, StoreError::Broken(_)) && !error.to_string().contains("secret"), "{error:?}");
}
