//! What the tests stand on: servers, databases and clients of a test's own.

mod certificates;
mod client;
pub mod cluster;
pub mod command;
mod database;
mod events;
mod folder;
#[cfg(feature = "grpc")]
pub mod grpc;
mod history;
mod node;
mod pgbouncer;
mod proxy;
#[cfg(feature = "amqp")]
mod rabbitmq;
pub mod raw;
mod redis;
mod schema;
mod server;
mod smtp;
mod socketio;
mod stomp;
mod upgrade;

use std::time::Duration;

pub use certificates::certificates;
pub use client::{Client, Event, Who, in_path, message};
pub use database::{Database, Held, WATCH_COMMITS, admin_url, connect, sql};
pub use events::{EventStream, StreamEnd};
pub use folder::Folder;
pub use history::{History, Watch, was_broken, whole};
pub use node::NodeProgram;
pub use pgbouncer::PgBouncer;
pub use proxy::Proxy;
#[cfg(feature = "amqp")]
pub use rabbitmq::RabbitMq;
pub use raw::{Answer, RawSocket, connect_from, get_raw, pipelined, read_to_end, refused_upgrade};
pub use redis::Redis;
pub use schema::{check_schema, fits_schema};
pub use server::{Ended, Server};
pub use smtp::Smtp;
pub use socketio::{SOCKET_IO, Said, SocketIo};
pub use stomp::{Stomp, StompFrame};

/// How long a test waits for what must come. Only a failing test waits that long.
pub const PATIENCE: Duration = Duration::from_secs(60);

pub const LIMITS_OFF: [(&str, &str); 1] = [("CHAT_RATE_LIMITS", "off")];

pub const MIB: usize = 1024 * 1024;

/// A crowd has more sockets than a process may usually have files, and other crowds of this process have theirs.
pub fn allow_files() {
    let allowed = rlimit::increase_nofile_limit(u64::MAX).expect("a limit");
    assert!(allowed >= 4_096, "{allowed} files are too few for this test");
}

/// Waits for `work`, and fails naming it.
pub async fn within<T>(what: &str, work: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, work).await.unwrap_or_else(|_| panic!("waited {PATIENCE:?} for {what}"))
}

/// Asks until there is an answer, and fails naming what was waited for.
pub async fn until<T>(what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let mut pace = tokio::time::interval(Duration::from_millis(20));
    within(what, async {
        loop {
            pace.tick().await;
            if let Some(answer) = ask().await {
                return answer;
            }
        }
    })
    .await
}

/// Asks until it is so, and fails naming what was waited for.
pub async fn soon(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    until(what, async || is_so().await.then_some(())).await;
}
