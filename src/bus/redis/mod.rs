//! News over Redis: one connection that publishes, one that listens.
//!
//! A beat a second goes out and must come back: what looks connected and carries nothing is found so, and connected anew.

mod ears;
mod publisher;
mod subscriber;

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use futures_util::{FutureExt, future::LocalBoxFuture};
use redis::aio::MultiplexedConnection;

use super::{Between, Bus, names::Names, pulse::Pulse};
use crate::redis_client::RedisServer;

/// The pause behind a connection that could not be made, and how long it grows.
const PAUSE: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(2);
/// Channels of one command, and commands of one pipeline, at most.
const CHUNK: usize = 512;

/// Redis Pub/Sub.
pub struct RedisBus {
    server: RedisServer,
}

/// What those who publish and those who listen share.
struct Shared {
    between: Between,
    redis: RedisServer,
    names: Names,
    pulse: Pulse,
    /// The connection for commands, while there is one.
    commands: Mutex<Option<MultiplexedConnection>>,
}

impl RedisBus {
    /// A bus over this server, not connected yet.
    pub fn new(server: RedisServer) -> Self {
        Self { server }
    }
}

impl Bus for RedisBus {
    fn carry(self: Box<Self>, between: Between) -> LocalBoxFuture<'static, ()> {
        let shared = Arc::new(Shared {
            names: Names::new(&between.database),
            between,
            redis: self.server,
            pulse: Pulse::default(),
            commands: Mutex::default(),
        });
        async move {
            tokio::join!(publisher::publish(&shared), subscriber::listen(&shared));
        }
        .boxed_local()
    }
}

impl Shared {
    fn commands(&self) -> Option<MultiplexedConnection> {
        self.commands.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set_commands(&self, connection: Option<MultiplexedConnection>) {
        *self.commands.lock().unwrap_or_else(PoisonError::into_inner) = connection;
    }
}

/// Milliseconds since 1970 by this machine's clock.
fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// Pauses that grow from try to try.
struct Pauses(Duration);

impl Pauses {
    fn new() -> Self {
        Self(PAUSE)
    }

    async fn pause(&mut self) {
        tokio::time::sleep(self.0).await;
        self.0 = (self.0 * 2).min(PAUSE_MAX);
    }
}
