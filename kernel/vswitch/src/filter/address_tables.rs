//! The `ip` and `ip6` tables: address translation, what is forwarded, and what endpoints reach of the host.

use std::collections::BTreeMap;

use super::TABLE;
use crate::name::{CLOSED_GROUP, ROUTED_GROUP};
use crate::nftables::build::{Build, rule};
use crate::nftables::expression::{Connection, Header, Meta, Translation, state};
use crate::nftables::table::{Chain, Family, Field, Hook, Rule, Set, SetKind, Table, hook};

/// Names of the sets and maps.
pub(crate) mod sets {
    /// Bridge twice, for networks whose endpoints reach each other.
    pub(crate) const SAME: &str = "same_switch";
    /// Bridge and its gateway address.
    pub(crate) const GATEWAYS: &str = "gateways";
    /// Bridge, gateway address, protocol, port that endpoints may reach.
    pub(crate) const SERVICES: &str = "host_services";
    /// Addresses of the endpoints of nat networks.
    pub(crate) const ENDPOINTS: &str = "endpoints";
    /// Bridges whose endpoints get the host's address on the way out.
    pub(crate) const OUTBOUND: &str = "outbound_nat";
    /// Endpoint address to the address that it gets on the way out.
    pub(crate) const OUTBOUND_FROM: &str = "outbound_vip";
    /// Endpoint address and the destinations to which it keeps it.
    pub(crate) const EXCEPTIONS: &str = "outbound_exceptions";
    /// Protocol and port of the host to address and port of an endpoint.
    pub(crate) const PUBLISHED: &str = "published";
    /// The same for one address of the host.
    pub(crate) const PUBLISHED_AT: &str = "published_at";
}

/// Where things are in a packet of a family.
struct Layout {
    ipv6: bool,
    source: (u32, u32),
    destination: (u32, u32),
}

impl Layout {
    fn source(&self, build: Build) -> Build {
        build.payload(Header::Network, self.source.0, self.source.1)
    }

    fn destination(&self, build: Build) -> Build {
        build.payload(Header::Network, self.destination.0, self.destination.1)
    }
}

const ICMP: u8 = 1;
const ICMP_ECHO_REQUEST: u8 = 8;
const ICMPV6: u8 = 58;
const ICMPV6_ECHO_REQUEST: u8 = 128;
const ICMPV6_NEIGHBOUR_SOLICITATION: u8 = 135;
const ICMPV6_NEIGHBOUR_ADVERTISEMENT: u8 = 136;

/// The table of a family, `Ipv4` or `Ipv6`, without elements.
pub(super) fn table(family: Family) -> Table {
    let layout = if family == Family::Ipv6 {
        Layout { ipv6: true, source: (8, 16), destination: (24, 16) }
    } else {
        Layout { ipv6: false, source: (12, 4), destination: (16, 4) }
    };
    let filter = |number| Some(Hook { kind: "filter", number, priority: 0 });
    let nat = |number, priority| Some(Hook { kind: "nat", number, priority });
    let chain = |name: &str, hook, rules| Chain { name: name.to_owned(), hook, rules };
    Table {
        family,
        name: TABLE.to_owned(),
        sets: described_sets(layout.ipv6),
        chains: vec![
            chain("published_in", nat(hook::PREROUTING, -100), published(&layout, true)),
            chain("published_out", nat(hook::OUTPUT, -100), published(&layout, false)),
            chain("outbound", nat(hook::POSTROUTING, 100), outbound(&layout)),
            chain("forward", filter(hook::FORWARD), forward(&layout)),
            chain("input", filter(hook::INPUT), input()),
            chain("host", None, host(&layout)),
        ],
        elements: BTreeMap::new(),
    }
}

fn described_sets(ipv6: bool) -> Vec<Set> {
    use Field::{Interface, Ipv4, Ipv6, Port, Protocol};
    let keys = |name, key| Set { name, key, kind: SetKind::Keys, ranges: false };
    let map = |name, key, values| Set { name, key, kind: SetKind::Values(values), ranges: false };
    // The same sets with addresses of either length.
    macro_rules! sets {
        ($address:ident) => {
            vec![
                keys(sets::SAME, &[Interface, Interface]),
                keys(sets::GATEWAYS, &[Interface, $address]),
                keys(sets::SERVICES, &[Interface, $address, Protocol, Port]),
                keys(sets::ENDPOINTS, &[$address]),
                keys(sets::OUTBOUND, &[Interface]),
                map(sets::OUTBOUND_FROM, &[$address], &[$address]),
                Set { name: sets::EXCEPTIONS, key: &[$address, $address], kind: SetKind::Keys, ranges: true },
                map(sets::PUBLISHED, &[Protocol, Port], &[$address, Port]),
                map(sets::PUBLISHED_AT, &[$address, Protocol, Port], &[$address, Port]),
            ]
        };
    }
    if ipv6 { sets!(Ipv6) } else { sets!(Ipv4) }
}

/// Protocol and destination port, after what is in the key.
fn port(build: Build) -> Build {
    build.meta(Meta::TransportProtocol).payload(Header::Transport, 2, 2)
}

/// What is sent to a published port of the host goes to its endpoint.
fn published(layout: &Layout, from_outside: bool) -> Vec<Rule> {
    let mut rules = Vec::new();
    if from_outside {
        // A name server at the gateway stays reachable when somebody publishes port 53.
        let key = layout.destination(rule().meta(Meta::InputName));
        rules.push(port(key).within(sets::SERVICES).accept());
        if !layout.ipv6 {
            // From outside nobody reaches what is published at 127.0.0.1: once translated, the kernel would not see that the
            // destination was impossible.
            let loopback = layout.destination(rule().meta(Meta::InputName).is_not(*b"lo\0\0\0\0\0\0\0\0\0\0\0\0\0\0"));
            rules.push(loopback.and(&[255, 0, 0, 0]).is([127, 0, 0, 0]).accept());
        }
    }
    let at_address = port(layout.destination(rule().to_the_host()));
    rules.push(at_address.translate(Translation::Destination, sets::PUBLISHED_AT, layout.ipv6));
    rules.push(port(rule().to_the_host()).translate(Translation::Destination, sets::PUBLISHED, layout.ipv6));
    rules
}

/// Source addresses of what leaves.
fn outbound(layout: &Layout) -> Vec<Rule> {
    let translated = |build: Build| build.connected(Connection::Status, state::STATUS_DNAT);
    let leaving = || rule().from_group(ROUTED_GROUP).not_to_group(ROUTED_GROUP);
    let loopback = layout.source(translated(rule().to_group(ROUTED_GROUP)));
    let loopback = if layout.ipv6 {
        loopback.is([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1])
    } else {
        loopback.and(&[255, 0, 0, 0]).is([127, 0, 0, 0])
    };
    vec![
        // An endpoint that uses a published port has to get its answers from the host. By its address: frames that never leave
        // the bridge have no interface that they came by.
        layout.source(translated(rule().to_group(ROUTED_GROUP))).within(sets::ENDPOINTS).masquerade(),
        loopback.masquerade(),
        layout.destination(layout.source(leaving())).within(sets::EXCEPTIONS).accept(),
        layout.source(leaving()).translate(Translation::Source, sets::OUTBOUND_FROM, layout.ipv6),
        leaving().meta(Meta::InputName).within(sets::OUTBOUND).masquerade(),
    ]
}

/// Where clouds tell a machine its secrets: addresses of the host's own link, which nobody forwards to (RFC 3927, section 7), and those
/// that some clouds have beside them (Azure, Alibaba; EC2 with version 6).
const METADATA4: [(&[u8], &[u8]); 3] = [
    (&[255, 255, 0, 0], &[169, 254, 0, 0]),
    (&[255, 255, 255, 255], &[168, 63, 129, 16]),
    (&[255, 255, 255, 255], &[100, 100, 100, 200]),
];
const METADATA6: [(&[u8], &[u8]); 1] = [(&[255; 16], &[0xfd, 0, 0x0e, 0xc2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x02, 0x54])];

/// What passes between interfaces.
fn forward(layout: &Layout) -> Vec<Rule> {
    let metadata: &[_] = if layout.ipv6 { &METADATA6 } else { &METADATA4 };
    let metadata = metadata
        .iter()
        .map(|(mask, address)| layout.destination(rule().from_group(ROUTED_GROUP)).and(mask).is(address).drop());
    let mut rules = vec![
        // Most packets. What began was looked at below.
        rule().connected(Connection::State, state::ESTABLISHED | state::RELATED).accept(),
        rule().meta(Meta::InputName).meta(Meta::OutputName).within(sets::SAME).accept(),
        rule().from_group(CLOSED_GROUP).drop(),
        rule().to_group(CLOSED_GROUP).drop(),
        // What belongs to no connection is not translated, so it must not leave.
        rule().from_group(ROUTED_GROUP).connected(Connection::State, state::INVALID).drop(),
        rule().to_group(ROUTED_GROUP).connected(Connection::Status, state::STATUS_DNAT).accept(),
        rule().to_group(ROUTED_GROUP).drop(),
    ];
    rules.extend(metadata);
    rules
}

/// What comes from an endpoint to the host.
fn input() -> Vec<Rule> {
    vec![rule().from_group(ROUTED_GROUP).jump("host"), rule().from_group(CLOSED_GROUP).jump("host")]
}

fn host(layout: &Layout) -> Vec<Rule> {
    let icmp = |protocol: u8, kind: u8| {
        rule().meta(Meta::TransportProtocol).is([protocol]).payload(Header::Transport, 0, 1).is([kind])
    };
    let mut rules = vec![rule().connected(Connection::State, state::ESTABLISHED | state::RELATED).accept()];
    let echo = if layout.ipv6 {
        rules.push(icmp(ICMPV6, ICMPV6_NEIGHBOUR_SOLICITATION).accept());
        rules.push(icmp(ICMPV6, ICMPV6_NEIGHBOUR_ADVERTISEMENT).accept());
        icmp(ICMPV6, ICMPV6_ECHO_REQUEST)
    } else {
        icmp(ICMP, ICMP_ECHO_REQUEST)
    };
    rules.push(layout.destination(echo.meta(Meta::InputName)).within(sets::GATEWAYS).accept());
    rules.push(port(layout.destination(rule().meta(Meta::InputName))).within(sets::SERVICES).accept());
    rules.push(rule().drop());
    rules
}
