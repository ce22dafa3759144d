use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use redis::aio::MultiplexedConnection;

use crate::{
    bus::{Between, names::Names, pulse::Pulse},
    redis_client::RedisServer,
};

/// The pause behind a connection that could not be made, and how long it grows.
const PAUSE: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(2);
/// Channels of one command, and commands of one pipeline, at most.
pub(super) const CHUNK: usize = 512;

/// What those who publish and those who listen share.
pub(super) struct Shared {
    pub(super) between: Between,
    pub(super) redis: RedisServer,
    pub(super) names: Names,
    pub(super) pulse: Pulse,
    /// The connection for commands, while there is one.
    pub(super) commands: Mutex<Option<MultiplexedConnection>>,
}

impl Shared {
    pub(super) fn commands(&self) -> Option<MultiplexedConnection> {
        self.commands.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn set_commands(&self, connection: Option<MultiplexedConnection>) {
        *self.commands.lock().unwrap_or_else(PoisonError::into_inner) = connection;
    }
}

/// Milliseconds since 1970 by this machine's clock.
pub(super) fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// Pauses that grow from try to try.
pub(super) struct Pauses(Duration);

impl Pauses {
    pub(super) fn new() -> Self {
        Self(PAUSE)
    }

    pub(super) async fn pause(&mut self) {
        tokio::time::sleep(self.0).await;
        self.0 = (self.0 * 2).min(PAUSE_MAX);
    }
}
