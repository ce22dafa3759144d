use std::net::{IpAddr, Ipv6Addr};

/// One of the networks that a visitor's limits are counted for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Network {
    /// Its first address. Networks of several widths begin with the same one; the factor tells them apart.
    pub first: IpAddr,
    /// Its limits are those of one address, times this.
    pub factor: u32,
}

/// In how many networks one visitor is counted at most.
pub const WIDTHS: usize = 3;

/// Prefix lengths of IPv6 networks, and how many times the limits of one address each has. A customer gets a /64 at
/// least, usually a /56, at most a /48 (RFC 6177), and may take an address from all of it for each connection. A mobile
/// network hands out single /64s next to each other to different people, so the wide networks have higher limits.
const IPV6: [(u32, u32); WIDTHS] = [(64, 1), (56, 2), (48, 4)];

/// The networks of a visitor from `address`, the narrowest first: an IPv4 address alone, an IPv6 address by its /64,
/// /56 and /48.
pub fn networks(address: IpAddr) -> impl Iterator<Item = Network> {
    let all = match address {
        IpAddr::V4(_) => [Some(Network { first: address, factor: 1 }), None, None],
        IpAddr::V6(address) => IPV6.map(|(prefix, factor)| {
            let mask = u128::MAX.checked_shl(128 - prefix).unwrap_or_default();
            Some(Network { first: Ipv6Addr::from_bits(address.to_bits() & mask).into(), factor })
        }),
    };
    all.into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ipv6_visitor_counts_by_three_widths() {
        for (address, expected) in [
            ("192.0.2.7", vec![("192.0.2.7", 1)]),
            ("2001:db8:1:2233:4:5:6:7", vec![("2001:db8:1:2233::", 1), ("2001:db8:1:2200::", 2), ("2001:db8:1::", 4)]),
            ("2001:db8:1::", vec![("2001:db8:1::", 1), ("2001:db8:1::", 2), ("2001:db8:1::", 4)]),
            ("::1", vec![("::", 1), ("::", 2), ("::", 4)]),
        ] {
            let found: Vec<_> = networks(address.parse().expect("an address")).collect();
            let network = |(first, factor): (&str, _)| Network { first: first.parse().expect("an address"), factor };
            let expected: Vec<_> = expected.into_iter().map(network).collect();
            assert_eq!(found, expected, "{address}");
            assert!(found.len() <= WIDTHS);
        }
    }
}
