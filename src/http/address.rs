//! Which address a request comes from, where proxies stand in front.

use std::{borrow::Cow, net::IpAddr, sync::Once};

use actix_web::HttpRequest;
use ipnet::IpNet;

/// Whose X-Forwarded-For is believed.
#[derive(Debug, Clone, Default)]
pub struct TrustedProxies {
    /// Where they are.
    pub networks: Vec<IpNet>,
    /// How many of them a request passes at most, where that is known. A visitor whose own address lies in one of
    /// the networks looks like one more proxy: without this it may write in front of it what it likes.
    pub n_hops_max: Option<usize>,
}

/// The address of whoever connected.
pub fn peer(request: &HttpRequest) -> Option<IpAddr> {
    Some(request.peer_addr()?.ip().to_canonical())
}

/// Whether one of the networks holds the address.
pub fn is_within(address: IpAddr, networks: &[IpNet]) -> bool {
    networks.iter().any(|network| network.contains(&address))
}

/// Whether the one that connected is a proxy that the owner named.
pub fn peer_is_trusted(request: &HttpRequest, trusted: &[IpNet]) -> bool {
    peer(request).is_some_and(|peer| is_within(peer, trusted))
}

/// Whether an address is of this machine or of a private network.
pub fn is_near(address: IpAddr) -> bool {
    address.is_loopback()
        || match address {
            IpAddr::V4(address) => address.is_private(),
            IpAddr::V6(address) => address.is_unique_local(),
        }
}

/// The visitor's address: the peer's, or, where the peer is a trusted proxy, the last one in X-Forwarded-For that no
/// trusted proxy wrote about itself.
pub fn of(request: &HttpRequest, trusted: &TrustedProxies) -> IpAddr {
    let peer = peer(request).unwrap_or(IpAddr::from([0, 0, 0, 0]));
    // A line with bytes that are no text counts as well: left out, it would hide what a proxy appended to it, and a
    // line before it, which the visitor made up, would be believed.
    let lines = request.headers().get_all("x-forwarded-for").map(|v| String::from_utf8_lossy(v.as_bytes()));
    behind(peer, &lines.collect::<Vec<_>>(), trusted)
}

/// The same of a peer, and of the lines of X-Forwarded-For that it sent.
pub fn behind(peer: IpAddr, lines: &[Cow<'_, str>], trusted: &TrustedProxies) -> IpAddr {
    let forwarded = lines.iter().flat_map(|v| v.split(',')).map(str::trim).collect::<Vec<_>>();
    warn_of_proxy(peer, &forwarded, trusted);
    client(peer, &forwarded, trusted)
}

/// Behind a proxy that is not trusted everybody shares one address, and its limit: said once, with the setting
/// that helps. Only a peer in a private network is likely to be one.
fn warn_of_proxy(peer: IpAddr, forwarded: &[&str], trusted: &TrustedProxies) {
    static WARNED: Once = Once::new();
    if is_near(peer) && !forwarded.is_empty() && !is_within(peer, &trusted.networks) {
        WARNED.call_once(|| {
            log::warn!(
                "requests come through a proxy that CHAT_TRUSTED_PROXIES does not name: they all count as one address"
            );
        });
    }
}

/// Walks from the peer backwards through what proxies appended, as far as they are trusted: each proxy wrote one
/// entry, so no more entries are believed than there are proxies.
fn client(peer: IpAddr, forwarded: &[&str], trusted: &TrustedProxies) -> IpAddr {
    let mut client = peer;
    for hop in forwarded.iter().rev().take(trusted.n_hops_max.unwrap_or(usize::MAX)) {
        if !is_within(client, &trusted.networks) {
            break;
        }
        // What stands before one that cannot be read cannot be believed either.
        let Some(address) = parse(hop) else { break };
        client = address;
    }
    client
}

/// An address with or without a port.
fn parse(hop: &str) -> Option<IpAddr> {
    let plain = hop.parse::<IpAddr>().ok();
    let with_port = || hop.parse::<std::net::SocketAddr>().ok().map(|a| a.ip());
    let bracketed = || hop.strip_prefix('[')?.strip_suffix(']')?.parse().ok();
    plain.or_else(with_port).or_else(bracketed).map(|a| a.to_canonical())
}

#[cfg(test)]
pub mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    /// A request from this address.
    pub fn request_of(peer: &str) -> TestRequest {
        TestRequest::default().peer_addr(std::net::SocketAddr::new(address(peer), 4711))
    }

    fn trusted(networks: &[&str], n_hops_max: Option<usize>) -> TrustedProxies {
        TrustedProxies { networks: networks.iter().map(|n| n.parse().expect("a network")).collect(), n_hops_max }
    }

    fn address(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn a_visitor_within_a_trusted_network_writes_no_address_where_the_hops_are_known() {
        for (n_hops_max, peer, forwarded, expected) in [
            // One proxy, and a visitor at 10.3.3.3 who wrote an address of their own choice.
            (None, "10.0.0.1", &["203.0.113.9", "10.3.3.3"][..], "203.0.113.9"),
            (Some(1), "10.0.0.1", &["203.0.113.9", "10.3.3.3"], "10.3.3.3"),
            (Some(1), "10.0.0.1", &["203.0.113.9, 10.3.3.3"], "10.0.0.1"),
            (Some(1), "10.0.0.1", &["198.51.100.7"], "198.51.100.7"),
            (Some(1), "10.0.0.1", &[], "10.0.0.1"),
            // Two proxies, one behind the other.
            (Some(2), "10.0.0.1", &["203.0.113.9", "10.3.3.3", "10.0.0.2"], "10.3.3.3"),
            (Some(2), "10.0.0.1", &["203.0.113.9", "198.51.100.7", "10.0.0.2"], "198.51.100.7"),
            // A visitor who reaches the inner proxy directly is believed no more than before.
            (Some(2), "10.0.0.1", &["203.0.113.9", "198.51.100.7"], "198.51.100.7"),
            // A peer that is no trusted proxy is the visitor, whatever the number.
            (Some(1), "192.0.2.1", &["203.0.113.9"], "192.0.2.1"),
        ] {
            let found = client(address(peer), forwarded, &trusted(&["10.0.0.0/8"], n_hops_max));
            assert_eq!(found, address(expected), "{n_hops_max:?} {peer} {forwarded:?}");
        }
    }

    #[test]
    fn believes_only_trusted_proxies() {
        let trusted = trusted(&["10.0.0.0/8", "::1/128"], None);
        for (peer, forwarded, expected) in [
            ("192.0.2.1", &["198.51.100.7"][..], "192.0.2.1"),
            ("10.0.0.1", &[], "10.0.0.1"),
            ("10.0.0.1", &["198.51.100.7"], "198.51.100.7"),
            ("10.0.0.1", &["1.1.1.1", "198.51.100.7", "10.2.3.4"], "198.51.100.7"),
            ("10.0.0.1", &["1.1.1.1", "garbage"], "10.0.0.1"),
            ("::1", &["[2001:db8::1]:443"], "2001:db8::1"),
            ("10.0.0.1", &["198.51.100.7:5000"], "198.51.100.7"),
            ("10.0.0.1", &["::ffff:198.51.100.7"], "198.51.100.7"),
            // A chain of proxies: what stands before the first one that is not trusted, that one may have made up.
            ("10.0.0.1", &["1.1.1.1", "10.9.9.9", "198.51.100.7", "10.2.3.4", "::1"], "198.51.100.7"),
            ("10.0.0.1", &["10.0.0.2", "10.0.0.3"], "10.0.0.2"),
            ("10.0.0.1", &["198.51.100.7", "garbage", "10.2.3.4"], "10.2.3.4"),
            ("10.0.0.1", &[""], "10.0.0.1"),
            ("10.0.0.1", &["999.1.1.1"], "10.0.0.1"),
            ("10.0.0.1", &["198.51.100.7, 1.1.1.1"], "10.0.0.1"),
            ("10.0.0.1", &["unknown"], "10.0.0.1"),
            ("10.0.0.1", &["_hidden"], "10.0.0.1"),
            ("10.0.0.1", &["2001:db8::1"], "2001:db8::1"),
            ("10.0.0.1", &["[2001:db8::1]"], "2001:db8::1"),
            ("2001:db8::2", &["198.51.100.7"], "2001:db8::2"),
        ] {
            assert_eq!(client(address(peer), forwarded, &trusted), address(expected), "{peer} {forwarded:?}");
        }
    }

    /// What a request counts under, with these header lines.
    fn counted(peer: &str, lines: &[&[u8]], trusted: &TrustedProxies) -> String {
        let mut request = request_of(peer);
        for line in lines {
            let value = actix_web::http::header::HeaderValue::from_bytes(line).expect("a value");
            request = request.append_header(("X-Forwarded-For", value));
        }
        of(&request.to_http_request(), trusted).to_string()
    }

    #[test]
    fn reads_every_line() {
        let trusted = trusted(&["10.0.0.0/8"], None);
        for (peer, lines, expected) in [
            ("192.0.2.1", &[&b"198.51.100.7"[..]][..], "192.0.2.1"),
            ("::ffff:192.0.2.1", &[], "192.0.2.1"),
            ("::ffff:10.0.0.1", &[b"198.51.100.7"], "198.51.100.7"),
            ("2001:db8:1:2:3:4:5:6", &[], "2001:db8:1:2:3:4:5:6"),
            ("10.0.0.1", &[b"2001:db8:1:2:ffff::1"], "2001:db8:1:2:ffff::1"),
            // Several lines are one list, in their order.
            ("10.0.0.1", &[b"1.1.1.1", b"198.51.100.7, 10.1.1.1"], "198.51.100.7"),
            ("10.0.0.1", &[b"1.1.1.1 , 198.51.100.7\t"], "198.51.100.7"),
            ("10.0.0.1", &[b"198.51.100.7,"], "10.0.0.1"),
        ] {
            assert_eq!(counted(peer, lines, &trusted), expected, "{peer} {lines:?}");
        }
    }

    #[test]
    fn a_line_that_is_no_text_hides_nothing_behind_it() {
        let trusted = trusted(&["10.0.0.0/8"], None);
        // What the proxy added last is still what counts.
        assert_eq!(counted("10.0.0.1", &[b"\xff\xfe", b"198.51.100.7"], &trusted), "198.51.100.7");
        // Where the last line cannot be read, nothing before it can be believed.
        assert_eq!(counted("10.0.0.1", &[b"203.0.113.9", b"\xff, 10.2.2.2"], &trusted), "10.2.2.2");
    }

    proptest::proptest! {
        /// Whatever a visitor writes in front of what the proxy adds, it counts as what the proxy saw.
        #[test]
        fn nobody_chooses_an_address(written in "[ -~]{0,80}") {
            let trusted = trusted(&["10.0.0.0/8"], None);
            let line = format!("{written}, 198.51.100.7");
            proptest::prop_assert_eq!(counted("10.0.0.1", &[line.as_bytes()], &trusted), "198.51.100.7");
            proptest::prop_assert_eq!(counted("192.0.2.1", &[line.as_bytes()], &trusted), "192.0.2.1");
        }
    }
}
