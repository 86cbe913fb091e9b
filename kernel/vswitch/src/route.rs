//! Interfaces, addresses, routes, neighbours and queues over rtnetlink: requests and what they find.

mod format;

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::{AsRawFd, BorrowedFd};
use std::time::{Duration, Instant};

use crate::address::{MacAddress, Prefix};
use crate::endpoint::{InterfaceAddress, Route};
use crate::netlink::{Answer, Attributes, Message, Socket, flags, ne_u32, text};
use format::{address, link, msg, neighbour, queue, route};

/// Bytes of `struct ifinfomsg`.
const LINK: usize = 16;
const AF_BRIDGE: u8 = 7;
/// How long the kernel may take to act on a carrier.
const READY_IN: Duration = Duration::from_secs(2);

/// A network interface, as far as it matters here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Link {
    pub(crate) index: u32,
    pub(crate) name: String,
    pub(crate) mac: Option<MacAddress>,
    pub(crate) mtu: u32,
    pub(crate) group: u32,
    pub(crate) master: Option<u32>,
    pub(crate) alias: String,
    pub(crate) kind: String,
    pub(crate) is_up: bool,
    pub(crate) has_carrier: bool,
    /// The kernel has acted on the carrier: packets pass.
    pub(crate) is_ready: bool,
    pub(crate) counters: Counters,
}

/// Counters of an interface, as the interface sees them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counters {
    pub(crate) packets_in: u64,
    pub(crate) packets_out: u64,
    pub(crate) bytes_in: u64,
    pub(crate) bytes_out: u64,
    pub(crate) dropped_in: u64,
    pub(crate) dropped_out: u64,
}

impl Link {
    fn read(answer: &Answer) -> Option<Self> {
        if answer.kind != msg::NEW_LINK {
            return None;
        }
        let fixed = answer.body.get(..LINK)?;
        let flag_bits = ne_u32(&fixed[8..12])?;
        let mut found = Link {
            index: ne_u32(&fixed[4..8])?,
            is_up: flag_bits & link::FLAG_UP != 0,
            has_carrier: flag_bits & link::FLAG_LOWER_UP != 0,
            ..Link::default()
        };
        for (kind, value) in Attributes::after(&answer.body, LINK) {
            match kind {
                link::NAME => found.name = text(value),
                link::ADDRESS => found.mac = value.try_into().ok().map(MacAddress),
                link::MTU => found.mtu = ne_u32(value)?,
                link::GROUP => found.group = ne_u32(value)?,
                link::MASTER => found.master = ne_u32(value),
                link::OPERATIONAL_STATE => found.is_ready = value == [link::STATE_UP],
                link::ALIAS => found.alias = text(value),
                link::INFO => found.kind = Attributes(value).find(link::INFO_KIND).map(text).unwrap_or_default(),
                link::STATISTICS => {
                    let at = |n: usize| Some(u64::from_ne_bytes(value.get(n * 8..n * 8 + 8)?.try_into().ok()?));
                    found.counters = Counters {
                        packets_in: at(0)?,
                        packets_out: at(1)?,
                        bytes_in: at(2)?,
                        bytes_out: at(3)?,
                        dropped_in: at(6)?,
                        dropped_out: at(7)?,
                    };
                }
                _ => {}
            }
        }
        Some(found)
    }
}

fn link_header(family: u8, index: u32, set: u32) -> [u8; LINK] {
    let mut fixed = [0; LINK];
    fixed[0] = family;
    fixed[4..8].copy_from_slice(&index.to_ne_bytes());
    fixed[8..12].copy_from_slice(&set.to_ne_bytes());
    fixed[12..16].copy_from_slice(&set.to_ne_bytes());
    fixed
}

/// All interfaces.
pub(crate) fn links(socket: &mut Socket) -> io::Result<Vec<Link>> {
    let answers = socket.dump(Message::new(msg::GET_LINK, 0, &link_header(0, 0, 0)))?;
    Ok(answers.iter().filter_map(Link::read).collect())
}

/// The interface of a name, if there is one.
pub(crate) fn link(socket: &mut Socket, name: &str) -> io::Result<Option<Link>> {
    match socket.exchange_all(&mut [get_link(name)]) {
        Ok(answers) => Ok(answers.iter().flatten().find_map(Link::read)),
        Err(error) if error.raw_os_error() == Some(libc::ENODEV) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Waits until the kernel has acted on the carrier of an interface that was just set up. Until then a bridge does not forward
/// to the port, and the interface sends nothing. Since Linux 6.8 asking makes it act; before, its own thread does so in its time,
/// a second at most.
pub(crate) fn wait_until_ready(socket: &mut Socket, name: &str) -> io::Result<()> {
    let deadline = Instant::now() + READY_IN;
    while link(socket, name)?.is_some_and(|link| !link.is_ready) {
        if Instant::now() > deadline {
            tracing::warn!(interface = name, "the interface has no carrier yet");
            break;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    Ok(())
}

/// Asks for an interface; for [`first_link`].
pub(crate) fn get_link(name: &str) -> Message {
    let mut message = Message::new(msg::GET_LINK, 0, &link_header(0, 0, 0));
    message.text(link::NAME, name);
    message
}

/// The interface in the answers to [`get_link`].
pub(crate) fn first_link(answers: &[Answer]) -> Option<Link> {
    answers.iter().find_map(Link::read)
}

/// Makes a bridge without spanning tree, down.
pub(crate) fn new_bridge(name: &str, group: u32, mac: MacAddress, mtu: u16) -> Message {
    let mut message = Message::new(msg::NEW_LINK, flags::CREATE | flags::EXCL, &link_header(0, 0, 0));
    message.text(link::NAME, name).u32(link::GROUP, group).attribute(link::ADDRESS, &mac.0).u32(link::MTU, mtu.into());
    message.nested(link::INFO, |m| {
        m.text(link::INFO_KIND, "bridge").nested(link::INFO_DATA, |m| {
            m.u32(link::BRIDGE_SPANNING_TREE, 0).u8(link::BRIDGE_MULTICAST_SNOOPING, 0);
        });
    });
    message
}

/// The pair of an endpoint.
pub(crate) struct VethPair<'a> {
    pub(crate) port: &'a str,
    pub(crate) port_mac: MacAddress,
    pub(crate) group: u32,
    pub(crate) bridge: u32,
    pub(crate) port_mtu: u16,
    pub(crate) adapter: &'a str,
    pub(crate) adapter_mac: MacAddress,
    pub(crate) adapter_mtu: u16,
    pub(crate) namespace: BorrowedFd<'a>,
}

/// Makes a veth pair, one end on a bridge and one in another namespace, both down.
pub(crate) fn new_veth(pair: &VethPair<'_>) -> Message {
    let mut message = Message::new(msg::NEW_LINK, flags::CREATE | flags::EXCL, &link_header(0, 0, 0));
    message.text(link::NAME, pair.port).u32(link::GROUP, pair.group).u32(link::MASTER, pair.bridge);
    message.attribute(link::ADDRESS, &pair.port_mac.0).u32(link::MTU, pair.port_mtu.into());
    message.u32(link::SEND_QUEUES, 1).u32(link::RECEIVE_QUEUES, 1);
    message.nested(link::INFO, |m| {
        m.text(link::INFO_KIND, "veth").nested(link::INFO_DATA, |m| {
            m.nested(link::VETH_PEER, |m| {
                m.raw(&link_header(0, 0, 0)).text(link::NAME, pair.adapter);
                m.attribute(link::ADDRESS, &pair.adapter_mac.0).u32(link::MTU, pair.adapter_mtu.into());
                m.u32(link::SEND_QUEUES, 1).u32(link::RECEIVE_QUEUES, 1);
                m.u32(link::NAMESPACE, pair.namespace.as_raw_fd() as u32);
            });
        });
    });
    message
}

/// Sets an interface up.
pub(crate) fn set_up(index: u32) -> Message {
    Message::new(msg::NEW_LINK, 0, &link_header(0, index, link::FLAG_UP))
}

/// Sets an interface up that makes no IPv6 address of its own; `route_localnet` lets it carry connections from 127.0.0.1.
pub(crate) fn set_up_plain(index: u32, ipv6: bool, route_localnet: bool) -> Message {
    let mut message = set_up(index);
    message.nested(link::FAMILIES, |m| {
        if ipv6 {
            m.nested(libc::AF_INET6 as u16, |m| {
                m.u8(link::INET6_ADDRESS_GENERATION, link::GENERATE_NONE);
            });
        }
        if route_localnet {
            m.nested(libc::AF_INET as u16, |m| {
                m.nested(link::INET_CONFIGURATION, |m| {
                    m.u32(link::INET_ROUTE_LOCALNET, 1);
                });
            });
        }
    });
    message
}

/// What differs between the ports of a bridge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PortMode {
    /// Nothing passes to another isolated port.
    pub(crate) isolated: bool,
    /// Frames may leave by the port that they came by.
    pub(crate) reflects: bool,
}

/// Sets what a port of a bridge does: it learns and floods nothing, and the bridge answers ARP requests for its stations.
pub(crate) fn set_port(index: u32, mode: PortMode) -> Message {
    let mut message = Message::new(msg::NEW_LINK, 0, &link_header(0, index, 0));
    message.nested(link::INFO, |m| {
        m.text(link::INFO_PORT_KIND, "bridge").nested(link::INFO_PORT_DATA, |m| {
            m.u8(link::PORT_LEARNING, 0).u8(link::PORT_UNICAST_FLOOD, 0).u8(link::PORT_PROXY_ARP, 1);
            m.u8(link::PORT_ISOLATED, u8::from(mode.isolated)).u8(link::PORT_REFLECTS, u8::from(mode.reflects));
        });
    });
    message
}

/// Sets the text that an interface carries.
pub(crate) fn set_alias(index: u32, alias: &str) -> Message {
    let mut message = Message::new(msg::NEW_LINK, 0, &link_header(0, index, 0));
    message.attribute(link::ALIAS, alias.as_bytes());
    message
}

/// Removes an interface.
pub(crate) fn delete_link(index: u32) -> Message {
    Message::new(msg::DEL_LINK, 0, &link_header(0, index, 0))
}

/// Removes every interface of a group at once.
pub(crate) fn delete_group(group: u32) -> Message {
    let mut message = Message::new(msg::DEL_LINK, 0, &link_header(0, 0, 0));
    message.u32(link::GROUP, group);
    message
}

fn octets(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(v4) => v4.octets().to_vec(),
        IpAddr::V6(v6) => v6.octets().to_vec(),
    }
}

fn family_of(address: IpAddr) -> u8 {
    if address.is_ipv4() { libc::AF_INET as u8 } else { libc::AF_INET6 as u8 }
}

fn read_address(value: &[u8]) -> Option<IpAddr> {
    match value.len() {
        4 => Some(Ipv4Addr::from(<[u8; 4]>::try_from(value).ok()?).into()),
        16 => Some(Ipv6Addr::from(<[u8; 16]>::try_from(value).ok()?).into()),
        _ => None,
    }
}

/// Gives an interface an address, usable at once.
pub(crate) fn new_address(index: u32, given: InterfaceAddress) -> Message {
    let InterfaceAddress { address: ip, prefix_length } = given;
    let (scope, message_flags) = match ip {
        IpAddr::V6(v6) if v6.is_unicast_link_local() => (address::SCOPE_LINK, address::FLAG_NO_DETECTION),
        IpAddr::V6(_) => (0, address::FLAG_NO_DETECTION),
        IpAddr::V4(_) => (0, 0),
    };
    let mut fixed = [family_of(ip), prefix_length, message_flags, scope, 0, 0, 0, 0];
    fixed[4..8].copy_from_slice(&index.to_ne_bytes());
    let mut message = Message::new(msg::NEW_ADDRESS, flags::CREATE | flags::REPLACE, &fixed);
    message.attribute(address::LOCAL, &octets(ip)).attribute(address::ADDRESS, &octets(ip));
    if let (IpAddr::V4(_), true) = (ip, prefix_length < 31)
        && let Ok(prefix) = Prefix::new(ip, prefix_length)
    {
        message.attribute(address::BROADCAST, &octets(prefix.last()));
    }
    message
}

/// All addresses, each with the number of its interface.
pub(crate) fn addresses(socket: &mut Socket) -> io::Result<Vec<(u32, InterfaceAddress)>> {
    let answers = socket.dump(Message::new(msg::GET_ADDRESS, 0, &[0; 8]))?;
    Ok(answers
        .iter()
        .filter_map(|answer| {
            let fixed = answer.body.get(..8)?;
            let attributes = || Attributes::after(&answer.body, 8);
            let value = attributes().find(address::LOCAL).or_else(|| attributes().find(address::ADDRESS))?;
            Some((ne_u32(&fixed[4..8])?, InterfaceAddress { address: read_address(value)?, prefix_length: fixed[1] }))
        })
        .collect())
}

/// Adds a route out of an interface, or replaces the one to that destination.
pub(crate) fn new_route(index: u32, described: &Route) -> Message {
    let destination = described.destination;
    let scope = if described.next_hop.is_none() && destination.address().is_ipv4() { route::SCOPE_LINK } else { 0 };
    let fixed = [
        family_of(destination.address()),
        destination.length(),
        0,
        0,
        route::TABLE_MAIN,
        route::PROTOCOL_STATIC,
        scope,
        route::TYPE_UNICAST,
        0,
        0,
        0,
        0,
    ];
    let mut message = Message::new(msg::NEW_ROUTE, flags::CREATE | flags::REPLACE, &fixed);
    if destination.length() > 0 {
        message.attribute(route::DESTINATION, &octets(destination.address()));
    }
    if let Some(next_hop) = described.next_hop {
        message.attribute(route::GATEWAY, &octets(next_hop));
    }
    if let Some(metric) = described.metric {
        message.u32(route::METRIC, metric);
    }
    message.u32(route::OUTPUT, index);
    message
}

/// The unicast routes of the main table, each with the number of its interface.
pub(crate) fn routes(socket: &mut Socket) -> io::Result<Vec<(u32, Route)>> {
    let mut found = Vec::new();
    for answer in socket.dump(Message::new(msg::GET_ROUTE, 0, &[0; 12]))? {
        let Some(fixed) = answer.body.get(..12) else { continue };
        let attributes = || Attributes::after(&answer.body, 12);
        let table = attributes().find(route::TABLE).and_then(ne_u32).unwrap_or(fixed[4].into());
        let any: IpAddr = match i32::from(fixed[0]) {
            libc::AF_INET => Ipv4Addr::UNSPECIFIED.into(),
            libc::AF_INET6 => Ipv6Addr::UNSPECIFIED.into(),
            _ => continue,
        };
        if table != u32::from(route::TABLE_MAIN) || fixed[7] != route::TYPE_UNICAST {
            continue;
        }
        let destination = attributes().find(route::DESTINATION).and_then(read_address).unwrap_or(any);
        let Ok(destination) = Prefix::new(destination, fixed[1]) else { continue };
        let described = Route {
            destination,
            next_hop: attributes().find(route::GATEWAY).and_then(read_address),
            metric: attributes().find(route::METRIC).and_then(ne_u32),
        };
        found.push((attributes().find(route::OUTPUT).and_then(ne_u32).unwrap_or(0), described));
    }
    Ok(found)
}

fn neighbour_header(family: u8, index: u32, state: u16, neighbour_flags: u8) -> [u8; 12] {
    let mut fixed = [0; 12];
    fixed[0] = family;
    fixed[4..8].copy_from_slice(&index.to_ne_bytes());
    fixed[8..10].copy_from_slice(&state.to_ne_bytes());
    fixed[10] = neighbour_flags;
    fixed
}

/// Tells a bridge that a station is behind a port, for good.
pub(crate) fn new_station(port: u32, mac: MacAddress) -> Message {
    let fixed = neighbour_header(AF_BRIDGE, port, neighbour::STATE_NO_ARP, neighbour::FLAG_MASTER);
    let mut message = Message::new(msg::NEW_NEIGHBOUR, flags::CREATE | flags::REPLACE, &fixed);
    message.attribute(neighbour::LINK_ADDRESS, &mac.0);
    message
}

/// Tells an interface the MAC address of a neighbour, for good.
pub(crate) fn new_neighbour(index: u32, ip: IpAddr, mac: MacAddress) -> Message {
    let fixed = neighbour_header(family_of(ip), index, neighbour::STATE_PERMANENT, 0);
    let mut message = Message::new(msg::NEW_NEIGHBOUR, flags::CREATE | flags::REPLACE, &fixed);
    message.attribute(neighbour::DESTINATION, &octets(ip)).attribute(neighbour::LINK_ADDRESS, &mac.0);
    message
}

/// Removes a neighbour.
pub(crate) fn delete_neighbour(index: u32, ip: IpAddr) -> Message {
    let mut message = Message::new(msg::DEL_NEIGHBOUR, 0, &neighbour_header(family_of(ip), index, 0, 0));
    message.attribute(neighbour::DESTINATION, &octets(ip));
    message
}

/// The permanent neighbours of all interfaces.
pub(crate) fn permanent_neighbours(socket: &mut Socket) -> io::Result<Vec<(u32, IpAddr, MacAddress)>> {
    let answers = socket.dump(Message::new(msg::GET_NEIGHBOUR, 0, &[0; 12]))?;
    Ok(answers
        .iter()
        .filter_map(|answer| {
            let fixed = answer.body.get(..12)?;
            if u16::from_ne_bytes([fixed[8], fixed[9]]) & neighbour::STATE_PERMANENT == 0 {
                return None;
            }
            let attributes = || Attributes::after(&answer.body, 12);
            let mac = attributes().find(neighbour::LINK_ADDRESS)?.try_into().ok().map(MacAddress)?;
            let ip = attributes().find(neighbour::DESTINATION).and_then(read_address)?;
            Some((ne_u32(&fixed[4..8])?, ip, mac))
        })
        .collect())
}

fn queue_header(index: u32) -> [u8; 20] {
    const HANDLE: u32 = 1 << 16;
    let mut fixed = [0; 20];
    fixed[4..8].copy_from_slice(&index.to_ne_bytes());
    fixed[8..12].copy_from_slice(&HANDLE.to_ne_bytes());
    fixed[12..16].copy_from_slice(&queue::ROOT.to_ne_bytes());
    fixed
}

/// Limits what leaves by an interface with a token bucket.
pub(crate) fn new_token_bucket(index: u32, bytes_a_second: u64) -> Message {
    let rate = bytes_a_second.max(1);
    // Enough tokens for 10 ms and for a segment that the kernel has not cut yet; a queue of 50 ms beyond that.
    let burst = (rate / 100).clamp(64 << 10, 16 << 20) as u32;
    let limit = (rate / 20).clamp(64 << 10, 64 << 20) as u32 + burst;
    let mut parameters = [0; 36];
    parameters[1] = queue::LINK_LAYER_ETHERNET;
    parameters[8..12].copy_from_slice(&u32::try_from(rate).unwrap_or(u32::MAX).to_ne_bytes());
    parameters[24..28].copy_from_slice(&limit.to_ne_bytes());
    let mut message = Message::new(msg::NEW_QUEUE, flags::CREATE | flags::REPLACE, &queue_header(index));
    message.text(queue::KIND, "tbf").nested(queue::OPTIONS, |m| {
        m.attribute(queue::TBF_PARAMETERS, &parameters).u32(queue::TBF_BURST, burst);
        if rate > u32::MAX.into() {
            m.attribute(queue::TBF_RATE64, &rate.to_ne_bytes());
        }
    });
    message
}

/// Takes an interface's token bucket away.
pub(crate) fn delete_token_bucket(index: u32) -> Message {
    Message::new(msg::DEL_QUEUE, 0, &queue_header(index))
}

/// Rate of the token bucket of an interface in bytes a second, if it has one.
pub(crate) fn token_bucket(socket: &mut Socket, index: u32) -> io::Result<Option<u64>> {
    let answers = socket.dump(Message::new(msg::GET_QUEUE, 0, &[0; 20]))?;
    Ok(answers.iter().find_map(|answer| {
        let attributes = || Attributes::after(&answer.body, 20);
        if ne_u32(answer.body.get(4..8)?)? != index || text(attributes().find(queue::KIND)?) != "tbf" {
            return None;
        }
        let options = attributes().find(queue::OPTIONS)?;
        let rate64 =
            Attributes(options).find(queue::TBF_RATE64).and_then(|v| Some(u64::from_ne_bytes(v.try_into().ok()?)));
        rate64.or_else(|| Some(ne_u32(Attributes(options).find(queue::TBF_PARAMETERS)?.get(8..12)?)?.into()))
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_and_answers_agree_about_an_interface() {
        let body = {
            let mut message = Message::new(msg::NEW_LINK, 0, &link_header(0, 7, link::FLAG_UP));
            message.text(link::NAME, "csb000000000001").u32(link::GROUP, 5).u32(link::MASTER, 9);
            message.attribute(link::ADDRESS, &[0, 0x15, 0x5d, 1, 2, 3]);
            message.body().to_vec()
        };
        let found = Link::read(&Answer { kind: msg::NEW_LINK, body }).unwrap();
        assert_eq!((found.index, found.group, found.master, found.is_up), (7, 5, Some(9), true));
        assert_eq!((found.name.as_str(), found.mac), ("csb000000000001", "00-15-5D-01-02-03".parse().ok()));
        assert!(Link::read(&Answer { kind: msg::NEW_LINK, body: vec![0; 9] }).is_none());
    }
}
