//! Migrations while servers write, at the same time as each other, and after one that was cut off.

use std::{env, fs, path::PathBuf, time::Duration};

use chat_store::{AppendOutcome, Loaded, Store, StoreError, StoreSettings};
use tokio::task::JoinHandle;
use tokio_postgres::Client;
use uuid::Uuid;

use crate::support::{Database, Proxy, fresh, is_unavailable, open, room, settings, someone_waits, sql};

/// Only a failing test waits that long.
const PATIENCE: Duration = Duration::from_secs(60);

async fn until(what: &str, mut ask: impl AsyncFnMut() -> bool) {
    let asking = async {
        while !ask().await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENCE, asking).await.unwrap_or_else(|_| panic!("waited {PATIENCE:?} for {what}"));
}

async fn finds(client: &Client, query: &str) -> bool {
    !client.query(query, &[]).await.expect(query).is_empty()
}

/// A migration that no release has, in a folder that goes with this value.
struct More(PathBuf);

const MORE: &str = "20991231000000_more";

impl More {
    fn new(up: &str) -> Self {
        let folder = env::temp_dir().join(format!("rtc_{}", Uuid::new_v4().simple()));
        fs::create_dir_all(folder.join(MORE)).expect("a folder");
        fs::write(folder.join(MORE).join("up.sql"), up).expect("a file");
        Self(folder)
    }

    /// A server of the release that has this migration.
    fn open(&self, url: &str) -> Store {
        open(url, &StoreSettings { more_migrations: Some(self.0.clone()), ..settings() })
    }

    fn migrating(&self, url: &str) -> JoinHandle<Result<Vec<String>, StoreError>> {
        let store = self.open(url);
        tokio::spawn(async move { store.migrate().await })
    }
}

impl Drop for More {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// As persistence does it: a message that meets the migration's wait for the table is given again until it is stored.
async fn store_beside(store: &Store) {
    let rows = vec![fresh(&room("r"), "beside it")];
    until("the message to be stored", async || {
        let outcomes = store.append_batch_again(rows.clone()).await.expect("no outage");
        matches!(outcomes[..], [AppendOutcome::Stored(..) | AppendOutcome::Repeated(_)])
    })
    .await;
}

/// Somebody has read a table and not ended the transaction, as `pg_dump` does for as long as it runs. Who waits for
/// this one makes all wait that come later: so the migration gives up its place and comes again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_stores_while_a_migration_waits_for_a_transaction_to_end() {
    let (db, store) = Database::ready_postgres().await;
    let more = More::new("ALTER TABLE messages ADD COLUMN more BIGINT;");
    let reading = sql(&db.url, "BEGIN; SELECT count(*) FROM messages; SELECT count(*) FROM meta").await;
    let migrating = more.migrating(&db.url);
    let watching = sql(&db.url, "").await;
    for n in 1..=3 {
        until("the migration to wait", async || someone_waits(&watching).await).await;
        store_beside(&store).await;
        assert_eq!(store.head(&room("r")).await.expect("a head").message_count, n);
        assert!(!migrating.is_finished(), "the table is still in use");
    }
    reading.batch_execute("COMMIT").await.expect("its end");
    assert_eq!(migrating.await.expect("a task"), Ok(vec![MORE.to_owned()]));
    store.append_batch(vec![fresh(&room("r"), "an older server on the newer schema")]).await.expect("stored");
    assert_eq!(store.schema_current().await, Ok(true), "an older release has all that it needs");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_migration_waits_for_another_one_and_takes_over_from_one_that_is_gone() {
    let db = Database::postgres().await;
    let client = sql(&db.url, "").await;
    db.ready().await;
    let hold = "INSERT INTO migration_lease (holder, until) VALUES (gen_random_uuid(), now() + interval '1 hour')";
    client.batch_execute(hold).await.expect("a lease");
    let more = More::new("CREATE TABLE more ();");
    let migrating = more.migrating(&db.url);
    let asks = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND state = 'idle'
        AND query LIKE 'INSERT INTO migration_lease%' AND pid <> pg_backend_pid()";
    until("the migration to ask for the lease", async || finds(&client, asks).await).await;
    assert!(!finds(&client, "SELECT 1 WHERE to_regclass('more') IS NOT NULL").await);
    assert!(!migrating.is_finished());
    client.batch_execute("UPDATE migration_lease SET until = now()").await.expect("its end");
    assert_eq!(migrating.await.expect("a task"), Ok(vec![MORE.to_owned()]));
    assert!(!finds(&client, "SELECT 1 FROM migration_lease").await, "it is given back");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_migration_that_cannot_work_is_named_and_leaves_nothing() {
    let db = Database::postgres().await;
    db.ready().await;
    let more = More::new("CREATE TABLE more (); CREATE TABLE meta ();");
    let failed = more.open(&db.url).migrate().await.expect_err("meta is there");
    let StoreError::Broken(text) = &failed else { panic!("{failed:?} is not Broken") };
    assert!(text.contains(MORE) && text.contains("\"meta\" already exists") && !text.contains('\n'), "{text}");
    let client = sql(&db.url, "").await;
    assert!(!finds(&client, "SELECT 1 WHERE to_regclass('more') IS NOT NULL").await);
    assert!(!finds(&client, "SELECT 1 FROM migration_lease").await, "it is given back");
}

const INDEX: &str = "-- For reading changes.
CREATE INDEX CONCURRENTLY idx_more ON messages (room_id, rev) WHERE rev <> seq;
";
const IS_VALID: &str = "SELECT 1 FROM pg_index WHERE indexrelid = to_regclass('idx_more') AND indisvalid
    AND NOT indisunique";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_index_that_a_failed_build_left_behind_is_built_anew() {
    let (db, store) = Database::ready_postgres().await;
    store.append_batch(vec![fresh(&room("r"), "a"), fresh(&room("r"), "b")]).await.expect("stored");
    let client = sql(&db.url, "").await;
    let fails = "CREATE UNIQUE INDEX CONCURRENTLY idx_more ON messages (room_id)";
    client.batch_execute(fails).await.expect_err("two rows of one room");
    assert!(finds(&client, "SELECT 1 FROM pg_index WHERE indexrelid = to_regclass('idx_more')").await);
    let more = More::new(INDEX);
    assert_eq!(more.open(&db.url).migrate().await, Ok(vec![MORE.to_owned()]));
    assert!(finds(&client, IS_VALID).await);
    assert_eq!(more.open(&db.url).migrate().await, Ok(Vec::new()));
}

/// The server that migrates dies while its index grows; the database goes on without it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_index_whose_builder_is_gone_is_finished_by_the_next_server() {
    let (db, store) = Database::ready_postgres().await;
    store.append_batch(vec![fresh(&room("r"), "a")]).await.expect("stored");
    let old = sql(&db.url, "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM messages").await;
    let more = More::new(INDEX);
    let (wire, url) = Proxy::to_postgres(&db.url).await;
    let dying = more.migrating(&url);
    let watching = sql(&db.url, "").await;
    let grows = "SELECT 1 FROM pg_stat_progress_create_index WHERE datname = current_database()
        AND phase LIKE 'waiting%'";
    until("the index to wait for older transactions", async || finds(&watching, grows).await).await;
    store.append_batch(vec![fresh(&room("r"), "b")]).await.expect("it hinders nobody");
    wire.down();
    is_unavailable(dying.await.expect("a task"), "its connection is gone");
    let migrating = more.migrating(&db.url);
    let looks = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND state = 'idle'
        AND query LIKE 'SELECT indisvalid%' AND pid <> pg_backend_pid()";
    until("the next server to look for the index", async || finds(&watching, looks).await).await;
    store.append_batch(vec![fresh(&room("r"), "c")]).await.expect("it hinders nobody");
    assert!(!migrating.is_finished());
    old.batch_execute("COMMIT").await.expect("its end");
    assert_eq!(migrating.await.expect("a task"), Ok(vec![MORE.to_owned()]));
    assert!(finds(&watching, IS_VALID).await);
}

on_both!(the_database_has_a_name_for_good, a_database_of_the_first_release_keeps_its_key_and_gets_a_name);

async fn the_database_has_a_name_for_good(db: &Database) {
    let store = db.ready().await;
    let name = store.meta().await.expect("meta").name;
    assert!(name.len() == 12 && name.bytes().all(|b| b.is_ascii_hexdigit()), "{name}");
    store.new_epoch().await.expect("a new epoch");
    assert_eq!(db.open().meta().await.expect("meta").name, name);
}

/// As diesel's harness, which the first release applied its migrations with, leaves a database.
const FIRST_RELEASE: &str = "CREATE TABLE __diesel_schema_migrations (version VARCHAR(50) PRIMARY KEY NOT NULL,
        run_on TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP);
    INSERT INTO __diesel_schema_migrations (version) VALUES ('20261120000000');";

async fn a_database_of_the_first_release_keeps_its_key_and_gets_a_name(db: &Database) {
    let (epoch, secret) = (Uuid::new_v4(), "5e".repeat(32));
    let (schema, values) = if db.is_sqlite() {
        fs::create_dir_all(db.sqlite_path().parent().expect("a folder")).expect("a folder");
        let schema = include_str!("../../migrations/sqlite/20261120000000_create_chat/up.sql");
        (schema, format!("X'{}', X'{secret}'", epoch.simple()))
    } else {
        let schema = include_str!("../../migrations/postgresql/20261120000000_create_chat/up.sql");
        (schema, format!("'{epoch}', decode('{secret}', 'hex')"))
    };
    db.run(&format!("{schema} {FIRST_RELEASE} INSERT INTO meta (epoch, secret) VALUES ({values})")).await;
    // Servers of the new release that start together agree.
    let mut names = Vec::new();
    for (_, meta) in db.start_together(3).await {
        assert_eq!(meta.epoch, chat_domain::Epoch::from_uuid(epoch));
        assert_eq!(meta.secret, [0x5e; 32]);
        names.push(meta.name);
    }
    assert!(names.iter().all(|name| name.len() == 12 && Some(name) == names.first()), "{names:?}");
}

/// What the release before stores a message with, shortened to one message.
const OF_THE_RELEASE_BEFORE: &str = "WITH bump AS (
      INSERT INTO rooms AS r (id, epoch, last_rev, message_count, created_at, last_message_at)
      SELECT 'r', (SELECT epoch FROM meta WHERE id = 1), 1, 1, now(), now()
      ON CONFLICT (id) DO UPDATE SET last_rev = r.last_rev + excluded.last_rev,
        message_count = r.message_count + excluded.message_count,
        last_message_at = greatest(r.last_message_at, excluded.last_message_at)
      RETURNING r.id, r.last_rev)
    INSERT INTO messages (room_id, anonymous_id, nickname, avatar, content, client_id, seq, rev, created_at)
    SELECT b.id, 'old', 'old server', 'otter', 'of the release before', gen_random_uuid(), b.last_rev, b.last_rev, now()
    FROM bump b";

/// A server of the release before writes while this one migrates, and beside it afterwards.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_of_the_release_before_writes_on_while_this_one_migrates() {
    let db = Database::postgres().await;
    let schema = [
        include_str!("../../migrations/postgresql/20261120000000_create_chat/up.sql"),
        include_str!("../../migrations/postgresql/20261128000000_add_servers/up.sql"),
        FIRST_RELEASE,
        "INSERT INTO __diesel_schema_migrations (version) VALUES ('20261128000000');",
        "INSERT INTO meta (epoch, secret) VALUES (gen_random_uuid(), decode('5e', 'hex'));",
    ];
    let client = sql(&db.url, &schema.join("\n")).await;
    for _ in 0..5 {
        client.batch_execute(OF_THE_RELEASE_BEFORE).await.expect("stored");
    }
    let store = db.open();
    let migrating = {
        let store = store.clone();
        tokio::spawn(async move { store.migrate().await })
    };
    let mut n = 5;
    while !migrating.is_finished() {
        client.batch_execute(OF_THE_RELEASE_BEFORE).await.expect("stored beside it");
        n += 1;
    }
    assert_eq!(migrating.await.expect("a task").expect("migrations").len(), 22);
    let r = room("r");
    let new = store.append_batch(vec![fresh(&r, "of this release")]).await.expect("stored");
    assert!(matches!(new[..], [AppendOutcome::Stored(m, None)] if m.seq == n + 1));
    client.batch_execute(OF_THE_RELEASE_BEFORE).await.expect("stored behind it");
    let Loaded { head, page, .. } = store.load(&r, 100_000).await.expect("loaded");
    assert_eq!((head.rev, head.message_count), (n + 2, n + 2));
    assert!(page.messages.iter().map(|m| m.seq).eq(1..=n + 2));
    assert!(page.messages.iter().all(|m| m.annotations.is_none()));
    assert_eq!(store.changes_since(&r, n, 10).await.expect("changes").messages.len(), 2);
    let valid = "SELECT 1 FROM pg_index WHERE indisvalid AND indexrelid = ANY (ARRAY[
        'idx_messages_room_rev'::regclass, 'idx_messages_room_pinned'::regclass, 'idx_audit_log_guard'::regclass])";
    assert_eq!(client.query(valid, &[]).await.expect("indexes").len(), 3);
}
