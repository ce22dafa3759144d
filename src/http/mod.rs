//! Routes: the page, the interface under `/api/v1`, health, and the WebSocket's upgrade.
//!
//! Invariant: no chat rule. Reads come from a live room where there is one, else from the store.

mod address;
mod answers;
mod api;
mod assets;
mod base_path;
mod error;
mod figures;
mod health;
mod page;
mod proxy;
mod security;
mod upgrade;
mod ws;

use std::{
    sync::{
        Arc, Mutex, OnceLock,
        atomic::{AtomicU8, Ordering},
    },
    time::{Duration, Instant},
};

use actix::{Addr, clock::timeout};
use actix_web::{
    FromRequest, Handler, HttpRequest, Resource, Responder, ResponseError,
    body::{BodySize, EitherBody, MessageBody},
    dev::{ServiceRequest, ServiceResponse},
    http::{ConnectionType, Method, StatusCode, header},
    middleware::{Compress, Next, from_fn},
    web::{self, ServiceConfig},
};
use actix_web_prom::PrometheusMetrics;

use self::error::HttpError;
use crate::session::{Admission, ByteLimits, Connected, JoinContext, RateLimits};
use chat_domain::RoomId;
use chat_metrics::Metrics;
use chat_rooms::persistence::Persistence;
use chat_rooms::{GetSnapshot, Lookup, MembersWanted, RoomRegistry, Snapshot};
use chat_store::{LeaseView, Store, Work};
use chat_wire::ErrorCode;

pub use address::TrustedProxies;
pub use answers::Answers;
pub use assets::compress_files;
pub use base_path::{BasePath, without_base_path};
pub use figures::Figures;
pub use health::AdminToken;
pub use upgrade::{answers, upgrades};

/// What every route may need.
pub struct Site {
    /// How far the server is in its life.
    pub phase: Phase,
    /// The database.
    pub store: Store,
    /// The actors, once the database was reached.
    pub actors: OnceLock<Actors>,
    /// What sessions need to join, set with `actors`.
    pub join_context: Arc<OnceLock<JoinContext>>,
    /// Counts sessions.
    pub admission: Arc<Admission>,
    /// Path that the chat is served under.
    pub base_path: BasePath,
    /// Shows the details of `/healthz` to whoever sends it.
    pub admin_token: Option<AdminToken>,
    /// Origins beside the own one that may open a WebSocket.
    pub origins: Vec<String>,
    /// The Content-Security-Policy's frame-ancestors.
    pub frame_ancestors: String,
    /// Limits what addresses do.
    pub rates: Arc<RateLimits>,
    /// Limits how many bytes addresses get.
    pub bytes: ByteLimits,
    /// Answers that are the same for everybody for a while.
    pub answers: Answers,
    /// Proxies whose X-Forwarded-For is believed.
    pub trusted_proxies: TrustedProxies,
    /// Counts what becomes of requests for a WebSocket.
    pub metrics: Arc<Metrics>,
    /// What is known of the other servers on this database.
    pub lease: Mutex<LeaseView>,
    /// What `/metrics` prints, where it is served with everything else.
    pub figures: Option<Figures>,
    /// How long a page waits for the database.
    pub read_wait: Duration,
    /// How long a client that is refused while the server drains waits before it comes back.
    pub retry_after: Duration,
    /// When the process started.
    pub started: Instant,
}

/// The actors that routes ask.
pub struct Actors {
    /// Knows the live rooms.
    pub registry: Addr<RoomRegistry>,
    /// Knows how much waits for the store.
    pub persistence: Addr<Persistence>,
}

/// How far a server is in its life.
#[derive(Debug, Default)]
pub struct Phase(AtomicU8);

impl Phase {
    const READY: u8 = 1;
    const DRAINING: u8 = 2;
    const REFUSING: u8 = 3;

    /// The database was reached: joins are taken.
    pub fn set_ready(&self) {
        // A server that is told to stop while it starts stays stopping.
        let _ = self.0.compare_exchange(0, Self::READY, Ordering::Relaxed, Ordering::Relaxed);
    }

    /// Told to stop; all goes on for a while.
    pub fn set_draining(&self) {
        self.0.store(Self::DRAINING, Ordering::Relaxed);
    }

    /// New sessions are refused.
    pub fn set_refusing(&self) {
        self.0.store(Self::REFUSING, Ordering::Relaxed);
    }

    /// Whether new visitors should be sent here.
    pub fn is_ready(&self) -> bool {
        self.0.load(Ordering::Relaxed) == Self::READY
    }

    /// Whether it was told to stop.
    pub fn is_draining(&self) -> bool {
        self.0.load(Ordering::Relaxed) >= Self::DRAINING
    }

    /// Whether new sessions are refused.
    pub fn is_refusing(&self) -> bool {
        self.0.load(Ordering::Relaxed) == Self::REFUSING
    }
}

impl Site {
    /// What the room shows, if it lives and has loaded.
    async fn snapshot(&self, room: &RoomId, n_messages: usize, members: MembersWanted) -> Option<Snapshot> {
        let registry = &self.actors.get()?.registry;
        let ask = async {
            let room = registry.send(Lookup(room.clone())).await.ok()??;
            // A room that ends meanwhile is no longer live; the store has everything.
            room.send(GetSnapshot { n_messages, members }).await.ok()?
        };
        timeout(self.read_wait, ask).await.ok()?
    }

    /// A read of the store, bounded in time.
    async fn read<T>(&self, work: impl Future<Output = Result<T, chat_store::StoreError>>) -> Result<T, HttpError> {
        let why = match timeout(self.read_wait, work).await {
            Ok(Ok(value)) => {
                self.store.succeeded(Work::Reading);
                return Ok(value);
            }
            Ok(Err(error)) => error.to_string(),
            Err(_) => "the database did not answer in time".to_owned(),
        };
        self.store.failed(Work::Reading, &why);
        Err(HttpError::STORE_UNAVAILABLE)
    }
}

/// Declares every route.
pub fn configure(app: &mut ServiceConfig, site: web::Data<Site>, prometheus: PrometheusMetrics) {
    // A browser waits for none of these longer than for the socket of its page.
    let pages = web::scope("")
        .wrap(from_fn(limit_pages))
        .wrap(security::headers())
        .wrap(prometheus)
        .wrap(from_fn(known_methods))
        .wrap(Compress::default())
        .wrap(from_fn(end_of_request))
        .service(read("/", page::demo))
        .service(read("/room/{room}", page::room))
        .service(read("/embed.js", assets::embed_js))
        .service(read("/favicon.ico", assets::favicon))
        .service(read("/avatars/{file}", assets::avatar))
        .service(read("/static/{hash}/{path}*", assets::hashed))
        .service(read("/livez", health::livez))
        .service(read("/readyz", health::readyz))
        .service(read("/healthz", health::healthz))
        .service(read("/check", page::check))
        .service(read("/check.json", proxy::answers))
        .configure(|scope| {
            if site.figures.is_some() {
                scope.service(read("/metrics", figures::metrics));
            }
        })
        .service(
            web::scope("/api/v1")
                .wrap(from_fn(limit_requests))
                .wrap(security::any_origin())
                .service(read("/avatars", api::avatars))
                .service(read("/openapi.json", api::openapi))
                .service(read("/rooms/{room}", api::room))
                .service(read("/rooms/{room}/messages", api::messages))
                .service(read("/rooms/{room}/members", api::members))
                .default_service(web::to(not_found)),
        )
        .default_service(web::to(not_found));
    // The socket stands before what wraps bodies: it has none.
    app.app_data(site).route("/ws/room/{room}", web::get().to(ws::upgrade)).service(pages);
}

/// Counts a request of its address, within what adds headers: other origins may read the interface's refusals.
async fn limit_requests(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<EitherBody<impl MessageBody>>, actix_web::Error> {
    if let Err(error) = take_request(request.request()) {
        let response = error.answer(request.request());
        return Ok(request.into_response(response).map_into_right_body());
    }
    let response = next.call(request).await?;
    charge(&response);
    Ok(response.map_into_left_body())
}

/// The same for all but the interface, which counts its own, and what watches the server, which must see it at any
/// time.
async fn limit_pages(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<EitherBody<impl MessageBody>>, actix_web::Error> {
    let path = request.path();
    let is_free = ["/livez", "/readyz", "/healthz", "/metrics", "/api/v1"].contains(&path);
    let is_counted = !is_free && !path.starts_with("/api/v1/");
    if is_counted && let Err(error) = take_request(request.request()) {
        let response = error.answer(request.request());
        return Ok(request.into_response(response).map_into_right_body());
    }
    let response = next.call(request).await?;
    if is_counted {
        charge(&response);
    }
    Ok(response.map_into_left_body())
}

fn take_request(request: &HttpRequest) -> Result<(), HttpError> {
    let Some(site) = request.app_data::<web::Data<Site>>() else { return Ok(()) };
    let address = address::of(request, &site.trusted_proxies);
    site.rates.request(address).and_then(|()| site.bytes.check(address)).map_err(HttpError::rate_limited)
}

/// Charges an address for what it gets, before it is compressed where that is not kept: what it costs to make.
fn charge(response: &ServiceResponse<impl MessageBody>) {
    let request = response.request();
    let Some(site) = request.app_data::<web::Data<Site>>() else { return };
    if let BodySize::Sized(n_bytes) = response.response().body().size() {
        site.bytes.charge(address::of(request, &site.trusted_proxies), n_bytes);
    }
}

/// Methods that have a name of their own in the figures. A client may make up any other: one more series each.
const METHODS: [Method; 9] = [
    Method::GET,
    Method::HEAD,
    Method::POST,
    Method::PUT,
    Method::DELETE,
    Method::OPTIONS,
    Method::PATCH,
    Method::CONNECT,
    Method::TRACE,
];

/// All other methods are one: no route here takes any of them.
async fn known_methods(
    mut request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, actix_web::Error> {
    if !METHODS.contains(request.method())
        && let Ok(other) = Method::from_bytes(b"OTHER")
    {
        request.head_mut().method = other;
    }
    next.call(request).await
}

/// No route here takes a body. A request that has one, or wants an upgrade, ends its connection; HTTP would wait for
/// the rest of it without a limit.
async fn end_of_request(
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, actix_web::Error> {
    let headers = request.headers();
    let has_more = [header::TRANSFER_ENCODING, header::UPGRADE].iter().any(|name| headers.contains_key(name))
        || headers.get(header::CONTENT_LENGTH).is_some_and(|length| length != "0");
    let connected = request.conn_data::<Connected>().map(Connected::accepted);
    let mut response = next.call(request).await?;
    if has_more {
        response.response_mut().head_mut().set_connection_type(ConnectionType::Close);
        if let Some(connected) = connected {
            connected.cut_soon();
        }
    }
    Ok(response)
}

/// A resource that can be read and nothing else.
fn read<F, Args>(path: &str, handler: F) -> Resource
where
    F: Handler<Args> + Clone,
    Args: FromRequest + 'static,
    F::Output: Responder + 'static,
{
    let only_read = async || {
        let mut response = HttpError::new(ErrorCode::BadRequest, "this address answers GET and HEAD").error_response();
        *response.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
        response.headers_mut().insert(header::ALLOW, header::HeaderValue::from_static("GET, HEAD"));
        response
    };
    web::resource(path)
        .route(web::get().to(handler.clone()))
        .route(web::head().to(handler))
        .default_service(web::to(only_read))
}

async fn not_found(request: HttpRequest) -> impl Responder {
    HttpError::new(ErrorCode::NotFound, "there is nothing at this address").answer(&request)
}

/// The room that a path names: its segment `n`, counted from 1, still percent-encoded.
fn room_of(request: &HttpRequest, n: usize) -> Result<RoomId, HttpError> {
    chat_wire::room_in_path(request.uri().path(), n).map_err(|_| HttpError::INVALID_ROOM)
}
