use std::{
    net::{IpAddr, Ipv6Addr},
    sync::Once,
};

use actix_web::HttpRequest;
use ipnet::IpNet;

/// The address that a request is counted under, an IPv6 one by its /64, which is what one customer has: the peer's, or, where the peer is a trusted proxy, the last
/// one in X-Forwarded-For that no trusted proxy wrote about itself.
pub fn of(request: &HttpRequest, trusted: &[IpNet]) -> IpAddr {
    let peer = request.peer_addr().map_or(IpAddr::from([0, 0, 0, 0]), |a| a.ip()).to_canonical();
    let values = request.headers().get_all("x-forwarded-for").filter_map(|v| v.to_str().ok());
    let forwarded = values.flat_map(|v| v.split(',')).map(str::trim).collect::<Vec<_>>();
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
        ] {
            let address = |text: &str| text.parse::<IpAddr>().expect("an address");
            assert_eq!(client(address(peer), forwarded, &trusted), address(expected), "{peer} {forwarded:?}");
        }
    }
}
