//! The store in a SQLite file.

use std::{
    fs::{self, File, TryLockError},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use chrono::{DateTime, Utc};
use deadpool::Runtime;
use diesel::{
    connection::SimpleConnection,
    prelude::*,
    result::Error as QueryError,
    sql_query,
    sqlite::{Sqlite as Backend, SqliteConnection},
    update,
};
use diesel_async::{
    AsyncConnection, SimpleAsyncConnection,
    pooled_connection::{AsyncDieselConnectionManager, ManagerConfig, RecyclingMethod, deadpool::Pool},
    sync_connection_wrapper::SyncConnectionWrapper,
};
use futures_util::FutureExt;
use uuid::Uuid;

use super::{
    AppendOutcome, StoreSettings,
    error::StoreError,
    lease::Pools,
    migrations,
    schema::{meta, rooms},
    splitting::Splitting,
    sql_types::Key,
    sqlite_batch,
};
use crate::domain::{Epoch, NewMessage};

pub(super) type Connection = SyncConnectionWrapper<SqliteConnection>;

/// For the connection that writes: a commit is on the disk (FULL). The cache and the rarer checkpoints are
/// worth a third of the throughput (docs/adr/0003).
const WRITING: &str = "PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA cache_size = -65536;
    PRAGMA wal_autocheckpoint = 4000;";

const READING: &str = "PRAGMA query_only = ON; PRAGMA cache_size = -8192;";

/// How often switching a new file to WAL is tried: SQLite does not wait for others there.
const WAL_TRIES: u32 = 20;

/// How long a migration waits for another process's.
const MIGRATION_WAIT: Duration = Duration::from_secs(60);

pub(super) struct Sqlite {
    pub pools: Pools<Connection>,
    busy_max: Duration,
    /// Held as long as the store lives, where the file is this server's alone.
    _lock: Option<File>,
}

impl Sqlite {
    pub fn new(path: &Path, settings: &StoreSettings) -> Result<Self, StoreError> {
        let unavailable = |e: std::io::Error| StoreError::Unavailable(format!("{}: {e}", path.display()).into());
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(unavailable)?;
        }
        let lock = if settings.exclusive { Some(lock(path)?) } else { None };
        let name: Arc<str> =
            path.to_str().ok_or_else(|| StoreError::Broken("the path of the SQLite file is not UTF-8".into()))?.into();
        let pool = |size: usize, purpose: &'static str| {
            Pool::builder(manager(&name, settings.statement_timeout, purpose))
                .max_size(size)
                .runtime(Runtime::Tokio1)
                .wait_timeout(Some(settings.pool_wait))
                .build()
                .map_err(|_| StoreError::Broken("the pool is not set up".into()))
        };
        let pools = Pools {
            writer: pool(1, WRITING)?,
            readers: pool(settings.pool_size.max(1), READING)?,
            // A commit may follow a wait for another process's.
            job_max: settings.statement_timeout.saturating_mul(2),
        };
        Ok(Self { pools, busy_max: settings.statement_timeout, _lock: lock })
    }

    pub async fn migrate(&self) -> Result<Vec<String>, StoreError> {
        // Waiting for another one's migration is part of starting.
        let (patient, usual) = (busy_timeout(MIGRATION_WAIT), busy_timeout(self.busy_max));
        let job = move |c: &mut SqliteConnection| {
            c.batch_execute(&patient)?;
            let applied = migrate(c);
            c.batch_execute(&usual)?;
            applied
        };
        Ok(self.pools.administer(move |c| c.spawn_blocking(job)).await?)
    }

    pub async fn schema_current(&self) -> Result<bool, StoreError> {
        self.pools.read(|c| c.spawn_blocking(applied)).await
    }

    pub async fn new_epoch(&self) -> Result<Epoch, StoreError> {
        let key = Key(Uuid::new_v4());
        let change = move |c: &mut SqliteConnection| begin_epoch(c, key);
        self.pools.administer(move |c| c.spawn_blocking(change)).await?;
        Ok(key.into())
    }

    /// Stores a batch, each part of it in one transaction, in one job on a thread that may block.
    ///
    /// SQLite locks the file and no room, so what somebody else holds keeps all of them waiting.
    pub async fn append(&self, rows: &[Arc<NewMessage>]) -> Result<Vec<AppendOutcome>, StoreError> {
        let mut splitting = Splitting::new(rows);
        while let Some(part) = splitting.next_part() {
            let job = move |c: &mut SqliteConnection| sqlite_batch::append(c, &part, now());
            match self.pools.write(move |c| c.spawn_blocking(job)).await {
                Ok(done) => splitting.took(done),
                Err(failure) => splitting.failed(failure)?,
            }
        }
        splitting.finish()
    }
}

/// Now, to the millisecond: what the file holds and what is told of it are the same.
fn now() -> DateTime<Utc> {
    let now = Utc::now();
    DateTime::from_timestamp_millis(now.timestamp_millis()).unwrap_or(now)
}

/// Gives every room this epoch, those without a row as well.
pub(super) fn begin_epoch(c: &mut SqliteConnection, key: Key) -> QueryResult<()> {
    c.immediate_transaction(|c| {
        update(meta::table).set(meta::epoch.eq(key)).execute(c)?;
        update(rooms::table).set(rooms::epoch.eq(key)).execute(c)?;
        Ok(())
    })
}

/// Makes the file this process's alone, among those that ask.
pub(super) fn lock(path: &Path) -> Result<File, StoreError> {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    let lock_path = PathBuf::from(name);
    let unavailable = |e: std::io::Error| StoreError::Unavailable(format!("{}: {e}", lock_path.display()).into());
    let file = File::options().create(true).truncate(false).write(true).open(&lock_path).map_err(unavailable)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StoreError::Locked(path.to_owned())),
        Err(TryLockError::Error(e)) => Err(unavailable(e)),
    }
}

fn manager(name: &Arc<str>, busy_max: Duration, purpose: &'static str) -> AsyncDieselConnectionManager<Connection> {
    let setup = format!("{} PRAGMA journal_mode = WAL; {purpose}", busy_timeout(busy_max));
    let setup: Arc<str> = setup.into();
    let path = Arc::clone(name);
    let mut config = ManagerConfig::default();
    config.recycling_method = RecyclingMethod::Fast;
    config.custom_setup = Box::new(move |_| {
        let (path, setup) = (Arc::clone(&path), Arc::clone(&setup));
        async move {
            let mut c = Connection::establish(&path).await?;
            let mut result = c.batch_execute(&setup).await;
            for tried in 1..WAL_TRIES {
                if result.is_ok() {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(u64::from(tried) * 2)).await;
                result = c.batch_execute(&setup).await;
            }
            result.map(|()| c).map_err(ConnectionError::CouldntSetupConfiguration)
        }
        .boxed()
    });
    AsyncDieselConnectionManager::new_with_config("", config)
}

fn busy_timeout(limit: Duration) -> String {
    format!("PRAGMA busy_timeout = {};", limit.as_millis())
}

/// Everything in one transaction that no other process can be in at the same time.
fn migrate(c: &mut SqliteConnection) -> QueryResult<Vec<String>> {
    let through = |e: StoreError| QueryError::QueryBuilderError(Box::new(e));
    c.immediate_transaction(|c| {
        let applied = migrations::apply::<Backend>(c, migrations::SQLITE).map_err(through)?;
        let row = migrations::new_meta_row().map_err(through)?;
        diesel::insert_or_ignore_into(meta::table).values(row).execute(c)?;
        Ok(applied)
    })
}

/// Whether this release's migrations are all applied and the row of `meta` is there.
fn applied(c: &mut SqliteConnection) -> QueryResult<bool> {
    #[derive(QueryableByName)]
    struct Count {
        #[diesel(sql_type = diesel::sql_types::BigInt)]
        n: i64,
    }
    let tables = "SELECT count(*) AS n FROM sqlite_master WHERE type = 'table'
        AND name IN ('__diesel_schema_migrations', 'meta')";
    if sql_query(tables).get_result::<Count>(c)?.n < 2 {
        return Ok(false);
    }
    // A connection that only reads cannot use the harness, which makes its table where that is missing.
    #[derive(QueryableByName)]
    struct Version {
        #[diesel(sql_type = diesel::sql_types::Text)]
        version: String,
    }
    let rows: Vec<Version> = sql_query("SELECT version FROM __diesel_schema_migrations").load(c)?;
    let versions: Vec<String> = rows.into_iter().map(|row| row.version).collect();
    let n_meta = meta::table.count().get_result::<i64>(c)?;
    Ok(n_meta == 1 && migrations::all_applied::<Backend>(&migrations::SQLITE, &versions))
}
