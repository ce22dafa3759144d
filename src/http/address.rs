use std::net::IpAddr;

use actix_web::HttpRequest;
use ipnet::IpNet;

/// The address that a request is counted under: the peer's, or, where the peer is a trusted proxy, the last
/// one in X-Forwarded-For that no trusted proxy wrote about itself.
pub fn of(request: &HttpRequest, trusted: &[IpNet]) -> IpAddr {
    let peer = request.peer_addr().map_or(IpAddr::from([0, 0, 0, 0]), |a| a.ip()).to_canonical();
    let values = request.headers().get_all("x-forwarded-for").filter_map(|v| v.to_str().ok());
    let forwarded = values.flat_map(|v| v.split(',')).map(str::trim).collect::<Vec<_>>();
    client(peer, &forwarded, trusted)
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
