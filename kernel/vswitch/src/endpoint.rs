//! What an endpoint (a port of a switch and the adapter in a namespace) is to be.

use std::fmt;
use std::net::IpAddr;

use casement_schema::Guid;

use crate::acl::AclRule;
use crate::address::{MacAddress, Prefix};
use crate::error::VSwitchError;
use crate::network::Network;

/// A transport protocol with ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Transport {
    /// TCP, 6.
    Tcp,
    /// UDP, 17.
    Udp,
}

impl Transport {
    /// The number in the IP header.
    pub const fn number(self) -> u8 {
        match self {
            Self::Tcp => 6,
            Self::Udp => 17,
        }
    }
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
        })
    }
}

/// A published port, HNS's PortMapping policy. One for each port: the caller expands ranges.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PortMapping {
    /// TCP or UDP.
    pub transport: Transport,
    /// The address of the host's that it is published at (`VIP`); all of them when absent.
    pub host_address: Option<IpAddr>,
    /// `ExternalPort`.
    pub host_port: u16,
    /// `InternalPort`.
    pub endpoint_port: u16,
}

/// The OutBoundNAT policy of an endpoint.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OutboundNat {
    /// Source address in place of the host's (`VirtualIP`), at most one of each family.
    pub virtual_addresses: Vec<IpAddr>,
    /// Destinations that see the endpoint's own address (`Exceptions`).
    pub exceptions: Vec<Prefix>,
}

/// A route inside the endpoint's namespace beside the default one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Route {
    /// Where to.
    pub destination: Prefix,
    /// By way of which neighbour; on the link when absent.
    pub next_hop: Option<IpAddr>,
    /// Smaller is preferred.
    pub metric: Option<u32>,
}

/// An address of an adapter with the length of its prefix on the link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InterfaceAddress {
    /// The address.
    pub address: IpAddr,
    /// Bits of the prefix.
    pub prefix_length: u8,
}

/// The name of a network interface: 1 to 15 printable ASCII characters without `/`, `:` and blanks.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InterfaceName(String);

impl InterfaceName {
    /// Checks a name.
    pub fn new(name: impl Into<String>) -> Result<Self, VSwitchError> {
        let name = name.into();
        let fits = (1..=15).contains(&name.len()) && name != "." && name != ".." && name != "lo";
        if fits && name.bytes().all(|b| b.is_ascii_graphic() && !matches!(b, b'/' | b':' | b'%')) {
            Ok(Self(name))
        } else {
            Err(VSwitchError::InvalidInterfaceName(name.chars().take(32).collect()))
        }
    }

    /// `eth0`, `eth1` and so on.
    pub fn ethernet(number: u16) -> Self {
        Self(format!("eth{number}"))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for InterfaceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The description of an endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// HNS's id; the name of the switch port comes from its first six bytes.
    pub id: Guid,
    /// The network that it is of.
    pub network: Guid,
    /// Its MAC address, the only one that it may send from.
    pub mac: MacAddress,
    /// Its addresses, the only ones that it may send from.
    pub addresses: Vec<InterfaceAddress>,
    /// Default routes, at most one of each family; none leaves the endpoint without a way out.
    pub gateways: Vec<IpAddr>,
    /// More routes.
    pub routes: Vec<Route>,
    /// The name of the adapter inside the namespace.
    pub interface: InterfaceName,
    /// The adapter's MTU; the network's when absent.
    pub mtu: Option<u16>,
    /// No other endpoint of the network that is isolated too reaches it (`DisableICC`).
    pub isolated: bool,
    /// Published ports.
    pub port_mappings: Vec<PortMapping>,
    /// ACL policies, in any order.
    pub acls: Vec<AclRule>,
    /// `MaximumOutgoingBandwidthInBytes`, a second.
    pub maximum_outgoing_bandwidth: Option<u64>,
    /// The OutBoundNAT policy.
    pub outbound_nat: OutboundNat,
}

impl Endpoint {
    /// Port mappings of one endpoint.
    pub const MAX_PORT_MAPPINGS: usize = 65_536;
    /// ACL policies of one endpoint.
    pub const MAX_ACLS: usize = 1_024;
    /// Addresses, routes and exceptions of one endpoint, each.
    pub const MAX_ADDRESSES: usize = 64;

    /// An endpoint of `network` with the given addresses, by way of the network's gateways, without policies, named `eth0`.
    pub fn new(id: Guid, network: &Network, mac: MacAddress, addresses: &[IpAddr]) -> Self {
        let subnet_of = |address: &IpAddr| network.subnets.iter().find(|subnet| subnet.prefix.contains(*address));
        Self {
            id,
            network: network.id,
            mac,
            addresses: addresses
                .iter()
                .map(|address| InterfaceAddress {
                    address: *address,
                    prefix_length: subnet_of(address).map_or(0, |subnet| subnet.prefix.length()),
                })
                .collect(),
            gateways: [IpAddr::is_ipv4, IpAddr::is_ipv6]
                .iter()
                .filter_map(|family| {
                    addresses.iter().filter(|address| family(address)).find_map(|address| subnet_of(address)?.gateway)
                })
                .collect(),
            routes: Vec::new(),
            interface: InterfaceName::ethernet(0),
            mtu: None,
            isolated: network.isolated,
            port_mappings: Vec::new(),
            acls: Vec::new(),
            maximum_outgoing_bandwidth: None,
            outbound_nat: OutboundNat::default(),
        }
    }

    /// The checks that hold on every kind of network.
    pub(crate) fn validate(&self, network: &Network) -> Result<(), VSwitchError> {
        let invalid = |reason| Err(VSwitchError::InvalidEndpoint { endpoint: self.id, reason });
        if self.mac.is_multicast() || self.mac == MacAddress([0; 6]) || self.mac == network.bridge_mac() {
            return invalid("its mac address is not one of a single station, or that of the gateway");
        }
        if self.addresses.len() > Self::MAX_ADDRESSES
            || self.routes.len() > Self::MAX_ADDRESSES
            || self.outbound_nat.exceptions.len() > Self::MAX_ADDRESSES
        {
            return invalid("it has more than 64 addresses, routes or exceptions");
        }
        if self.port_mappings.len() > Self::MAX_PORT_MAPPINGS || self.acls.len() > Self::MAX_ACLS {
            return invalid("it has more than 65536 port mappings or 1024 acl policies");
        }
        if self.mtu.is_some_and(|mtu| mtu < 576 || mtu > network.mtu || network.has_ipv6() && mtu < 1280) {
            return invalid("its mtu is smaller than the protocols need, or larger than the network's");
        }
        for (at, address) in self.addresses.iter().enumerate() {
            let subnet = network.subnets.iter().find(|subnet| subnet.prefix.contains(address.address));
            match subnet {
                None if !network.subnets.is_empty() => {
                    return invalid("an address of it is in no subnet of the network");
                }
                Some(subnet) if subnet.gateway == Some(address.address) => {
                    return invalid("an address of it is the gateway's");
                }
                _ => {}
            }
            let bits = if address.address.is_ipv4() { 32 } else { 128 };
            if address.prefix_length == 0 || address.prefix_length > bits {
                return invalid("an address of it has a prefix length that is not possible");
            }
            if self.addresses[..at].iter().any(|other| other.address == address.address) {
                return invalid("it has an address twice");
            }
        }
        for (list, name) in [
            (&self.gateways, "it has two gateways of one family"),
            (&self.outbound_nat.virtual_addresses, "it has two virtual addresses of one family"),
        ] {
            if list.iter().filter(|a| a.is_ipv4()).count() > 1 || list.iter().filter(|a| a.is_ipv6()).count() > 1 {
                return invalid(name);
            }
        }
        for mapping in &self.port_mappings {
            if mapping.host_port == 0 || mapping.endpoint_port == 0 {
                return invalid("a port mapping of it has port 0: choose the port first");
            }
        }
        self.acls.iter().try_for_each(|rule| rule.validate(self.id))
    }
}
