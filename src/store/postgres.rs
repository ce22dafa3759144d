//! The store on PostgreSQL.

use std::{
    sync::Mutex,
    time::{Duration, Instant},
};

use deadpool::Runtime;
use diesel::{ExpressionMethods, QueryResult, insert_into, sql_query, update};
use diesel_async::{
    AsyncConnection, AsyncMigrationHarness, AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection,
    pooled_connection::deadpool::Pool,
};
use futures_util::FutureExt;
use tokio::{runtime::Builder, task::spawn_blocking, time::timeout};
use uuid::Uuid;

use super::{
    StoreSettings,
    error::{Failure, StoreError},
    lease::{ADMINISTRATION_MAX, Pools},
    migrations,
    postgres_connect::{Connector, Purpose},
    postgres_rights,
    schema::{meta, rooms},
    sql_types::Key,
    url::PostgresUrl,
};
use crate::domain::Epoch;

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

pub(super) struct Postgres {
    pub pools: Pools<AsyncPgConnection>,
    connector: Connector,
    #[cfg(debug_assertions)]
    pub answers_early: bool,
}

impl Postgres {
    pub fn new(url: &PostgresUrl, settings: &StoreSettings) -> Result<Self, StoreError> {
        let connector = Connector::new(url, settings)?;
        let limit = format!("SET statement_timeout = {};", settings.statement_timeout.as_millis());
        let pool = |size: usize, settled: &str, purpose: Purpose| {
            let manager = connector.manager(format!("{SESSION} {INDEXED} {limit} {settled}").into(), purpose);
            Pool::builder(manager)
                .max_size(size)
                .runtime(Runtime::Tokio1)
                .wait_timeout(Some(settings.pool_wait))
                .build()
                .map_err(|_| StoreError::Broken("the pool is not set up".into()))
        };
        let pools = Pools {
            writer: pool(1, WRITING, Purpose::Write)?,
            readers: pool(settings.pool_size.max(1), READING, Purpose::Read)?,
            // The database's own limit comes first where the database lives.
            job_max: settings.statement_timeout.saturating_add(Duration::from_millis(500)),
            connector: Some(connector.clone()),
            retirement: Mutex::default(),
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
            let mut c = connector.connect(SESSION, Purpose::Write).await?;
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

    /// Whether there is a server that takes messages, and the role may do all that is needed there.
    pub async fn check(&self) -> Result<(), StoreError> {
        // Looks for such a server; a standby alone has nothing to migrate either.
        self.pools.write(|c| async { c.batch_execute("SELECT 1").await }.boxed()).await?;
        let must_create = !self.schema_current().await?;
        match self.pools.write(move |c| postgres_rights::missing(c, must_create).boxed()).await? {
            Some(refused) => Err(refused),
            None => Ok(()),
        }
    }

    /// Whether the server that takes messages still does. Where it does not, all connections are made anew, and
    /// the one that writes looks for another server at once.
    pub async fn can_write(&self) -> Result<(), StoreError> {
        let still_does = self.pools.write(|c| takes_writes(c).boxed()).await;
        let result = if matches!(still_does, Ok(false)) {
            self.connector.primary().doubt(Instant::now());
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
        self.connector.primary().doubt(Instant::now());
        self.pools.write(|c| takes_writes(c).boxed()).await?;
        Ok(())
    }

    /// How long all that answers has been read-only.
    pub fn read_only_for(&self) -> Option<Duration> {
        self.connector.primary().read_only_for(Instant::now())
    }

    pub async fn new_epoch(&self) -> Result<Epoch, StoreError> {
        let key = Key(Uuid::new_v4());
        administer(async {
            let mut c = self.connector.connect(SESSION, Purpose::Write).await?;
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

/// As `postgres_connect` asks it of a new connection, for one that may be old: a server's settings can change.
async fn takes_writes(c: &mut AsyncPgConnection) -> QueryResult<bool> {
    #[derive(diesel::QueryableByName)]
    struct Takes {
        #[diesel(sql_type = diesel::sql_types::Bool)]
        writes: bool,
    }
    let query = "SELECT NOT (pg_is_in_recovery()
        OR (SELECT reset_val = 'on' FROM pg_settings WHERE name = 'default_transaction_read_only')) AS writes";
    Ok(sql_query(query).get_result::<Takes>(c).await?.writes)
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
