//! The store on PostgreSQL.

use std::{sync::Arc, time::Duration};

use deadpool::Runtime;
use diesel::{ExpressionMethods, QueryResult, insert_into, sql_query, update};
use diesel_async::{
    AsyncConnection, AsyncMigrationHarness, AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection,
    pooled_connection::{AsyncDieselConnectionManager, ManagerConfig, RecyclingMethod, deadpool::Pool},
};
use futures_util::FutureExt;
use tokio::{runtime::Builder, task::spawn_blocking, time::timeout};
use tokio_postgres::{Config, NoTls};
use uuid::Uuid;

use super::{
    HistoryCheck, Known, StoreSettings,
    error::{Failure, StoreError, of_connecting, through_diesel},
    history,
    lease::{ADMINISTRATION_MAX, Pools},
    migrations, probe,
    schema::{meta, rooms},
    sql_types::Key,
};
use crate::domain::{Epoch, NewMessage, RoomId};

/// For every session. It speaks English where it may choose (see `error`) and never acknowledges a commit
/// before it is on the disk, whatever the database's default is.
const SESSION: &str = "
    SET jit = off; SET idle_in_transaction_session_timeout = '30s';
    SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off';
    SELECT set_config('lc_messages', 'C', false)
        WHERE (SELECT rolsuper FROM pg_roles WHERE rolname = current_user)
        AND current_setting('lc_messages') !~ '^(C|POSIX|en.*)?$';";

/// A plan is kept as long as its connection, and may have been made while the tables were empty or had no
/// statistics, where reading all of a table, or all of a room to sort it, looks cheapest. Every query here has
/// its index.
const INDEXED: &str = "SET enable_seqscan = off; SET enable_bitmapscan = off; SET enable_sort = off;";

/// For the session that writes: the batch is planned once, not at each call, and its joins are never nested
/// loops over what the planner takes for one row (docs/adr/0003).
const WRITING: &str = "SET plan_cache_mode = force_generic_plan; SET enable_nestloop = off;
    SET default_transaction_isolation = 'read committed';";

/// For the sessions that read: a transaction sees one moment.
const READING: &str = "SET default_transaction_isolation = 'repeatable read'; SET default_transaction_read_only = on;";

/// Two servers that start together migrate one after the other: the second waits this long for the first.
const MIGRATION_LOCK: &str = "SET statement_timeout = '60s'; SELECT pg_advisory_lock(7263118461193);
    SET statement_timeout = 0;";

#[derive(Clone)]
struct Connector {
    config: Arc<Config>,
    connect_max: Duration,
}

pub(super) struct Postgres {
    pub pools: Pools<AsyncPgConnection>,
    connector: Connector,
    #[cfg(debug_assertions)]
    pub answers_early: bool,
}

impl Postgres {
    pub fn new(config: &Config, settings: &StoreSettings) -> Result<Self, StoreError> {
        let connector = Connector::new(config, settings);
        let limit = format!("SET statement_timeout = {};", settings.statement_timeout.as_millis());
        let pool = |size: usize, purpose: &str| {
            let manager = connector.manager(format!("{SESSION} {INDEXED} {limit} {purpose}").into());
            Pool::builder(manager)
                .max_size(size)
                .runtime(Runtime::Tokio1)
                .wait_timeout(Some(settings.pool_wait))
                .build()
                .map_err(|_| StoreError::Broken("the pool is not set up".into()))
        };
        let pools = Pools {
            writer: pool(1, WRITING)?,
            readers: pool(settings.pool_size.max(1), READING)?,
            // The database's own limit comes first where the database lives.
            job_max: settings.statement_timeout.saturating_add(Duration::from_millis(500)),
        };
        Ok(Self {
            pools,
            connector,
            #[cfg(debug_assertions)]
            answers_early: settings.answers_early,
        })
    }

    pub async fn migrate(&self) -> Result<Vec<String>, StoreError> {
        // A role that may not create tables can still run on a database that is ready.
        if self.schema_current().await? {
            return Ok(Vec::new());
        }
        let connector = self.connector.clone();
        let migrating = async move {
            let mut c = connector.connect(SESSION).await?;
            c.batch_execute(MIGRATION_LOCK).await.map_err(Failure::from)?;
            let mut harness = AsyncMigrationHarness::new(c);
            let applied = migrations::apply(&mut harness, migrations::POSTGRES)?;
            let mut c = harness.into_inner();
            let row = migrations::new_meta_row()?;
            let inserting = insert_into(meta::table).values(row).on_conflict_do_nothing();
            inserting.execute(&mut c).await.map_err(Failure::from)?;
            Ok(applied)
        };
        // diesel's harness blocks the thread it is on, which only a runtime of this kind lets it do.
        let broken = |what: &dyn std::fmt::Display| StoreError::Broken(format!("migrating: {what}").into());
        let run = move || match Builder::new_multi_thread().worker_threads(1).enable_all().build() {
            Ok(runtime) => runtime.block_on(administer(migrating)),
            Err(error) => Err(broken(&error)),
        };
        spawn_blocking(run).await.unwrap_or_else(|error| Err(broken(&error)))
    }

    pub async fn schema_current(&self) -> Result<bool, StoreError> {
        self.pools.read(|c| applied(c).boxed()).await
    }

    pub async fn new_room_epoch(&self, room: RoomId) -> Result<Option<Epoch>, StoreError> {
        let key = Key(Uuid::new_v4());
        let changed = self.pools.write(|c| history::postgres::new_room_epoch(c, room, key).boxed()).await?;
        Ok(changed.then(|| key.into()))
    }

    pub async fn check_history(&self, room: RoomId, known: Known) -> Result<HistoryCheck, StoreError> {
        let key = Key(Uuid::new_v4());
        Ok(self.pools.write(|c| history::postgres::check(c, room, known, key).boxed()).await?)
    }

    pub async fn probe_write(&self, rows: Vec<Arc<NewMessage>>) -> Result<(), StoreError> {
        Ok(self.pools.write(|c| probe::postgres(c, rows).boxed()).await?)
    }

    pub async fn new_epoch(&self) -> Result<Epoch, StoreError> {
        let key = Key(Uuid::new_v4());
        administer(async {
            let mut c = self.connector.connect(SESSION).await?;
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

async fn administer<T>(work: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
    let late = || StoreError::Unavailable("the database did not answer in time".into());
    timeout(ADMINISTRATION_MAX, work).await.unwrap_or_else(|_| Err(late()))
}

/// Whether this release's migrations are all applied and the row of `meta` is there.
async fn applied(c: &mut AsyncPgConnection) -> QueryResult<bool> {
    #[derive(diesel::QueryableByName)]
    struct Version {
        #[diesel(sql_type = diesel::sql_types::Text)]
        version: String,
    }
    #[derive(diesel::QueryableByName)]
    struct Exists {
        #[diesel(sql_type = diesel::sql_types::Bool)]
        exists: bool,
    }
    let tables = "SELECT to_regclass('__diesel_schema_migrations') IS NOT NULL AND to_regclass('meta') IS NOT NULL
        AS exists";
    if !sql_query(tables).get_result::<Exists>(c).await?.exists {
        return Ok(false);
    }
    let rows: Vec<Version> = sql_query("SELECT version FROM __diesel_schema_migrations").load(c).await?;
    let versions: Vec<String> = rows.into_iter().map(|row| row.version).collect();
    let meta = sql_query("SELECT EXISTS (SELECT 1 FROM meta) AS exists").get_result::<Exists>(c).await?.exists;
    Ok(meta && migrations::all_applied::<diesel::pg::Pg>(&migrations::POSTGRES, &versions))
}

impl Connector {
    fn new(config: &Config, settings: &StoreSettings) -> Self {
        let mut config = config.clone();
        config.connect_timeout(settings.connect_timeout);
        // A peer that vanished is noticed within seconds, on a busy connection and on an idle one.
        if config.get_tcp_user_timeout().is_none() {
            config.tcp_user_timeout(settings.statement_timeout);
        }
        if config.get_keepalives_interval().is_none() {
            config.keepalives_idle(Duration::from_secs(15));
            config.keepalives_interval(Duration::from_secs(5)).keepalives_retries(3);
        }
        if config.get_application_name().is_none() {
            config.application_name("realtime-chat");
        }
        // Each host has the driver's time to take the connection; a frozen one takes it and says nothing more.
        let hosts = u32::try_from(config.get_hosts().len()).unwrap_or(1).max(1);
        Self { config: Arc::new(config), connect_max: settings.connect_timeout.saturating_mul(hosts) }
    }

    fn manager(&self, session: Arc<str>) -> AsyncDieselConnectionManager<AsyncPgConnection> {
        let connector = self.clone();
        let mut config = ManagerConfig::default();
        config.recycling_method = RecyclingMethod::Fast;
        config.custom_setup = Box::new(move |_| {
            let (connector, session) = (connector.clone(), Arc::clone(&session));
            async move { connector.connect(&session).await.map_err(through_diesel) }.boxed()
        });
        // The manager's own URL is never used: it would be one more place that holds the password.
        AsyncDieselConnectionManager::new_with_config("", config)
    }

    /// Connects and sets the session up. The task that drives the connection lives on the runtime that
    /// calls this: the store's own.
    async fn connect(&self, session: &str) -> Result<AsyncPgConnection, StoreError> {
        let connecting = async {
            let (client, connection) = self.config.connect(NoTls).await.map_err(|e| of_connecting(&e))?;
            let made = AsyncPgConnection::try_from_client_and_connection(client, connection).await;
            let mut c = made.map_err(Failure::from)?;
            c.batch_execute(session).await.map_err(Failure::from)?;
            Ok(c)
        };
        let late = || StoreError::Unavailable("connecting took too long".into());
        timeout(self.connect_max, connecting).await.unwrap_or_else(|_| Err(late()))
    }
}
