//! Rules of the packet filter for ACL policies.

use std::net::IpAddr;

use crate::acl::{AclRule, Action, AddressRange, Direction, RuleType};
use crate::endpoint::Endpoint;
use crate::name;
use crate::nftables::build::{Build, rule};
use crate::nftables::expression::{Connection, Header, Meta, Verdict, state};
use crate::nftables::table::{Chain, Family, Hook, Rule, Table, hook};

const TCP: u8 = 6;
const UDP: u8 = 17;
const ICMPV6: u8 = 58;
/// Neighbour discovery, without which there is no IPv6 (RFC 4890 section 4.4): 133 to 137.
const DISCOVERY: (u8, u8) = (133, 137);

/// The rules for a place and a direction, in order of precedence.
pub(crate) fn rules(endpoint: &Endpoint, place: RuleType, direction: Direction) -> Vec<Rule> {
    let mut policies: Vec<&AclRule> =
        endpoint.acls.iter().filter(|acl| acl.rule_type == place && acl.direction == direction).collect();
    policies.sort_by_key(|acl| (acl.priority, acl.action == Action::Allow));
    policies.iter().flat_map(|acl| of_policy(acl)).collect()
}

/// The table in the endpoint's namespace for its policies of type Host; none without such policies.
pub(crate) fn host_table(endpoint: &Endpoint) -> Option<Table> {
    let chain = |name: &str, number, direction, interface| {
        let mut all = vec![
            rule().meta(interface).is_not(padded(endpoint.interface.as_str())).accept(),
            rule().connected(Connection::State, state::ESTABLISHED | state::RELATED).accept(),
            rule()
                .meta(Meta::TransportProtocol)
                .is([ICMPV6])
                .payload(Header::Transport, 0, 1)
                .in_ranges(vec![(vec![DISCOVERY.0], vec![DISCOVERY.1])])
                .accept(),
        ];
        all.extend(rules(endpoint, RuleType::Host, direction));
        Chain { name: name.to_owned(), hook: Some(Hook { kind: "filter", number, priority: 0 }), rules: all }
    };
    endpoint.acls.iter().any(|acl| acl.rule_type == RuleType::Host).then(|| Table {
        family: Family::Inet,
        name: host_table_name(endpoint),
        sets: Vec::new(),
        chains: vec![
            chain("in", hook::INPUT, Direction::In, Meta::InputName),
            chain("out", hook::OUTPUT, Direction::Out, Meta::OutputName),
        ],
        elements: Default::default(),
    })
}

/// The name of an endpoint's table in its namespace, which it may share with other endpoints.
pub(crate) fn host_table_name(endpoint: &Endpoint) -> String {
    format!("casement-{}", name::short(endpoint.id))
}

fn padded(interface: &str) -> [u8; 16] {
    let mut name = [0; 16];
    for (to, from) in name.iter_mut().zip(interface.bytes().take(15)) {
        *to = from;
    }
    name
}

/// The rules of one policy: one for each family when it names addresses.
fn of_policy(acl: &AclRule) -> Vec<Rule> {
    let has =
        |ranges: &[AddressRange], ipv4: bool| ranges.is_empty() || ranges.iter().any(|r| r.first.is_ipv4() == ipv4);
    if acl.local_addresses.is_empty() && acl.remote_addresses.is_empty() {
        return vec![finish(acl, rule())];
    }
    [true, false]
        .into_iter()
        .filter(|&ipv4| has(&acl.local_addresses, ipv4) && has(&acl.remote_addresses, ipv4))
        .map(|ipv4| {
            let ethertype: [u8; 2] = if ipv4 { [0x08, 0x00] } else { [0x86, 0xdd] };
            let mut build = rule().meta(Meta::Protocol).is(ethertype);
            let (source, destination, length) = if ipv4 { (12, 16, 4) } else { (8, 24, 16) };
            let (local, remote) = match acl.direction {
                Direction::Out => (source, destination),
                Direction::In => (destination, source),
            };
            for (ranges, offset) in [(&acl.local_addresses, local), (&acl.remote_addresses, remote)] {
                if !ranges.is_empty() {
                    let of_family = ranges.iter().filter(|r| r.first.is_ipv4() == ipv4);
                    let ranges = of_family.map(|r| (octets(r.first), octets(r.last))).collect();
                    build = build.payload(Header::Network, offset, length).in_ranges(ranges);
                }
            }
            finish(acl, build)
        })
        .collect()
}

/// Protocols, ports and the decision.
fn finish(acl: &AclRule, mut build: Build) -> Rule {
    let has_ports = !acl.local_ports.is_empty() || !acl.remote_ports.is_empty();
    let protocols = if has_ports && acl.protocols.is_empty() { &[TCP, UDP][..] } else { &acl.protocols };
    if !protocols.is_empty() {
        let ranges = protocols.iter().map(|&protocol| (vec![protocol], vec![protocol])).collect();
        build = build.meta(Meta::TransportProtocol).in_ranges(ranges);
    }
    let (local, remote) = match acl.direction {
        Direction::Out => (0, 2),
        Direction::In => (2, 0),
    };
    for (ports, offset) in [(&acl.local_ports, local), (&acl.remote_ports, remote)] {
        if !ports.is_empty() {
            let ranges = ports.iter().map(|r| (r.start().to_be_bytes().to_vec(), r.end().to_be_bytes().to_vec()));
            build = build.payload(Header::Transport, offset, 2).in_ranges(ranges.collect());
        }
    }
    build.decide(match acl.action {
        Action::Allow => Verdict::Accept,
        Action::Block => Verdict::Drop,
    })
}

fn octets(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(v4) => v4.octets().to_vec(),
        IpAddr::V6(v6) => v6.octets().to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::address::Prefix;

    fn range(text: &str) -> AddressRange {
        text.parse::<Prefix>().unwrap().into()
    }

    #[test]
    fn a_policy_with_addresses_of_both_families_has_a_rule_for_each() {
        let mut acl = AclRule::new(Action::Block, Direction::Out, RuleType::Switch, 100);
        assert_eq!(of_policy(&acl).len(), 1);
        acl.remote_addresses = vec![range("10.0.0.0/8"), range("fd00::/8")];
        assert_eq!(of_policy(&acl).len(), 2);
        acl.local_addresses = vec![range("192.168.48.0/20")];
        assert_eq!(of_policy(&acl).len(), 1);
        acl.remote_addresses = vec![range("fd00::/8")];
        assert_eq!(of_policy(&acl).len(), 0, "no packet has an address of each family");
    }
}
