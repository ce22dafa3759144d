//! `/metrics`, and who may read it.

use std::{
    net::IpAddr,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use actix_web::{HttpRequest, HttpResponse};
use bytes::Bytes;
use ipnet::IpNet;
use prometheus::{Registry, TEXT_FORMAT, TextEncoder};

use super::address::{is_within, peer};

/// So long a text is given out again. Whoever is on the machine itself gets a new one each time.
const KEPT_FOR: Duration = Duration::from_secs(1);

/// What `/metrics` prints. Gathering it costs some milliseconds, so for all but the machine itself it is done once a
/// second.
pub struct Figures {
    registry: Registry,
    kept: Mutex<Option<(Instant, Bytes)>>,
}

impl Figures {
    /// All that is registered here, and of the process.
    pub fn new(registry: Registry) -> Self {
        Self { registry, kept: Mutex::default() }
    }

    /// The answer to whoever may see it.
    pub fn answer(&self, request: &HttpRequest) -> HttpResponse {
        let is_local = peer(request).is_some_and(|peer| peer.is_loopback());
        match self.text(!is_local) {
            Ok(text) => HttpResponse::Ok().content_type(TEXT_FORMAT).body(text),
            Err(_) => HttpResponse::InternalServerError().finish(),
        }
    }

    fn text(&self, may_be_old: bool) -> Result<Bytes, prometheus::Error> {
        // Held while it is made: who comes meanwhile gets the same.
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, text)) = kept.as_ref().filter(|(at, _)| may_be_old && at.elapsed() < KEPT_FOR) {
            return Ok(text.clone());
        }
        let families = [self.registry.gather(), prometheus::gather()].concat();
        let text = Bytes::from(TextEncoder::new().encode_to_string(&families)?);
        *kept = Some((Instant::now(), text.clone()));
        Ok(text)
    }
}

/// Headers by which a proxy says that it asks for somebody else.
const FORWARDED: [&str; 5] = ["x-forwarded-for", "x-forwarded-proto", "x-real-ip", "forwarded", "via"];

/// Whether the figures are for whoever asks: from the machine itself or a trusted network, and not for a visitor whose
/// request a proxy there passes on.
pub fn may_see(request: &HttpRequest, trusted: &[IpNet]) -> bool {
    let is_near = |peer: IpAddr| peer.is_loopback() || is_within(peer, trusted);
    let is_passed_on = FORWARDED.iter().any(|name| request.headers().contains_key(*name));
    peer(request).is_some_and(is_near) && !is_passed_on
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::address::tests::request_of;

    #[test]
    fn figures_are_for_the_machine_and_trusted_networks_alone() {
        let trusted: Vec<IpNet> = vec!["10.0.0.0/8".parse().expect("a network")];
        for (peers, expected) in
            [("127.0.0.1 ::1 ::ffff:127.0.0.1 10.1.2.3", true), ("192.168.0.1 198.51.100.7", false)]
        {
            for peer in peers.split(' ') {
                assert_eq!(may_see(&request_of(peer).to_http_request(), &trusted), expected, "{peer}");
            }
        }
        // A proxy on the machine that passes a stranger's request on.
        for (peer, headers) in
            [("127.0.0.1", "X-Forwarded-For Forwarded Via X-Real-IP"), ("10.1.2.3", "X-Forwarded-Proto")]
        {
            for header in headers.split(' ') {
                let request = request_of(peer).insert_header((header, "198.51.100.7"));
                assert!(!may_see(&request.to_http_request(), &trusted), "{peer} {header}");
            }
        }
    }

    #[test]
    fn a_text_is_made_once_a_second() {
        let registry = Registry::new();
        let counter = prometheus::IntCounter::new("moves", "a figure that moves").expect("a counter");
        registry.register(Box::new(counter.clone())).expect("a registry");
        let figures = Figures::new(registry);
        let first = figures.text(true).expect("a text");
        counter.inc();
        assert_eq!(figures.text(true).expect("a text"), first);
        assert_ne!(figures.text(false).expect("a text"), first, "the machine itself sees what is now");
    }
}
