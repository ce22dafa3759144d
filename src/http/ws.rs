//! The WebSocket's handshake, and who is refused.

use std::net::IpAddr;

use actix_web::{
    HttpMessage, HttpRequest, HttpResponse, HttpResponseBuilder, ResponseError, http::header, rt::net::TcpStream,
    web::Data,
};
use actix_web_actors::ws::handshake_with_protocols;
use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;

use super::{
    address,
    error::HttpError,
    proxy::{self, Fault},
    reading::room_of,
    security,
    site::Site,
};
use crate::session::{ConnectionPermit, NotAdmitted, SessionPermit};
use chat_domain::RoomId;
use chat_wire::{CloseCode, ErrorCode, SUBPROTOCOL, accept_deflate};

const NO_WEBSOCKET: HttpError = HttpError::new(ErrorCode::BadRequest, "this address speaks WebSocket, version 13");

/// Marks a request whose connection can be taken over.
pub struct TakesOver;

/// What becomes of a connection that was answered with 101. Travels in the response's extensions to
/// [`super::upgrade`], which has the socket.
pub struct Upgraded {
    /// The room of its URL.
    pub room: RoomId,
    /// The visitor's address.
    pub address: IpAddr,
    /// What it counts among.
    pub permit: ConnectionPermit,
    /// Whether compression was agreed on.
    pub deflates: bool,
    /// Why it is closed at once, where it is.
    pub refused: Option<CloseCode>,
}

/// Takes a connection that a door has answered with 101, as [`Upgraded`] does for the chat's own protocol.
pub struct HandedOver(pub Box<dyn FnOnce(TakenOver)>);

/// A connection that HTTP has given away.
pub struct TakenOver {
    /// Its socket.
    pub stream: TcpStream,
    /// What came with the request and is not read yet.
    pub first: Bytes,
    /// The answer to the upgrade, not written yet.
    pub answer: Bytes,
}

/// The answer to a handshake for one of these protocols, or for none; why it is none.
pub fn handshake(request: &HttpRequest, protocols: &[&str]) -> Result<HttpResponseBuilder, HttpError> {
    let takes_over = request.extensions().contains::<TakesOver>() && is_version_13(request);
    let handshake = takes_over.then(|| handshake_with_protocols(request, protocols));
    handshake.and_then(Result::ok).ok_or(NO_WEBSOCKET)
}

/// `GET /ws/room/{room}`: upgrades to the chat's protocol.
///
/// What a page must know is said by a close code on a completed upgrade, since a page cannot see the
/// status of a refused one.
pub async fn upgrade(request: HttpRequest, site: Data<Site>) -> HttpResponse {
    let (outcome, response) = answer(&request, &site);
    site.metrics.upgrades.inc(outcome);
    response
}

/// What becomes of it, as one of [`chat_metrics::UPGRADE_OUTCOMES`], and the answer.
fn answer(request: &HttpRequest, site: &Site) -> (&'static str, HttpResponse) {
    // A page sees a connection that fails, and comes back later each time.
    let address = address::of(request, &site.trusted_proxies);
    if let Err(wait) = site.rates.upgrade(address) {
        return ("rate_limited", HttpError::rate_limited(wait).error_response());
    }
    let room = match room_of(request, 3) {
        Ok(room) => room,
        Err(error) => return ("invalid", error.error_response()),
    };
    if site.phase.is_refusing() {
        let mut response = overloaded("this server is going away; come back to another one");
        let seconds = site.retry_after.as_secs().max(1);
        response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
        return ("draining", response);
    }
    if proxy::has_lost_upgrade(request) {
        Fault::Upgrade.report();
    }
    let Ok(mut response) = handshake(request, &[SUBPROTOCOL]) else { return ("invalid", not_a_websocket()) };
    let (outcome, permit, refused) = match admit(request, address, site) {
        Ok(permit) => ("opened", ConnectionPermit::Session(permit), None),
        Err((outcome, code)) => match site.admission.admit_refusal() {
            Some(permit) => (outcome, ConnectionPermit::Refused(permit), Some(code)),
            None => return ("overloaded", overloaded("too many are refused at once")),
        },
    };
    let extensions = request.headers().get_all(header::SEC_WEBSOCKET_EXTENSIONS).filter_map(|v| v.to_str().ok());
    let agreed = site.compresses.then(|| accept_deflate(extensions)).flatten();
    if let Some(agreed) = agreed {
        response.insert_header((header::SEC_WEBSOCKET_EXTENSIONS, agreed));
    }
    let upgraded = Upgraded { room, address, permit, deflates: agreed.is_some(), refused };
    let mut response = response.finish();
    response.extensions_mut().insert(upgraded);
    (outcome, response)
}

fn admit(request: &HttpRequest, address: IpAddr, site: &Site) -> Result<SessionPermit, (&'static str, CloseCode)> {
    let trusted = &site.trusted_proxies.networks;
    if address::peer_is_trusted(request, trusted) && !request.headers().contains_key("x-forwarded-for") {
        Fault::Address.report();
    }
    if !security::may_connect(request, trusted, &site.origins) {
        proxy::fault_of_origin(request).report();
        return Err(("origin_refused", CloseCode::OriginRefused));
    }
    site.admission.admit(address).map_err(|why| match why {
        NotAdmitted::ServerFull => ("server_full", CloseCode::ServerFull),
        NotAdmitted::AddressFull => ("address_full", CloseCode::AddressFull),
    })
}

/// The handshake of actix-web-actors takes drafts too, and any key.
fn is_version_13(request: &HttpRequest) -> bool {
    let header = |name| request.headers().get(name).and_then(|v| v.to_str().ok()).unwrap_or_default();
    let is_key = STANDARD.decode(header(header::SEC_WEBSOCKET_KEY)).is_ok_and(|key| key.len() == 16);
    header(header::SEC_WEBSOCKET_VERSION) == "13" && is_key
}

fn overloaded(why: &'static str) -> HttpResponse {
    HttpError::new(ErrorCode::Overloaded, why).error_response()
}

fn not_a_websocket() -> HttpResponse {
    let mut response = NO_WEBSOCKET.error_response();
    response.headers_mut().insert(header::SEC_WEBSOCKET_VERSION, header::HeaderValue::from_static("13"));
    response
}
