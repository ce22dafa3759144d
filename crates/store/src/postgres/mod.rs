//! The store on PostgreSQL: its pools and connections, batches, migrations and the leases of servers.

pub(crate) mod archive;
mod background;
pub(crate) mod batch;
mod changes;
pub(crate) mod columns;
mod connect;
pub(crate) mod connection;
mod history;
mod insert;
mod migrate;
mod pooler;
mod presence;
mod rights;
mod servers;
mod session;

use std::time::{Duration, Instant};

use diesel::{
    ExpressionMethods, QueryResult,
    dsl::sql,
    sql_types::{Bool, Text},
    update,
};
use diesel_async::{AsyncConnection, RunQueryDsl, SimpleAsyncConnection};
use futures_util::FutureExt;
use tokio::{sync::Mutex, time::timeout};
use uuid::Uuid;

use self::{
    connect::{Connector, Direct},
    connection::PgConnection,
    session::Session,
};
use crate::{
    error::{Failure, StoreError},
    migrations::{self, Migration},
    model::{HistoryCheck, Known},
    pools::{ADMINISTRATION_MAX, Pools},
    settings::{PostgresUrl, StoreSettings},
    tables::{
        schema::{meta, rooms},
        sql_types::Key,
    },
};
use chat_domain::{Epoch, RoomId};

pub(crate) struct Postgres {
    pub pools: Pools<PgConnection>,
    pub connector: Connector,
    /// What this release needs, oldest first.
    migrations: Vec<Migration>,
    /// The connection that renews this server's lease, while there is one.
    pub lease: Mutex<Option<Box<Direct>>>,
    /// The connection that writes and reads who is in which room on which server, while there is one.
    pub presence: Mutex<Option<Box<Direct>>>,
    /// The connection for work that is in no hurry, while there is one, and when it was made.
    background: Mutex<Option<Box<(PgConnection, Instant)>>>,
    statement_timeout: Duration,
    #[cfg(feature = "fault-injection")]
    pub answers_early: bool,
}

impl Postgres {
    pub fn new(url: &PostgresUrl, settings: &StoreSettings) -> Result<Self, StoreError> {
        let connector = Connector::new(url, settings)?;
        let manager =
            |session: Session| connector.manager(session.and("statement_timeout", settings.statement_timeout));
        let lock_wait = settings.lock_wait.min(settings.statement_timeout / 2);
        let (writer, readers) =
            (manager(Session::writing().and("lock_timeout", lock_wait)), manager(Session::reading()));
        // The database's own limit comes first where the database lives.
        let job_max = settings.statement_timeout.saturating_add(Duration::from_millis(500));
        let pools = Pools::new(writer, readers, job_max, Some(connector.primary.clone()), settings)?;
        Ok(Self {
            pools,
            connector,
            migrations: needed(settings)?,
            lease: Mutex::new(None),
            presence: Mutex::new(None),
            background: Mutex::new(None),
            statement_timeout: settings.statement_timeout,
            #[cfg(feature = "fault-injection")]
            answers_early: settings.answers_early,
        })
    }

    pub async fn migrate(&self) -> Result<Vec<String>, StoreError> {
        // A role that may not create tables can still run on a database that is ready.
        if self.schema_current().await? {
            return Ok(Vec::new());
        }
        migrate::migrate(&self.connector, &self.migrations).await
    }

    pub async fn schema_current(&self) -> Result<bool, StoreError> {
        let versions = self.pools.read(|c| applied(c).boxed()).await?;
        Ok(versions.is_some_and(|versions| migrations::pending(&self.migrations, &versions).is_empty()))
    }

    /// Whether there is a server that takes messages, and the role may do all that is needed there.
    pub async fn check(&self) -> Result<(), StoreError> {
        // Looks for such a server; a standby alone has nothing to migrate either.
        self.pools.write(|c| async { c.batch_execute("SELECT 1").await }.boxed()).await?;
        let must_create = !self.schema_current().await?;
        match self.pools.write(move |c| rights::missing(c, must_create).boxed()).await? {
            Some(refused) => Err(refused),
            None => Ok(()),
        }
    }

    /// Whether the server that takes messages still does. Where it does not, all connections are made anew, and
    /// the one that writes looks for another server at once.
    pub async fn can_write(&self) -> Result<(), StoreError> {
        let still_does = self.pools.write(|c| takes_writes(c).boxed()).await;
        let result = if matches!(still_does, Ok(false)) {
            self.connector.primary.lock().doubt(Instant::now());
            self.pools.write(|c| takes_writes(c).boxed()).await
        } else {
            still_does
        };
        self.pools.leave();
        Ok(result.map(drop)?)
    }

    /// Something was read that is behind what was acknowledged: what is read after this is of the server that takes
    /// messages.
    pub async fn renew(&self) -> Result<(), StoreError> {
        self.connector.primary.lock().doubt(Instant::now());
        self.pools.write(|c| takes_writes(c).boxed()).await?;
        Ok(())
    }

    /// How long all that answers has been read-only.
    pub fn read_only_for(&self) -> Option<Duration> {
        self.connector.primary.lock().read_only_for(Instant::now())
    }

    pub async fn new_room_epoch(&self, room: RoomId) -> Result<Option<Epoch>, StoreError> {
        let key = Key(Uuid::new_v4());
        let changed = self.pools.write(move |c| history::new_room_epoch(c, room, key).boxed()).await?;
        Ok(changed.then(|| key.into()))
    }

    pub async fn check_history(&self, room: RoomId, known: Known) -> Result<HistoryCheck, StoreError> {
        let key = Key(Uuid::new_v4());
        Ok(self.pools.write(move |c| history::check(c, room, known, key).boxed()).await?)
    }

    pub async fn new_epoch(&self) -> Result<Epoch, StoreError> {
        let key = Key(Uuid::new_v4());
        administer(async {
            let mut c = self.connector.connect(&Session::administration()).await?;
            let changed: QueryResult<()> = c
                .transaction(async move |c| {
                    // No server may make a room with the old epoch meanwhile.
                    c.batch_execute("LOCK TABLE rooms IN SHARE ROW EXCLUSIVE MODE").await?;
                    update(meta::table).set(meta::epoch.eq(key)).execute(c).await?;
                    update(rooms::table).set(rooms::epoch.eq(key)).execute(c).await?;
                    Ok(())
                })
                .await;
            changed.map_err(Failure::from)?;
            Ok(key.into())
        })
        .await
    }
}

/// The program's own migrations, and those that a test adds.
fn needed(settings: &StoreSettings) -> Result<Vec<Migration>, StoreError> {
    let migrations = migrations::POSTGRES.to_vec();
    #[cfg(feature = "fault-injection")]
    if let Some(folder) = &settings.more_migrations {
        let unreadable = |e: std::io::Error| StoreError::Broken(format!("{}: {e}", folder.display()).into());
        return Ok([migrations, migrations::in_folder(folder).map_err(unreadable)?].concat());
    }
    let _ = settings;
    Ok(migrations)
}

async fn administer<T>(work: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
    let late = || StoreError::Unavailable("the database did not answer in time".into());
    timeout(ADMINISTRATION_MAX, work).await.unwrap_or_else(|_| Err(late()))
}

/// As `connect` asks it of a new connection, for one that may be old: a server's settings can change.
async fn takes_writes(c: &mut PgConnection) -> QueryResult<bool> {
    let query = "SELECT NOT (pg_is_in_recovery()
        OR (SELECT reset_val = 'on' FROM pg_settings WHERE name = 'default_transaction_read_only'))";
    sql::<Bool>(query).get_result(c).await
}

/// The versions of the applied migrations; nothing where the row of `meta` is missing.
async fn applied(c: &mut PgConnection) -> QueryResult<Option<Vec<String>>> {
    let tables = "SELECT to_regclass('__diesel_schema_migrations') IS NOT NULL AND to_regclass('meta') IS NOT NULL";
    if !sql::<Bool>(tables).get_result(c).await? {
        return Ok(None);
    }
    let versions = sql::<Text>("SELECT version FROM __diesel_schema_migrations").load(c).await?;
    let meta = sql::<Bool>("SELECT EXISTS (SELECT 1 FROM meta)").get_result::<bool>(c).await?;
    Ok(meta.then_some(versions))
}
