//! How Redis (or Valkey) is reached: its address, and connections to it that give up in time.

use std::{fmt, time::Duration};

use redis::{
    AsyncConnectionConfig, Client, ConnectionInfo, ErrorKind, IntoConnectionInfo, RedisError,
    aio::{MultiplexedConnection, PubSub},
    io::tcp::TcpSettings,
};
use tokio::time::timeout;

/// How long a connection may take to be made, its password included.
const CONNECT_MAX: Duration = Duration::from_secs(3);
/// How long an answer may take. Redis does one thing after the other: beside a slow command of somebody else's all wait.
const ANSWER_MAX: Duration = Duration::from_secs(2);

/// What CHAT_BUS says: where Redis is, or that there is none. Never printed: it may hold a password.
#[derive(Clone, Default)]
pub struct BusUrl(Option<RedisServer>);

/// A Redis server, and how it is reached.
#[derive(Clone)]
pub struct RedisServer {
    client: Client,
}

impl BusUrl {
    /// Reads `none`, or a URL: `redis://user:password@host:port/database`, `rediss://` with TLS.
    ///
    /// # Errors
    /// A sentence for the operator, without the value.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text == "none" {
            return Ok(Self(None));
        }
        let is_ours = ["redis://", "rediss://"].iter().any(|scheme| text.starts_with(scheme));
        let info = if is_ours { text.into_connection_info().ok() } else { None };
        let info = info.ok_or("it is none, redis://user:password@host:port/0, or rediss://… with TLS")?;
        RedisServer::new(info).map(|server| Self(Some(server))).map_err(|_| "Redis cannot be reached that way".into())
    }

    /// Whether it holds a password.
    pub fn has_password(&self) -> bool {
        let settings = |server: &RedisServer| server.client.get_connection_info().redis_settings().password().is_some();
        self.0.as_ref().is_some_and(settings)
    }

    /// The server, where there is one.
    pub fn server(&self) -> Option<&RedisServer> {
        self.0.as_ref()
    }
}

impl RedisServer {
    fn new(info: ConnectionInfo) -> Result<Self, RedisError> {
        let info = info.set_tcp_settings(TcpSettings::default().set_nodelay(true));
        Client::open(info).map(|client| Self { client })
    }

    /// Host and port, for the log.
    pub fn address(&self) -> String {
        self.client.get_connection_info().addr().to_string()
    }

    /// A connection for commands. It ends with its last clone; after an error on it a new one is made.
    ///
    /// # Errors
    /// Where Redis is not reached in time, or refuses.
    pub async fn connect(&self) -> Result<MultiplexedConnection, RedisError> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECT_MAX))
            .set_response_timeout(Some(ANSWER_MAX));
        in_time(self.client.get_multiplexed_async_connection_with_config(&config)).await
    }

    /// A connection that listens.
    ///
    /// # Errors
    /// As [`RedisServer::connect`].
    pub async fn listen(&self) -> Result<PubSub, RedisError> {
        in_time(self.client.get_async_pubsub()).await
    }
}

async fn in_time<T>(work: impl Future<Output = Result<T, RedisError>>) -> Result<T, RedisError> {
    let late = || RedisError::from((ErrorKind::Io, "it did not answer in time"));
    timeout(CONNECT_MAX, work).await.unwrap_or_else(|_| Err(late()))
}

/// Whether Redis answered, and does not let this server in: waiting does not help.
pub fn is_refusal(error: &RedisError) -> bool {
    matches!(error.kind(), ErrorKind::AuthenticationFailed)
        || ["NOAUTH", "WRONGPASS", "NOPERM"].map(Some).contains(&error.code())
}

impl fmt::Debug for BusUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "BusUrl(redis)" } else { "BusUrl(none)" })
    }
}

impl fmt::Debug for RedisServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RedisServer")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_read_and_never_shown() {
        for good in ["redis://h", "redis://u:secret@h:6380/2", "rediss://:secret@h/0", "redis://[::1]:6379"] {
            let url = BusUrl::parse(good).expect(good);
            assert!(url.server().is_some() && !format!("{url:?} {:?}", url.server()).contains("secret"), "{good}");
        }
        assert!(BusUrl::parse("none").expect("none").server().is_none());
        for wrong in ["", "redis", "redis://", "http://h", "redis://h:port", "redis://h/secret", "redis://u:secret@:1"]
        {
            let error = BusUrl::parse(wrong).expect_err(wrong);
            assert!(!error.contains("secret"), "{wrong}: {error}");
        }
    }
}
