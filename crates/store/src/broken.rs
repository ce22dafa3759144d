//! What a store must not do, done on purpose: a test shows that it is found. Not in release builds.

use std::time::Duration;

use diesel_async::{SimpleAsyncConnection, pooled_connection::deadpool::Pool};
use futures_util::{FutureExt, future::BoxFuture};
use tokio::sync::oneshot;

use super::{error::Failure, postgres_connection::PgConnection};

/// How long the commit comes after the answer.
const COMMIT_AFTER: Duration = Duration::from_millis(200);

/// Runs a job in a transaction and answers while that is open.
pub(super) async fn write_answering_early<T, J>(pool: &Pool<PgConnection>, job: J) -> Result<T, Failure>
where
    T: Send + 'static,
    J: for<'c> FnOnce(&'c mut PgConnection) -> BoxFuture<'c, diesel::QueryResult<T>> + Send + 'static,
{
    let (answer, early) = oneshot::channel();
    let pool = pool.clone();
    let work = async move {
        let mut c = pool.get().await.map_err(Failure::from)?;
        c.batch_execute("BEGIN").await?;
        let done = job(&mut c).await?;
        // Nobody may wait for it any more; then it is committed all the same.
        let _ = answer.send(done);
        tokio::time::sleep(COMMIT_AFTER).await;
        c.batch_execute("COMMIT").await?;
        Ok::<_, Failure>(())
    };
    tokio::spawn(work.map(|done| {
        if let Err(failure) = done {
            log::warn!("answered and not committed: {failure:?}");
        }
    }));
    early.await.map_err(|_| Failure::Lost("the transaction failed".into()))
}
