//! The composition root: starts everything bottom-up and stops it top-down.
//!
//! Invariant: no logic of the chat.

mod figures;
mod lease;

use std::{
    io::Write,
    net::{SocketAddr, TcpListener},
    path::Path,
    rc::Rc,
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use actix::{
    Actor, Addr, Arbiter, Recipient,
    clock::{Instant, sleep, sleep_until, timeout},
};
use actix_http::{HttpService, Protocol, error::DispatchError};
use actix_service::{IntoServiceFactory, ServiceFactoryExt, fn_service};
use actix_web::{
    App,
    dev::{AppConfig, Extensions, Server, ServerHandle, ServiceFactory, fn_factory},
    middleware::from_fn,
    rt::net::TcpStream,
    web,
};
use actix_web_prom::PrometheusMetrics;
use prometheus::Registry;
use socket2::SockRef;
use tokio::signal::unix::{Signal, SignalKind, signal};

#[cfg(debug_assertions)]
use crate::config::Broken;
use crate::{
    config::{ServeConfig, Switch},
    healthcheck::{self, Unwell},
    http::{self, Actors, AdminToken, Answers, Figures, Phase, Site, TrustedProxies},
    session::{
        AddressSettings, Admission, AdmissionLimits, ByteLimits, ByteRate, ConnectionLimits, Connections, Drain,
        HEAD_MAX, Hub, HubActor, JoinContext, PlainStream, Rate, RateLimits, RateSettings, SessionSetup, SessionTimes,
        connected, prepare,
    },
};
use chat_domain::{IdentityKey, RoomId};
use chat_metrics::{Metrics, gauge};
use chat_rooms::persistence::{BatchLimits, Flush, Persistence};
use chat_rooms::{Backlogs, HubId, RegistryLimits, RoomLimits, RoomRegistry};
use chat_store::{BackupError, LivingServer, OwnServer, Store, StoreError, StoreSettings};

/// Why the program ends with an error. Each is one line for the operator.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// The address cannot be listened on.
    #[error("cannot listen on {address} ({variable}): {cause}")]
    Listen {
        /// Which one.
        address: SocketAddr,
        /// The setting that names it.
        variable: &'static str,
        /// What the system says.
        cause: std::io::Error,
    },
    /// The database cannot be used.
    #[error("DATABASE_URL: {0}")]
    Store(#[from] StoreError),
    /// Another server has this one's name.
    #[error(
        "CHAT_SERVER_ID: a server named {} runs on this database already (version {}, {}); give each a name of its own",
        .0.id, .0.version, .0.url.as_deref().unwrap_or("without CHAT_ADVERTISE_URL")
    )]
    ServerId(Box<LivingServer>),
    /// A backup was not made, or not put back.
    #[error(transparent)]
    Backup(#[from] BackupError),
    /// A room was named that the database does not have.
    #[error("there is no room {0:?} with messages; its id is what stands behind /room/ in the page's address")]
    NoSuchRoom(String),
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

/// Descriptors that are kept free for files, the database and requests that are no sessions: half of them for each.
/// Fewer where there are less than twice as many.
const SPARE_DESCRIPTORS: u64 = 500;
/// The same text may come from one address in one room so many times as often as from one identity: a crowd behind a
/// carrier's address laughs in the same letters.
const ADDRESS_REPEATS_FACTOR: usize = 5;
/// Connections that may wait to be accepted.
const BACKLOG: i32 = 4_096;
/// How long a connection lingers after its last byte, so that a close frame is not eaten by a reset. actix-http
/// reads a clock that moves every 500 ms: a shorter time is over before its timer is set, and never ends.
const LINGER: Duration = Duration::from_millis(750);
/// How long connections that are no sessions have to end at the stop, in seconds.
const HTTP_STOP_SECS: u64 = 1;

/// Brings the schema up to date.
///
/// # Errors
/// [`AppError::Store`].
pub fn migrate(config: &ServeConfig) -> Result<(), AppError> {
    let store = open_store(config, false)?;
    block_on(store.check())?;
    let applied = block_on(store.migrate())?;
    match applied.is_empty() {
        true => println!("the schema is up to date"),
        false => applied.iter().for_each(|name| println!("applied {name}")),
    }
    Ok(())
}

/// Begins a new epoch of every room, or of this one.
///
/// # Errors
/// [`AppError::Store`]; [`AppError::NoSuchRoom`].
pub fn new_epoch(config: &ServeConfig, room: Option<&str>) -> Result<(), AppError> {
    let unknown = |room: &str| AppError::NoSuchRoom(room.to_owned());
    let one = room.map(|room| RoomId::parse(room).map_err(|_| unknown(room))).transpose()?;
    let store = open_store(config, false)?;
    block_on(store.migrate())?;
    let epoch = match &one {
        None => block_on(store.new_epoch())?,
        Some(room) => block_on(store.new_room_epoch(room))?.ok_or_else(|| unknown(room.as_str()))?,
    };
    println!("new epoch {epoch}");
    Ok(())
}

/// Copies the SQLite database into a new file.
///
/// # Errors
/// [`AppError::Backup`].
pub fn back_up(config: &ServeConfig, file: &Path) -> Result<(), AppError> {
    let stored = chat_store::back_up(&config.database_url, file)?;
    println!("{} messages of {} rooms are in {}", stored.n_messages, stored.n_rooms, file.display());
    Ok(())
}

/// Makes the SQLite database from a backup.
///
/// # Errors
/// [`AppError::Backup`].
pub fn restore(config: &ServeConfig, file: &Path) -> Result<(), AppError> {
    let (stored, epoch) = chat_store::restore(&config.database_url, file)?;
    println!("{} messages of {} rooms are back", stored.n_messages, stored.n_rooms);
    println!("new epoch {epoch}");
    Ok(())
}

/// Asks the server that runs with this configuration whether it is live, or ready for visitors.
///
/// # Errors
/// [`AppError::Unwell`].
pub fn healthcheck(config: &ServeConfig, ready: bool) -> Result<(), AppError> {
    let path = if ready { "/readyz" } else { "/livez" };
    let address = healthcheck::ask(config.listen, path)?;
    println!("http://{address}{path} answered 200");
    Ok(())
}

/// The store runs its work on its own threads; this one only waits.
fn block_on<T>(work: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
    actix::System::new().block_on(work)
}

fn open_store(config: &ServeConfig, exclusive: bool) -> Result<Store, StoreError> {
    let settings = StoreSettings {
        pool_size: config.pool_size,
        pooler: config.pooler,
        exclusive,
        #[cfg(debug_assertions)]
        more_migrations: config.more_migrations.clone(),
        #[cfg(debug_assertions)]
        answers_early: config.broken == Some(Broken::EarlyAck),
        ..StoreSettings::default()
    };
    Store::new(&config.database_url, &settings)
}

/// Serves until SIGTERM or SIGINT. Within an actix system.
///
/// # Errors
/// [`AppError`], where it cannot start, or ended by itself.
pub async fn serve(config: ServeConfig) -> Result<(), AppError> {
    let listener = listen(config.listen, "CHAT_LISTEN")?;
    let metrics_listener = config.metrics_addr.map(|a| listen(a, "CHAT_METRICS_ADDR")).transpose()?;
    let address = listener.local_addr()?;
    for variable in &config.secrets_in_flags {
        log::warn!(
            "{variable} was given as a flag, which everybody on this machine can read: set it in the environment"
        );
    }
    let store = open_store(&config, true)?;
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);

    let registry = Registry::new();
    let metrics = figures::declare(&registry, &store)?;
    let prometheus = figures::prometheus(registry.clone())?;
    let n_sessions_max = sessions_max(&config);
    metrics.sessions_max.set(gauge(n_sessions_max));
    let on_main = metrics_listener.is_none().then(|| Figures::new(registry.clone()));
    let site = web::Data::new(site(&config, store.clone(), on_main, metrics.clone(), n_sessions_max));
    let (hubs, connections) = (Hubs::default(), connections(&config, &site.admission));
    let server = http_server(&config, listener, site.clone(), connections.clone(), prometheus, hubs.clone())?;
    let handle = server.handle();
    let mut serving = actix::spawn(server);
    let metrics_handle = metrics_listener.map(|l| figures::serve_metrics(l, registry)).transpose()?;
    let watch = actix::spawn(figures::watch_database(site.clone()));
    let failover = actix::spawn(figures::watch_failover(site.clone()));
    log::info!("listening on {address}, waiting for the database");

    let own = lease::own(&config);
    let start = start_actors(&config, &own, &site, &store, &metrics);
    tokio::select! {
        started = start => started?,
        _ = wait_for_signal(&mut terminate, &mut interrupt) => {
            handle.stop(false).await;
            return Ok(());
        }
    }
    let base_path = config.base_path.clone();
    // Whoever started it may not listen, or not read; that is no reason to end, nor to wait. Ends with its line.
    // Without a thread for it nobody is told; the server serves all the same.
    let told = std::thread::Builder::new().name("ready".into());
    let _ =
        told.spawn(move || writeln!(std::io::stdout(), "realtime-chat is ready: open http://{address}{base_path}/"));
    // Compressed before they are asked for: the first visitors after a restart come all at once.
    let _ = std::thread::Builder::new().name("compress".into()).spawn(http::compress_files);
    let figures = actix::spawn(figures::keep(site.clone(), connections));
    let renewing = actix::spawn(lease::keep(own.clone(), site.clone()));

    let stop = tokio::select! {
        stop = wait_for_signal(&mut terminate, &mut interrupt) => stop,
        ended = &mut serving => return Err(ended.map_err(std::io::Error::other)?.err().map_or_else(
            || AppError::Server(std::io::Error::other("it ended by itself")), AppError::Server)),
    };
    drain(&config, &site, &hubs, stop, &mut interrupt).await;
    figures.abort();
    watch.abort();
    failover.abort();
    renewing.abort();
    lease::end(&own, &site).await;
    stop_servers(handle, metrics_handle).await;
    log::info!("stopped");
    Ok(())
}

fn listen(address: SocketAddr, variable: &'static str) -> Result<TcpListener, AppError> {
    // With SO_REUSEADDR as std sets it; a port that another process listens on is refused.
    let bound = TcpListener::bind(address);
    // std listens with a backlog of 128; when everybody comes back at once more must fit.
    let listening = bound.and_then(|l| SockRef::from(&l).listen(BACKLOG).map(|()| l));
    listening.map_err(|cause| AppError::Listen { address, variable, cause })
}

fn threads(config: &ServeConfig) -> usize {
    config.threads.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, Into::into))
}

/// As many sessions as are wanted and the descriptor limit allows.
fn sessions_max(config: &ServeConfig) -> usize {
    let wanted = config.sessions_max;
    let needed = u64::try_from(wanted).unwrap_or(u64::MAX).saturating_add(SPARE_DESCRIPTORS);
    let allowed = rlimit::increase_nofile_limit(needed).unwrap_or(needed);
    if allowed >= needed {
        return wanted;
    }
    let fits = usize::try_from(allowed.saturating_sub(spare(allowed)).max(1)).unwrap_or(wanted);
    log::warn!("the descriptor limit of {allowed} allows {fits} sessions instead of {wanted}");
    fits
}

fn spare(allowed: u64) -> u64 {
    SPARE_DESCRIPTORS.min(allowed / 2)
}

/// Sockets that the descriptor limit allows, less what files and the database need: connections and sessions together,
/// and the same for those that the workers are given before they count them.
fn sockets_max() -> (usize, usize) {
    let allowed = rlimit::getrlimit(rlimit::Resource::NOFILE).map_or(u64::MAX, |(soft, _)| soft);
    let less = |n: u64| usize::try_from(allowed.saturating_sub(n)).unwrap_or(usize::MAX);
    (less(spare(allowed) / 2), less(spare(allowed) / 4))
}

fn site(
    config: &ServeConfig,
    store: Store,
    figures: Option<Figures>,
    metrics: Arc<Metrics>,
    n_sessions_max: usize,
) -> Site {
    let is_limited = config.rate_limits == Switch::On;
    if !is_limited {
        log::warn!("CHAT_RATE_LIMITS=off: rate, address and identity limits are lifted");
    }
    let frame_ancestors = match config.embed_origins.is_empty() {
        true => {
            log::info!("CHAT_EMBED_ORIGINS is unset: every site may embed the chat");
            "*".to_owned()
        }
        false => format!("'self' {}", config.embed_origins.join(" ")),
    };
    let of = |n: usize| if is_limited { n } else { usize::MAX };
    let bytes = ByteRate {
        burst: u64::from(config.address_bytes_burst_mib.get()) * 1_048_576,
        per_second: u64::from(config.address_bytes_kib_per_second.get()) * 1_024,
    };
    Site {
        phase: Phase::default(),
        store,
        actors: OnceLock::new(),
        join_context: Arc::default(),
        admission: Admission::new(AdmissionLimits {
            n_sessions_max,
            n_of_identity_max: of(config.identity_sessions_max),
            n_of_address_max: of(config.address_sessions_max),
        }),
        base_path: config.base_path.clone(),
        admin_token: config.admin_token.as_ref().map(|token| AdminToken::new(token.expose())),
        origins: config.origins.clone(),
        frame_ancestors,
        rates: Arc::new(RateLimits::new(rate_settings(config))),
        bytes: ByteLimits::new(is_limited.then_some(bytes)),
        answers: Answers::default(),
        trusted_proxies: TrustedProxies { networks: config.trusted_proxies.clone(), n_hops_max: config.trusted_hops },
        metrics,
        lease: Mutex::default(),
        figures,
        read_wait: config.read_wait,
        retry_after: config.drain_after,
        started: std::time::Instant::now(),
    }
}

fn connections(config: &ServeConfig, admission: &Arc<Admission>) -> Arc<Connections> {
    let is_limited = config.rate_limits == Switch::On;
    let (n_all_max, _) = sockets_max();
    let limits = ConnectionLimits {
        n_of_address_max: if is_limited { config.address_connections_max } else { usize::MAX },
        n_all_max,
        trusted_proxies: config.trusted_proxies.clone(),
    };
    Connections::new(limits, admission.clone())
}

fn rate_settings(config: &ServeConfig) -> RateSettings {
    let rate = |burst, per_second| Rate { burst, per_second };
    RateSettings {
        is_on: config.rate_limits == Switch::On,
        messages: rate(config.message_burst, config.messages_per_second),
        profiles_per_minute: config.profiles_per_minute,
        repeats_per_minute: config.repeats_per_minute,
        frames: rate(config.frame_burst, config.frames_per_second),
        requests: rate(config.address_request_burst, config.address_requests_per_second),
        upgrades: rate(config.address_connect_burst, config.address_connects_per_second),
        address: AddressSettings {
            room_messages_per_second: config.address_room_messages_per_second,
            room_kib_per_second: config.address_room_kib_per_second,
            messages_per_second: config.address_messages_per_second,
            kib_per_second: config.address_kib_per_second,
            repeats_per_minute: usize::try_from(config.repeats_per_minute.get())
                .unwrap_or(usize::MAX)
                .saturating_mul(ADDRESS_REPEATS_FACTOR),
        },
    }
}

/// The hubs that run, one per worker thread.
#[derive(Clone, Default)]
struct Hubs(Arc<Mutex<Vec<Recipient<Drain>>>>);

impl Hubs {
    fn add(&self, hub: Recipient<Drain>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(hub);
    }

    fn all(&self) -> Vec<Recipient<Drain>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn http_server(
    config: &ServeConfig,
    listener: TcpListener,
    site: web::Data<Site>,
    connections: Arc<Connections>,
    prometheus: PrometheusMetrics,
    hubs: Hubs,
) -> Result<Server, AppError> {
    let (rates, metrics) = (site.rates.clone(), site.metrics.clone());
    let times = SessionTimes {
        heartbeat: config.heartbeat,
        silence_max: config.silence,
        join_max: config.join,
        close_max: Duration::from_secs(3),
    };
    let (forgives, outbox_bytes_max) = (config.rate_limits == Switch::Off, config.outbox_kib.saturating_mul(1_024));
    let keep_alive = config.keep_alive;
    let n_hubs = Arc::new(AtomicUsize::new(0));
    // Runs once on each worker thread; what all threads share was made before.
    let factory = move || {
        let hub = Hub::new(times.clone(), metrics.clone());
        let actor = HubActor::new(hub.clone()).start();
        hubs.add(actor.clone().recipient());
        let setup = Rc::new(SessionSetup {
            hub,
            thread: Arbiter::current(),
            hub_id: HubId(n_hubs.fetch_add(1, Ordering::Relaxed)),
            deliver: actor.recipient(),
            join_context: site.join_context.clone(),
            admission: site.admission.clone(),
            rates: rates.clone(),
            forgives,
            outbox_bytes_max,
            metrics: metrics.clone(),
        });
        let app = || {
            let (site, prometheus) = (site.clone(), prometheus.clone());
            let app = App::new()
                .wrap(from_fn(http::without_base_path))
                .configure(|app| http::configure(app, site, prometheus))
                .into_factory();
            fn_factory(move || app.new_service(AppConfig::default()))
        };
        let http = HttpService::build()
            .keep_alive(keep_alive)
            .client_disconnect_timeout(LINGER)
            .client_request_timeout(HEAD_MAX)
            .on_connect_ext(|plain: &PlainStream, data: &mut Extensions| connected(plain, data))
            .upgrade(http::upgrades(app(), setup))
            .finish(http::answers(app()).map_err(|error: actix_web::Error| error.error_response()));
        let connections = connections.clone();
        fn_service(move |stream: TcpStream| {
            let plain = accept(&connections, stream);
            async move { plain.map(|(plain, peer)| (plain, Protocol::Http1, Some(peer))).map_err(DispatchError::Io) }
        })
        .and_then(http)
    };
    let (_, n_accepted_max) = sockets_max();
    Ok(Server::build()
        .workers(threads(config))
        // A flood faster than the workers is left to the kernel's queue.
        .max_concurrent_connections((n_accepted_max / threads(config)).max(1))
        .disable_signals()
        .shutdown_timeout(HTTP_STOP_SECS)
        .listen("chat", listener, factory)?
        .run())
}

/// Gives an accepted connection its place, or ends it.
fn accept(connections: &Arc<Connections>, stream: TcpStream) -> std::io::Result<(PlainStream, SocketAddr)> {
    let peer = stream.peer_addr()?;
    let Some(entered) = connections.enter(peer.ip()) else {
        return Err(std::io::Error::new(std::io::ErrorKind::ConnectionRefused, "its address has too many"));
    };
    prepare(&stream);
    Ok((PlainStream::new(stream, entered), peer))
}

/// Waits for the database, brings its schema up to date and starts what needs it.
async fn start_actors(
    config: &ServeConfig,
    own: &OwnServer,
    site: &web::Data<Site>,
    store: &Store,
    metrics: &Arc<Metrics>,
) -> Result<(), AppError> {
    let mut said = None;
    let meta = loop {
        match async {
            store.check().await?;
            if !store.migrate().await?.is_empty() {
                // The tables are there only now.
                store.check().await?;
            }
            let meta = store.meta().await?;
            lease::take(store, own).await?;
            Ok(meta)
        }
        .await
        {
            Ok(meta) => break meta,
            Err(AppError::Store(error @ StoreError::Unavailable(_))) => {
                // Once for each reason, not once a second.
                if said.as_ref() != Some(&error) {
                    log::warn!("{error}; trying again");
                }
                said = Some(error);
            }
            Err(error) => return Err(error),
        }
        sleep(Duration::from_secs(1)).await;
    };
    let secret = config.secret.as_ref().map_or(&meta.secret[..], |s| s.expose().as_bytes());
    let limits = BatchLimits {
        n_waiting_max: config.queue_max.max(1),
        n_batch_max: config.batch_max.max(1),
        wait_max: config.store_wait,
    };
    let (kept, told) = (store.clone(), metrics.clone());
    let persistence: Addr<Persistence> = store.beside(|| Persistence::new(kept, limits, told).start()).await?;
    let limits = RegistryLimits {
        n_rooms_max: config.rooms_max.max(1),
        idle_max: config.room_idle,
        poll_interval: config.poll.max(Duration::from_millis(10)),
        room: RoomLimits {
            n_sessions_max: config.room_sessions_max,
            backlogs: Backlogs::new(config.backlog_mib.saturating_mul(1_048_576)),
            read_timeout: config.read_wait,
            heartbeat_seconds: config.heartbeat.as_secs().max(1),
            #[cfg(debug_assertions)]
            swaps_order: config.broken == Some(Broken::SwappedOrder),
        },
    };
    let append = persistence.clone().recipient();
    let registry = RoomRegistry::new(limits, store.clone(), append, metrics.clone()).start();
    let join_context = JoinContext { registry: registry.clone().recipient(), identity: IdentityKey::new(secret) };
    // Set once, here: this is only reached once.
    let _ = site.join_context.set(join_context);
    let _ = site.actors.set(Actors { registry, persistence });
    site.phase.set_ready();
    Ok(())
}

/// How the server was told to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stop {
    /// SIGTERM: step by step.
    Quiet,
    /// SIGINT: at once, but nothing is lost.
    AtOnce,
}

async fn wait_for_signal(terminate: &mut Signal, interrupt: &mut Signal) -> Stop {
    tokio::select! {
        _ = terminate.recv() => Stop::Quiet,
        _ = interrupt.recv() => Stop::AtOnce,
    }
}

/// P6 (docs/ARCHITECTURE.md, "a pod is stopped"), step by step: red, grace, refuse, tell each session to come back, flush.
async fn drain(config: &ServeConfig, site: &Site, hubs: &Hubs, stop: Stop, interrupt: &mut Signal) {
    let told = Instant::now();
    let flush_by = told + config.drain_flush;
    log::info!("told to stop: {} sessions are moved", site.admission.n_sessions());
    site.phase.set_draining();
    let mut window = Duration::ZERO;
    if stop == Stop::Quiet {
        let grace = wait_until_empty(site, told + config.drain_grace);
        tokio::select! {
            () = grace => window = config.drain_window,
            _ = interrupt.recv() => {}
        }
    }
    site.phase.set_refusing();
    move_sessions(config, hubs, window).await;
    // Past the window, time for answers, for close frames to be answered, and for sockets to be cut.
    let close_max = Duration::from_secs(4) + answer_max(config);
    tokio::select! {
        () = wait_until_empty(site, Instant::now() + window + close_max) => {}
        _ = interrupt.recv() => {
            move_sessions(config, hubs, Duration::ZERO).await;
            wait_until_empty(site, Instant::now() + close_max).await;
        }
    }
    if let Some(actors) = site.actors.get() {
        let flushed = actors.persistence.send(Flush { deadline: flush_by }).await;
        if let Ok(flushed) = flushed {
            let _ = timeout(config.drain_flush + Duration::from_secs(1), flushed).await;
        }
    }
}

/// How long a message may go unanswered: what it waits for the store, and a second for the answer's way.
fn answer_max(config: &ServeConfig) -> Duration {
    config.store_wait + Duration::from_secs(1)
}

async fn move_sessions(config: &ServeConfig, hubs: &Hubs, window: Duration) {
    for hub in hubs.all() {
        // A hub whose thread ended has no sessions to tell.
        let _ = hub.send(Drain { window, after_max: config.drain_after, answer_max: answer_max(config) }).await;
    }
}

async fn wait_until_empty(site: &Site, until: Instant) {
    while site.admission.n_sessions() > 0 && Instant::now() < until {
        sleep_until((Instant::now() + Duration::from_millis(50)).min(until)).await;
    }
}

async fn stop_servers(handle: ServerHandle, metrics: Option<ServerHandle>) {
    handle.stop(true).await;
    if let Some(metrics) = metrics {
        metrics.stop(false).await;
    }
}
