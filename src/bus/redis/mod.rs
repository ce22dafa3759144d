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
use super::{Between, Bus, names::Names, pulse::Pulse};
use crate::redis_client::RedisServer;

/// Redis Pub/Sub.
pub struct RedisBus {
    server: RedisServer,
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
