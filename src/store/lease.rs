//! Borrowing a connection from a pool for one job, for a bounded time.

use std::time::Duration;

use deadpool::managed::Manager;
use diesel::QueryResult;
use diesel_async::pooled_connection::{
    AsyncDieselConnectionManager, PoolError,
    deadpool::{Object, Pool},
};
use futures_util::future::BoxFuture;
use tokio::time::timeout;

use super::{
    PoolStatus,
    error::{Failure, StoreError},
};

/// How long the migrations of a SQLite file, or a change of every room's epoch, may take.
pub(super) const ADMINISTRATION_MAX: Duration = Duration::from_secs(600);

/// The connections of one store: a single one that writes, several that read.
pub(super) struct Pools<C>
where
    AsyncDieselConnectionManager<C>: Manager<Type = C, Error = PoolError>,
{
    pub writer: Pool<C>,
    pub readers: Pool<C>,
    /// How long one job may take. The database has a shorter limit of its own; this one also ends
    /// the waiting for a database that is frozen.
    pub job_max: Duration,
}

impl<C> Pools<C>
where
    C: Send + 'static,
    AsyncDieselConnectionManager<C>: Manager<Type = C, Error = PoolError>,
{
    /// Runs a job on the connection that writes.
    pub async fn write<T, J>(&self, job: J) -> Result<T, Failure>
    where
        J: for<'c> FnOnce(&'c mut C) -> BoxFuture<'c, QueryResult<T>>,
    {
        lease(&self.writer, self.job_max, job).await
    }

    /// Runs a rare and long job on the connection that writes.
    pub async fn administer<T, J>(&self, job: J) -> Result<T, Failure>
    where
        J: for<'c> FnOnce(&'c mut C) -> BoxFuture<'c, QueryResult<T>>,
    {
        lease(&self.writer, ADMINISTRATION_MAX, job).await
    }

    /// Runs a job on a connection that reads; once more where the connection turns out to be dead, as all
    /// idle ones are after the database restarted.
    pub async fn read<T, J>(&self, job: J) -> Result<T, StoreError>
    where
        J: for<'c> Fn(&'c mut C) -> BoxFuture<'c, QueryResult<T>>,
    {
        match lease(&self.readers, self.job_max, &job).await {
            Err(Failure::Lost(_)) => Ok(lease(&self.readers, self.job_max, &job).await?),
            result => Ok(result?),
        }
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

async fn lease<C, T, J>(pool: &Pool<C>, job_max: Duration, job: J) -> Result<T, Failure>
where
    C: Send + 'static,
    J: for<'c> FnOnce(&'c mut C) -> BoxFuture<'c, QueryResult<T>>,
    AsyncDieselConnectionManager<C>: Manager<Type = C, Error = PoolError>,
{
    let mut connection = Lease(Some(pool.get().await?));
    let Some(inner) = connection.0.as_deref_mut() else {
        return Err(Failure::Lost("the connection is gone".into()));
    };
    let result = match timeout(job_max, job(inner)).await {
        Ok(result) => result.map_err(Failure::from),
        Err(_) => Err(Failure::Store(StoreError::Unavailable("the database did not answer in time".into()))),
    };
    // Whatever may have hurt the connection costs it its place in the pool.
    if matches!(result, Ok(_) | Err(Failure::Again | Failure::Data(_))) {
        drop(connection.0.take());
    }
    result
}

/// A connection that does not go back to its pool unless it is taken out of here: a job that ends early
/// may leave a statement running on it.
struct Lease<C>(Option<Object<C>>)
where
    C: Send + 'static,
    AsyncDieselConnectionManager<C>: Manager<Type = C, Error = PoolError>;

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
