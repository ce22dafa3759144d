//! What the proxies on the way do wrong, as far as a request shows it: for the owner's log and for the owner's page.

use std::sync::atomic::{AtomicU8, Ordering};

use actix_web::{
    HttpRequest, HttpResponse,
    http::{header, uri::Authority},
    web::Data,
};
use ipnet::IpNet;
use serde::Serialize;

use super::{address, html, reading::fresh, security, site::Site};

/// Headers by which a proxy says for whom it asks.
const FORWARDING: [&str; 6] =
    ["x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "forwarded", "x-real-ip", "via"];

/// Something that the owner of a blog must change at a proxy, or in the settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The request's `Host` is not the one that the browser sent.
    Host,
    /// A page of another site opens sockets here.
    Origin,
    /// A WebSocket was asked for, and the headers that ask for it were taken away.
    Upgrade,
    /// The proxy is trusted, but does not say for whom it asks.
    Address,
}

impl Fault {
    /// What the owner reads in the log: what happens, and what to do about it.
    fn sentence(self) -> &'static str {
        match self {
            Self::Host => {
                "a WebSocket was refused with 4101, and its Host is one of this machine or network: a proxy does not pass \
                 the browser's Host on; nginx: 'proxy_set_header Host $http_host', Apache: 'ProxyPreserveHost On' \
                 (docs/OPERATIONS.md, Behind a proxy)"
            }
            Self::Origin => {
                "a page of another origin was refused a WebSocket with 4101; if it is one of yours, name its origin in \
                 CHAT_ORIGINS; if all readers are refused, a proxy does not pass their Host on, port included"
            }
            Self::Upgrade => {
                "a proxy takes the WebSocket upgrade away, so readers are on a slower line; nginx: 'proxy_http_version \
                 1.1' with the headers Upgrade and Connection, Apache: 'upgrade=websocket' (docs/OPERATIONS.md, Behind a \
                 proxy)"
            }
            Self::Address => {
                "a proxy that CHAT_TRUSTED_PROXIES names sends no X-Forwarded-For: all visitors count as one address and \
                 share its limits; nginx: 'proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for'"
            }
        }
    }

    /// Says it in the log, once in the life of the process however often it happens.
    pub fn report(self) {
        static SAID: AtomicU8 = AtomicU8::new(0);
        let bit = match self {
            Self::Host => 1,
            Self::Origin => 2,
            Self::Upgrade => 4,
            Self::Address => 8,
        };
        if SAID.fetch_or(bit, Ordering::Relaxed) & bit == 0 {
            log::warn!("{}", self.sentence());
        }
    }
}

/// Whether a proxy says that it asks for somebody else.
pub fn is_forwarded(request: &HttpRequest) -> bool {
    FORWARDING.iter().any(|name| request.headers().contains_key(*name))
}

/// What a refused origin means. A browser sends the page's own origin and host; where the server sees a host that no
/// browser on another machine could have asked for, a proxy has put it there.
pub fn fault_of_origin(request: &HttpRequest) -> Fault {
    let says_same = request.headers().get("sec-fetch-site").is_some_and(|site| site == "same-origin");
    let host = security::host(request);
    if says_same || host.as_ref().is_none_or(is_internal) { Fault::Host } else { Fault::Origin }
}

/// A name that means something within one machine or one network only.
fn is_internal(host: &Authority) -> bool {
    let name = host.host().trim_matches(['[', ']']);
    name == "localhost" || name.parse::<std::net::IpAddr>().is_ok() || !name.contains('.')
}

/// A request for a WebSocket that has lost the headers which ask for it. Proxies take `Upgrade` away with each hop and
/// pass the key on.
pub fn has_lost_upgrade(request: &HttpRequest) -> bool {
    let headers = request.headers();
    headers.contains_key(header::SEC_WEBSOCKET_KEY) && !headers.contains_key(header::UPGRADE)
}

/// What the owner's page shows: verdicts and no values, since anybody may ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
struct Verdicts {
    /// `Host`, or a trusted proxy's `X-Forwarded-Host`, is that of the page's own address.
    host: bool,
    /// The server knows whether the page came by https.
    scheme: bool,
    /// How the visitor's address reaches the server.
    address: AddressVerdict,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum AddressVerdict {
    /// A trusted proxy says it.
    Forwarded,
    /// No proxy is seen on the way.
    Direct,
    /// A proxy says it, but CHAT_TRUSTED_PROXIES does not name that proxy.
    Untrusted,
    /// The proxy does not say it.
    Missing,
}

fn address_verdict(is_trusted: bool, is_forwarded: bool, peer_is_near: bool, page_is_near: bool) -> AddressVerdict {
    match (is_trusted, is_forwarded) {
        (true, true) => AddressVerdict::Forwarded,
        (false, true) => AddressVerdict::Untrusted,
        (true, false) => AddressVerdict::Missing,
        // A page with a public name, asked for from within this network: somebody stands between.
        (false, false) if peer_is_near && !page_is_near => AddressVerdict::Missing,
        (false, false) => AddressVerdict::Direct,
    }
}

fn verdicts(request: &HttpRequest, trusted: &[IpNet], origin: &str) -> Verdicts {
    let origin = origin.to_ascii_lowercase();
    let is_own = security::is_own(&origin, &security::hosts(request, trusted));
    let scheme = origin.split_once("://").is_some_and(|(scheme, _)| scheme == request.connection_info().scheme());
    let page_is_near = origin.split_once("://").is_none_or(|(_, host)| host.parse().is_ok_and(|h| is_internal(&h)));
    let peer_is_near = address::peer(request).is_some_and(address::is_near);
    let says_address = request.headers().contains_key("x-forwarded-for");
    let is_trusted = address::peer_is_trusted(request, trusted);
    Verdicts { host: is_own, scheme, address: address_verdict(is_trusted, says_address, peer_is_near, page_is_near) }
}

/// `GET /check.json?origin=`: what the server sees of a page of this origin. The page at `/check` asks it.
pub async fn answers(request: HttpRequest, site: Data<Site>) -> HttpResponse {
    let origin = html::parameter(&request, "origin").unwrap_or_default();
    fresh(&verdicts(&request, &site.trusted_proxies.networks, &origin))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::address::tests::request_of;

    fn request(peer: &str, headers: &[(&'static str, &'static str)]) -> HttpRequest {
        headers.iter().fold(request_of(peer), |request, header| request.insert_header(*header)).to_http_request()
    }

    #[test]
    fn a_host_that_only_a_proxy_can_have_put_there_is_a_fault_of_the_proxy() {
        for (headers, expected) in [
            (&[][..], Fault::Host),
            (&[("host", "127.0.0.1:8080")], Fault::Host),
            (&[("host", "[::1]:8080")], Fault::Host),
            (&[("host", "localhost")], Fault::Host),
            (&[("host", "chat")], Fault::Host),
            (&[("host", "chat.example")], Fault::Origin),
            (&[("host", "backend.example"), ("sec-fetch-site", "same-origin")], Fault::Host),
            (&[("host", "chat.example"), ("sec-fetch-site", "cross-site")], Fault::Origin),
        ] {
            assert_eq!(fault_of_origin(&request("127.0.0.1", headers)), expected, "{headers:?}");
        }
    }

    #[test]
    fn a_key_without_an_upgrade_is_one_that_was_taken_away() {
        assert!(has_lost_upgrade(&request("::1", &[("sec-websocket-key", "x")])));
        assert!(!has_lost_upgrade(&request("::1", &[("sec-websocket-key", "x"), ("upgrade", "websocket")])));
        assert!(!has_lost_upgrade(&request("::1", &[])));
    }

    #[test]
    fn the_owner_is_told_what_the_proxy_passes() {
        let trusted: Vec<IpNet> = vec!["10.0.0.0/8".parse().expect("a network")];
        let all = [("host", "chat.example"), ("x-forwarded-for", "192.0.2.1"), ("x-forwarded-proto", "https")];
        let seen = |peer, headers| verdicts(&request(peer, headers), &trusted, "https://Chat.example");
        use AddressVerdict::{Direct, Forwarded, Missing, Untrusted};
        assert_eq!(seen("10.0.0.1", &all), Verdicts { host: true, scheme: true, address: Forwarded });
        assert_eq!(seen("127.0.0.1", &all).address, Untrusted);
        assert_eq!(seen("10.0.0.1", &all[..1]), Verdicts { host: true, scheme: false, address: Missing });
        assert_eq!(seen("127.0.0.1", &all[..1]).address, Missing);
        assert_eq!(seen("192.0.2.9", &all[..1]).address, Direct);
        let replaced = [("host", "127.0.0.1:8080"), ("x-forwarded-host", "chat.example")];
        assert!(seen("10.0.0.1", &replaced).host, "a trusted proxy may say it apart");
        assert!(!seen("127.0.0.1", &replaced).host);
        let here = verdicts(&request("127.0.0.1", &[("host", "127.0.0.1:1")]), &trusted, "http://127.0.0.1:1");
        assert_eq!(here, Verdicts { host: true, scheme: true, address: Direct });
        assert!(!verdicts(&request("127.0.0.1", &[]), &trusted, "").host);
    }
}
