//! Whether messages would be stored, found out without storing one: what failed is done again and undone.
//!
//! A write of something else would not do. A disk that has no room for a message may have some for a smaller row, and
//! a file may be damaged where the messages are and nowhere else.

use diesel::{QueryResult, result::Error as QueryError};

/// Undoes what was done, and tells whether that had gone well.
pub(crate) fn undone<T>(result: QueryResult<T>) -> QueryResult<()> {
    match result {
        Ok(_) | Err(QueryError::RollbackTransaction) => Ok(()),
        Err(error) => Err(error),
    }
}
