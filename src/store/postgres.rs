//! The store on PostgreSQL.

use std::{sync::Arc, time::Duration};

use deadpool::Runtime;
use diesel::{ExpressionMethods, QueryResult, dsl::sql, insert_into, select, sql_query, sql_types::Integer, update};
use diesel_async::{
    AsyncConnection, AsyncMigrationHarness, RunQueryDsl, SimpleAsyncConnection,
    pooled_connection::{AsyncDieselConnectionManager, ManagerConfig, RecyclingMethod, deadpool::Pool},
};
use futures_util::FutureExt;
use tokio::{runtime::Builder, task::spawn_blocking, time::timeout};
use tokio_postgres::{Config, NoTls};
use uuid::Uuid;

use super::{
    StoreSettings,
    error::{Failure, StoreError, of_connecting, through_diesel},
    lease::{ADMINISTRATION_MAX, Pools},
    migrations,
    pooler::{ROUNDS, Sharing, sessions_are_shared},
    postgres_connection::PgConnection,
    schema::{meta, rooms},
    sql_types::Key,
};
use crate::domain::Epoch;

/// Settings and their values.
type Settings = &'static [(&'static str, &'static str)];

/// For all work.
const ALWAYS: Settings = &[("jit", "off"), ("idle_in_transaction_session_timeout", "30s")];

/// A plan is kept as long as its connection, and may have been made while the tables were empty or had no
/// statistics, where reading all of a table, or all of a room to sort it, looks cheapest. Every query here has
/// its index.
const INDEXED: Settings = &[("enable_seqscan", "off"), ("enable_bitmapscan", "off"), ("enable_sort", "off")];

/// For what writes: the batch is planned once, not at each call, and its joins are never nested
/// loops over what the planner takes for one row (docs/adr/0003).
const WRITING: Settings = &[("plan_cache_mode", "force_generic_plan"), ("enable_nestloop", "off")];

const BEGIN_WRITING: &str = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE";

/// What reads sees one moment.
const BEGIN_READING: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

/// What a connection is for.
#[derive(Debug, Clone)]
struct Purpose {
    begin: &'static str,
    settings: Vec<(&'static str, String)>,
}

impl Purpose {
    fn new(begin: &'static str, settings: &[Settings]) -> Self {
        let owned = |(name, value): &(&'static str, &str)| (*name, (*value).to_owned());
        Self { begin, settings: settings.iter().copied().flatten().map(owned).collect() }
    }

    fn administration() -> Self {
        Self::new(BEGIN_WRITING, &[ALWAYS])
    }

    fn and(mut self, name: &'static str, limit: Duration) -> Self {
        self.settings.push((name, limit.as_millis().to_string()));
        self
    }

    /// Sets up a session that is the connection's own: once, all that its transactions need.
    fn session(&self) -> String {
        let begin =
            if self.begin == BEGIN_WRITING { "SET default_transaction_isolation = 'read committed'; " } else { "" };
        format!("{begin}{}", self.set("SET", "false"))
    }

    /// Begins a transaction. Where sessions are shared each brings its settings along, and leaves none behind.
    fn transaction(&self, is_shared: bool) -> String {
        if is_shared { format!("{}; {}", self.begin, self.set("SET LOCAL", "true")) } else { self.begin.to_owned() }
    }

    /// No commit is acknowledged before it is on the disk, whatever the database's default is.
    fn set(&self, set: &str, is_local: &str) -> String {
        let each: String = self.settings.iter().map(|(name, value)| format!("{set} {name} = '{value}'; ")).collect();
        format!(
            "{each}SELECT set_config('synchronous_commit', 'on', {is_local})
                WHERE current_setting('synchronous_commit') = 'off'"
        )
    }
}

/// Two servers that start together migrate one after the other: the second waits this long for the first.
const MIGRATION_LOCK: &str = "SET statement_timeout = '60s'; SELECT pg_advisory_lock(7263118461193);
    SET statement_timeout = 0;";

#[derive(Clone)]
struct Connector {
    config: Arc<Config>,
    connect_max: Duration,
    sharing: Arc<Sharing>,
}

pub(super) struct Postgres {
    pub pools: Pools<PgConnection>,
    connector: Connector,
    #[cfg(debug_assertions)]
    pub answers_early: bool,
}

impl Postgres {
    pub fn new(config: &Config, settings: &StoreSettings) -> Result<Self, StoreError> {
        let connector = Connector::new(config, settings);
        let pool = |size: usize, purpose: Purpose| {
            let manager = connector.manager(purpose.and("statement_timeout", settings.statement_timeout));
            Pool::builder(manager)
                .max_size(size)
                .runtime(Runtime::Tokio1)
                .wait_timeout(Some(settings.pool_wait))
                .build()
                .map_err(|_| StoreError::Broken("the pool is not set up".into()))
        };
        let lock_wait = settings.lock_wait.min(settings.statement_timeout / 2);
        let writing = Purpose::new(BEGIN_WRITING, &[ALWAYS, INDEXED, WRITING]).and("lock_timeout", lock_wait);
        let reading = Purpose::new(BEGIN_READING, &[ALWAYS, INDEXED]);
        let pools = Pools {
            writer: pool(1, writing)?,
            readers: pool(settings.pool_size.max(1), reading)?,
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
            let mut c = connector.connect(&Purpose::administration()).await?;
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

    pub async fn new_epoch(&self) -> Result<Epoch, StoreError> {
        let key = Key(Uuid::new_v4());
        administer(async {
            let mut c = self.connector.connect(&Purpose::administration()).await?;
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
async fn applied(c: &mut PgConnection) -> QueryResult<bool> {
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
        let connect_max = settings.connect_timeout.saturating_mul(hosts);
        Self { config: Arc::new(config), connect_max, sharing: Arc::new(Sharing::new(settings.pooler)) }
    }

    fn manager(&self, purpose: Purpose) -> AsyncDieselConnectionManager<PgConnection> {
        let connector = self.clone();
        let mut config = ManagerConfig::default();
        config.recycling_method = RecyclingMethod::Fast;
        config.custom_setup = Box::new(move |_| {
            let (connector, purpose) = (connector.clone(), purpose.clone());
            async move { connector.connect(&purpose).await.map_err(through_diesel) }.boxed()
        });
        // The manager's own URL is never used: it would be one more place that holds the password.
        AsyncDieselConnectionManager::new_with_config("", config)
    }

    /// Connects and sets the session up, where it is the connection's own. The task that drives the connection lives
    /// on the runtime that calls this: the store's own.
    async fn connect(&self, purpose: &Purpose) -> Result<PgConnection, StoreError> {
        let is_shared = match self.sharing.get() {
            Some(is_shared) => is_shared,
            None => self.ask_for_pooler().await?,
        };
        let connecting = async {
            let mut c = self.connect_as_is(purpose, is_shared).await?;
            if !is_shared {
                c.batch_execute(&purpose.session()).await.map_err(Failure::from)?;
            }
            Ok(c)
        };
        self.in_time(connecting).await
    }

    async fn connect_as_is(&self, purpose: &Purpose, is_shared: bool) -> Result<PgConnection, StoreError> {
        let (client, connection) = self.config.connect(NoTls).await.map_err(|e| of_connecting(&e))?;
        let (begin, sharing) = (purpose.transaction(is_shared).into(), Arc::clone(&self.sharing));
        Ok(PgConnection::new(client, connection, begin, is_shared, sharing))
    }

    /// Whether a pooler gives its server's sessions to whoever asks: two connections are asked in turn which one they
    /// have. The question is a transaction of its own and leaves nothing behind.
    async fn ask_for_pooler(&self) -> Result<bool, StoreError> {
        let plain = Purpose::new("BEGIN", &[]);
        let asking = async {
            let mut first = self.connect_as_is(&plain, true).await?;
            let mut second = self.connect_as_is(&plain, true).await?;
            let (mut of_first, mut of_second) = (Vec::new(), Vec::new());
            for _ in 0..ROUNDS {
                for (c, seen) in [(&mut first, &mut of_first), (&mut second, &mut of_second)] {
                    let pid = select(sql::<Integer>("pg_backend_pid()")).get_result(c).await.map_err(Failure::from)?;
                    seen.push(pid);
                }
                if sessions_are_shared(&of_first, &of_second) {
                    return Ok(true);
                }
            }
            Ok(false)
        };
        if self.in_time(asking).await? {
            self.sharing.found_out();
        } else {
            self.sharing.not_seen();
        }
        // Another connection may have asked at the same time, and have seen more.
        Ok(self.sharing.is_known())
    }

    async fn in_time<T>(&self, connecting: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
        let late = || StoreError::Unavailable("connecting took too long".into());
        timeout(self.connect_max, connecting).await.unwrap_or_else(|_| Err(late()))
    }
}
