//! Why the program ends with an error.

use std::net::SocketAddr;

use crate::{healthcheck::Unwell, moving::MovingError};
use chat_store::{BackupError, LivingServer, StoreError};

/// Why the program ends with an error. Each is one line for the operator.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// This address, which that setting names, cannot be listened on; what the system says.
    #[error("cannot listen on {0} ({1}): {2}")]
    Listen(SocketAddr, &'static str, std::io::Error),
    /// The database cannot be used.
    #[error("DATABASE_URL: {0}")]
    Store(#[from] StoreError),
    /// Another server has this one's name.
    #[error(
        "CHAT_SERVER_ID: a server named {} runs on this database already (version {}, {}); give each a name of its own",
        .0.id, .0.version, .0.url.as_deref().unwrap_or("without CHAT_ADVERTISE_URL")
    )]
    ServerId(Box<LivingServer>),
    /// Redis answers, and does not let this server in; its code.
    #[error("CHAT_BUS: Redis refuses this server ({0}): see to the user and the password in it")]
    Bus(String),
    /// Mail is set up in part, or its authority's certificate cannot be read.
    #[error("{0}")]
    Mail(String),
    /// gRPC is set up in part, in a way that cannot be, or was not built in.
    #[error("{0}")]
    Grpc(String),
    /// A backup was not made, or not put back.
    #[error(transparent)]
    Backup(#[from] BackupError),
    /// Rooms did not go into a file, or come out of one.
    #[error(transparent)]
    Moving(#[from] MovingError),
    /// A room was named that the database does not have.
    #[error("there is no room {0:?} with messages; its id is what stands behind /room/ in the page's address")]
    NoSuchRoom(String),
    /// A room cannot be called so.
    #[error("{0:?} cannot be the name of a room: it has messages, leads to another room, or is no id of a room")]
    NoName(String),
    /// What was to be removed cannot be.
    #[error("{0}")]
    Purge(&'static str),
    /// A server of an earlier release would go on as if nothing were.
    #[error("a server of an earlier release still runs on this database; try again once it is gone")]
    OldServer,
    /// The HTTP server ended by itself.
    #[error("the server stopped: {0}")]
    Server(#[from] std::io::Error),
    /// The server that was asked is not well.
    #[error(transparent)]
    Unwell(#[from] Unwell),
    /// A metric is declared twice, or the like: a fault of the program.
    #[error("the metrics cannot be set up: {0}")]
    Metrics(String),
}
