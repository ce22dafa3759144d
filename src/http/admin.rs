//! The interface for operators under `/api/v1/admin`: who may ask, and which servers there are.

use std::{sync::PoisonError, time::Instant};

use actix_web::{
    HttpRequest, HttpResponse, ResponseError,
    body::{EitherBody, MessageBody},
    dev::{ServiceRequest, ServiceResponse},
    http::{StatusCode, header},
    middleware::Next,
    web::Data,
};
use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;

use super::{error::HttpError, reading::fresh, site::Site};
use crate::bus::BusReport;
use chat_store::{LivingServer, OwnServer};
use chat_wire::{ErrorCode, timestamp};

const NO_TOKEN_SET: HttpError =
    HttpError::new(ErrorCode::Forbidden, "CHAT_ADMIN_TOKEN is not set on this server, so nobody may ask this");
const WRONG_TOKEN: HttpError =
    HttpError::new(ErrorCode::Forbidden, "this needs the token of CHAT_ADMIN_TOKEN as Authorization: Bearer TOKEN");

/// Lets in who sends the admin's token.
pub async fn guard<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B>>, actix_web::Error> {
    match refusal(request.request()) {
        Some(response) => Ok(request.into_response(response).map_into_right_body()),
        None => Ok(next.call(request).await?.map_into_left_body()),
    }
}

fn refusal(request: &HttpRequest) -> Option<HttpResponse> {
    let token = request.app_data::<Data<Site>>().and_then(|site| site.admin_token.as_ref());
    let Some(token) = token else { return Some(NO_TOKEN_SET.error_response()) };
    if token.is_sent_by(request) {
        return None;
    }
    let mut response = WRONG_TOKEN.error_response();
    *response.status_mut() = StatusCode::UNAUTHORIZED;
    response.headers_mut().insert(header::WWW_AUTHENTICATE, header::HeaderValue::from_static("Bearer"));
    Some(response)
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ServerInfo {
    id: String,
    version: String,
    url: Option<String>,
    features: Vec<String>,
    started_at: String,
    /// None where its lease does not live, which only who asks can find of itself.
    seen_at: Option<String>,
    lag_ms: Option<i64>,
    sessions: i64,
    rooms: i64,
    #[serde(rename = "self")]
    is_self: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    bus: Option<BusInfo>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct BusInfo {
    state: &'static str,
    echo_ms: Option<f64>,
}

/// `GET /api/v1/admin/servers`: the servers on this database.
pub async fn servers(site: Data<Site>) -> HttpResponse {
    #[derive(Serialize)]
    struct Servers {
        servers: Vec<ServerInfo>,
    }
    let now = Utc::now();
    let servers = living(&site).await.into_iter().map(|server| info(&site, server, now));
    fresh(&Servers { servers: servers.collect() })
}

fn info(site: &Site, server: Living, now: DateTime<Utc>) -> ServerInfo {
    let Living { server, is_seen } = server;
    let is_self = server.id == site.place.id;
    let BusReport { state, echo } = site.bus.get();
    let bus = BusInfo { state: state.as_str(), echo_ms: echo.map(|echo| echo.as_secs_f64() * 1_000.0) };
    ServerInfo {
        lag_ms: is_seen.then(|| (now - server.seen_at).num_milliseconds().max(0)),
        seen_at: is_seen.then(|| timestamp(server.seen_at)),
        id: server.id,
        version: server.version,
        url: server.url,
        features: server.features,
        started_at: timestamp(server.started_at),
        sessions: server.n_sessions,
        rooms: server.n_rooms,
        is_self,
        bus: is_self.then_some(bus),
    }
}

/// A server, and whether its lease lives.
pub struct Living {
    /// What its lease says.
    pub server: LivingServer,
    /// Whether the others take it for living.
    pub is_seen: bool,
}

/// The servers on this database by id, this one in any case. Where the database does not answer, those of the last
/// renewal.
pub async fn living(site: &Site) -> Vec<Living> {
    let read = actix::clock::timeout(site.read_wait, site.store.living_servers()).await;
    let (others, holds) = match read {
        Ok(Ok(servers)) => {
            let holds = servers.iter().any(|server| server.id == site.place.id);
            (servers, holds)
        }
        _ => (others_as_last_known(site), false),
    };
    let mut all: Vec<Living> = others.into_iter().map(|server| Living { server, is_seen: true }).collect();
    if !holds {
        // A SQLite file has one server and no lease: it is there as long as it answers.
        let is_seen = site.store.kind() == "sqlite";
        all.push(Living { server: own(site), is_seen });
    }
    all.sort_unstable_by(|one, other| one.server.id.cmp(&other.server.id));
    all
}

fn others_as_last_known(site: &Site) -> Vec<LivingServer> {
    site.lease.lock().unwrap_or_else(PoisonError::into_inner).others().to_vec()
}

/// The names of the servers that lived at the last renewal, this one included: without asking anybody.
pub fn names_as_last_known(site: &Site) -> Vec<String> {
    let mut names: Vec<String> = others_as_last_known(site).into_iter().map(|server| server.id).collect();
    names.push(site.place.id.clone());
    names.sort_unstable();
    names
}

fn own(site: &Site) -> LivingServer {
    let now = Utc::now();
    let up = TimeDelta::from_std(Instant::now().saturating_duration_since(site.started)).unwrap_or_default();
    LivingServer {
        id: site.place.id.clone(),
        url: site.place.url.clone(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        features: OwnServer::features().split_whitespace().map(str::to_owned).collect(),
        started_at: now - up,
        seen_at: now,
        n_sessions: chat_metrics::gauge(site.admission.n_sessions()),
        n_rooms: site.metrics.rooms_live.get(),
    }
}
