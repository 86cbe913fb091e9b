//! The `bridge` table: what may come from a switch port (its own addresses only), and the ACL policies at the port.

use std::collections::BTreeMap;

use super::TABLE;
use crate::name::PORT_GROUP;
use crate::nftables::build::{Build, rule};
use crate::nftables::expression::{Header, Meta};
use crate::nftables::table::{Chain, Family, Field, Hook, Rule, Set, SetKind, Table, hook};

/// Names of the sets and maps.
pub(crate) mod sets {
    /// Port and MAC address.
    pub(crate) const STATIONS: &str = "stations";
    /// Port and IPv4 address.
    pub(crate) const ADDRESSES4: &str = "addresses4";
    /// Port and IPv6 address.
    pub(crate) const ADDRESSES6: &str = "addresses6";
    /// Port to the chain for what comes from the endpoint.
    pub(crate) const ACL_OUT: &str = "acl_out";
    /// Port to the chain for what goes to the endpoint.
    pub(crate) const ACL_IN: &str = "acl_in";
}

const IPV4: [u8; 2] = [0x08, 0x00];
const ARP: [u8; 2] = [0x08, 0x06];
const IPV6: [u8; 2] = [0x86, 0xdd];
const UDP: u8 = 17;
const DHCP_SERVER: u16 = 67;
const DHCPV6_SERVER: u16 = 547;
const ICMPV6: u8 = 58;
const ROUTER_ADVERTISEMENT: u8 = 134;
const NEIGHBOUR_SOLICITATION: u8 = 135;
const NEIGHBOUR_ADVERTISEMENT: u8 = 136;
const REDIRECT: u8 = 137;

/// The table without elements.
pub(super) fn table() -> Table {
    // Before the bridge hands frames to IP's hooks, so that nothing of a spoofed frame is seen there.
    let first = |number| Some(Hook { kind: "filter", number, priority: -300 });
    let chain = |name: &str, hook, rules| Chain { name: name.to_owned(), hook, rules };
    let keys = |name, key| Set { name, key, kind: SetKind::Keys, ranges: false };
    let verdicts = |name| Set { name, key: &[Field::Interface], kind: SetKind::Verdicts, ranges: false };
    Table {
        family: Family::Bridge,
        name: TABLE.to_owned(),
        sets: vec![
            keys(sets::STATIONS, &[Field::Interface, Field::Ether]),
            keys(sets::ADDRESSES4, &[Field::Interface, Field::Ipv4]),
            keys(sets::ADDRESSES6, &[Field::Interface, Field::Ipv6]),
            verdicts(sets::ACL_OUT),
            verdicts(sets::ACL_IN),
        ],
        chains: vec![
            chain("from_port", first(hook::PREROUTING), from_port()),
            chain("to_port", first(hook::POSTROUTING), to_port()),
            chain("arp", None, arp()),
            chain("ipv4", None, ipv4()),
            chain("ipv6", None, ipv6()),
        ],
        elements: BTreeMap::new(),
    }
}

fn ethertype(value: [u8; 2]) -> Build {
    rule().meta(Meta::Protocol).is(value)
}

fn from_port() -> Vec<Rule> {
    vec![
        rule().meta(Meta::InputGroup).is_not(PORT_GROUP.to_ne_bytes()).accept(),
        rule().meta(Meta::InputName).payload(Header::Link, 6, 6).not_within(sets::STATIONS).drop(),
        ethertype(IPV4).goto("ipv4"),
        ethertype(ARP).goto("arp"),
        ethertype(IPV6).goto("ipv6"),
        rule().drop(),
    ]
}

fn arp() -> Vec<Rule> {
    /// Ethernet and IPv4 with their lengths.
    const KIND: [u8; 6] = [0, 1, 8, 0, 6, 4];
    vec![
        rule().payload(Header::Network, 0, 6).is_not(KIND).drop(),
        rule().meta(Meta::InputName).payload(Header::Network, 8, 6).not_within(sets::STATIONS).drop(),
        rule().meta(Meta::InputName).payload(Header::Network, 14, 4).within(sets::ADDRESSES4).accept(),
        rule().drop(),
    ]
}

fn udp_from(port: u16) -> Rule {
    rule().meta(Meta::TransportProtocol).is([UDP]).payload(Header::Transport, 0, 2).is(port.to_be_bytes()).drop()
}

fn ipv4() -> Vec<Rule> {
    vec![
        rule().meta(Meta::InputName).payload(Header::Network, 12, 4).not_within(sets::ADDRESSES4).drop(),
        // The bridge takes packets from and to 127.0.0.1 for published ports; none of them comes from an endpoint.
        rule().payload(Header::Network, 16, 1).is([127]).drop(),
        udp_from(DHCP_SERVER),
        rule().meta(Meta::InputName).verdict_map(sets::ACL_OUT),
    ]
}

fn icmpv6(kind: u8) -> Build {
    rule().meta(Meta::TransportProtocol).is([ICMPV6]).payload(Header::Transport, 0, 1).is([kind])
}

fn ipv6() -> Vec<Rule> {
    vec![
        rule().meta(Meta::InputName).payload(Header::Network, 8, 16).not_within(sets::ADDRESSES6).drop(),
        icmpv6(ROUTER_ADVERTISEMENT).drop(),
        icmpv6(REDIRECT).drop(),
        icmpv6(NEIGHBOUR_ADVERTISEMENT)
            .meta(Meta::InputName)
            .payload(Header::Transport, 8, 16)
            .within(sets::ADDRESSES6)
            .accept(),
        icmpv6(NEIGHBOUR_ADVERTISEMENT).drop(),
        icmpv6(NEIGHBOUR_SOLICITATION).accept(),
        udp_from(DHCPV6_SERVER),
        rule().meta(Meta::InputName).verdict_map(sets::ACL_OUT),
    ]
}

fn to_port() -> Vec<Rule> {
    vec![rule().meta(Meta::OutputName).verdict_map(sets::ACL_IN)]
}

/// What no policy keeps from an endpoint, first in its chain of [`sets::ACL_IN`]: how its neighbours look for it.
pub(crate) fn neighbours() -> Vec<Rule> {
    vec![ethertype(ARP).accept(), icmpv6(NEIGHBOUR_SOLICITATION).accept(), icmpv6(NEIGHBOUR_ADVERTISEMENT).accept()]
}
