//! gRPC (docs/GRPC.md): calls over HTTP/2, on an address of their own, served by the threads of everything else.
//!
//! From below: `caller`, `status` and `framing` (what readers of a Change share), `feed` (a session for each room that is
//! read), `reply` (the body of an answer), `tls`; `call` is one that is made, `writing`, `reading` and
//! `subscribing` are what can be called, `answering` does it, `thread` knows which service is meant, and `connection` is what
//! calls come by.

mod answering;
mod call;
mod caller;
mod connection;
mod feed;
mod framing;
mod reading;
mod reply;
mod status;
mod subscribing;
mod thread;
mod tls;
mod writing;

use std::{rc::Rc, sync::Arc, time::Duration};

use actix::clock::interval;
use actix_web::web::Data;
use rustls::ServerConfig;
use tokio_rustls::TlsAcceptor;
use tonic_health::{
    ServingStatus,
    pb::health_server::HealthServer,
    server::{HealthReporter, HealthService},
};

use self::thread::{Thread, other};
use crate::{http::Site, session::SessionSetup};
use chat_grpc::{DESCRIPTOR, SERVICE};

pub use connection::accept;
pub use tls::{TlsError, load as load_tls};

/// The longest message to a service that is not ours: a name.
const OTHER_BYTES_MAX: usize = 4 * 1024;
/// How often it is looked whether the server is ready.
const HEALTH_TICK: Duration = Duration::from_millis(250);

/// The door, for all threads.
#[derive(Clone)]
pub struct Door {
    site: Data<Site>,
    tls: Option<Arc<ServerConfig>>,
    /// How long a connection is kept that nobody calls by.
    idle_max: Duration,
    health: HealthReporter,
}

impl Door {
    /// A door to this site, encrypted where that was set up.
    pub fn new(site: Data<Site>, tls: Option<Arc<ServerConfig>>, idle_max: Duration) -> Self {
        Self { site, tls, idle_max, health: HealthReporter::new() }
    }

    /// What is served on this thread.
    pub fn on_thread(&self, setup: Rc<SessionSetup>) -> Rc<Thread> {
        let health = HealthServer::new(HealthService::from_health_reporter(self.health.clone()));
        let mut others = vec![other(health.max_decoding_message_size(OTHER_BYTES_MAX))];
        let described =
            || tonic_reflection::server::Builder::configure().register_encoded_file_descriptor_set(DESCRIPTOR);
        // Older clients ask by the older name. What was made of our own proto can be read.
        match (described().build_v1(), described().build_v1alpha()) {
            (Ok(now), Ok(before)) => {
                others.push(other(now.max_decoding_message_size(OTHER_BYTES_MAX)));
                others.push(other(before.max_decoding_message_size(OTHER_BYTES_MAX)));
            }
            (Err(error), _) | (_, Err(error)) => log::error!("nobody can ask what gRPC says here: {error}"),
        }
        let tls = self.tls.clone().map(TlsAcceptor::from);
        Rc::new(Thread { site: self.site.clone(), setup, tls, idle_max: self.idle_max, others })
    }

    /// Tells whoever asks for its health whether the server is ready, as long as it runs.
    pub async fn keep_health(self) {
        let mut ticks = interval(HEALTH_TICK);
        loop {
            ticks.tick().await;
            let status = match self.site.phase.is_ready() {
                true => ServingStatus::Serving,
                false => ServingStatus::NotServing,
            };
            for service in ["", SERVICE] {
                self.health.set_service_status(service, status).await;
            }
        }
    }
}
