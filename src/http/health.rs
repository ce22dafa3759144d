use std::{sync::PoisonError, time::Instant};

use actix::clock::timeout;
use actix_web::{HttpResponse, ResponseError, http::header, web::Data};
use serde_json::json;

use super::{HttpError, Site};
use crate::{persistence::GetStatus, protocol::ErrorCode, room::LiveRoomCount};

/// `GET /livez`: the actors answer. Says nothing about the database, whose absence no restart heals.
pub async fn livez(site: Data<Site>) -> HttpResponse {
    if let Some(actors) = site.actors.get() {
        let ask = async { (actors.registry.send(LiveRoomCount).await, actors.persistence.send(GetStatus).await) };
        if !matches!(timeout(site.read_wait, ask).await, Ok((Ok(_), Ok(_)))) {
            return HttpError::new(ErrorCode::Overloaded, "the actors do not answer").error_response();
        }
    }
    ok(json!({"status": "ok"}))
}

/// `GET /readyz`: started, schema current, not draining.
pub async fn readyz(site: Data<Site>) -> HttpResponse {
    if site.phase.is_draining() {
        return HttpError::new(ErrorCode::Overloaded, "this server is going away").error_response();
    }
    if !site.phase.is_ready() {
        return HttpError::new(ErrorCode::StoreUnavailable, "still waiting for the database").error_response();
    }
    ok(json!({"status": "ready"}))
}

/// `GET /healthz`: everything in detail; 503 while the database is away.
pub async fn healthz(site: Data<Site>) -> HttpResponse {
    let latency = timeout(site.read_wait, site.store.ping()).await.ok().and_then(Result::ok);
    let (n_rooms, storing) = match site.actors.get() {
        Some(actors) => (
            actors.registry.send(LiveRoomCount).await.unwrap_or_default(),
            actors.persistence.send(GetStatus).await.unwrap_or_default(),
        ),
        None => Default::default(),
    };
    // One that answers questions but takes no messages (full, or its file locked) is not there for a chat.
    let latency = latency.filter(|_| !storing.is_away);
    let status = match (latency, site.phase.is_draining(), site.phase.is_ready()) {
        (_, true, _) => "draining",
        (None, ..) => "degraded",
        (_, _, false) => "starting",
        _ => "ok",
    };
    let body = json!({
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
    });
    let mut response = if latency.is_some() { HttpResponse::Ok() } else { HttpResponse::ServiceUnavailable() };
    response.insert_header((header::CACHE_CONTROL, "no-store")).json(body)
}

/// Whether the other servers take this one for living, and how many live with it.
fn lease(site: &Site) -> serde_json::Value {
    let view = site.lease.lock().unwrap_or_else(PoisonError::into_inner);
    json!({"held": view.is_held(Instant::now()), "servers": view.others().len().saturating_add(1)})
}

fn ok(body: serde_json::Value) -> HttpResponse {
    HttpResponse::Ok().insert_header((header::CACHE_CONTROL, "no-store")).json(body)
}
