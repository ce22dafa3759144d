//! The URL that names a database, read without ever showing its password.

use std::{
    fmt,
    path::{Path, PathBuf},
};

use tokio_postgres::config::{ChannelBinding, Config, Host, SslMode};

use super::{
    tls::{TlsMode, TlsSettings},
    url_options::{self, StoreUrlError},
};

/// Which database a server uses. Neither `Debug` nor `Display` shows a password.
#[derive(Clone)]
pub enum DatabaseUrl {
    /// A PostgreSQL server.
    Postgres(Box<PostgresUrl>),
    /// A SQLite file.
    Sqlite(PathBuf),
}

/// How a PostgreSQL server is reached.
#[derive(Clone)]
pub struct PostgresUrl {
    /// What the driver knows of it.
    pub config: Config,
    /// How the connections are encrypted.
    pub tls: TlsSettings,
}

impl DatabaseUrl {
    /// Reads the value of `DATABASE_URL`; fails where it cannot be read or asks for what is not supported.
    pub fn parse(text: &str) -> Result<Self, StoreUrlError> {
        if let Some(path) = text.strip_prefix("sqlite://") {
            // SQLite would take `file:` for a URI of its own.
            let is_no_file = path.is_empty() || path.ends_with('/') || path.contains(['?', '\0']);
            let bad = is_no_file || path.contains(":memory:") || path.starts_with("file:");
            return if bad { Err(StoreUrlError::Sqlite) } else { Ok(Self::Sqlite(PathBuf::from(path))) };
        }
        if !(text.starts_with("postgres://") || text.starts_with("postgresql://")) {
            return Err(StoreUrlError::Scheme);
        }
        let (text, mut tls) = url_options::take(text)?;
        let mut config: Config = text.parse().map_err(|_| StoreUrlError::Postgres)?;
        let hosts = config.get_hosts();
        if hosts.is_empty() && config.get_hostaddrs().is_empty() || hosts.contains(&Host::Tcp(String::new())) {
            return Err(StoreUrlError::Host);
        }
        if hosts.is_empty() {
            // The name that a certificate must have.
            for address in config.get_hostaddrs().to_owned() {
                config.host(address.to_string());
            }
        }
        #[cfg(unix)]
        if config.get_hosts().iter().all(|host| matches!(host, Host::Unix(_))) {
            // As libpq: what never leaves the machine is not encrypted, whatever was asked for.
            tls.mode = TlsMode::Disable;
        }
        if config.get_channel_binding() == ChannelBinding::Require && !tls.mode.must_encrypt() {
            return Err(StoreUrlError::ChannelBinding);
        }
        config.ssl_mode(match tls.mode {
            TlsMode::Disable => SslMode::Disable,
            TlsMode::Prefer => SslMode::Prefer,
            TlsMode::Require | TlsMode::VerifyCa | TlsMode::VerifyFull => SslMode::Require,
        });
        Ok(Self::Postgres(Box::new(PostgresUrl { config, tls })))
    }

    /// The SQLite file, where it is one.
    pub fn sqlite_path(&self) -> Option<&Path> {
        if let Self::Sqlite(path) = self { Some(path) } else { None }
    }

    /// `postgresql` or `sqlite`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Postgres(_) => "postgresql",
            Self::Sqlite(_) => "sqlite",
        }
    }
}

/// Where the database is: hosts, ports and name, or the path.
impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let config = match self {
            Self::Sqlite(path) => return write!(f, "sqlite://{}", path.display()),
            Self::Postgres(url) => &url.config,
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
        let strict = "postgres://u@db/chat?connect_timeout=1&sslmode=verify-full&sslrootcert=ca.pem";
        assert_eq!(shown(strict).as_deref(), Ok("postgresql://db:5432/chat"));
        assert_eq!(shown("sqlite://data/chat.db").as_deref(), Ok("sqlite://data/chat.db"));
        assert_eq!(shown("sqlite:///var/lib/chat.db").as_deref(), Ok("sqlite:///var/lib/chat.db"));
    }

    #[test]
    fn refuses_the_rest_with_its_reason() {
        let (bad_port, bad_option) =
            ("postgres://u:secret@db:port/chat", "postgres://u:secret@db/chat?no_such_option=1");
        for (texts, error) in [
            (&["", "mysql://u:p@db/chat", "chat.db"][..], StoreUrlError::Scheme),
            (&[bad_port, bad_option], StoreUrlError::Postgres),
            (&["postgres://u:secret@/chat", "postgres:///chat"], StoreUrlError::Host),
            (&["postgres://u:secret@db/chat?sslmode=allow"], StoreUrlError::TlsMode),
            (&["postgres://u:secret@db/chat?channel_binding=require"], StoreUrlError::ChannelBinding),
            (&["postgres://u:secret@db/chat?sslcrl=/a"], StoreUrlError::Option("sslcrl")),
            (&["sqlite://", "sqlite://:memory:", "sqlite://data/", "sqlite://chat.db?mode=ro"], StoreUrlError::Sqlite),
        ] {
            for text in texts {
                assert_eq!(shown(text), Err(error), "{text}");
            }
            assert!(!error.to_string().contains("secret"));
        }
    }

    #[test]
    fn never_shows_the_password() {
        let url = DatabaseUrl::parse("postgres://user:hunter2@db/chat").expect("a URL");
        assert!(!format!("{url} {url:?}").contains("hunter2"));
    }
}
