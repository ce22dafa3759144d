//! Work that is in no hurry, on a connection of its own: no message waits for it.

use std::time::Instant;

use diesel::{QueryResult, dsl::sql, sql_types::Bool};
use diesel_async::{AsyncConnection, RunQueryDsl};
use futures_util::future::BoxFuture;
use tokio::time::timeout;

use super::{Postgres, connection::PgConnection, session::Session};
use crate::error::{Failure, StoreError};

/// The name of the lock that one server at a time has: "keeping" in ASCII. It is a lock of the transaction, so a pooler that
/// shares sessions does not matter, and it ends with whoever had it.
const ALONE: &str = "pg_try_advisory_xact_lock(30229308860100199)";

impl Postgres {
    /// Runs a job in one transaction. `alone`: only where no other server runs such a job just now, else `None`.
    pub async fn in_the_background<T: Send + 'static>(
        &self,
        alone: bool,
        job: impl for<'c> FnOnce(&'c mut PgConnection) -> BoxFuture<'c, QueryResult<T>> + Send + 'static,
    ) -> Result<Option<T>, StoreError> {
        let mut held = self.background.lock().await;
        let kept = held.take().filter(|kept| self.connector.primary.lock().is_fresh(kept.1));
        let (mut c, made) = match kept {
            Some(kept) => *kept,
            None => {
                let session = Session::background()
                    .and("statement_timeout", self.statement_timeout)
                    .and("lock_timeout", self.statement_timeout / 2);
                (self.connector.connect(&session).await?, Instant::now())
            }
        };
        let working = c.transaction(async move |c| {
            if alone && !sql::<Bool>(&format!("SELECT {ALONE}")).get_result::<bool>(c).await? {
                return Ok(None);
            }
            job(c).await.map(Some)
        });
        let late = || StoreError::Unavailable("the database did not answer in time".into());
        let done: QueryResult<Option<T>> = timeout(self.statement_timeout * 4, working).await.map_err(|_| late())?;
        // One on which something failed is not used again.
        let done = done.map_err(Failure::from)?;
        *held = Some(Box::new((c, made)));
        Ok(done)
    }
}
