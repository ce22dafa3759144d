use std::{borrow::Cow, error::Error as _, path::PathBuf};

use deadpool::managed::TimeoutType;
use diesel::{
    ConnectionError,
    result::{DatabaseErrorInformation, DatabaseErrorKind, Error as QueryError},
};
use diesel_async::pooled_connection::{PoolError, deadpool::PoolError as GetError};
use tokio_postgres::error::SqlState;

/// Why the store could not do what was asked.
///
/// Safe to log: it holds the database's own sentence at most, never a password, a row or a message's text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// Not reachable, starting, too slow, full, read-only or busy: the same may work a little later.
    #[error("the database is not available: {0}")]
    Unavailable(Cow<'static, str>),
    /// It refuses the password, the role or the name of the database: somebody must change the settings.
    #[error("the database refuses this server: {0}")]
    Refused(Cow<'static, str>),
    /// Another server has this SQLite file.
    #[error("another server is using {}", .0.display())]
    Locked(PathBuf),
    /// Anything else; a fault of this program or of the schema.
    #[error("the database did not do what was asked: {0}")]
    Broken(Cow<'static, str>),
}

/// What a failed statement means to the one who ran it.
#[derive(Debug)]
pub(super) enum Failure {
    /// Another server was faster with the same key, or locks crossed: running it again settles it.
    Again,
    /// The database refuses the data of a row.
    Data(String),
    /// The connection is gone; nobody knows what became of the statement.
    Lost(String),
    /// Anything else.
    Store(StoreError),
}

impl From<Failure> for StoreError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Again => Self::Unavailable("statements of several servers kept meeting each other".into()),
            Failure::Data(text) => Self::Broken(text.into()),
            Failure::Lost(text) => Self::Unavailable(text.into()),
            Failure::Store(error) => error,
        }
    }
}

impl From<QueryError> for Failure {
    fn from(error: QueryError) -> Self {
        match error {
            QueryError::DatabaseError(kind, info) => of_database(kind, &*info),
            QueryError::RollbackErrorOnCommit { commit_error, .. } => Self::from(*commit_error),
            QueryError::BrokenTransactionManager => Self::Lost("the transaction broke".into()),
            // A StoreError that had to pass through diesel.
            QueryError::QueryBuilderError(inner) => Self::Store(match inner.downcast::<StoreError>() {
                Ok(error) => *error,
                Err(_) => StoreError::Broken("a statement could not be built".into()),
            }),
            QueryError::NotFound => {
                Self::Store(StoreError::Broken("a row that must exist is missing; are the migrations applied?".into()))
            }
            // These may quote values.
            QueryError::DeserializationError(_) => Self::Store(StoreError::Broken("a value could not be read".into())),
            QueryError::SerializationError(_) => Self::Store(StoreError::Broken("a value could not be sent".into())),
            _ => Self::Store(StoreError::Broken("a statement failed".into())),
        }
    }
}

/// diesel keeps no SQLSTATE, so the sentence decides. PostgreSQL speaks English here wherever the session
/// may choose (see `postgres::SESSION`), SQLite always.
fn of_database(kind: DatabaseErrorKind, info: &dyn DatabaseErrorInformation) -> Failure {
    let text = first_line(info.message());
    match kind {
        DatabaseErrorKind::UniqueViolation | DatabaseErrorKind::SerializationFailure => Failure::Again,
        DatabaseErrorKind::NotNullViolation | DatabaseErrorKind::CheckViolation => Failure::Data(text),
        DatabaseErrorKind::UnableToSendCommand | DatabaseErrorKind::ClosedConnection => Failure::Lost(text),
        DatabaseErrorKind::ReadOnlyTransaction => Failure::Store(StoreError::Unavailable(text.into())),
        _ if AGAIN.iter().any(|part| text.contains(part)) => Failure::Again,
        _ if LOST.iter().any(|part| text.contains(part)) => Failure::Lost(text),
        _ if DATA.iter().any(|part| text.contains(part)) => Failure::Data(text),
        _ if PASSING.iter().any(|part| text.contains(part)) => Failure::Store(StoreError::Unavailable(text.into())),
        _ => Failure::Store(StoreError::Broken(text.into())),
    }
}

const AGAIN: [&str; 2] = ["deadlock detected", "could not serialize access"];

const LOST: [&str; 2] = ["terminating connection", "cannot rollback"];

const DATA: [&str; 5] =
    ["invalid byte sequence", "value too long", "out of range", "exceeds btree version", "string or blob too big"];

/// Both databases' words for what passes: shutting down, out of space, out of time, busy.
const PASSING: [&str; 16] = [
    "the database system is",
    "canceling statement",
    "No space left",
    "disk full",
    "could not extend",
    "could not write",
    "could not access file",
    "out of memory",
    "out of shared memory",
    "too many clients",
    "database is locked",
    "database table is locked",
    "disk is full",
    "disk I/O error",
    "readonly database",
    "unable to open database file",
];

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().chars().take(200).collect()
}

impl From<GetError> for Failure {
    fn from(error: GetError) -> Self {
        Self::Store(match error {
            GetError::Timeout(TimeoutType::Wait) => StoreError::Unavailable("all connections are in use".into()),
            GetError::Timeout(_) => StoreError::Unavailable("connecting took too long".into()),
            GetError::Closed => StoreError::Unavailable("the store is closed".into()),
            GetError::Backend(PoolError::ConnectionError(e)) => return Self::from(e),
            GetError::Backend(PoolError::QueryError(e)) => return Self::from(e),
            GetError::NoRuntimeSpecified | GetError::PostCreateHook(_) => {
                StoreError::Broken("the pool is not set up".into())
            }
        })
    }
}

impl From<ConnectionError> for Failure {
    fn from(error: ConnectionError) -> Self {
        match error {
            ConnectionError::CouldntSetupConfiguration(e) => Self::from(e),
            // SQLite: the file cannot be opened.
            ConnectionError::BadConnection(text) => Self::Store(StoreError::Unavailable(first_line(&text).into())),
            _ => Self::Store(StoreError::Broken("the connection could not be set up".into())),
        }
    }
}

/// Lets a [`StoreError`] pass through a pool of diesel's connections.
pub(super) fn through_diesel(error: StoreError) -> ConnectionError {
    ConnectionError::CouldntSetupConfiguration(QueryError::QueryBuilderError(Box::new(error)))
}

/// Why a connection to PostgreSQL could not be made. Here the SQLSTATE is known.
pub(super) fn of_connecting(error: &tokio_postgres::Error) -> StoreError {
    if let Some(db) = error.as_db_error() {
        let text = first_line(db.message()).into();
        let refused = [
            SqlState::INVALID_PASSWORD,
            SqlState::INVALID_AUTHORIZATION_SPECIFICATION,
            SqlState::INVALID_CATALOG_NAME,
            SqlState::INSUFFICIENT_PRIVILEGE,
        ];
        return if refused.contains(db.code()) { StoreError::Refused(text) } else { StoreError::Unavailable(text) };
    }
    // The driver's own sentences; its causes are the system's.
    let mut text = error.to_string();
    if let Some(cause) = error.source() {
        text = format!("{text}: {cause}");
    }
    let refused = text.starts_with("invalid configuration") || text.starts_with("authentication error");
    let text = first_line(&text).into();
    if refused { StoreError::Refused(text) } else { StoreError::Unavailable(text) }
}

/// The database's own sentence on a statement that was not run by diesel, or the driver's.
pub(super) fn sentence(error: &tokio_postgres::Error) -> String {
    error.as_db_error().map_or_else(|| first_line(&error.to_string()), |db| first_line(db.message()))
}

/// What a statement's failure means where it was not run by diesel. `doing` says what was being done.
pub(super) fn of_direct(doing: &str, error: &tokio_postgres::Error) -> StoreError {
    let text = format!("{doing}: {}", sentence(error)).into();
    let Some(db) = error.as_db_error() else { return StoreError::Unavailable(text) };
    // Classes of PostgreSQL's appendix A that pass: connection, resources, operator, system, lock, rollback; and a
    // server that only reads, as one that is no primary any more.
    let passes = ["08", "53", "57", "58", "55", "40", "25"].iter().any(|class| db.code().code().starts_with(class));
    if passes { StoreError::Unavailable(text) } else { StoreError::Broken(text) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(kind: DatabaseErrorKind, text: &str) -> Failure {
        of_database(kind, &text.to_owned())
    }

    #[test]
    fn sentences_of_both_databases_are_understood() {
        use DatabaseErrorKind::{CheckViolation, ClosedConnection, UniqueViolation, Unknown};
        assert!(matches!(of(UniqueViolation, "duplicate key"), Failure::Again));
        assert!(matches!(of(Unknown, "deadlock detected"), Failure::Again));
        assert!(matches!(of(ClosedConnection, ""), Failure::Lost(_)));
        assert!(matches!(of(Unknown, "terminating connection due to administrator command"), Failure::Lost(_)));
        for data in
            ["invalid byte sequence for encoding \"UTF8\": 0x00", "value too long for type character varying(50)"]
        {
            assert!(matches!(of(Unknown, data), Failure::Data(_)), "{data}");
        }
        assert!(matches!(of(CheckViolation, "CHECK constraint failed: nickname"), Failure::Data(_)));
        for passing in [
            "the database system is shutting down",
            "canceling statement due to statement timeout",
            "could not extend file \"base/5/16384\": No space left on device",
            "database is locked",
            "database or disk is full",
            "attempt to write a readonly database",
        ] {
            let error = StoreError::from(of(Unknown, passing));
            assert!(matches!(error, StoreError::Unavailable(_)), "{passing}: {error:?}");
        }
        assert!(matches!(StoreError::from(of(Unknown, "relation \"rooms\" does not exist")), StoreError::Broken(_)));
    }
}
