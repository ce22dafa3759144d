//! STOMP 1.0 to 1.2 over a WebSocket (docs/STOMP.md): rooms are topics, and what is sent is answered once it is stored.
//!
//! From below: `destination`, `client` and `output` (pure), `framing` (what all readers of a MESSAGE share),
//! `subscription` (a session for each room that is read), `sending`, and `connection`, with what each frame
//! does in `frames` and how it ends in `ending`.

mod client;
mod connection;
mod destination;
mod ending;
mod frames;
mod framing;
mod output;
mod sending;
mod subscription;

use std::rc::Rc;

use actix_web::{
    HttpRequest, HttpResponse, ResponseError,
    web::{self, Data, ServiceConfig},
};

use self::connection::Connection;
use super::{error::DoorError, visitor::check_origin};
use crate::{
    http::{HandedOver, HttpError, Site, address_of, handshake},
    session::{NotAdmitted, SessionSetup},
};
use chat_rooms::Refusal;
use chat_stomp::Version;

/// When who finds too many sessions of its address may look again.
const FULL_WAIT: std::time::Duration = std::time::Duration::from_secs(30);

/// Declares its routes: the second is where Spring's examples have it.
pub fn configure(app: &mut ServiceConfig) {
    app.route("/stomp", web::get().to(upgrade)).route("/ws-stomp", web::get().to(upgrade));
}

/// `GET /stomp`: upgrades to STOMP. Who may not come in is told by a status.
async fn upgrade(request: HttpRequest, site: Data<Site>) -> HttpResponse {
    let (outcome, response) = match answer(&request, &site) {
        Ok(response) => ("opened", response),
        Err((outcome, error)) => (outcome, error.error_response()),
    };
    site.metrics.upgrades.inc(outcome);
    response
}

fn answer(request: &HttpRequest, site: &Data<Site>) -> Result<HttpResponse, (&'static str, DoorError)> {
    let address = address_of(request, &site.trusted_proxies);
    site.rates.upgrade(address).map_err(|wait| ("rate_limited", HttpError::rate_limited(wait).into()))?;
    if site.phase.is_refusing() {
        return Err(("draining", HttpError::overloaded(site.retry_after).into()));
    }
    let protocols = Version::ALL.map(Version::subprotocol);
    let mut response = handshake(request, &protocols).map_err(|error| ("invalid", error.into()))?;
    check_origin(request, site).map_err(|error| ("origin_refused", error.into()))?;
    let permit = site.admission.admit(address).map_err(|why| match why {
        NotAdmitted::ServerFull => ("server_full", HttpError::overloaded(FULL_WAIT).into()),
        NotAdmitted::AddressFull => ("address_full", HttpError::rate_limited(FULL_WAIT).into()),
    })?;
    let setup = request.app_data::<Rc<SessionSetup>>().ok_or(("overloaded", Refusal::Overloaded.into()))?.clone();
    let site = site.clone();
    let mut response = response.finish();
    let take = move |taken| Connection::start((site, setup), (address, permit), taken);
    response.extensions_mut().insert(HandedOver(Box::new(take)));
    Ok(response)
}
