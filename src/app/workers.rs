//! The threads that serve connections, each with its hub.

use std::{
    cell::RefCell,
    net::{SocketAddr, TcpListener},
    rc::Rc,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use actix::{Actor, Arbiter, Recipient};
use actix_http::{HttpService, Protocol, error::DispatchError};
use actix_service::{IntoServiceFactory, ServiceFactoryExt, fn_service};
use actix_web::{
    App,
    dev::{AppConfig, Extensions, Server, ServiceFactory, fn_factory},
    middleware::from_fn,
    rt::net::TcpStream,
    web,
};
use actix_web_prom::PrometheusMetrics;

#[cfg(feature = "grpc")]
use super::grpc;
use super::{
    capacity::{sockets_max, threads},
    error::AppError,
    grpc::Grpc,
};
#[cfg(feature = "fault-injection")]
use crate::fault_injection;
use crate::{
    config::{ServeConfig, Switch},
    doors,
    http::{self, Site},
    session::{
        Connections, Drain, HEAD_MAX, Hub, HubActor, PlainStream, SessionSetup, SessionTimes, connected, prepare,
    },
};
use chat_rooms::HubId;

/// How long a connection lingers after its last byte, so that a close frame is not eaten by a reset. actix-http
/// reads a clock that moves every 500 ms: a shorter time is over before its timer is set, and never ends.
const LINGER: Duration = Duration::from_millis(750);
/// How long connections that are no sessions have to end at the stop, in seconds.
pub(super) const HTTP_STOP_SECS: u64 = 1;

thread_local! {
    /// What all sessions of this worker thread share, whichever door they come by.
    static SETUP: RefCell<Option<Rc<SessionSetup>>> = const { RefCell::new(None) };
}

/// The hubs that run, one per worker thread.
#[derive(Clone, Default)]
pub(super) struct Hubs(Arc<Mutex<Vec<Recipient<Drain>>>>);

impl Hubs {
    fn add(&self, hub: Recipient<Drain>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(hub);
    }

    pub fn all(&self) -> Vec<Recipient<Drain>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

pub(super) fn http_server(
    config: &ServeConfig,
    (listener, grpc): (TcpListener, Option<Grpc>),
    site: web::Data<Site>,
    connections: Arc<Connections>,
    prometheus: PrometheusMetrics,
    hubs: Hubs,
) -> Result<Server, AppError> {
    let (rates, metrics) = (site.rates.clone(), site.metrics.clone());
    let times = SessionTimes {
        heartbeat: config.sessions.heartbeat,
        silence_max: config.sessions.silence,
        join_max: config.sessions.join,
        close_max: Duration::from_secs(3),
    };
    let (forgives, outbox_bytes_max) =
        (config.limits.rate_limits == Switch::Off, config.sessions.outbox_kib.saturating_mul(1_024));
    let keep_alive = config.site.keep_alive;
    let n_hubs = Arc::new(AtomicUsize::new(0));
    #[cfg(feature = "fault-injection")]
    let broken = config.broken;
    let shared = site.clone();
    // Runs once on each worker thread; what all threads share was made before.
    let setup_of_thread = move || {
        let hub = Hub::new(times.clone(), metrics.clone());
        let actor = HubActor::new(hub.clone()).start();
        hubs.add(actor.clone().recipient());
        let deliver = actor.recipient();
        #[cfg(feature = "fault-injection")]
        let deliver = fault_injection::deliveries(broken, deliver);
        Rc::new(SessionSetup {
            hub,
            thread: Arbiter::current(),
            hub_id: HubId(n_hubs.fetch_add(1, Ordering::Relaxed)),
            deliver,
            join_context: shared.join_context.clone(),
            admission: shared.admission.clone(),
            roster: shared.roster.clone(),
            rates: rates.clone(),
            forgives,
            outbox_bytes_max,
            metrics: metrics.clone(),
        })
    };
    let setup = move || SETUP.with(|kept| kept.borrow_mut().get_or_insert_with(&setup_of_thread).clone());
    #[cfg(feature = "grpc")]
    let (setup_of_grpc, connections_of_grpc) = (setup.clone(), connections.clone());
    let factory = move || {
        let setup = setup();
        let app = || {
            let (site, setup, prometheus) = (site.clone(), setup.clone(), prometheus.clone());
            let thread = http::Thread { site, setup, prometheus, doors: doors::configure, sockets: doors::sockets };
            let app = App::new()
                .wrap(from_fn(http::without_base_path))
                .configure(|app| http::configure(app, thread))
                .into_factory();
            fn_factory(move || app.new_service(AppConfig::default()))
        };
        let http = HttpService::build()
            .keep_alive(keep_alive)
            .client_disconnect_timeout(LINGER)
            .client_request_timeout(HEAD_MAX)
            .on_connect_ext(|plain: &PlainStream, data: &mut Extensions| connected(plain, data))
            .upgrade(http::upgrades(app(), setup.clone()))
            .finish(http::answers(app()).map_err(|error: actix_web::Error| error.error_response()));
        let connections = connections.clone();
        fn_service(move |stream: TcpStream| {
            let plain = accept(&connections, stream);
            async move { plain.map(|(plain, peer)| (plain, Protocol::Http1, Some(peer))).map_err(DispatchError::Io) }
        })
        .and_then(http)
    };
    let (_, n_accepted_max) = sockets_max();
    let server = Server::build()
        .workers(threads(config))
        // A flood faster than the workers is left to the kernel's queue.
        .max_concurrent_connections((n_accepted_max / threads(config)).max(1))
        .disable_signals()
        .shutdown_timeout(HTTP_STOP_SECS)
        .listen("chat", listener, factory)?;
    #[cfg(feature = "grpc")]
    let server = match grpc {
        Some(Grpc { listener, door }) => {
            let factory = move || grpc::service(&door, setup_of_grpc(), connections_of_grpc.clone());
            server.listen("grpc", listener, factory)?
        }
        None => server,
    };
    #[cfg(not(feature = "grpc"))]
    let None = grpc;
    Ok(server.run())
}

/// Lets an accepted connection in, or ends it.
fn accept(connections: &Arc<Connections>, stream: TcpStream) -> std::io::Result<(PlainStream, SocketAddr)> {
    let peer = stream.peer_addr()?;
    let Some(entered) = connections.enter(peer.ip()) else {
        return Err(std::io::Error::new(std::io::ErrorKind::ConnectionRefused, "its address has too many"));
    };
    prepare(&stream);
    Ok((PlainStream::new(stream, entered), peer))
}
