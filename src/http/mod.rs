//! Routes: the page, the interface under `/api/v1`, health, and the WebSocket's upgrade.
//!
//! Invariant: no chat rule. Reads come from a live room where there is one, else from the store.

mod account_pages;
mod accounts;
mod address;
mod admin;
mod admin_ping;
mod admin_sessions;
mod answer_mails;
mod answers;
mod api;
mod assets;
mod auth;
mod base_path;
mod body;
mod compression;
mod console;
mod contact;
mod counts;
mod deeds;
mod embedded;
mod error;
mod exporting;
mod feeds;
mod figures;
mod health;
mod held;
mod highlight;
mod history;
mod html;
mod mailing;
mod moderation;
mod page;
mod page_message;
mod proxy;
mod purging;
mod reactions;
mod reading;
mod resource;
mod room_list;
mod security;
mod site;
mod upgrade;
mod visitor;
mod webhooks;
mod ws;

use std::rc::Rc;

use actix_web::{
    HttpRequest, Responder,
    body::{BodySize, EitherBody, MessageBody},
    dev::{ServiceRequest, ServiceResponse},
    http::{ConnectionType, Method, header},
    middleware::{Compress, Next, from_fn},
    web::{self, ServiceConfig},
};
use actix_web_prom::PrometheusMetrics;

use self::resource::{also, asked, both, public, read, removed};
use crate::session::{Connected, SessionSetup};
use chat_wire::ErrorCode;

pub use accounts::{actor_by, bearer};
pub use address::{TrustedProxies, behind as address_behind, of as address_of};
pub use answers::Answers;
pub use base_path::BasePath;
pub use body::whole_body;
pub use embedded::compress_files;
pub use error::HttpError;
pub use figures::Figures;
pub use reading::{fresh, room_of};
pub use resource::not_allowed;
pub use room_list::{RoomsAsked, list_rooms};
pub use security::{AdminToken, may_connect, preflight};
pub use site::{Actors, Phase, Site};
pub use upgrade::{answers, upgrades};
pub use visitor::{ANONYMOUS_ID, anonymous_secret};
pub use ws::{HandedOver, TakenOver, handshake};

/// What becomes of a request.
type Served<B> = Result<ServiceResponse<B>, actix_web::Error>;

/// What the server is made of on one thread, as routes find it.
pub struct Thread {
    /// What all threads share.
    pub site: web::Data<Site>,
    /// What sessions of this one do.
    pub setup: Rc<SessionSetup>,
    /// Counts requests.
    pub prometheus: PrometheusMetrics,
    /// Declares the routes of doors: ways to write, and to read what is new. They stand before the others, and take only
    /// what those do not.
    pub doors: fn(&mut ServiceConfig),
    /// Declares those of doors over sockets of their own.
    pub sockets: fn(&mut ServiceConfig),
}

/// Declares every route.
pub fn configure(app: &mut ServiceConfig, Thread { site, setup, prometheus, doors, sockets }: Thread) {
    // A browser waits for none of these longer than for the socket of its page.
    let pages = web::scope("")
        .wrap(from_fn(limit_pages))
        .wrap(from_fn(security::page_headers))
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
        .service(read("/login", account_pages::login))
        .service(read("/register", account_pages::register))
        .service(read("/setup", account_pages::setup))
        .service(read("/reset", account_pages::reset))
        .service(read("/verify", account_pages::verify))
        .service(read("/me", account_pages::me))
        .service(read("/admin", account_pages::admin))
        .service(read("/admin/{page}", account_pages::admin))
        .service(read("/contact", account_pages::contact))
        .service(read("/answers", account_pages::answers))
        .service(resource::page_and_post("/answers/{key}", account_pages::stop_answers, answer_mails::stop))
        .service(read("/check", page::check))
        .service(read("/check.json", proxy::answers))
        .configure(|scope| {
            if site.figures.is_some() {
                scope.service(read("/metrics", health::metrics));
            }
        })
        .service(
            web::scope("/api/v1")
                .wrap(from_fn(limit_requests))
                .wrap(security::any_origin())
                .configure(doors)
                .service(public("/avatars", api::avatars))
                .service(public("/openapi.json", api::openapi))
                .service(public("/rooms", counts::counts))
                .service(public("/rooms/{room}", api::room))
                .service(also("POST", "/rooms/{room}/messages", history::messages))
                .service(also("PATCH, DELETE", "/rooms/{room}/messages/{id}", history::message))
                .service(public("/rooms/{room}/messages/{id}/reactions", reactions::reactors))
                .service(public("/rooms/{room}/changes", history::changes))
                .service(public("/rooms/{room}/reactions/mine", reactions::own))
                .service(public("/rooms/{room}/members", api::members))
                .service(asked("/rooms/{room}/answers", answer_mails::ask))
                .service(asked("/answers/confirm", answer_mails::confirm))
                .service(public("/rooms/{room}/feed.atom", feeds::room_atom))
                .service(public("/rooms/{room}/feed.rss", feeds::room_rss))
                .service(public("/feed.atom", feeds::all_atom))
                .service(public("/feed.rss", feeds::all_rss))
                .service(public("/sessions/me", admin_sessions::own))
                .service(asked("/highlight", highlight::highlight))
                .service(asked("/auth/code", auth::code))
                .service(asked("/inquiries", contact::ask))
                .service(asked("/hooks/{secret}", webhooks::write))
                .configure(accounts::configure)
                .service(
                    web::scope("/admin")
                        .configure(moderating)
                        .configure(accounts::configure_team)
                        .configure(webhooks::configure)
                        // No page of another origin may send the token: there is no preflight here.
                        .service(
                            web::scope("")
                                .wrap(from_fn(admin::guard))
                                .service(read("/servers", admin::servers))
                                .service(read("/servers/{id}/ping", admin_ping::ping))
                                .service(read("/sessions", admin_sessions::all))
                                .default_service(web::to(not_found)),
                        ),
                )
                .default_service(web::to(not_found)),
        )
        .default_service(web::to(not_found));
    // The socket stands before what wraps bodies: it has none.
    app.app_data(site)
        .app_data(setup)
        .route("/ws/room/{room}", web::get().to(ws::upgrade))
        .configure(sockets)
        .service(pages);
}

/// What those who keep order ask, each with the secret of a login, or the token of the settings.
fn moderating(scope: &mut ServiceConfig) {
    scope
        .service(public("/overview", console::overview))
        .service(public("/waiting", console::waiting))
        .service(public("/rooms", console::rooms))
        .service(public("/people", console::people))
        .service(public("/people/{author}", console::person))
        .service(both("/bans", moderation::bans, moderation::ban))
        .service(asked("/bans/lift", moderation::unban))
        .service(both("/defaults", moderation::defaults, moderation::set_defaults))
        .service(both("/rooms/{room}", moderation::room, moderation::set_room))
        .service(asked("/rooms/{room}/rename", moderation::rename))
        .service(asked("/rooms/{room}/purge", purging::purge))
        .service(public("/export", exporting::export))
        .service(asked("/rooms/{room}/messages/{id}/delete", moderation::delete))
        .service(asked("/rooms/{room}/messages/{id}/settle", moderation::settle))
        .service(public("/reports", moderation::reports))
        .service(public("/held", held::held))
        .service(asked("/held/approve", held::approve))
        .service(asked("/held/reject", held::reject))
        .service(public("/inquiries", contact::inquiries))
        .service(removed("/inquiries/{id}", contact::remove))
        .service(public("/audit", moderation::audit))
        .service(asked("/audit/{id}/undo", moderation::undo));
}

/// Takes the base path away before a route is looked for: routes, limits and figures know the rest only.
pub async fn without_base_path(mut request: ServiceRequest, next: Next<impl MessageBody>) -> Served<impl MessageBody> {
    let stripped = request.app_data::<web::Data<Site>>().and_then(|site| site.base_path.strip_uri(request.uri()));
    if let Some(uri) = stripped {
        request.match_info_mut().get_mut().update(&uri);
        request.head_mut().uri = uri;
    }
    next.call(request).await
}

/// Counts a request of its address, within what adds headers: other origins may read the interface's refusals.
async fn limit_requests<B: MessageBody + 'static>(request: ServiceRequest, next: Next<B>) -> Served<EitherBody<B>> {
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
async fn limit_pages<B: MessageBody + 'static>(request: ServiceRequest, next: Next<B>) -> Served<EitherBody<B>> {
    let path = request.path();
    let is_free = ["/livez", "/readyz", "/healthz", "/metrics", "/api/v1"].contains(&path);
    if is_free || path.starts_with("/api/v1/") {
        return Ok(next.call(request).await?.map_into_left_body());
    }
    limit_requests(request, next).await
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
const METHODS: &str = "GET HEAD POST PUT DELETE OPTIONS PATCH CONNECT TRACE";

/// All other methods are one: no route here takes any of them.
async fn known_methods(mut request: ServiceRequest, next: Next<impl MessageBody>) -> Served<impl MessageBody> {
    if !METHODS.split(' ').any(|known| known == request.method().as_str())
        && let Ok(other) = Method::from_bytes(b"OTHER")
    {
        request.head_mut().method = other;
    }
    next.call(request).await
}

/// Addresses that take a body, and read it within their own limits: these, and all below those that end in a slash.
const TAKE_BODIES: [&str; 10] = [
    "/answers/",
    "/api/v1/answers/",
    "/api/v1/highlight",
    "/api/v1/inquiries",
    "/api/v1/hooks/",
    "/api/v1/auth/",
    "/api/v1/me",
    "/api/v1/me/",
    "/api/v1/admin/",
    "/api/v1/rooms/",
];

fn takes_body(path: &str) -> bool {
    TAKE_BODIES.iter().any(|taking| path == *taking || (taking.ends_with('/') && path.starts_with(taking)))
}

/// No other route takes a body. A request that has one, or wants an upgrade, ends its connection; HTTP would wait for
/// the rest of it without a limit.
async fn end_of_request(request: ServiceRequest, next: Next<impl MessageBody>) -> Served<impl MessageBody> {
    let headers = request.headers();
    let has_body = headers.contains_key(header::TRANSFER_ENCODING)
        || headers.get(header::CONTENT_LENGTH).is_some_and(|length| length != "0");
    let wants_upgrade = headers.contains_key(header::UPGRADE);
    let may_have_one = [Method::POST, Method::PATCH, Method::PUT, Method::DELETE].contains(request.method());
    let takes_body = may_have_one && takes_body(request.path());
    let connected = request.conn_data::<Connected>().map(Connected::accepted);
    let mut response = next.call(request).await?;
    // By it an answer says that it is not to be compressed; to clients it says nothing.
    if response.headers().get(header::CONTENT_ENCODING).is_some_and(|encoding| encoding == "identity") {
        response.headers_mut().remove(header::CONTENT_ENCODING);
    }
    // Only a body that was read to its end gets such an answer.
    let was_read = takes_body && response.status().is_success();
    if wants_upgrade || (has_body && !was_read) {
        response.response_mut().head_mut().set_connection_type(ConnectionType::Close);
        if let Some(connected) = connected {
            connected.cut_soon();
        }
    }
    Ok(response)
}

async fn not_found(request: HttpRequest) -> impl Responder {
    HttpError::new(ErrorCode::NotFound, "there is nothing at this address").answer(&request)
}
