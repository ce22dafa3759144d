//! Whether messages would be stored, found out without storing one: what failed is done again and undone.
//!
//! A write of something else would not do. A disk that has no room for a message may have some for a smaller row, and
//! a file may be damaged where the messages are and nowhere else.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use diesel::{
    ExpressionMethods, QueryResult, connection::Connection, result::Error as QueryError, sqlite::SqliteConnection,
    update,
};
use diesel_async::AsyncConnection;

use super::{postgres_batch, postgres_connection::PgConnection, schema::meta, sqlite_batch};
use chat_domain::NewMessage;

/// Undoes what was done, and tells whether that had gone well.
fn undone<T>(result: QueryResult<T>) -> QueryResult<()> {
    match result {
        Ok(_) | Err(QueryError::RollbackTransaction) => Ok(()),
        Err(error) => Err(error),
    }
}

/// Rows extend the tables although they are rolled back; the commit behind them shows that the log takes one.
pub(super) async fn postgres(c: &mut PgConnection, rows: Vec<Arc<NewMessage>>) -> QueryResult<()> {
    let storing: QueryResult<()> = c
        .transaction(async move |c| {
            postgres_batch::run(c, &rows).await?;
            Err(QueryError::RollbackTransaction)
        })
        .await;
    undone(storing)?;
    let same = update(meta::table).set(meta::secret.eq(meta::secret));
    diesel_async::RunQueryDsl::execute(same, c).await.map(|_| ())
}

/// SQLite writes nothing of what is undone, so the transaction ends by a commit of a row as it was.
pub(super) fn sqlite(c: &mut SqliteConnection, rows: &[Arc<NewMessage>], now: DateTime<Utc>) -> QueryResult<()> {
    c.immediate_transaction(|c| {
        let storing: QueryResult<()> = c.transaction(|c| {
            sqlite_batch::append_within(c, rows, now)?;
            Err(QueryError::RollbackTransaction)
        });
        undone(storing)?;
        diesel::RunQueryDsl::execute(update(meta::table).set(meta::secret.eq(meta::secret)), c).map(|_| ())
    })
}
