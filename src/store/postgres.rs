//! The store on PostgreSQL.

use std::time::Duration;

use deadpool::Runtime;
use diesel::{ExpressionMethods, QueryResult, sql_query, update};
use diesel_async::{
    AsyncConnection, AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection, pooled_connection::deadpool::Pool,
};
use futures_util::FutureExt;
use tokio::{sync::Mutex, time::timeout};
use tokio_postgres::Config;
use uuid::Uuid;

use super::{
    StoreSettings,
    error::{Failure, StoreError},
    lease::{ADMINISTRATION_MAX, Pools},
    migrations::{self, Migration},
    postgres_connect::{Connector, Direct},
    postgres_migrate,
    schema::{meta, rooms},
    sql_types::Key,
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

pub(super) struct Postgres {
    pub pools: Pools<AsyncPgConnection>,
    pub connector: Connector,
    /// What this release needs, oldest first.
    migrations: Vec<Migration>,
    /// The connection that renews this server's lease, while there is one.
    pub lease: Mutex<Option<Box<Direct>>>,
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
            migrations: needed(settings)?,
            lease: Mutex::new(None),
            #[cfg(debug_assertions)]
            answers_early: settings.answers_early,
        })
    }

    pub async fn migrate(&self) -> Result<Vec<String>, StoreError> {
        // A role that may not create tables can still run on a database that is ready.
        if self.schema_current().await? {
            return Ok(Vec::new());
        }
        postgres_migrate::migrate(&self.connector, &self.migrations).await
    }

    pub async fn schema_current(&self) -> Result<bool, StoreError> {
        let versions = self.pools.read(|c| applied(c).boxed()).await?;
        Ok(versions.is_some_and(|versions| migrations::pending(&self.migrations, &versions).is_empty()))
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

/// The program's own migrations, and those that a test adds.
fn needed(settings: &StoreSettings) -> Result<Vec<Migration>, StoreError> {
    let migrations = migrations::POSTGRES.to_vec();
    #[cfg(debug_assertions)]
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

/// The versions of the applied migrations; nothing where the row of `meta` is missing.
async fn applied(c: &mut AsyncPgConnection) -> QueryResult<Option<Vec<String>>> {
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
        return Ok(None);
    }
    let rows: Vec<Version> = sql_query("SELECT version FROM __diesel_schema_migrations").load(c).await?;
    let versions: Vec<String> = rows.into_iter().map(|row| row.version).collect();
    let meta = sql_query("SELECT EXISTS (SELECT 1 FROM meta) AS exists").get_result::<Exists>(c).await?.exists;
    Ok(meta.then_some(versions))
}
