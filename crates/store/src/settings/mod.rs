//! What a store is given: the database's URL, how the connection to it is encrypted, what stands in front of it, and
//! limits.

pub(crate) mod tls;
mod url;
mod url_options;

use std::{fmt, str, time::Duration};

pub use tls::{Roots, TlsMode, TlsSettings};
pub use url::{DatabaseUrl, PostgresUrl};
pub use url_options::StoreUrlError;

/// The limits of a store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreSettings {
    /// How many connections read; one more writes. At least 1.
    pub pool_size: usize,
    /// How long connecting may take, for each host of the URL.
    pub connect_timeout: Duration,
    /// How long a statement may run, and how long SQLite waits for another process's commit.
    pub statement_timeout: Duration,
    /// How long to wait for a connection while all are in use.
    pub pool_wait: Duration,
    /// PostgreSQL: what is between this server and the database.
    pub pooler: Pooler,
    /// PostgreSQL: how long a batch waits for a room's row that another transaction has locked; then that room waits
    /// and the others go on.
    pub lock_wait: Duration,
    /// SQLite: the file is this store's alone. A second one that wants that is refused.
    pub exclusive: bool,
    /// PostgreSQL: a folder of migrations that follow the program's own, for tests of how they are applied.
    #[cfg(feature = "fault-injection")]
    pub more_migrations: Option<std::path::PathBuf>,
    /// PostgreSQL: answers before the commit, which is wrong: for tests of the fault tests.
    #[cfg(feature = "fault-injection")]
    pub answers_early: bool,
}

impl Default for StoreSettings {
    fn default() -> Self {
        Self {
            pool_size: 8,
            connect_timeout: Duration::from_secs(3),
            statement_timeout: Duration::from_secs(5),
            pool_wait: Duration::from_secs(2),
            pooler: Pooler::Auto,
            lock_wait: Duration::from_millis(500),
            exclusive: true,
            #[cfg(feature = "fault-injection")]
            more_migrations: None,
            #[cfg(feature = "fault-injection")]
            answers_early: false,
        }
    }
}

/// What is between this server and PostgreSQL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Pooler {
    /// Asked of the database when the first connection is made.
    #[default]
    Auto,
    /// A pooler that gives each transaction any of its server's sessions (pgbouncer's `pool_mode=transaction`).
    Transaction,
    /// Each connection has a session of its own: nothing, or a pooler in session mode.
    None,
}

impl str::FromStr for Pooler {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let named = [Self::Auto, Self::Transaction, Self::None].into_iter().find(|pooler| pooler.to_string() == text);
        named.ok_or("expected auto, transaction or none")
    }
}

impl fmt::Display for Pooler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Auto => "auto",
            Self::Transaction => "transaction",
            Self::None => "none",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_read_as_they_are_written() {
        for pooler in [Pooler::Auto, Pooler::Transaction, Pooler::None] {
            assert_eq!(pooler.to_string().parse(), Ok(pooler));
        }
        assert!("session".parse::<Pooler>().is_err());
    }
}
