//! Whether the server lives, is ready, and how it is.

use std::{
    net::IpAddr,
    sync::PoisonError,
    time::{Duration, Instant},
};

use actix::clock::timeout;
use actix_web::{HttpRequest, HttpResponse, ResponseError, http::header, web::Data};
use serde_json::json;

use super::{address, error::HttpError, figures, proxy, reading::fresh, security, site::Site};
use crate::bus::BusReport;
use chat_rooms::LiveRoomCount;
use chat_rooms::persistence::GetStatus;
use chat_wire::ErrorCode;

/// How long the database may be read-only before visitors are sent to other servers: a failover takes a moment.
const READ_ONLY_MAX: Duration = Duration::from_secs(10);

/// `GET /livez`: the actors answer. Says nothing about the database, whose absence no restart heals.
pub async fn livez(site: Data<Site>) -> HttpResponse {
    if let Some(actors) = site.actors.get() {
        let ask = async { (actors.registry.send(LiveRoomCount).await, actors.persistence.send(GetStatus).await) };
        if !matches!(timeout(site.read_wait, ask).await, Ok((Ok(_), Ok(_)))) {
            return HttpError::new(ErrorCode::Overloaded, "the actors do not answer").error_response();
        }
    }
    fresh(&json!({"status": "ok"}))
}

/// `GET /readyz`: started with a database that takes messages, schema current, not draining, and that database is not
/// known to be read-only. One that is away is waited for, and costs nobody the page (P7).
pub async fn readyz(site: Data<Site>) -> HttpResponse {
    let (code, why) = if site.phase.is_draining() {
        (ErrorCode::Overloaded, "this server is going away")
    } else if !site.phase.is_ready() {
        (ErrorCode::StoreUnavailable, "still waiting for the database")
    } else if site.store.read_only_for().is_some_and(|time| time > READ_ONLY_MAX) {
        (ErrorCode::StoreUnavailable, "the database is read-only")
    } else {
        return fresh(&json!({"status": "ready"}));
    };
    HttpError::new(code, why).error_response()
}

/// Whether somebody may read the details: who has the token, or asks from this machine or a trusted network. A proxy
/// that is not trusted asks from there too, for the whole world; so does one that does not say for whom it asks, which
/// shows where the name that it asks for is none of this machine's.
fn may_see_details(request: &HttpRequest, site: &Site) -> bool {
    if site.admin_token.as_ref().is_some_and(|token| token.is_sent_by(request)) {
        return true;
    }
    let Some(peer) = address::peer(request) else { return false };
    let is_trusted = |address| address::is_within(address, &site.trusted_proxies.networks);
    if !proxy::is_forwarded(request) {
        return if peer.is_loopback() { names_this_machine(request) } else { is_trusted(peer) };
    }
    let client = address::of(request, &site.trusted_proxies);
    is_trusted(peer) && client != peer && (client.is_loopback() || is_trusted(client))
}

/// Whether the request was addressed to loopback.
fn names_this_machine(request: &HttpRequest) -> bool {
    security::host(request).is_some_and(|host| {
        let name = host.host().trim_matches(['[', ']']);
        name == "localhost" || name.parse::<IpAddr>().is_ok_and(|ip| ip.to_canonical().is_loopback())
    })
}

/// `GET /healthz`: 503 while the database is away. In detail for those whom it concerns; the world gets the status.
pub async fn healthz(request: HttpRequest, site: Data<Site>) -> HttpResponse {
    let latency = timeout(site.read_wait, site.store.ping()).await.ok().and_then(Result::ok);
    let (mut n_rooms, mut storing) = Default::default();
    if let Some(actors) = site.actors.get() {
        n_rooms = actors.registry.send(LiveRoomCount).await.unwrap_or_default();
        storing = actors.persistence.send(GetStatus).await.unwrap_or_default();
    }
    // One that answers questions but takes no messages (full, or its file locked) is not there for a chat.
    let latency = latency.filter(|_| !storing.is_away && site.store.read_only_for().is_none());
    let status = match (latency, site.phase.is_draining(), site.phase.is_ready()) {
        (_, true, _) => "draining",
        (None, ..) => "degraded",
        (_, _, false) => "starting",
        _ => "ok",
    };
    let mut response = if latency.is_some() { HttpResponse::Ok() } else { HttpResponse::ServiceUnavailable() };
    response.insert_header((header::CACHE_CONTROL, "no-store"));
    if !may_see_details(&request, &site) {
        return response.json(json!({"status": status}));
    }
    response.json(json!({
        "status": status,
        "version": env!("CARGO_PKG_VERSION"),
        "uptimeSeconds": site.started.elapsed().as_secs(),
        "database": {
            "kind": site.store.kind(),
            "reachable": latency.is_some(),
            "latencyMs": latency.map(|l| l.as_secs_f64() * 1_000.0),
        },
        "sessions": site.admission.n_sessions(),
        "rooms": n_rooms,
        "storeQueue": storing.n_waiting,
        "lease": lease(&site),
        "bus": bus(&site),
    }))
}

/// Whether the other servers take this one for living, and how many live with it.
fn lease(site: &Site) -> serde_json::Value {
    let view = site.lease.lock().unwrap_or_else(PoisonError::into_inner);
    json!({"held": view.is_held(Instant::now()), "servers": view.others().len().saturating_add(1)})
}

/// Whether news reaches the other servers faster than they find it in the database.
fn bus(site: &Site) -> serde_json::Value {
    let BusReport { state, echo } = site.bus.get();
    json!({"state": state.as_str(), "echoMs": echo.map(|echo| echo.as_secs_f64() * 1_000.0)})
}

/// `GET /metrics`, where it is served with everything else.
pub async fn metrics(request: HttpRequest, site: Data<Site>) -> HttpResponse {
    match &site.figures {
        Some(figures) if figures::may_see(&request, &site.trusted_proxies.networks) => figures.answer(&request),
        _ => HttpError::new(ErrorCode::NotFound, "there is nothing at this address").answer(&request),
    }
}
