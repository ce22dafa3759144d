//! Says to Redis which sessions this server has, where there is one.

use std::{net::SocketAddr, sync::Arc};

use actix_web::web;
use tokio::task::JoinHandle;

use crate::{
    config::{self, ServeConfig},
    http::Site,
    session_registry::{Everywhere, Place},
};
use chat_store::OwnServer;

/// What is said, while it is.
pub(super) struct Telling {
    everywhere: Arc<Everywhere>,
    task: JoinHandle<()>,
}

/// Begins to tell Redis, where this server has one.
pub(super) fn start(config: &ServeConfig, database: &str, site: &web::Data<Site>) -> Option<Telling> {
    // A SQLite file has one server, which knows its sessions.
    let redis = config.database.bus.server().filter(|_| site.store.kind() != "sqlite")?;
    let everywhere = Everywhere::new(redis.clone(), database, site.place.clone(), site.roster.clone());
    let everywhere = Arc::new(everywhere);
    // Set once, here.
    let _ = site.everywhere.set(everywhere.clone());
    let task = actix::spawn(everywhere.clone().keep());
    Some(Telling { everywhere, task })
}

/// Where this server is, which listens at `address`: as it says itself, else by the host that it runs on.
pub(super) fn place(own: &OwnServer, address: SocketAddr) -> Place {
    let url = own.url.clone();
    let uri = url.as_deref().and_then(|url| url.parse::<actix_web::http::Uri>().ok());
    let said = uri.as_ref().and_then(|uri| {
        let default = if uri.scheme_str() == Some("https") { 443 } else { 80 };
        Some((uri.host()?.to_owned(), uri.port_u16().unwrap_or(default)))
    });
    let (host, port) = said.unwrap_or_else(|| (config::host_name(), address.port()));
    Place { id: own.id.to_string(), host, port, url }
}

impl Telling {
    /// At a quiet stop: takes back what it told.
    pub async fn end(self) {
        self.task.abort();
        self.everywhere.end().await;
    }
}
