use std::rc::Rc;

use actix_web::{
    HttpRequest, HttpResponse, ResponseError,
    http::{StatusCode, header},
    web::{Data, Payload},
};
use actix_web_actors::ws::handshake_with_protocols;

use super::{Site, address, error::HttpError, room_of, security};
use crate::{
    protocol::{CloseCode, ErrorCode, SUBPROTOCOL},
    session::{Accepted, Connection, NotAdmitted, Session, SessionSetup},
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
    let room = match room_of(&request, 3) {
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
    let mut response = match handshake_with_protocols(&request, &[SUBPROTOCOL]) {
        Ok(response) => response,
        Err(_) => return not_a_websocket(),
    };
    let accepted = request.conn_data::<Accepted>().copied();
    let setup = Rc::clone(&setup);
    let connection = |permit| Connection { room, permit, accepted, payload };
    let (permit, refused) = if !security::may_connect(&request, &site.origins) {
        (None, Some(CloseCode::OriginRefused))
    } else {
        match site.admission.admit(address::of(&request, &site.trusted_proxies)) {
            Ok(permit) => (Some(permit), None),
            Err(NotAdmitted::ServerFull) => (None, Some(CloseCode::ServerFull)),
            Err(NotAdmitted::TooMany) => (None, Some(CloseCode::TooManySessions)),
        }
    };
    let body = match refused {
        None => Session::open(setup, connection(permit)),
        Some(code) => Session::refuse(setup, connection(permit), code),
    };
    response.streaming(body)
}

fn not_a_websocket() -> HttpResponse {
    let error = HttpError::new(ErrorCode::BadRequest, "this address speaks WebSocket, version 13");
    let mut response = error.error_response();
    *response.status_mut() = StatusCode::BAD_REQUEST;
    response.headers_mut().insert(header::SEC_WEBSOCKET_VERSION, header::HeaderValue::from_static("13"));
    response
}
