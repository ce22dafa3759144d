//! Socket.IO, revision 5 (Engine.IO 4), over a WebSocket (docs/SOCKETIO.md): events for rooms, and answers once it is
//! stored.
//!
//! From below: `asking` (pure), `framing` (what all readers of an event share), `speech` (what a connection that speaks
//! Socket.IO keeps), and `packets` (what each packet does).

mod asking;
mod framing;
mod packets;
mod speech;

use actix_web::{
    HttpRequest, HttpResponse, ResponseError,
    http::{Method, header},
    web::{self, Data, ServiceConfig},
};
use serde_json::json;

use self::speech::SocketIo;
use super::connection;
use crate::http::Site;

/// Declares its routes: clients have the second where they are told to add no slash.
pub fn configure(app: &mut ServiceConfig) {
    app.route("/socket.io/", web::route().to(upgrade)).route("/socket.io", web::route().to(upgrade));
}

/// `GET /socket.io/`: upgrades to Engine.IO. What is no way in is told as Engine.IO tells it, who may not come in by a
/// status.
async fn upgrade(request: HttpRequest, site: Data<Site>) -> HttpResponse {
    if let Some((code, message)) = unknown(&request) {
        site.metrics.upgrades.inc("invalid");
        return HttpResponse::BadRequest()
            .insert_header((header::CACHE_CONTROL, "no-store"))
            // A page of another origin shows it to whoever writes it.
            .insert_header((header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"))
            .json(json!({"code": code, "message": message}));
    }
    let (outcome, response) = match connection::upgrade(&request, &site, &[], SocketIo::default()) {
        Ok(response) => ("opened", response),
        Err((outcome, error)) => (outcome, error.error_response()),
    };
    site.metrics.upgrades.inc(outcome);
    response
}

/// Why a request is none for Engine.IO 4 over a WebSocket, by that protocol's own numbers.
fn unknown(request: &HttpRequest) -> Option<(u8, &'static str)> {
    let field = |of: &str| {
        let mut pairs = request.query_string().split('&').filter_map(|pair| pair.split_once('='));
        pairs.find(|(name, _)| *name == of).map(|(_, value)| value)
    };
    if field("EIO") != Some("4") {
        return Some((5, "Unsupported protocol version: this is Engine.IO 4 (EIO=4) with transports: [\"websocket\"]"));
    }
    if field("transport") != Some("websocket") {
        return Some((0, "Transport unknown: clients are made with transports: [\"websocket\"]"));
    }
    if field("sid").is_some() {
        return Some((1, "Session ID unknown: clients are made with transports: [\"websocket\"]"));
    }
    (request.method() != Method::GET).then_some((2, "Bad handshake method"))
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    #[test]
    fn what_is_no_way_in_has_the_number_of_engine_io() {
        for (query, code) in [
            ("EIO=4&transport=websocket", None),
            ("transport=websocket&t=x&EIO=4", None),
            ("EIO=4&transport=polling", Some(0)),
            ("EIO=4", Some(0)),
            ("EIO=4&transport=websocket&sid=x", Some(1)),
            ("EIO=3&transport=websocket", Some(5)),
            ("transport=websocket", Some(5)),
            ("", Some(5)),
        ] {
            let request = TestRequest::with_uri(&format!("/socket.io/?{query}")).to_http_request();
            assert_eq!(unknown(&request).map(|(code, _)| code), code, "{query}");
        }
        let post = TestRequest::post().uri("/socket.io/?EIO=4&transport=websocket").to_http_request();
        assert_eq!(unknown(&post).map(|(code, _)| code), Some(2));
    }
}
