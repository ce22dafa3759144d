use std::{fmt, path::PathBuf};

use tokio_postgres::config::{ChannelBinding, Config, Host, SslMode, SslNegotiation};

/// Which database a server uses. Neither `Debug` nor `Display` shows a password.
#[derive(Clone)]
pub enum DatabaseUrl {
    /// A PostgreSQL server.
    Postgres(Box<Config>),
    /// A SQLite file.
    Sqlite(PathBuf),
}

/// Why a database URL was refused. Never holds a part of the URL: it may be the password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum StoreUrlError {
    /// Neither PostgreSQL nor SQLite.
    #[error("a database URL begins with postgres://, postgresql:// or sqlite://")]
    Scheme,
    /// No URL of a PostgreSQL server.
    #[error(
        "this is no URL of a PostgreSQL database: expected postgres://user:password@host:port/database \
         (write special characters of the password as %XX)"
    )]
    Postgres,
    /// The host is missing.
    #[error("the PostgreSQL URL names no host: expected postgres://user:password@host:port/database")]
    Host,
    /// Encryption was asked for.
    #[error(
        "the PostgreSQL URL asks for TLS, which is not supported yet: leave sslmode out, or set sslmode=prefer \
         or sslmode=disable"
    )]
    Tls,
    /// No path of a file.
    #[error(
        "a SQLite URL is sqlite:// and the path of a file, as sqlite://data/chat.db or sqlite:///var/lib/chat.db, \
         without options; a database in memory cannot be shared"
    )]
    Sqlite,
}

impl DatabaseUrl {
    /// Reads the value of `DATABASE_URL`.
    ///
    /// # Errors
    /// [`StoreUrlError`] where it cannot be read or asks for what is not supported.
    pub fn parse(text: &str) -> Result<Self, StoreUrlError> {
        if let Some(path) = text.strip_prefix("sqlite://") {
            // SQLite would take `file:` for a URI of its own.
            let bad = path.is_empty()
                || path.ends_with('/')
                || path.contains(['?', '\0'])
                || path.contains(":memory:")
                || path.starts_with("file:");
            return if bad { Err(StoreUrlError::Sqlite) } else { Ok(Self::Sqlite(PathBuf::from(path))) };
        }
        if !(text.starts_with("postgres://") || text.starts_with("postgresql://")) {
            return Err(StoreUrlError::Scheme);
        }
        if asks_for_tls(text) {
            return Err(StoreUrlError::Tls);
        }
        let config: Config = text.parse().map_err(|_| StoreUrlError::Postgres)?;
        if config.get_ssl_mode() == SslMode::Require
            || config.get_ssl_negotiation() == SslNegotiation::Direct
            || config.get_channel_binding() == ChannelBinding::Require
        {
            return Err(StoreUrlError::Tls);
        }
        let hosts = config.get_hosts();
        if hosts.is_empty() && config.get_hostaddrs().is_empty() || hosts.contains(&Host::Tcp(String::new())) {
            return Err(StoreUrlError::Host);
        }
        Ok(Self::Postgres(Box::new(config)))
    }

    /// `postgresql` or `sqlite`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Postgres(_) => "postgresql",
            Self::Sqlite(_) => "sqlite",
        }
    }
}

/// Modes that the driver does not know must still bring the right sentence.
fn asks_for_tls(url: &str) -> bool {
    url.rsplit_once('?').is_some_and(|(_, options)| {
        options.split('&').any(|o| matches!(o, "sslmode=require" | "sslmode=verify-ca" | "sslmode=verify-full"))
    })
}

/// Where the database is: hosts, ports and name, or the path.
impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let config = match self {
            Self::Sqlite(path) => return write!(f, "sqlite://{}", path.display()),
            Self::Postgres(config) => config,
        };
        f.write_str("postgresql://")?;
        let ports = config.get_ports();
        for (i, host) in config.get_hosts().iter().enumerate() {
            let comma = if i == 0 { "" } else { "," };
            match host {
                Host::Tcp(name) => write!(f, "{comma}{name}")?,
                #[cfg(unix)]
                Host::Unix(path) => write!(f, "{comma}{}", path.display())?,
            }
            if let Some(port) = ports.get(i).or(ports.first()) {
                write!(f, ":{port}")?;
            }
        }
        write!(f, "/{}", config.get_dbname().unwrap_or_default())
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> Result<String, StoreUrlError> {
        DatabaseUrl::parse(text).map(|url| url.to_string())
    }

    #[test]
    fn reads_both_kinds() {
        assert_eq!(shown("postgres://u:p@db:5433/chat").as_deref(), Ok("postgresql://db:5433/chat"));
        assert_eq!(shown("postgresql://u@db/chat?sslmode=prefer").as_deref(), Ok("postgresql://db:5432/chat"));
        assert_eq!(shown("postgres://u@a:1,b:2/chat?sslmode=disable").as_deref(), Ok("postgresql://a:1,b:2/chat"));
        assert_eq!(shown("sqlite://data/chat.db").as_deref(), Ok("sqlite://data/chat.db"));
        assert_eq!(shown("sqlite:///var/lib/chat.db").as_deref(), Ok("sqlite:///var/lib/chat.db"));
    }

    #[test]
    fn refuses_the_rest_with_its_reason() {
        for (text, error) in [
            ("", StoreUrlError::Scheme),
            ("mysql://u:p@db/chat", StoreUrlError::Scheme),
            ("chat.db", StoreUrlError::Scheme),
            ("postgres://u:secret@db:port/chat", StoreUrlError::Postgres),
            ("postgres://u:secret@/chat", StoreUrlError::Host),
            ("postgres:///chat", StoreUrlError::Host),
            ("postgres://u:secret@db/chat?sslmode=require", StoreUrlError::Tls),
            ("postgres://u:secret@db/chat?connect_timeout=1&sslmode=verify-full", StoreUrlError::Tls),
            ("postgres://u:secret@db/chat?channel_binding=require", StoreUrlError::Tls),
            ("sqlite://", StoreUrlError::Sqlite),
            ("sqlite://:memory:", StoreUrlError::Sqlite),
            ("sqlite://data/", StoreUrlError::Sqlite),
            ("sqlite://chat.db?mode=ro", StoreUrlError::Sqlite),
        ] {
            assert_eq!(shown(text), Err(error), "{text}");
            assert!(!error.to_string().contains("secret"));
        }
    }

    #[test]
    fn never_shows_the_password() {
        let url = DatabaseUrl::parse("postgres://user:hunter2@db/chat").expect("a URL");
        assert!(!format!("{url} {url:?}").contains("hunter2"));
    }
}
