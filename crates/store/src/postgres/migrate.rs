//! How migrations are applied to PostgreSQL while others use it.
//!
//! - **One at a time.** Who migrates holds a lease: a row with a moment, by the database's clock, until which it holds.
//!   Others ask for it again and again. No lock of a session does that: `CREATE INDEX CONCURRENTLY` waits for every
//!   transaction that is older than itself, and whoever waits for such a lock is in one, so the two wait for each
//!   other; and behind a pooler in transaction mode a session is not one's own.
//! - **Should two migrate all the same**, because one was held up for longer than its lease, nothing is applied twice:
//!   a migration and the row that says so are one transaction, and the row's key comes first.
//! - **Nobody waits long.** Who waits for a lock makes everybody wait that comes later. So each wait for a lock ends
//!   after [`LOCK_TIMEOUT`] and is tried again after a pause in which the others get through.
//! - **An index on a table that is in use** is built outside a transaction. There no lock timeout can be set without
//!   the session keeping it, and none is needed: `CREATE INDEX CONCURRENTLY` asks for a lock that stands in the way of
//!   no reader and no writer. It would do harm: the wait for older transactions counts as well, so that one of more
//!   than its length would leave an invalid index each time.

use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};
use tokio_postgres::{Error, error::SqlState};
use uuid::Uuid;

use super::connect::{Connector, Direct};
use crate::{
    error::{StoreError, of_direct, sentence},
    migrations::{self, APPLIED_TABLE, Migration, pending},
    worker::Task,
};

/// How long a migration waits for a lock, and with it whoever comes behind it: less than a JOIN waits for the database
/// (`CHAT_READ_WAIT_SECS`), so that one which has to wait is still answered.
const LOCK_TIMEOUT: &str = "1s";
/// The pause before the second try to get a lock; each one is twice the one before.
const PAUSE: Duration = Duration::from_millis(500);
/// The longest one.
const PAUSE_MAX: Duration = Duration::from_secs(8);
/// How long locks are tried for, and how long another server's migration is waited for, before this is an error. A
/// server that starts begins anew after it.
const TRYING_MAX: Duration = Duration::from_secs(600);
/// How long building one index may take.
const INDEX_MAX: Duration = Duration::from_secs(6 * 3_600);
/// How often the build of an index is begun, where it fails for what passes.
const INDEX_TRIES: u32 = 3;

/// Who holds the lease and has not renewed it for so long is gone.
const LEASE: &str = "5 seconds";
/// How often it is renewed.
const RENEWAL: Duration = Duration::from_secs(1);
/// How often others ask for it.
const POLL: Duration = Duration::from_millis(250);

/// The lock of the session under which a server of the first release migrates. A transaction holds it here, so that
/// such a server, starting on an empty database at the same time as this one, waits for it, and this one for that.
const FIRST_RELEASE_LOCK: i64 = 7_263_118_461_193;

/// What a failure of the lease says that it was about.
const ON_LEASE: &str = "the migrations' lease";

const LEASE_TABLE: &str = "CREATE TABLE IF NOT EXISTS migration_lease (
    id SMALLINT PRIMARY KEY DEFAULT 1 CHECK (id = 1),
    holder UUID NOT NULL,
    until TIMESTAMPTZ NOT NULL
);
COMMENT ON TABLE migration_lease IS 'At most one row: who applies migrations, and until when nobody else does.';";

/// Applies what is missing of `migrations`, makes the row of `meta`, and tells the names of what was applied here.
/// Waits for others who do the same.
pub(crate) async fn migrate(connector: &Connector, migrations: &[Migration]) -> Result<Vec<String>, StoreError> {
    let holder = Uuid::new_v4().to_string();
    let mut migrator = Migrator { c: connector.direct().await?, holder, applied: Vec::new() };
    migrator.make_tables().await?;
    migrator.take_lease().await?;
    let keeping = Task::spawn(keep(connector.clone(), migrator.holder.clone()));
    let done = migrator.apply(migrations).await;
    drop(keeping);
    // Where this fails the lease ends by itself, a little later.
    let release = "DELETE FROM migration_lease WHERE holder = $1::text::uuid";
    if let Err(error) = migrator.c.rows(ON_LEASE, release, &[&migrator.holder]).await {
        log::debug!("the migrations' lease was not given back: {error}");
    }
    done.map(|()| migrator.applied)
}

struct Migrator {
    c: Direct,
    /// This process, in the lease.
    holder: String,
    /// The names of what was applied here.
    applied: Vec<String>,
}

impl Migrator {
    /// The two tables without which nobody can wait for anybody. `IF NOT EXISTS` does not keep two who make one at the
    /// same moment from meeting in the catalogue; the second try finds it there.
    async fn make_tables(&self) -> Result<(), StoreError> {
        let doing = "preparing the migrations";
        let tables = "SELECT 1 WHERE to_regclass('__diesel_schema_migrations') IS NOT NULL
            AND to_regclass('migration_lease') IS NOT NULL";
        let mut tries = Tries::new();
        loop {
            if !self.c.rows(doing, tables, &[]).await?.is_empty() {
                return Ok(());
            }
            match self.transaction(&format!("{APPLIED_TABLE} {LEASE_TABLE}")).await {
                Ok(()) => return Ok(()),
                Err(error) if is_busy(&error) || is_twin(&error) => tries.pause(doing, &error).await?,
                Err(error) => return Err(of_direct(doing, &error)),
            }
        }
    }

    /// Waits until nobody else migrates, and sees to it that nobody does.
    async fn take_lease(&self) -> Result<(), StoreError> {
        let take = format!(
            "INSERT INTO migration_lease (id, holder, until) VALUES (1, $1::text::uuid, now() + interval '{LEASE}')
             ON CONFLICT (id) DO UPDATE SET holder = EXCLUDED.holder, until = EXCLUDED.until
             WHERE migration_lease.until <= now() RETURNING 1"
        );
        let begun = Instant::now();
        let mut has_said = false;
        while self.c.rows(ON_LEASE, &take, &[&self.holder]).await?.is_empty() {
            if !has_said {
                log::info!("another server applies migrations; waiting for it");
                has_said = true;
            }
            if begun.elapsed() > TRYING_MAX {
                return Err(StoreError::Unavailable("another server has been applying migrations for long".into()));
            }
            sleep(POLL).await;
        }
        Ok(())
    }

    async fn apply(&mut self, migrations: &[Migration]) -> Result<(), StoreError> {
        for migration in pending(migrations, &self.versions().await?) {
            match migration.concurrent_index() {
                Some(index) => self.build(migration, index).await?,
                None => self.change(migration).await?,
            }
        }
        let row = migrations::new_meta_row()?;
        let secret: String = row.secret.iter().map(|byte| format!("{byte:02x}")).collect();
        let epoch = row.epoch.0.to_string();
        let insert =
            "INSERT INTO meta (epoch, secret) VALUES ($1::text::uuid, decode($2, 'hex')) ON CONFLICT DO NOTHING";
        self.c.rows("making the row of meta", insert, &[&epoch, &secret]).await.map(|_| ())
    }

    /// Applies a migration in one transaction.
    async fn change(&mut self, migration: &Migration) -> Result<(), StoreError> {
        let (name, version, up) = (&migration.name, migration.version(), &migration.up);
        // The row first: whoever else is at this migration waits here, and finds it applied.
        let statements = format!("INSERT INTO __diesel_schema_migrations (version) VALUES ('{version}'); {up}");
        let doing = format!("migration {name}");
        let mut tries = Tries::new();
        loop {
            let Err(error) = self.transaction(&statements).await else { break };
            if self.versions().await?.iter().any(|applied| applied == version) {
                return Ok(());
            }
            if !is_busy(&error) {
                return Err(of_direct(&doing, &error));
            }
            tries.pause(&doing, &error).await?;
        }
        self.applied.push(name.to_string());
        Ok(())
    }

    /// Builds an index while others write. What is left of a build that failed is taken away first; a build that goes
    /// on although its client is gone is waited for.
    async fn build(&mut self, migration: &Migration, index: &str) -> Result<(), StoreError> {
        let doing = format!("migration {}", migration.name);
        let begun = Instant::now();
        let mut n_tries = 0;
        loop {
            let statement = match self.index(index).await? {
                Index::Valid => break,
                Index::Growing => {
                    sleep(POLL).await;
                    continue;
                }
                Index::Invalid => format!("DROP INDEX CONCURRENTLY IF EXISTS {index}"),
                Index::Missing => {
                    n_tries += 1;
                    migration.up.to_string()
                }
            };
            let left = INDEX_MAX.saturating_sub(begun.elapsed());
            let run = timeout(left, self.c.client.batch_execute(&statement)).await;
            match run.map_err(|_| StoreError::Unavailable(format!("{doing}: the index took too long").into()))? {
                Ok(()) => {}
                Err(error)
                    if n_tries < INDEX_TRIES
                        && (is_busy(&error) || error.code() == Some(&SqlState::DUPLICATE_TABLE)) =>
                {
                    log::info!("{doing}: {}; trying again", sentence(&error));
                    sleep(PAUSE).await;
                }
                Err(error) => return Err(of_direct(&doing, &error)),
            }
        }
        let insert = "INSERT INTO __diesel_schema_migrations (version) VALUES ($1) ON CONFLICT DO NOTHING RETURNING 1";
        if !self.c.rows(&doing, insert, &[migration.version()]).await?.is_empty() {
            self.applied.push(migration.name.to_string());
        }
        Ok(())
    }

    async fn index(&self, name: &str) -> Result<Index, StoreError> {
        let query = "SELECT indisvalid, EXISTS (SELECT 1 FROM pg_stat_progress_create_index AS build
                WHERE build.datname = current_database() AND build.index_relid = indexrelid)
            FROM pg_index WHERE indexrelid = to_regclass($1)";
        let found = self.c.rows("looking for an index", query, &[name]).await?;
        let Some(row) = found.first() else { return Ok(Index::Missing) };
        let is = |i: usize| row.try_get::<_, bool>(i).unwrap_or_default();
        Ok(if is(0) {
            Index::Valid
        } else if is(1) {
            Index::Growing
        } else {
            Index::Invalid
        })
    }

    /// The versions that are applied.
    async fn versions(&self) -> Result<Vec<String>, StoreError> {
        let doing = "looking for migrations";
        let rows = self.c.rows(doing, "SELECT version FROM __diesel_schema_migrations", &[]).await?;
        rows.iter().map(|row| row.try_get(0).map_err(|e| of_direct(doing, &e))).collect()
    }

    /// Runs statements in one transaction: one message, and no settings that outlive it.
    async fn transaction(&self, statements: &str) -> Result<(), Error> {
        let run = format!(
            "BEGIN;
             SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'; SET LOCAL statement_timeout = '60s';
             SET LOCAL client_min_messages = warning;
             SELECT pg_advisory_xact_lock({FIRST_RELEASE_LOCK});
             {statements};
             COMMIT"
        );
        let done = self.c.client.batch_execute(&run).await;
        if done.is_err()
            && let Err(error) = self.c.client.batch_execute("ROLLBACK").await
        {
            log::debug!("no rollback: {error}");
        }
        done
    }
}

/// What there is under the name of an index.
enum Index {
    Missing,
    Valid,
    /// Somebody builds it.
    Growing,
    /// A build failed and left it.
    Invalid,
}

/// Whether the same may work a little later: a lock was not to be had in time, or locks crossed.
fn is_busy(error: &Error) -> bool {
    let busy = [
        SqlState::LOCK_NOT_AVAILABLE,
        SqlState::T_R_DEADLOCK_DETECTED,
        SqlState::T_R_SERIALIZATION_FAILURE,
        SqlState::OBJECT_IN_USE,
    ];
    error.code().is_some_and(|code| busy.contains(code))
}

/// Whether somebody made the same thing at the same moment.
fn is_twin(error: &Error) -> bool {
    let twin = [SqlState::UNIQUE_VIOLATION, SqlState::DUPLICATE_TABLE, SqlState::DUPLICATE_OBJECT];
    error.code().is_some_and(|code| twin.contains(code))
}

/// Tries that are over at some time.
struct Tries {
    begun: Instant,
    pause: Duration,
}

impl Tries {
    fn new() -> Self {
        Self { begun: Instant::now(), pause: PAUSE }
    }

    /// Lets the others through before the next try, unless there were enough.
    async fn pause(&mut self, doing: &str, error: &Error) -> Result<(), StoreError> {
        if self.begun.elapsed() > TRYING_MAX {
            return Err(of_direct(&format!("{doing} found no free moment"), error));
        }
        if self.pause == PAUSE {
            // Once; the pauses that follow are longer.
            log::info!("{doing} lets others through and tries again: {}", sentence(error));
        }
        sleep(self.pause).await;
        self.pause = (self.pause * 2).min(PAUSE_MAX);
        Ok(())
    }
}

/// Renews the lease, on a connection of its own: the other one is busy for as long as an index takes.
async fn keep(connector: Connector, holder: String) {
    let mut connection = None;
    loop {
        sleep(RENEWAL).await;
        // What fails is tried again; should the lease be over meanwhile, the transactions keep order.
        match timeout(RENEWAL * 2, renew(&connector, &mut connection, &holder)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => log::debug!("the migrations' lease was not renewed: {error}"),
            Err(_) => connection = None,
        }
    }
}

async fn renew(connector: &Connector, connection: &mut Option<Direct>, holder: &str) -> Result<(), StoreError> {
    let c = match connection.take() {
        Some(c) => c,
        None => connector.direct().await?,
    };
    let renew = format!("UPDATE migration_lease SET until = now() + interval '{LEASE}' WHERE holder = $1::text::uuid");
    c.rows(ON_LEASE, &renew, &[holder]).await?;
    *connection = Some(c);
    Ok(())
}
