use std::rc::Rc;

use actix_web::{
    HttpRequest, HttpResponse, ResponseError,
    http::{StatusCode, header},
    web::{Data, Payload},
};
use actix_web_actors::ws::handshake_with_protocols;
use base64::{Engine, engine::general_purpose::STANDARD};

use super::{Site, address, error::HttpError, room_of, security};
use crate::{
    protocol::{CloseCode, ErrorCode, SUBPROTOCOL},
    session::{Accepted, Connected, Connection, NotAdmitted, Place, Session, SessionPermit, SessionSetup},
};

/// `GET /ws/room/{room}`: upgrades to the chat's protocol.
///
/// What a page must be told is told by a close code on a completed upgrade, since a page cannot see the
/// status of a refused one.
pub async fn upgrade(
    request: HttpRequest,
    payload: Payload,
    site: Data<Site>,
    setup: Data<Rc<SessionSetup>>,
) -> HttpResponse {
    let accepted = request.conn_data::<Connected>().map(Connected::accepted);
    let response = upgraded(&request, payload, accepted.clone(), &site, &setup);
    if response.status() != StatusCode::SWITCHING_PROTOCOLS
        && let Some(accepted) = accepted
    {
        accepted.cut_soon();
    }
    response
}

fn upgraded(
    request: &HttpRequest,
    payload: Payload,
    accepted: Option<Accepted>,
    site: &Site,
    setup: &Rc<SessionSetup>,
) -> HttpResponse {
    // A page sees a connection that fails, and comes back later each time.
    if let Err(wait) = setup.rates.upgrade(address::of(request, &site.trusted_proxies)) {
        return HttpError::rate_limited(wait).error_response();
    }
    let room = match room_of(request, 3) {
        Ok(room) => room,
        Err(error) => return error.error_response(),
    };
    if site.phase.is_refusing() {
        let error = HttpError::new(ErrorCode::Overloaded, "this server is going away; come back to another one");
        let mut response = error.error_response();
        let seconds = site.retry_after.as_secs().max(1);
        response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
        return response;
    }
    if !is_version_13(request) {
        return not_a_websocket();
    }
    let mut response = match handshake_with_protocols(request, &[SUBPROTOCOL]) {
        Ok(response) => response,
        Err(_) => return not_a_websocket(),
    };
    let setup = Rc::clone(setup);
    let connection = |place| Connection { room, place, accepted, payload };
    let body = match admit(request, site) {
        Ok(permit) => Session::open(setup, connection(Place::Session(permit))),
        Err(code) => match site.admission.admit_refusal() {
            Some(permit) => Session::refuse(setup, connection(Place::Refused(permit)), code),
            None => return HttpError::new(ErrorCode::Overloaded, "too many are refused at once").error_response(),
        },
    };
    response.streaming(body)
}

fn admit(request: &HttpRequest, site: &Site) -> Result<SessionPermit, CloseCode> {
    if !security::may_connect(request, &site.origins) {
        return Err(CloseCode::OriginRefused);
    }
    site.admission.admit(address::of(request, &site.trusted_proxies)).map_err(|why| match why {
        NotAdmitted::ServerFull => CloseCode::ServerFull,
        NotAdmitted::TooMany => CloseCode::TooManySessions,
    })
}

/// The handshake of actix-web-actors takes drafts too, and any key.
fn is_version_13(request: &HttpRequest) -> bool {
    let header = |name| request.headers().get(name).and_then(|v| v.to_str().ok()).unwrap_or_default();
    let is_key = STANDARD.decode(header(header::SEC_WEBSOCKET_KEY)).is_ok_and(|key| key.len() == 16);
    header(header::SEC_WEBSOCKET_VERSION) == "13" && is_key
}

fn not_a_websocket() -> HttpResponse {
    let error = HttpError::new(ErrorCode::BadRequest, "this address speaks WebSocket, version 13");
    let mut response = error.error_response();
    *response.status_mut() = StatusCode::BAD_REQUEST;
    response.headers_mut().insert(header::SEC_WEBSOCKET_VERSION, header::HeaderValue::from_static("13"));
    response
}
