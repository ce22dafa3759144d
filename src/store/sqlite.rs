//! The store in a SQLite file.

use std::{
    fs::{self, File, TryLockError},
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::Duration,
};

use chrono::{DateTime, Utc};
use deadpool::Runtime;
use diesel::{
    connection::SimpleConnection, prelude::*, result::Error as QueryError, sql_query, sqlite::SqliteConnection, update,
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
    path: PathBuf,
    busy_max: Duration,
    /// Held as long as the store lives, where the file is this server's alone.
    _lock: Option<File>,
}

impl Sqlite {
    pub fn new(path: &Path, settings: &StoreSettings) -> Result<Self, StoreError> {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(|e| unusable(path, &e))?;
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
            connector: None,
            retirement: Mutex::default(),
        };
        Ok(Self { pools, path: path.to_owned(), busy_max: settings.statement_timeout, _lock: lock })
    }

    /// Whether the file is a database, and can be written.
    pub async fn check(&self) -> Result<(), StoreError> {
        // The lock alone can be had where nothing can be written. Nobody uses this number of the file's head.
        let job = |c: &mut SqliteConnection| c.immediate_transaction(|c| c.batch_execute("PRAGMA user_version = 0"));
        let checked = self.pools.write(move |c| c.spawn_blocking(job)).await.map_err(StoreError::from);
        checked.map_err(|error| self.about_the_file(error))
    }

    /// SQLite's sentence for what cannot be used at all, with the file's name and what to do.
    fn about_the_file(&self, error: StoreError) -> StoreError {
        let (text, path) = (error.to_string(), self.path.display());
        if text.contains("file is not a database") {
            return StoreError::Refused(format!("{path} is something else than a SQLite database").into());
        }
        if text.contains("malformed") {
            return StoreError::Refused(format!("{path} is damaged: put a backup back (docs/OPERATIONS.md)").into());
        }
        let opened = File::options().write(true).open(&self.path).map(drop);
        let probe = self.path.with_extension("writable");
        let made = opened.and_then(|()| File::create_new(&probe).map(drop).and_then(|()| fs::remove_file(&probe)));
        match made {
            Err(why) if why.kind() != std::io::ErrorKind::NotFound => unusable(&self.path, &why),
            _ => error,
        }
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

/// Why a file or its folder cannot be used: for good, where somebody has to change something first.
fn unusable(path: &Path, error: &std::io::Error) -> StoreError {
    use std::io::ErrorKind::{NotADirectory, PermissionDenied, ReadOnlyFilesystem};
    let path = path.display();
    match error.kind() {
        PermissionDenied | ReadOnlyFilesystem | NotADirectory => StoreError::Refused(
            format!("{path}: {error}; this user must be able to write the file and to make others in its folder")
                .into(),
        ),
        _ => StoreError::Unavailable(format!("{path}: {error}").into()),
    }
}

/// Makes the file this process's alone, among those that ask.
pub(super) fn lock(path: &Path) -> Result<File, StoreError> {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    let lock_path = PathBuf::from(name);
    let unusable = |e: std::io::Error| unusable(&lock_path, &e);
    let file = File::options().create(true).truncate(false).write(true).open(&lock_path).map_err(unusable)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StoreError::Locked(path.to_owned())),
        Err(TryLockError::Error(e)) => Err(unusable(e)),
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
        let applied = migrations::apply_to_sqlite(c)?;
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
    let versions = migrations::applied_to_sqlite(c)?;
    let n_meta = meta::table.count().get_result::<i64>(c)?;
    Ok(n_meta == 1 && migrations::pending(&migrations::SQLITE, &versions).is_empty())
}
