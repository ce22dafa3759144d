//! The store in a SQLite file: its pools, batches, the file itself and its backups.

pub(crate) mod archive;
mod backup;
mod batch;
mod changes;
mod file;
mod history;

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use chrono::{DateTime, Utc};
use diesel::{
    connection::SimpleConnection,
    dsl::sql,
    prelude::*,
    result::Error as QueryError,
    sql_types::{BigInt, Integer},
    sqlite::SqliteConnection,
    update,
};
use diesel_async::{
    AsyncConnection, SimpleAsyncConnection,
    pooled_connection::{AsyncDieselConnectionManager, ManagerConfig, RecyclingMethod},
    sync_connection_wrapper::SyncConnectionWrapper,
};
use futures_util::FutureExt;
use uuid::Uuid;

use self::file::{OwnFile, unusable};
use crate::{
    error::{StoreError, through_diesel},
    migrations,
    model::{AppendOutcome, ChangeOutcome, HistoryCheck, Known},
    pools::Pools,
    settings::StoreSettings,
    splitting::{Row, Splitting},
    tables::{
        schema::{meta, rooms},
        sql_types::Key,
    },
};
use chat_domain::{Epoch, NewChange, NewMessage, RoomId};

pub use backup::{BackupError, Contents, back_up, restore};

pub(crate) type Connection = SyncConnectionWrapper<SqliteConnection>;

/// For the connection that writes: a commit is on the disk (FULL). The cache and the rarer checkpoints are
/// worth a third of the throughput (docs/adr/0003).
const WRITING: &str = "PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA cache_size = -65536;
    PRAGMA secure_delete = ON;
    PRAGMA wal_autocheckpoint = 4000;";

const READING: &str = "PRAGMA query_only = ON; PRAGMA cache_size = -8192;";

/// How often switching a new file to WAL is tried: SQLite does not wait for others there.
const WAL_TRIES: u32 = 20;

/// How long a migration waits for another process's.
const MIGRATION_WAIT: Duration = Duration::from_secs(60);

pub(crate) struct Sqlite {
    pub pools: Pools<Connection>,
    path: PathBuf,
    busy_max: Duration,
    /// Where the file is this server's alone. The pools, and with them SQLite's descriptors, go before it.
    own: Option<Arc<OwnFile>>,
}

impl Sqlite {
    pub fn new(path: &Path, settings: &StoreSettings) -> Result<Self, StoreError> {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(|e| unusable(path, &e))?;
        }
        let own = if settings.exclusive {
            Some(Arc::new(OwnFile::open(path)?))
        } else {
            file::create(path).map_err(|e| unusable(path, &e))?;
            None
        };
        let name: Arc<str> =
            path.to_str().ok_or_else(|| StoreError::Broken("the path of the SQLite file is not UTF-8".into()))?.into();
        let manager = |purpose| manager(&name, own.clone(), settings.statement_timeout, purpose);
        // A commit may follow a wait for another process's.
        let job_max = settings.statement_timeout.saturating_mul(2);
        let pools = Pools::new(manager(WRITING), manager(READING), job_max, None, settings)?;
        Ok(Self { pools, path: path.to_owned(), busy_max: settings.statement_timeout, own })
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
        // Not opened: closing a descriptor of the file gives up SQLite's locks on it.
        let writable = rustix::fs::access(&self.path, rustix::fs::Access::WRITE_OK).map_err(std::io::Error::from);
        let probe = self.path.with_extension("writable");
        let made = writable.and_then(|()| File::create_new(&probe).map(drop).and_then(|()| fs::remove_file(&probe)));
        match made {
            Err(why) if why.kind() != std::io::ErrorKind::NotFound => unusable(&self.path, &why),
            _ => error,
        }
    }

    /// Brings what is in the log into the file and empties the log, in which what was erased stands for a while. Whether
    /// that is done: who reads may be in the way.
    pub async fn scrub(&self) -> Result<bool, StoreError> {
        let job = |c: &mut SqliteConnection| {
            let emptying = sql::<(Integer, Integer, Integer)>("PRAGMA wal_checkpoint(TRUNCATE)");
            emptying.get_result::<(i32, i32, i32)>(c).map(|(busy, ..)| busy == 0)
        };
        Ok(self.pools.write(move |c| c.spawn_blocking(job)).await?)
    }

    pub async fn migrate(&self) -> Result<Vec<String>, StoreError> {
        // Waiting for another one's migration is part of starting.
        let (patient, usual) = (busy_timeout(MIGRATION_WAIT), busy_timeout(self.busy_max));
        let own = self.own.clone();
        let job = move |c: &mut SqliteConnection| {
            c.batch_execute(&patient)?;
            let applied = migrate(c);
            c.batch_execute(&usual)?;
            if let (Ok(_), Some(own)) = (&applied, &own) {
                begin_epoch_if_older(c, own)?;
            }
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

    pub async fn new_room_epoch(&self, room: RoomId) -> Result<Option<Epoch>, StoreError> {
        let key = Key(Uuid::new_v4());
        let change = move |c: &mut SqliteConnection| history::new_room_epoch(c, &room, key);
        let changed = self.pools.write(move |c| c.spawn_blocking(change)).await?;
        Ok(changed.then(|| key.into()))
    }

    pub async fn check_history(&self, room: RoomId, known: Known) -> Result<HistoryCheck, StoreError> {
        self.in_place()?;
        let key = Key(Uuid::new_v4());
        let check = move |c: &mut SqliteConnection| history::check(c, &room, &known, key);
        Ok(self.pools.write(move |c| c.spawn_blocking(check)).await?)
    }

    pub async fn probe_write(&self, rows: Vec<Arc<NewMessage>>) -> Result<(), StoreError> {
        self.in_place()?;
        let job = move |c: &mut SqliteConnection| batch::probe(c, &rows, now());
        self.pools.write(move |c| c.spawn_blocking(job)).await?;
        self.in_place()
    }

    /// Stores a batch, each part of it in one transaction, in one job on a thread that may block.
    ///
    /// SQLite locks the file and no room, so what somebody else holds keeps all of them waiting.
    pub async fn append(&self, rows: &[Arc<NewMessage>]) -> Result<Vec<AppendOutcome>, StoreError> {
        let own = self.own.clone();
        let append = move |c: &mut SqliteConnection, part: &[Arc<NewMessage>]| {
            let outcomes = batch::append(c, part, now())?;
            let id_of = |o: &AppendOutcome| if let AppendOutcome::Stored(m, _) = o { Some(m.id) } else { None };
            if let (Some(own), Some(id)) = (&own, outcomes.iter().rev().find_map(id_of)) {
                own.note(id);
            }
            Ok(outcomes)
        };
        self.in_parts(rows, append).await
    }

    /// Stores a batch of changes in the same way.
    pub async fn change(&self, rows: &[Arc<NewChange>]) -> Result<Vec<ChangeOutcome>, StoreError> {
        self.in_parts(rows, |c, part| changes::change(c, part, now())).await
    }

    async fn in_parts<R: Row + Send + Sync + 'static>(
        &self,
        rows: &[Arc<R>],
        store: impl Fn(&mut SqliteConnection, &[Arc<R>]) -> QueryResult<Vec<R::Outcome>> + Clone + Send + 'static,
    ) -> Result<Vec<R::Outcome>, StoreError>
    where
        R::Outcome: Send,
    {
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        let mut splitting = Splitting::new(rows);
        while let Some(part) = splitting.next_part() {
            self.in_place()?;
            let store = store.clone();
            let job = move |c: &mut SqliteConnection| store(c, &part);
            match self.pools.write(move |c| c.spawn_blocking(job)).await {
                Ok(done) => splitting.took(done),
                Err(failure) => splitting.failed(failure)?,
            }
        }
        let outcomes = splitting.finish()?;
        // Where the file went meanwhile nobody will find what was stored.
        self.in_place()?;
        Ok(outcomes)
    }

    /// Removes what moderators deleted so long ago that it cannot be undone any more.
    pub async fn sweep(&self) -> Result<usize, StoreError> {
        let sweeping = |c: &mut SqliteConnection| changes::statements::sweep(c, now());
        Ok(self.pools.write(move |c| c.spawn_blocking(sweeping)).await?)
    }

    /// Whether the file is still the one that was opened, where it is this server's alone.
    pub fn in_place(&self) -> Result<(), StoreError> {
        self.own.as_ref().map_or(Ok(()), |own| own.check())
    }
}

/// Now, to the millisecond: what the file holds and what is answered are the same.
fn now() -> DateTime<Utc> {
    let now = Utc::now();
    DateTime::from_timestamp_millis(now.timestamp_millis()).unwrap_or(now)
}

/// Gives every room this epoch, those without a row as well.
pub(crate) fn begin_epoch(c: &mut SqliteConnection, key: Key) -> QueryResult<()> {
    c.immediate_transaction(|c| {
        update(meta::table).set(meta::epoch.eq(key)).execute(c)?;
        update(rooms::table).set(rooms::epoch.eq(key)).execute(c)?;
        Ok(())
    })
}

/// An older copy that was put back by hand gives numbers to new messages that clients have seen with others. The lock
/// file stayed, and says so.
fn begin_epoch_if_older(c: &mut SqliteConnection, own: &OwnFile) -> QueryResult<()> {
    let query = "SELECT ifnull(max(seq), 0) FROM sqlite_sequence WHERE name = 'messages'";
    let id = sql::<BigInt>(query).get_result(c)?;
    let noted = own.noted();
    if id < noted {
        begin_epoch(c, Key(Uuid::new_v4()))?;
        own.note(id);
        log::error!(
            "the database is older than the one that was here before: its last message has id {id}, and {noted} was \
             stored. A backup was put back, it seems: all rooms have a new epoch, as after new-epoch, and what came \
             after the backup is lost"
        );
    }
    Ok(())
}

fn manager(
    name: &Arc<str>,
    own: Option<Arc<OwnFile>>,
    busy_max: Duration,
    purpose: &'static str,
) -> AsyncDieselConnectionManager<Connection> {
    let setup = format!("{} PRAGMA journal_mode = WAL; {purpose}", busy_timeout(busy_max));
    let setup: Arc<str> = setup.into();
    let path = Arc::clone(name);
    let mut config = ManagerConfig::default();
    config.recycling_method = RecyclingMethod::Fast;
    config.custom_setup = Box::new(move |_| {
        let (path, setup, own) = (Arc::clone(&path), Arc::clone(&setup), own.clone());
        async move {
            let mut c = Connection::establish(&path).await?;
            // SQLite opens by name.
            own.map_or(Ok(()), |own| own.check()).map_err(through_diesel)?;
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
    let tables = "SELECT count(*) FROM sqlite_master WHERE type = 'table'
        AND name IN ('__diesel_schema_migrations', 'meta')";
    if sql::<BigInt>(tables).get_result::<i64>(c)? < 2 {
        return Ok(false);
    }
    let versions = migrations::applied_to_sqlite(c)?;
    let n_meta = meta::table.count().get_result::<i64>(c)?;
    Ok(n_meta == 1 && migrations::pending(&migrations::SQLITE, &versions).is_empty())
}
