//! Flags and protocols: numbers that also have names.

use std::fmt;

use serde::de::{self, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

/// Reads a number, its name, or for flags a list of names.
struct NumberOrNames {
    known: &'static [(&'static str, u32)],
}

impl NumberOrNames {
    fn named<E: de::Error>(&self, name: &str) -> Result<u32, E> {
        let named = |known: &&(&str, u32)| known.0.eq_ignore_ascii_case(name);
        let number = self.known.iter().find(named).map(|(_, number)| *number);
        number.or_else(|| name.parse().ok()).ok_or_else(|| E::custom(format!("no value is called {name}")))
    }
}

impl<'de> Visitor<'de> for NumberOrNames {
    type Value = u32;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number or the name of a value")
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<u32, E> {
        u32::try_from(number).map_err(E::custom)
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<u32, E> {
        u32::try_from(number).map_err(E::custom)
    }

    fn visit_str<E: de::Error>(self, names: &str) -> Result<u32, E> {
        let names = names.split([',', '|']).map(str::trim).filter(|name| !name.is_empty());
        names.map(|name| self.named(name)).try_fold(0, |all, one: Result<u32, E>| Ok(all | one?))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut names: A) -> Result<u32, A::Error> {
        let mut all = 0;
        while let Some(name) = names.next_element::<String>()? {
            all |= self.named::<A::Error>(&name)?;
        }
        Ok(all)
    }
}

macro_rules! numbers {
    ($($(#[$about:meta])* $type:ident { $($constant:ident = $name:literal, $value:literal;)* })*) => {$(
        $(#[$about])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        pub struct $type(pub u32);

        impl $type {
            $(#[doc = concat!("`", $name, "`.")] pub const $constant: Self = Self($value);)*

            /// Whether all bits of `other` are set.
            pub const fn contains(self, other: Self) -> bool {
                self.0 & other.0 == other.0
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                from.deserialize_any(NumberOrNames { known: &[$(($name, $value)),*] }).map(Self)
            }
        }
    )*};
}

numbers! {
    /// Of a network.
    NetworkFlags {
        NONE = "None", 0;
        ENABLE_DNS_PROXY = "EnableDnsProxy", 1;
        ENABLE_DHCP_SERVER = "EnableDhcpServer", 2;
        ENABLE_MIRRORING = "EnableMirroring", 4;
        ENABLE_NON_PERSISTENT = "EnableNonPersistent", 8;
        ENABLE_PERSISTENT = "EnablePersistent", 16;
        ISOLATE_VSWITCH = "IsolateVSwitch", 32;
        DISABLE_HOST_PORT = "DisableHostPort", 1024;
        ENABLE_IOV = "EnableIov", 8192;
    }
    /// Of an address range.
    SubnetFlags {
        NONE = "None", 0;
        DO_NOT_RESERVE_GATEWAY_ADDRESS = "DoNotReserveGatewayAddress", 1;
    }
    /// Of an endpoint.
    EndpointFlags {
        NONE = "None", 0;
        REMOTE_ENDPOINT = "RemoteEndpoint", 1;
        DISABLE_INTER_COMPUTE_COMMUNICATION = "DisableInterComputeCommunication", 2;
        ENABLE_MIRRORING = "EnableMirroring", 4;
        ENABLE_LOW_INTERFACE_METRIC = "EnableLowInterfaceMetric", 8;
        OVERRIDE_DNS_SERVER_ORDER = "OverrideDNSServerOrder", 16;
        ENABLE_DHCP = "EnableDhcp", 32;
    }
    /// Of a translation of addresses.
    NatFlags {
        NONE = "None", 0;
        LOCAL_ROUTED_VIP = "LocalRoutedVip", 1;
        IPV6 = "IPv6", 2;
    }
    /// Of a load balancer.
    LoadBalancerFlags {
        NONE = "None", 0;
        DIRECT_SERVER_RETURN = "EnableDirectServerReturn", 1;
        IPV6 = "IPv6", 2;
    }
    /// Of a port of a load balancer.
    LoadBalancerPortMappingFlags {
        NONE = "None", 0;
        INTERNAL_LOAD_BALANCER = "EnableInternalLoadBalancer", 1;
        LOCAL_ROUTED_VIP = "LocalRoutedVip", 2;
        USE_MUX = "UseMux", 4;
        PRESERVE_DIP = "EnablePreserveDip", 8;
    }
    /// A protocol by its IANA number.
    Protocol {
        UNKNOWN = "Unknown", 0;
        ICMPV4 = "ICMPv4", 1;
        IGMP = "IGMP", 2;
        TCP = "TCP", 6;
        UDP = "UDP", 17;
        ICMPV6 = "ICMPv6", 58;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_come_as_numbers_and_as_names() {
        let read = |text: &str| serde_json::from_str::<NetworkFlags>(text);
        assert_eq!(read("1032").unwrap(), NetworkFlags(1032));
        assert_eq!(read("\"EnableNonPersistent\"").unwrap(), NetworkFlags::ENABLE_NON_PERSISTENT);
        assert_eq!(read("[\"EnableDnsProxy\", \"disablehostport\"]").unwrap(), NetworkFlags(1025));
        assert_eq!(serde_json::from_str::<Protocol>("\"TCP\"").unwrap(), Protocol::TCP);
        assert_eq!(serde_json::to_string(&Protocol::UDP).unwrap(), "17");
        assert!(read("\"EnableMagic\"").is_err() && read("-1").is_err() && read("4294967296").is_err());
    }
}
