//! What a store must not do, done on purpose: the fault tests show that it is found. Only with the feature of this name.

use std::{sync::Arc, time::Duration};

use diesel_async::SimpleAsyncConnection;
use tokio::sync::oneshot;

use crate::{
    error::{Failure, StoreError},
    model::AppendOutcome,
    postgres::{
        Postgres,
        batch::{outcomes_of, run},
        columns::Referring,
    },
    references::References,
};
use chat_domain::NewMessage;

/// How long the commit comes after the answer.
const COMMIT_AFTER: Duration = Duration::from_millis(200);

/// PostgreSQL which, where the settings say so, answers while the transaction is still open.
pub(crate) struct AnsweringEarly<'a>(pub &'a Postgres);

impl AnsweringEarly<'_> {
    pub async fn append(&self, rows: &[Arc<NewMessage>], asks_first: bool) -> Result<Vec<AppendOutcome>, StoreError> {
        if !self.0.answers_early {
            return self.0.append(rows, asks_first).await;
        }
        let (answer, early) = oneshot::channel();
        let (pool, rows) = (self.0.pools.writer.clone(), rows.to_vec());
        let work = async move {
            let mut c = pool.get().await.map_err(Failure::from)?;
            c.batch_execute("BEGIN").await?;
            // Nobody may wait for it any more; then it is committed all the same.
            let rows = Referring::of(&rows, &References::default());
            let appended = run(&mut c, &rows).await?;
            let _ = answer.send((rows, appended));
            tokio::time::sleep(COMMIT_AFTER).await;
            c.batch_execute("COMMIT").await?;
            Ok::<_, Failure>(())
        };
        tokio::spawn(async move {
            if let Err(failure) = work.await {
                log::warn!("answered and not committed: {failure:?}");
            }
        });
        let (rows, appended) = early.await.map_err(|_| StoreError::Unavailable("the transaction failed".into()))?;
        Ok(outcomes_of(rows, appended))
    }
}
