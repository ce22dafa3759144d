//! How RabbitMQ is reached: its address, and a connection on which all that is published is confirmed.
//!
//! Without the Cargo feature `amqp` there is no such address, and so no client.
//!
//! Invariant: no address is printed or logged, for it may hold a password; each connection ends with its tasks and its thread,
//! whatever state it is in.

#[cfg(feature = "amqp")]
mod connected;
#[cfg(not(feature = "amqp"))]
mod missing;

use std::fmt;

#[cfg(feature = "amqp")]
pub use connected::{AmqpClient, AmqpUrl};
#[cfg(not(feature = "amqp"))]
pub use missing::{AmqpClient, AmqpUrl};

/// Something to publish.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Publication {
    /// The same however often it is published.
    pub id: String,
    /// What it is routed by.
    pub key: &'static str,
    /// Its headers.
    pub headers: Vec<(&'static str, String)>,
    /// Its content, in JSON.
    pub body: String,
}

/// Why something is not published, or not known to be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotTaken {
    /// Nobody is there, or the connection ended.
    #[error("it is not reached: {0}")]
    Away(String),
    /// It took too long.
    #[error("it did not answer within 5 s")]
    Late,
    /// Whoever the address names may not come in.
    #[error("it lets nobody in with this user, password and virtual host: {0}")]
    Login(String),
    /// The exchange is another one than it should be, or may not be made or used.
    #[error("its exchange chat.events is not a durable topic exchange, or this user may not make and use it: {0}")]
    Exchange(String),
    /// It has too little memory or disk left, and takes nothing until it has.
    #[error("it is short of memory or disk, and takes nothing")]
    Blocked,
    /// A queue does not take it.
    #[error("a queue behind it takes no more (or it failed to keep it)")]
    Refused,
}

impl NotTaken {
    /// Its name in figures.
    pub const fn outcome(&self) -> &'static str {
        match self {
            Self::Away(_) => "away",
            Self::Late => "late",
            Self::Login(_) => "login",
            Self::Exchange(_) => "exchange",
            Self::Blocked => "blocked",
            Self::Refused => "refused",
        }
    }
}

impl fmt::Debug for AmqpUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AmqpUrl")
    }
}
