use std::{
    net::{IpAddr, Ipv6Addr},
    sync::Once,
};

use actix_web::HttpRequest;
use ipnet::IpNet;

/// The address that a request is counted under, an IPv6 one by its /64, which is what one customer has: the peer's,
/// or, where the peer is a trusted proxy, the last one in X-Forwarded-For that no trusted proxy wrote about itself.
pub fn of(request: &HttpRequest, trusted: &[IpNet]) -> IpAddr {
    let peer = request.peer_addr().map_or(IpAddr::from([0, 0, 0, 0]), |a| a.ip()).to_canonical();
    // A line with bytes that are no text counts as well: left out, it would hide what a proxy appended to it, and a
    // line before it, which the visitor made up, would be believed.
    let lines = request.headers().get_all("x-forwarded-for").map(|v| String::from_utf8_lossy(v.as_bytes()));
    let lines = lines.collect::<Vec<_>>();
    let forwarded = lines.iter().flat_map(|v| v.split(',')).map(str::trim).collect::<Vec<_>>();
    warn_of_proxy(peer, &forwarded, trusted);
    match client(peer, &forwarded, trusted) {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)).into(),
        address => address,
    }
}

/// Behind a proxy that is not trusted everybody shares one address, and its limit: said once, with the setting
/// that helps. Only a peer in a private network is likely to be one.
fn warn_of_proxy(peer: IpAddr, forwarded: &[&str], trusted: &[IpNet]) {
    static WARNED: Once = Once::new();
    let is_private = match peer {
        IpAddr::V4(peer) => peer.is_private() || peer.is_loopback(),
        IpAddr::V6(peer) => peer.is_unique_local() || peer.is_loopback(),
    };
    if is_private && !forwarded.is_empty() && !trusted.iter().any(|network| network.contains(&peer)) {
        WARNED.call_once(|| {
            log::warn!(
                "requests come through a proxy that CHAT_TRUSTED_PROXIES does not name: they all count as one address"
            );
        });
    }
}

/// Walks from the peer backwards through what proxies appended, as far as they are trusted.
fn client(peer: IpAddr, forwarded: &[&str], trusted: &[IpNet]) -> IpAddr {
    let is_trusted = |address: &IpAddr| trusted.iter().any(|network| network.contains(address));
    let mut client = peer;
    for hop in forwarded.iter().rev() {
        if !is_trusted(&client) {
            break;
        }
        match parse(hop) {
            Some(address) => client = address,
            // What stands before cannot be read, so it cannot be believed either.
            None => break,
        }
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
mod tests {
    use super::*;

    #[test]
    fn believes_only_trusted_proxies() {
        let trusted: Vec<IpNet> = ["10.0.0.0/8", "::1/128"].iter().map(|n| n.parse().expect("a network")).collect();
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
            let address = |text: &str| text.parse::<IpAddr>().expect("an address");
            assert_eq!(client(address(peer), forwarded, &trusted), address(expected), "{peer} {forwarded:?}");
        }
    }

    /// What a request counts under, with these header lines.
    fn counted(peer: &str, lines: &[&[u8]], trusted: &[IpNet]) -> String {
        let peer = std::net::SocketAddr::new(peer.parse().expect("an address"), 4711);
        let mut request = actix_web::test::TestRequest::default().peer_addr(peer);
        for line in lines {
            let value = actix_web::http::header::HeaderValue::from_bytes(line).expect("a value");
            request = request.append_header(("X-Forwarded-For", value));
        }
        of(&request.to_http_request(), trusted).to_string()
    }

    #[test]
    fn reads_every_line_and_counts_an_ipv6_customer_once() {
        let trusted: Vec<IpNet> = vec!["10.0.0.0/8".parse().expect("a network")];
        for (peer, lines, expected) in [
            ("192.0.2.1", &[&b"198.51.100.7"[..]][..], "192.0.2.1"),
            ("::ffff:192.0.2.1", &[], "192.0.2.1"),
            ("::ffff:10.0.0.1", &[b"198.51.100.7"], "198.51.100.7"),
            ("2001:db8:1:2:3:4:5:6", &[], "2001:db8:1:2::"),
            ("10.0.0.1", &[b"2001:db8:1:2:ffff::1"], "2001:db8:1:2::"),
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
        let trusted: Vec<IpNet> = vec!["10.0.0.0/8".parse().expect("a network")];
        // What the proxy added last is still what counts.
        assert_eq!(counted("10.0.0.1", &[b"\xff\xfe", b"198.51.100.7"], &trusted), "198.51.100.7");
        // Where the last line cannot be read, nothing before it can be believed.
        assert_eq!(counted("10.0.0.1", &[b"203.0.113.9", b"\xff, 10.2.2.2"], &trusted), "10.2.2.2");
    }

    proptest::proptest! {
        /// Whatever a visitor writes in front of what the proxy adds, it counts as what the proxy saw.
        #[test]
        fn nobody_chooses_an_address(written in "[ -~]{0,80}") {
            let trusted: Vec<IpNet> = vec!["10.0.0.0/8".parse().expect("a network")];
            let line = format!("{written}, 198.51.100.7");
            proptest::prop_assert_eq!(counted("10.0.0.1", &[line.as_bytes()], &trusted), "198.51.100.7");
            proptest::prop_assert_eq!(counted("192.0.2.1", &[line.as_bytes()], &trusted), "192.0.2.1");
        }
    }
}
