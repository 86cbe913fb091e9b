//! What a network (a virtual switch with its subnets) is to be.

use std::net::IpAddr;

use casement_schema::Guid;

use crate::address::{MacAddress, Prefix};
use crate::endpoint::Transport;
use crate::error::VSwitchError;

/// HNS's network types (`NetworkMode`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NetworkKind {
    /// A switch with the host as its gateway, which translates addresses.
    Nat,
    /// A switch with the host on it, and no way out.
    Internal,
    /// A switch for its endpoints alone.
    Private,
    /// The endpoints are stations of the physical network.
    Transparent,
    /// As transparent, with the host's MAC address for all.
    L2Bridge,
    /// As l2bridge, with all traffic by way of the fabric.
    L2Tunnel,
    /// VXLAN between hosts.
    Overlay,
}

impl std::fmt::Display for NetworkKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Nat => "nat",
            Self::Internal => "internal",
            Self::Private => "private",
            Self::Transparent => "transparent",
            Self::L2Bridge => "l2bridge",
            Self::L2Tunnel => "l2tunnel",
            Self::Overlay => "overlay",
        })
    }
}

/// A subnet and the host's address in it. Networks without a gateway address (private ones) leave the host out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subnet {
    /// The addresses of the subnet.
    pub prefix: Prefix,
    /// The address that the bridge has.
    pub gateway: Option<IpAddr>,
}

/// A port of the host's that endpoints may reach at the gateway addresses. All other ports and addresses of the host are closed to them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct HostService {
    /// TCP or UDP.
    pub transport: Transport,
    /// The port at the gateway address.
    pub port: u16,
}

impl HostService {
    /// A name server at the gateway address, over UDP and TCP.
    pub const DNS: [HostService; 2] =
        [HostService { transport: Transport::Udp, port: 53 }, HostService { transport: Transport::Tcp, port: 53 }];
}

/// The description of a network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Network {
    /// HNS's id; names of interfaces come from its first six bytes.
    pub id: Guid,
    /// What kind of switch.
    pub kind: NetworkKind,
    /// IPv4 and IPv6 subnets, at most [`Network::MAX_SUBNETS`].
    pub subnets: Vec<Subnet>,
    /// Bytes of a frame's payload, 1280 to 65535.
    pub mtu: u16,
    /// The MAC address of the gateway; one that follows from the id when absent.
    pub gateway_mac: Option<MacAddress>,
    /// No endpoint reaches another (`DisableICC` of all).
    pub isolated: bool,
    /// Whether the host translates the source address of what leaves (`enable_outboundnat`); for nat networks only.
    pub outbound_nat: bool,
    /// What endpoints may reach at the gateway addresses; [`HostService::DNS`] where a name server listens.
    pub host_services: Vec<HostService>,
}

impl Network {
    /// Subnets of one network.
    pub const MAX_SUBNETS: usize = 16;
    /// Host services of one network.
    pub const MAX_HOST_SERVICES: usize = 64;

    /// A network of `kind` with one subnet and the defaults of HNS: MTU 1500, outbound NAT, DNS at the gateway.
    pub fn new(id: Guid, kind: NetworkKind, subnets: Vec<Subnet>) -> Self {
        Self {
            id,
            kind,
            subnets,
            mtu: 1500,
            gateway_mac: None,
            isolated: false,
            outbound_nat: kind == NetworkKind::Nat,
            host_services: if kind == NetworkKind::Private { Vec::new() } else { HostService::DNS.to_vec() },
        }
    }

    /// The gateway addresses.
    pub fn gateways(&self) -> impl Iterator<Item = IpAddr> + '_ {
        self.subnets.iter().filter_map(|subnet| subnet.gateway)
    }

    /// The MAC address that the gateway has, given or derived from the id: a local one, so that it is in no MAC pool.
    pub fn bridge_mac(&self) -> MacAddress {
        let id = self.id.to_bytes();
        self.gateway_mac.unwrap_or(MacAddress([0x02, 0x15, 0x5d, id[0], id[1], id[2]]))
    }

    /// Whether there is an IPv6 subnet.
    pub fn has_ipv6(&self) -> bool {
        self.subnets.iter().any(|subnet| subnet.prefix.address().is_ipv6())
    }

    /// The checks that hold for every kind.
    pub(crate) fn validate(&self) -> Result<(), VSwitchError> {
        let invalid = |reason| Err(VSwitchError::InvalidNetwork { network: self.id, reason });
        if self.subnets.len() > Self::MAX_SUBNETS {
            return invalid("it has more than 16 subnets");
        }
        if self.host_services.len() > Self::MAX_HOST_SERVICES {
            return invalid("it has more than 64 host services");
        }
        if self.mtu < 1280 {
            return invalid("its mtu is below 1280");
        }
        if self.bridge_mac().is_multicast() {
            return invalid("its gateway has a multicast mac address");
        }
        for (at, subnet) in self.subnets.iter().enumerate() {
            if self.subnets[..at].iter().any(|other| other.prefix.overlaps(&subnet.prefix)) {
                return invalid("two of its subnets overlap");
            }
            let address = subnet.prefix.address();
            if address.is_loopback() || address.is_multicast() || subnet.prefix.length() == 0 {
                return invalid("one of its subnets is the loopback, a multicast one or the whole world");
            }
            if let Some(gateway) = subnet.gateway {
                let broadcast = gateway.is_ipv4() && subnet.prefix.length() < 31 && gateway == subnet.prefix.last();
                if !subnet.prefix.contains(gateway) || gateway == address || broadcast {
                    return invalid("a gateway is not an address of a station in its subnet");
                }
            }
        }
        Ok(())
    }
}
