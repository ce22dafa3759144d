//! STOMP 1.0 to 1.2 over a WebSocket (docs/STOMP.md): rooms are topics, and what is sent is answered once it is stored.
//!
//! From below: `destination`, `client` and `sending` (pure), `framing` (what all readers of a MESSAGE share), `speech`
//! (what a connection that speaks STOMP keeps), and `frames` (what each frame does).

mod client;
mod destination;
mod frames;
mod framing;
mod sending;
mod speech;

use actix_web::{
    HttpRequest, HttpResponse, ResponseError,
    web::{self, Data, ServiceConfig},
};

use self::speech::Stomp;
use super::connection;
use crate::http::Site;
use chat_stomp::Version;

/// Declares its routes: the second is where Spring's examples have it.
pub fn configure(app: &mut ServiceConfig) {
    app.route("/stomp", web::get().to(upgrade)).route("/ws-stomp", web::get().to(upgrade));
}

/// `GET /stomp`: upgrades to STOMP. Who may not come in is told by a status.
async fn upgrade(request: HttpRequest, site: Data<Site>) -> HttpResponse {
    let protocols = Version::ALL.map(Version::subprotocol);
    let (outcome, response) = match connection::upgrade(&request, &site, &protocols, Stomp::new()) {
        Ok(response) => ("opened", response),
        Err((outcome, error)) => (outcome, error.error_response()),
    };
    site.metrics.upgrades.inc(outcome);
    response
}
