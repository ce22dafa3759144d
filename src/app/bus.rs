//! What carries news between this server and the others on its database.

use std::sync::Arc;

use actix::{Addr, Arbiter};
use actix_web::web;

use super::error::AppError;
use crate::{
    bus::{Between, Bus, redis::RedisBus, tables::PresenceTable},
    config::ServeConfig,
    http::Site,
    redis_client::is_refusal,
};
use chat_rooms::{BusPort, RoomRegistry};
use chat_store::{OwnServer, Store};

/// What carries, as the settings have it; none where this server is alone for good.
pub(super) fn chosen(config: &ServeConfig, store: &Store) -> Option<Box<dyn Bus>> {
    match config.database.bus.server() {
        // Nobody else can have this file.
        _ if store.kind() == "sqlite" => {
            if config.database.bus.server().is_some() {
                log::warn!("CHAT_BUS is not used: a SQLite file has one server");
            }
            None
        }
        Some(redis) => {
            let bus = RedisBus::new(redis.clone());
            #[cfg(feature = "fault-injection")]
            let bus = bus.by(crate::fault_injection::to_bus(config.broken));
            Some(Box::new(bus))
        }
        None => Some(Box::new(PresenceTable::new(store.clone()))),
    }
}

/// Ends the start where Redis refuses the password: waiting would not help. One that is away is not waited for.
pub(super) async fn check(config: &ServeConfig, store: &Store) -> Result<(), AppError> {
    let Some(redis) = config.database.bus.server().filter(|_| store.kind() != "sqlite") else { return Ok(()) };
    let ask = async {
        let mut connection = redis.connect().await?;
        // A server that wants a password and got none says so to the first command only.
        redis::cmd("PING").exec_async(&mut connection).await
    };
    match ask.await {
        Err(error) if is_refusal(&error) => {
            Err(AppError::Bus(error.code().unwrap_or("the password is refused").to_owned()))
        }
        _ => Ok(()),
    }
}

/// Where rooms leave what they say.
pub(super) fn port(bus: Option<&dyn Bus>) -> BusPort {
    bus.map_or_else(BusPort::default, Bus::port)
}

/// Carries on a thread of its own, until that is stopped.
pub(super) fn start(
    bus: Box<dyn Bus>,
    (port, database): (BusPort, String),
    own: &OwnServer,
    site: &web::Data<Site>,
    registry: &Addr<RoomRegistry>,
) -> Arbiter {
    let between = Between {
        port,
        registry: registry.clone().recipient(),
        server: Arc::from(own.id.as_str()),
        database,
        status: site.bus.clone(),
        metrics: site.metrics.clone(),
    };
    let thread = Arbiter::new();
    // A thread that has ended already was stopped: nobody needs it to carry.
    let _ = thread.spawn_fn(move || {
        actix::spawn(bus.carry(between));
    });
    thread
}
