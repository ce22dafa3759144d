//! Reading by an HTTP answer that goes on: Server-Sent Events, for programs and for pages where WebSockets do not pass.

mod framing;

use std::rc::Rc;

use actix_web::{
    HttpRequest, HttpResponse, guard,
    http::header,
    web::{self, Data, Payload, ServiceConfig},
};
use percent_encoding::percent_decode_str;
use uuid::Uuid;

use self::framing::EVENTS;
use super::{
    entry::admitted,
    error::DoorError,
    visitor::{check_origin, token_of},
};
use crate::{
    http::{ANONYMOUS_ID, HttpError, Site, address_of, anonymous_secret, not_allowed, preflight, room_of, whole_body},
    session::{ConnectionPermit, Line, Listener, Session, SessionSetup},
};
use chat_rooms::Refusal;
use chat_wire::{ErrorCode, FRAME_BYTES_MAX, JoinPayload, ResumePoint, decode_join};

/// The header by which a browser says how far it was.
const LAST_EVENT_ID: &str = "last-event-id";

const BAD_JOIN: HttpError = HttpError::new(
    ErrorCode::BadRequest,
    "the body is a JSON object as JOIN's payload: anonymousId: UUID, token?, nickname?, avatar?, resume?: {epoch, rev}",
);

const NO_UPGRADE: HttpError = HttpError::new(ErrorCode::BadRequest, "a stream of events is asked for without Upgrade");

/// Declares its route.
pub fn configure(scope: &mut ServiceConfig) {
    scope.service(
        web::resource("/rooms/{room}/events")
            .route(web::get().to(listen))
            .route(web::post().to(enter))
            .route(web::route().guard(guard::Options()).to(preflight))
            .default_service(web::to(async || not_allowed("GET, POST"))),
    );
}

/// `GET /api/v1/rooms/{room}/events`: what the room says, from `Last-Event-ID` on. Who is nobody in particular reads.
async fn listen(request: HttpRequest, site: Data<Site>) -> Result<HttpResponse, DoorError> {
    check_origin(&request, &site)?;
    let token = token_of(&request)?.map(str::to_owned);
    let anonymous_id = match request.headers().contains_key(ANONYMOUS_ID) {
        true => anonymous_secret(&request)?,
        false => Uuid::new_v4(),
    };
    let resume = last_event_id(&request);
    let join = JoinPayload { anonymous_id, token, nickname: None, avatar: None, resume };
    open(&request, &site, join, true).await
}

/// `POST /api/v1/rooms/{room}/events`: the same for whoever the body says, as JOIN does, so that nothing of who that is
/// stands in an address.
async fn enter(request: HttpRequest, body: Payload, site: Data<Site>) -> Result<HttpResponse, DoorError> {
    check_origin(&request, &site)?;
    let body = whole_body(body, FRAME_BYTES_MAX).await?;
    let mut join = std::str::from_utf8(&body).ok().and_then(decode_join).ok_or(BAD_JOIN)?;
    join.resume = join.resume.or_else(|| last_event_id(&request));
    open(&request, &site, join, false).await
}

async fn open(
    request: &HttpRequest,
    site: &Site,
    join: JoinPayload,
    is_bearer: bool,
) -> Result<HttpResponse, DoorError> {
    let room = room_of(request, 4)?;
    // The connection of such a request is not left to go on.
    if request.headers().contains_key(header::UPGRADE) {
        return Err(NO_UPGRADE.into());
    }
    let address = address_of(request, &site.trusted_proxies);
    let permit = admitted(site, address)?;
    let setup = request.app_data::<Rc<SessionSetup>>().ok_or(Refusal::Overloaded)?.clone();
    let permit = ConnectionPermit::Session(permit);
    let listener = Listener { room, address, permit, join, is_bearer, framing: &EVENTS };
    // Where this is given up the body is dropped, and with it the session ends.
    let (body, joined) = Session::listen(setup, Line::of(request), listener);
    joined.await.map_err(|_| Refusal::Overloaded)??;
    let mut response = HttpResponse::Ok();
    response
        .content_type("text/event-stream")
        .insert_header((header::CACHE_CONTROL, "no-store"))
        // nginx passes it on as it comes, and nobody on the way here compresses it.
        .insert_header(("x-accel-buffering", "no"))
        .insert_header((header::CONTENT_ENCODING, "identity"));
    Ok(response.body(body))
}

/// How far a client was: by the header, or where none can be set by `lastEventId` in the query. What is no such id begins
/// anew, and the client is told so.
fn last_event_id(request: &HttpRequest) -> Option<ResumePoint> {
    let header = request.headers().get(LAST_EVENT_ID).map(|value| value.to_str().unwrap_or_default().to_owned());
    let id = header.or_else(|| {
        let mut pairs = request.query_string().split('&').filter_map(|pair| pair.split_once('='));
        let (_, value) = pairs.find(|(name, _)| *name == "lastEventId")?;
        Some(percent_decode_str(value).decode_utf8_lossy().into_owned())
    })?;
    let (epoch, rev) = id.split_once(':').unwrap_or_default();
    let is_number = !rev.is_empty() && rev.bytes().all(|byte| byte.is_ascii_digit());
    let known = is_number.then(|| rev.parse().ok()).flatten();
    let epoch = if known.is_some() { epoch.to_owned() } else { String::new() };
    Some(ResumePoint { epoch, rev: known.unwrap_or_default() })
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    #[test]
    fn how_far_a_client_was_is_in_the_header_or_in_the_query() {
        let point = |epoch: &str, rev| Some(ResumePoint { epoch: epoch.to_owned(), rev });
        for (header, query, expected) in [
            (None, "", None),
            (None, "lastEventId=e%3A7", point("e", 7)),
            (Some("e:7"), "lastEventId=f:9", point("e", 7)),
            (Some("e:7"), "", point("e", 7)),
            (Some("e"), "", point("", 0)),
            (Some("e:-1"), "", point("", 0)),
            (Some(""), "", point("", 0)),
            (Some("e:99999999999999999999"), "", point("", 0)),
        ] {
            let request = TestRequest::with_uri(&format!("/?{query}"));
            let request = header.into_iter().fold(request, |r, id| r.insert_header((LAST_EVENT_ID, id)));
            assert_eq!(last_event_id(&request.to_http_request()), expected, "{header:?} {query}");
        }
    }
}
