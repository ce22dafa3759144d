//! Borrowing a connection from a pool for one job, for a bounded time.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use deadpool::{Runtime, managed::Manager};
use diesel::QueryResult;
use diesel_async::pooled_connection::{
    AsyncDieselConnectionManager, PoolError,
    deadpool::{Object, Pool},
};
use futures_util::future::BoxFuture;
use tokio::time::timeout;

use crate::{
    error::{Failure, StoreError},
    model::PoolStatus,
    primary::SharedPrimary,
    settings::StoreSettings,
    worker::ended,
};

/// How long the migrations of a SQLite file, a change of every room's epoch, or moving one whole room may take.
pub(crate) const ADMINISTRATION_MAX: Duration = Duration::from_secs(600);

/// A connection is used no longer than this: balancers and names lead elsewhere after a while, and only a new
/// connection finds out.
const AGE_MAX: Duration = Duration::from_secs(300);

/// All connections of a store that are too old are replaced within this time, one after the other.
const RETIREMENT: Duration = Duration::from_secs(60);

/// When a connection was last replaced because of its age.
#[derive(Debug, Default)]
struct Retirement(Option<Instant>);

impl Retirement {
    /// Whether it is the turn of one of `n` connections, made then, to be replaced.
    fn is_due(&mut self, made: Instant, n: usize, now: Instant) -> bool {
        if now.saturating_duration_since(made) < AGE_MAX {
            return false;
        }
        let pause = RETIREMENT / u32::try_from(n).unwrap_or(u32::MAX).max(1);
        let is_due = self.0.is_none_or(|at| now.saturating_duration_since(at) >= pause);
        if is_due {
            self.0 = Some(now);
        }
        is_due
    }
}

/// A job on a connection, while it runs.
type Doing<'c, T> = BoxFuture<'c, QueryResult<T>>;

/// The connections of one store: a single one that writes, several that read.
pub(crate) struct Pools<C>
where
    AsyncDieselConnectionManager<C>: Manager<Type = C, Error = PoolError>,
{
    pub writer: Pool<C>,
    readers: Pool<C>,
    /// How long one job may take. The database has a shorter limit of its own; this one also ends
    /// the waiting for a database that is frozen.
    job_max: Duration,
    /// PostgreSQL: knows which connections lead to another server than the newest one.
    primary: Option<SharedPrimary>,
    retirement: Mutex<Retirement>,
}

impl<C> Pools<C>
where
    C: Send + 'static,
    AsyncDieselConnectionManager<C>: Manager<Type = C, Error = PoolError>,
{
    pub fn new(
        writer: AsyncDieselConnectionManager<C>,
        readers: AsyncDieselConnectionManager<C>,
        job_max: Duration,
        primary: Option<SharedPrimary>,
        settings: &StoreSettings,
    ) -> Result<Self, StoreError> {
        let pool = |size, manager| {
            let pool = Pool::builder(manager).max_size(size).runtime(Runtime::Tokio1);
            let pool = pool.wait_timeout(Some(settings.pool_wait)).build();
            pool.map_err(|_| StoreError::Broken("the pool is not set up".into()))
        };
        let (writer, readers) = (pool(1, writer)?, pool(settings.pool_size.max(1), readers)?);
        Ok(Self { writer, readers, job_max, primary, retirement: Mutex::default() })
    }

    /// Runs a job on the connection that writes.
    pub async fn write<T: Send + 'static>(
        &self,
        job: impl for<'c> FnOnce(&'c mut C) -> Doing<'c, T> + Send + 'static,
    ) -> Result<T, Failure> {
        self.lease(&self.writer, self.job_max, job).await
    }

    /// Runs a rare and long job on the connection that writes.
    pub async fn administer<T: Send + 'static>(
        &self,
        job: impl for<'c> FnOnce(&'c mut C) -> Doing<'c, T> + Send + 'static,
    ) -> Result<T, Failure> {
        self.lease(&self.writer, ADMINISTRATION_MAX, job).await
    }

    /// Runs a job on a connection that reads; once more where the connection turns out to be dead, as all
    /// idle ones are after the database restarted.
    pub async fn read<T: Send + 'static>(
        &self,
        job: impl for<'c> Fn(&'c mut C) -> Doing<'c, T> + Clone + Send + 'static,
    ) -> Result<T, StoreError> {
        match self.lease(&self.readers, self.job_max, job.clone()).await {
            Err(Failure::Lost(_)) => Ok(self.lease(&self.readers, self.job_max, job).await?),
            result => Ok(result?),
        }
    }

    /// Runs a rare and long job on a connection that reads. Once: what it has told by then cannot be told again.
    pub async fn read_long<T: Send + 'static>(
        &self,
        job: impl for<'c> FnOnce(&'c mut C) -> Doing<'c, T> + Send + 'static,
    ) -> Result<T, StoreError> {
        Ok(self.lease(&self.readers, ADMINISTRATION_MAX, job).await?)
    }

    async fn lease<T, J>(&self, pool: &Pool<C>, job_max: Duration, job: J) -> Result<T, Failure>
    where
        T: Send + 'static,
        J: for<'c> FnOnce(&'c mut C) -> Doing<'c, T> + Send + 'static,
    {
        let doing = Lease(Some(self.usable(pool).await?)).run(job);
        let result = match self.primary {
            Some(_) => timeout(job_max, doing).await,
            // A statement of SQLite blocks a thread and cannot be stopped: nobody waits for it any more, and its
            // connection is free when it is over.
            None => timeout(job_max, tokio::spawn(doing))
                .await
                .map(|done| done.unwrap_or_else(|_| Err(Failure::Store(ended())))),
        };
        let late = |_| Err(Failure::Store(StoreError::Unavailable("the database did not answer in time".into())));
        result.unwrap_or_else(late)
    }

    /// A connection that is neither too old nor leads to a server that was left.
    async fn usable(&self, pool: &Pool<C>) -> Result<Object<C>, Failure> {
        // Each that is not costs the pool one; behind the last there is only a new one.
        loop {
            let connection = pool.get().await?;
            let metrics = Object::metrics(&connection);
            if metrics.recycle_count == 0 || self.may_be_used(metrics.created, pool.status().max_size) {
                return Ok(connection);
            }
            drop(Object::take(connection));
        }
    }

    /// Ends the idle connections that lead to a server that was left: they take up connections there.
    pub fn leave(&self) {
        let Some(primary) = &self.primary else { return };
        for pool in [&self.writer, &self.readers] {
            // What was taken out ends when it is dropped.
            drop(pool.retain(|_, metrics| primary.lock().is_fresh(metrics.created)));
        }
    }

    fn may_be_used(&self, made: Instant, n_max: usize) -> bool {
        let Some(primary) = &self.primary else { return true };
        if !primary.lock().is_fresh(made) {
            return false;
        }
        let mut retirement = self.retirement.lock().unwrap_or_else(PoisonError::into_inner);
        !retirement.is_due(made, n_max, Instant::now())
    }

    pub fn status(&self) -> PoolStatus {
        let (writer, readers) = (self.writer.status(), self.readers.status());
        let size = writer.size.saturating_add(readers.size);
        PoolStatus {
            size,
            max: writer.max_size.saturating_add(readers.max_size),
            in_use: size.saturating_sub(writer.available.saturating_add(readers.available)),
            waiting: writer.waiting.saturating_add(readers.waiting),
        }
    }
}

/// A connection that does not go back to its pool unless it is taken out of here: a job that ends early
/// may leave a statement running on it.
struct Lease<C>(Option<Object<C>>)
where
    C: Send + 'static,
    AsyncDieselConnectionManager<C>: Manager<Type = C, Error = PoolError>;

impl<C> Lease<C>
where
    C: Send + 'static,
    AsyncDieselConnectionManager<C>: Manager<Type = C, Error = PoolError>,
{
    async fn run<T, J>(mut self, job: J) -> Result<T, Failure>
    where
        J: for<'c> FnOnce(&'c mut C) -> Doing<'c, T>,
    {
        let Some(connection) = self.0.as_deref_mut() else {
            return Err(Failure::Lost("the connection is gone".into()));
        };
        let result = job(connection).await.map_err(Failure::from);
        // Whatever may have hurt the connection costs the connection: the pool makes another one.
        if result.as_ref().err().is_none_or(Failure::spares_the_connection) {
            drop(self.0.take());
        }
        result
    }
}

impl<C> Drop for Lease<C>
where
    C: Send + 'static,
    AsyncDieselConnectionManager<C>: Manager<Type = C, Error = PoolError>,
{
    fn drop(&mut self) {
        if let Some(connection) = self.0.take() {
            drop(Object::take(connection));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_connections_are_replaced_one_after_the_other() {
        let (mut retirement, made) = (Retirement::default(), Instant::now());
        let at = |secs| made + Duration::from_secs(secs);
        assert!(!retirement.is_due(made, 6, at(299)));
        assert!(retirement.is_due(made, 6, at(300)));
        assert!(!retirement.is_due(made, 6, at(309)), "not all at once");
        assert!(retirement.is_due(made, 6, at(310)));
        assert!(!retirement.is_due(at(10), 6, at(309)), "a younger one");
    }
}
