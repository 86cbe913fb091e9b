//! Which addresses a registry may send us to.
//!
//! A person names a registry and may name any. What a registry names (layers with `urls`, redirects, places of tokens) is chosen by
//! whoever runs it, and must not lead the daemon into networks that only its host can reach.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// How far away an address is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Distance {
    /// Anywhere on the internet.
    Public,
    /// A network of its owner's: RFC 1918, RFC 4193, RFC 6598.
    Private,
    /// This host.
    Loopback,
    /// Link-local (metadata services are there), multicast, reserved: never followed.
    Forbidden,
}

impl Distance {
    /// Where `address` is.
    pub fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(address) => Self::of_v4(address),
            IpAddr::V6(address) => Self::of_v6(address),
        }
    }

    fn of_v4(address: Ipv4Addr) -> Self {
        let [a, b, c, _] = address.octets();
        match (a, b, c) {
            (127, ..) => Self::Loopback,
            (0, ..) | (169, 254, _) | (192, 0, 0) | (192, 0, 2) | (198, 51, 100) | (203, 0, 113) | (224.., ..) => {
                Self::Forbidden
            }
            (10, ..) | (172, 16..=31, _) | (192, 168, _) | (100, 64..=127, _) | (198, 18..=19, _) => Self::Private,
            _ => Self::Public,
        }
    }

    fn of_v6(address: Ipv6Addr) -> Self {
        if address.is_loopback() {
            return Self::Loopback;
        }
        let parts = address.segments();
        // IPv4 in IPv6, in each of its forms: mapped, compatible, NAT64 and 6to4.
        let inner = |high: u16, low: u16| Ipv4Addr::from(u32::from(high) << 16 | u32::from(low));
        match parts {
            [0, 0, 0, 0, 0, 0xffff | 0, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => {
                Self::of_v4(inner(high, low))
            }
            [0x2002, high, low, ..] => Self::of_v4(inner(high, low)),
            [first, ..] if first & 0xfe00 == 0xfc00 => Self::Private,
            [0x2001, 0xdb8, ..] => Self::Forbidden,
            [first, ..] if first & 0xe000 == 0x2000 => Self::Public,
            _ => Self::Forbidden,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_spelling_of_an_inner_address_is_public() {
        for (text, distance) in [
            ("8.8.8.8", Distance::Public),
            ("2606:4700::1111", Distance::Public),
            ("10.1.2.3", Distance::Private),
            ("172.31.0.1", Distance::Private),
            ("172.32.0.1", Distance::Public),
            ("192.168.0.1", Distance::Private),
            ("100.64.0.1", Distance::Private),
            ("fd00::1", Distance::Private),
            ("127.9.9.9", Distance::Loopback),
            ("::1", Distance::Loopback),
            ("::ffff:127.0.0.1", Distance::Loopback),
            ("::127.0.0.1", Distance::Loopback),
            ("64:ff9b::7f00:1", Distance::Loopback),
            ("2002:7f00:1::", Distance::Loopback),
            ("169.254.169.254", Distance::Forbidden),
            ("::ffff:169.254.169.254", Distance::Forbidden),
            ("fe80::1", Distance::Forbidden),
            ("ff02::1", Distance::Forbidden),
            ("0.0.0.0", Distance::Forbidden),
            ("::", Distance::Forbidden),
            ("224.0.0.1", Distance::Forbidden),
            ("255.255.255.255", Distance::Forbidden),
        ] {
            assert_eq!(Distance::of(text.parse().unwrap()), distance, "{text}");
        }
    }
}
