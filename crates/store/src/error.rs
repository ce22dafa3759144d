//! What fails in a database: whose fault it is, and whether trying again can help.

use std::{borrow::Cow, error::Error as _, path::PathBuf};

use deadpool::managed::TimeoutType;
use diesel::{
    ConnectionError,
    result::{DatabaseErrorInformation, DatabaseErrorKind, Error as QueryError},
};
use diesel_async::pooled_connection::{PoolError, deadpool::PoolError as GetError};
use tokio_postgres::error::SqlState;

/// What the log says of an error.
pub(crate) type Text = Cow<'static, str>;

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
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum Failure {
    /// Locks crossed, or transactions could not be put in a row: running it again settles it.
    #[error("{0}")]
    Again(Text),
    /// A key is taken: by another server's statement that was faster, which running it again settles, or by a rule
    /// that is none of this program's.
    #[error("{0}")]
    Taken(Text),
    /// A lock of another transaction did not go away in time; the database is well.
    #[error("{0}")]
    LockedOut(Text),
    /// The database does not take this row, or nobody knows what it means by its error. Other rows it may take.
    #[error("{0}")]
    Row(Text),
    /// The connection is of no use any more; nobody knows what became of the statement.
    #[error("{0}")]
    Lost(Text),
    /// Anything else.
    #[error(transparent)]
    Store(StoreError),
}

impl Failure {
    /// What an error of the driver means.
    pub fn of_postgres(error: &tokio_postgres::Error) -> Self {
        match error.as_db_error() {
            Some(db) => of_sqlstate(db.code().code(), db.message(), db.constraint()),
            // The driver's own.
            None => of_driver(first_line(&error.to_string())),
        }
    }

    /// Whether the connection it happened on can be used again.
    pub fn spares_the_connection(&self) -> bool {
        matches!(self, Self::Again(_) | Self::Taken(_) | Self::LockedOut(_) | Self::Row(_))
    }
}

impl From<Failure> for StoreError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Again(text) | Failure::LockedOut(text) | Failure::Lost(text) => Self::Unavailable(text),
            Failure::Taken(text) | Failure::Row(text) => Self::Broken(text),
            Failure::Store(error) => error,
        }
    }
}

/// Lets a failure pass through diesel, whose own errors have no room for an SQLSTATE.
pub(crate) fn through_query(failure: Failure) -> QueryError {
    QueryError::QueryBuilderError(Box::new(failure))
}

impl From<QueryError> for Failure {
    fn from(error: QueryError) -> Self {
        match error {
            // PostgreSQL's come as what passed through diesel, below.
            QueryError::DatabaseError(kind, info) => of_sqlite(kind, &*info),
            QueryError::RollbackErrorOnCommit { commit_error, .. } => Self::from(*commit_error),
            QueryError::BrokenTransactionManager => Self::Lost("the transaction broke".into()),
            QueryError::QueryBuilderError(inner) => match inner.downcast::<Self>().map_err(|e| e.downcast()) {
                Ok(failure) => *failure,
                Err(Ok(error)) => Self::Store(*error),
                Err(Err(_)) => Self::Store(StoreError::Broken("a statement could not be built".into())),
            },
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

/// What an SQLSTATE means (PostgreSQL's documentation, appendix A). The first two characters are its class.
///
/// What is not listed is about the statement's data as far as anybody knows: with other rows it may work.
fn of_sqlstate(code: &str, message: &str, constraint: Option<&str>) -> Failure {
    let sentence = || Text::from(format!("{} (SQLSTATE {code})", first_line(message)));
    let class = code.get(..2).unwrap_or_default();
    match (class, code) {
        (_, "23505") => Failure::Taken(of_row(code, constraint)),
        (_, "40001" | "40P01") => Failure::Again(sentence()),
        (_, "55P03") => Failure::LockedOut(sentence()),
        // The connection was ended, or has no end that is known. A prepared statement that is missing or there already
        // is no fault of the statement: the session behind the connection is another one.
        ("08", _) | (_, "40003" | "57P01" | "57P02" | "57P05" | "25P03" | "25P04" | "26000" | "42P05") => {
            Failure::Lost(sentence())
        }
        // Out of space, memory or connections; canceled or shutting down; the system below it; read-only.
        ("53" | "57" | "58", _) | (_, "25006") => Failure::Store(StoreError::Unavailable(sentence())),
        // Not supported, not allowed, not there, not possible in this state of the session; damaged.
        ("0A" | "0B" | "0P" | "25" | "26" | "28" | "2B" | "2D" | "3B" | "3D" | "3F" | "42" | "F0", _)
        | (_, "XX001" | "XX002") => Failure::Store(StoreError::Broken(sentence())),
        _ => Failure::Row(of_row(code, constraint)),
    }
}

/// What the driver finds by itself. What it cannot send is a fault of the row; all else is the connection's: it is
/// closed, or does not speak PostgreSQL.
fn of_driver(text: String) -> Failure {
    if ["error serializing", "error encoding"].iter().any(|unsent| text.starts_with(unsent)) {
        Failure::Row(text.into())
    } else {
        Failure::Lost(text.into())
    }
}

/// Without the database's sentence, which may quote the row.
fn of_row(code: &str, constraint: Option<&str>) -> Text {
    match constraint {
        Some(name) => format!("SQLSTATE {code}, constraint {}", first_line(name)).into(),
        None => format!("SQLSTATE {code}").into(),
    }
}

/// What an error of SQLite means. diesel tells the result codes of constraints; all others it leaves out, and then
/// SQLite's sentence decides. That is as good as the code: SQLite has one for each code, in English only, and
/// another text comes from a trigger (RAISE), whose message is its own.
fn of_sqlite(kind: DatabaseErrorKind, info: &dyn DatabaseErrorInformation) -> Failure {
    let text = Text::from(first_line(info.message()));
    let is_one_of = |sentences: &[&str]| sentences.iter().any(|sentence| text.starts_with(sentence));
    match kind {
        DatabaseErrorKind::UnableToSendCommand | DatabaseErrorKind::ClosedConnection => Failure::Lost(text),
        DatabaseErrorKind::Unknown if is_one_of(&SQLITE_LOST) => Failure::Lost(text),
        DatabaseErrorKind::Unknown if is_one_of(&SQLITE_AWAY) => Failure::Store(StoreError::Unavailable(text)),
        DatabaseErrorKind::Unknown if is_one_of(&SQLITE_BROKEN) => Failure::Store(StoreError::Broken(text)),
        // Nobody else writes while a batch is written, so a key that is taken stays taken.
        _ => Failure::Row(text),
    }
}

/// SQLite ended the transaction by itself, as it does when the disk is full.
const SQLITE_LOST: [&str; 3] = ["cannot rollback", "cannot commit", "interrupted"];

/// Busy, full, or not to be read or written (`sqlite3ErrStr` in SQLite's source).
const SQLITE_AWAY: [&str; 12] = [
    "database is locked",
    "database table is locked",
    "database schema is locked",
    "database or disk is full",
    "disk I/O error",
    "attempt to write a readonly database",
    "unable to open database file",
    "out of memory",
    "locking protocol",
    "access permission denied",
    "database disk image is malformed",
    "file is not a database",
];

/// The schema is not the one that is needed, or changed.
const SQLITE_BROKEN: [&str; 5] = ["no such ", "table ", "database schema has changed", "SQL logic error", "near \""];

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
pub(crate) fn through_diesel(error: StoreError) -> ConnectionError {
    ConnectionError::CouldntSetupConfiguration(QueryError::QueryBuilderError(Box::new(error)))
}

/// Why a connection to PostgreSQL could not be made. Here the SQLSTATE is known.
pub(crate) fn of_connecting(error: &tokio_postgres::Error) -> StoreError {
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
pub(crate) fn sentence(error: &tokio_postgres::Error) -> String {
    error.as_db_error().map_or_else(|| first_line(&error.to_string()), |db| first_line(db.message()))
}

/// What a statement's failure means where it was not run by diesel. `doing` says what was being done.
pub(crate) fn of_direct(doing: &str, error: &tokio_postgres::Error) -> StoreError {
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

    /// Its name, without what it says.
    fn name(failure: Failure) -> &'static str {
        match failure {
            Failure::Again(_) => "again",
            Failure::Taken(_) => "taken",
            Failure::LockedOut(_) => "locked out",
            Failure::Row(_) => "row",
            Failure::Lost(_) => "lost",
            Failure::Store(StoreError::Unavailable(_)) => "away",
            Failure::Store(StoreError::Broken(_)) => "broken",
            Failure::Store(_) => "other",
        }
    }

    #[test]
    fn the_sqlstate_decides_and_not_the_sentence() {
        for (codes, meaning) in [
            ("08006 08P01 25P03 26000 40003 42P05 57P01", "lost"),
            ("0A000 25P02 28000 42501 42P01 XX001", "broken"),
            ("21000 22001 22021 22P05 23502 23514 54000 P0001 XX000 ABCDE é", "row"),
            ("23505", "taken"),
            ("25006 53100 53300 57014 57P03 58030", "away"),
            ("40001 40P01", "again"),
            ("55P03", "locked out"),
        ] {
            for code in codes.split(' ') {
                for sentence in ["", "die Datenbank sagt es auf Deutsch", "database is locked"] {
                    assert_eq!(name(of_sqlstate(code, sentence, None)), meaning, "{code}");
                }
            }
        }
    }

    #[test]
    fn what_cannot_be_sent_is_told_from_a_connection_that_is_gone() {
        assert_eq!(name(of_driver("error serializing parameter 4: too long".into())), "row");
        assert_eq!(name(of_driver("error encoding message to server".into())), "row");
        assert_eq!(name(of_driver("connection closed".into())), "lost");
        assert_eq!(name(of_driver("error communicating with the server: broken pipe".into())), "lost");
    }

    #[test]
    fn an_error_of_a_row_names_its_code_and_quotes_nothing() {
        let of = |code| of_sqlstate(code, "value \"my secret\" too long", Some("no_such")).to_string();
        assert_eq!(of("22001"), "SQLSTATE 22001, constraint no_such");
        let of_no_row = "the database did not do what was asked: value \"my secret\" too long (SQLSTATE 42P01)";
        assert_eq!(of("42P01"), of_no_row);
    }

    #[test]
    fn what_sqlite_says_of_itself_is_told_from_what_it_says_of_a_row() {
        use DatabaseErrorKind::{CheckViolation, ClosedConnection, UniqueViolation, Unknown};
        for (kind, sentence, meaning) in [
            (CheckViolation, "CHECK constraint failed: nickname", "row"),
            // A key that is none of ours: whoever named it so.
            (UniqueViolation, "disk I/O error", "row"),
            (Unknown, "string or blob too big", "row"),
            (Unknown, "this trigger says: database is locked", "row"),
            (Unknown, "database is locked", "away"),
            (Unknown, "database table is locked: rooms", "away"),
            (Unknown, "database or disk is full", "away"),
            (Unknown, "attempt to write a readonly database", "away"),
            (Unknown, "database disk image is malformed", "away"),
            (Unknown, "cannot rollback - no transaction is active", "lost"),
            (Unknown, "no such table: messages", "broken"),
            (Unknown, "table messages has no column named avatar", "broken"),
            (ClosedConnection, "", "lost"),
        ] {
            assert_eq!(name(of_sqlite(kind, &sentence.to_owned())), meaning, "{sentence}");
        }
    }
}
