//! News over Redis: one connection that publishes, one that listens.
//!
//! A beat a second goes out and must come back: what looks connected and carries nothing is found so, and connected anew.

mod ears;
mod publisher;
mod shared;
mod subscriber;

use std::sync::{Arc, Mutex};

use futures_util::{FutureExt, future::LocalBoxFuture};

use self::shared::Shared;
#[cfg(feature = "fault-injection")]
pub use self::shared::Way;
use super::{Between, Bus, names::Names, pulse::Pulse};
use crate::redis_client::RedisServer;

/// Redis Pub/Sub.
pub struct RedisBus {
    server: RedisServer,
    #[cfg(feature = "fault-injection")]
    way: Option<Way>,
}

impl RedisBus {
    /// A bus over this server, not connected yet.
    pub fn new(server: RedisServer) -> Self {
        Self {
            server,
            #[cfg(feature = "fault-injection")]
            way: None,
        }
    }

    /// Frames go this way.
    #[cfg(feature = "fault-injection")]
    pub fn by(self, way: Option<Way>) -> Self {
        Self { way, ..self }
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
            #[cfg(feature = "fault-injection")]
            way: Mutex::new(self.way),
        });
        async move {
            tokio::join!(publisher::publish(&shared), subscriber::listen(&shared));
        }
        .boxed_local()
    }
}
