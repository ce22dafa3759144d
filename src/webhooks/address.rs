use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

/// Where webhooks may go: to every public address, and to what the settings name besides.
#[derive(Debug, Clone, Default)]
pub struct Reachable(Vec<IpNet>);

impl Reachable {
    /// These networks besides.
    pub fn with(networks: Vec<IpNet>) -> Self {
        Self(networks)
    }

    /// Whether the settings name it.
    pub fn is_named(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|network| network.contains(&address))
    }

    /// Whether a webhook may go there.
    pub fn has(&self, address: IpAddr) -> bool {
        self.is_named(address) || is_public(address.to_canonical())
    }
}

/// Whether an address is somebody's on the internet: none of this machine, of its network, of a link, and of what is set
/// aside for something else (the registries of IANA for special purposes).
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let is_special = address.is_unspecified()
        || address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_documentation()
        || address.is_multicast()
        || a == 0
        || (a == 100 && (64..128).contains(&b))
        || (a == 192 && b == 0 && c == 0)
        || (a == 192 && b == 88 && c == 99)
        || (a == 198 && (18..20).contains(&b))
        || a >= 240;
    !is_special
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let [a, b, c, d, e, f, g, h] = address.segments();
    let inner = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        is_public_v4(Ipv4Addr::new(a, b, c, d))
    };
    match (a, b) {
        // What a gateway translates is as public as what it translates to.
        (0x64, 0xff9b) => [c, d, e, f] == [0; 4] && inner(g, h),
        // 6to4 has an address of IPv4 in it.
        (0x2002, _) => inner(b, c),
        // Teredo and what else is set aside below 2001:200::, and the addresses of documents.
        (0x2001, 0..0x200) | (0x2001, 0xdb8) | (0x3fff, 0..0x1000) => false,
        // Only these were given out.
        _ => (0x2000..0x4000).contains(&a),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn has(text: &str) -> bool {
        Reachable::default().has(text.parse().expect("an address"))
    }

    #[test]
    fn only_public_addresses_are_reached() {
        for text in [
            "0.0.0.0",
            "0.1.2.3",
            "10.1.2.3",
            "100.64.0.1",
            "127.0.0.1",
            "127.9.9.9",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.8",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.51.100.1",
            "203.0.113.1",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "::127.0.0.1",
            "64:ff9b::7f00:1",
            "64:ff9b::a00:1",
            "64:ff9b:1::1",
            "100::1",
            "2001::1",
            "2001:db8::1",
            "2002:7f00:1::1",
            "2002:a00:1::",
            "3fff::1",
            "5f00::1",
            "fc00::1",
            "fd12:3456::1",
            "fe80::1",
            "fec0::1",
            "ff02::1",
        ] {
            assert!(!has(text), "{text}");
        }
        for text in [
            "1.1.1.1",
            "8.8.8.8",
            "100.63.0.1",
            "100.128.0.1",
            "172.15.0.1",
            "172.32.0.1",
            "192.1.0.1",
            "198.20.0.1",
            "223.255.255.1",
            "2606:4700:4700::1111",
            "2a00:1450::1",
            "64:ff9b::101:101",
            "2002:101:101::1",
            "::ffff:1.1.1.1",
        ] {
            assert!(has(text), "{text}");
        }
    }

    #[test]
    fn what_the_settings_name_is_reached_besides() {
        let reachable = Reachable::with(vec!["127.0.0.0/8".parse().expect("a network")]);
        for (text, expected) in [("127.0.0.1", true), ("::ffff:127.0.0.1", true), ("10.0.0.1", false), ("::1", false)] {
            assert_eq!(reachable.has(text.parse().expect("an address")), expected, "{text}");
        }
    }
}
