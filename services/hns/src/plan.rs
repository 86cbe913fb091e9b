//! From documents to what the virtual switch is to make of them.

use std::ops::RangeInclusive;

use casement_schema::hcn::{
    AclPolicySetting, ActionType, DirectionType, EndpointFlags, HcnError, OutboundNatPolicySetting, Policy,
    PortMappingPolicySetting, QosPolicySetting, RuleType,
};
use casement_vswitch::{
    AclRule, Action, AddressRange, Direction, Endpoint, InterfaceAddress, InterfaceName, Network, NetworkKind,
    OutboundNat, PortMapping, Prefix, Subnet,
};
use serde::de::DeserializeOwned;

use crate::error::{NetworkError, Result};
use crate::ipam;
use crate::ports::Mapping;
use crate::record::{EndpointRecord, NetworkRecord};

/// Types of networks that can be made.
const KINDS: [(&str, NetworkKind); 3] =
    [("NAT", NetworkKind::Nat), ("Internal", NetworkKind::Internal), ("Private", NetworkKind::Private)];
/// Types that Windows has and this version does not.
const LATER: [&str; 5] = ["Transparent", "L2Bridge", "L2Tunnel", "Overlay", "ICS"];
/// Policies of endpoints that are kept and shown and change nothing, on Windows neither without the driver that they are for.
const KEPT: [&str; 4] = ["PortName", "L2Driver", "VSwitchExtension", "LayerConstraint"];

/// The policy that publishes a port.
pub const PORT_MAPPING: &str = "PortMapping";
/// The policy that lets packets pass or not.
pub const ACL: &str = "ACL";
/// The policy that limits what is sent.
pub const QOS: &str = "QOS";
/// The policy that changes source addresses.
pub const OUTBOUND_NAT: &str = "OutBoundNAT";

/// The kind of a network, and its name in Microsoft's spelling.
pub(crate) fn kind(mode: &str) -> Result<(&'static str, NetworkKind)> {
    let mode = if mode.is_empty() { "NAT" } else { mode };
    if let Some(found) = KINDS.iter().find(|(name, _)| name.eq_ignore_ascii_case(mode)) {
        return Ok(*found);
    }
    let detail = if LATER.iter().any(|name| name.eq_ignore_ascii_case(mode)) {
        format!("networks of type {mode} are not implemented by this version of Casement: use nat, internal or private")
    } else {
        format!("{mode} is no type of network")
    };
    Err(NetworkError::refused(HcnError::InvalidNetworkType, detail))
}

/// What the switch makes of a network.
pub(crate) fn network(record: &NetworkRecord) -> Result<Network> {
    let (_, kind) = kind(&record.document.mode)?;
    let is_private = kind == NetworkKind::Private;
    let subnets = record.pools()?.into_iter().map(|pool| Subnet {
        prefix: pool.prefix,
        // A private switch has no adapter of the host's.
        gateway: pool.gateway.filter(|_| !is_private),
    });
    let mut network = Network::new(record.document.id, kind, subnets.collect());
    network.gateway_mac = record.gateway_mac.parse().ok();
    Ok(network)
}

/// What the switch makes of an endpoint.
pub(crate) fn endpoint(record: &EndpointRecord, of: &NetworkRecord) -> Result<Endpoint> {
    let document = &record.document;
    let mac = document.mac_address.parse();
    let mac = mac.map_err(|error: casement_vswitch::VSwitchError| invalid_endpoint(error.to_string()))?;
    let mut endpoint = Endpoint::new(document.id, &network(of)?, mac, &[]);
    for config in &document.ip_configurations {
        let address = ipam::parse_address(&config.ip_address)?;
        endpoint.addresses.push(InterfaceAddress { address, prefix_length: config.prefix_length });
    }
    for route in document.routes.iter().filter(|route| ipam::is_default_route(&route.destination_prefix)) {
        endpoint.gateways.push(ipam::parse_address(&route.next_hop)?);
    }
    endpoint.interface = InterfaceName::ethernet(record.adapter);
    endpoint.isolated |= document.flags.contains(EndpointFlags::DISABLE_INTER_COMPUTE_COMMUNICATION);
    for policy in &document.policies {
        lay_policy(&mut endpoint, policy)?;
    }
    Ok(endpoint)
}

fn invalid_endpoint(detail: String) -> NetworkError {
    NetworkError::refused(HcnError::InvalidEndpoint, detail)
}

fn invalid(detail: String) -> NetworkError {
    NetworkError::refused(HcnError::InvalidPolicy, detail)
}

/// The settings of a policy.
pub(crate) fn settings<T: DeserializeOwned>(policy: &Policy) -> Result<T> {
    // Version 1 and some clients give them as text in the text.
    let value = match policy.settings.as_str() {
        Some(text) => serde_json::from_str(text).unwrap_or_default(),
        None => policy.settings.clone(),
    };
    serde_json::from_value(value).map_err(|error| invalid(format!("settings of policy {}: {error}", policy.kind)))
}

/// Checks the policies of an endpoint; its ports are looked at when they are taken.
pub(crate) fn check_policies(policies: &[Policy], record: &EndpointRecord, of: &NetworkRecord) -> Result<()> {
    let mut without_ports = record.clone();
    without_ports.document.policies = policies.iter().filter(|policy| policy.kind != PORT_MAPPING).cloned().collect();
    endpoint(&without_ports, of)?;
    if policies.iter().any(|policy| policy.kind == PORT_MAPPING) && kind(&of.document.mode)?.1 != NetworkKind::Nat {
        return Err(NetworkError::refused(HcnError::MappingNotSupported, format!("network {}", of.document.name)));
    }
    Ok(())
}

fn lay_policy(endpoint: &mut Endpoint, policy: &Policy) -> Result<()> {
    match policy.kind.as_str() {
        PORT_MAPPING => {
            let mapping = Mapping::of(&settings::<PortMappingPolicySetting>(policy)?)?;
            endpoint.port_mappings.push(PortMapping {
                transport: mapping.transport,
                host_address: mapping.address,
                host_port: mapping.external,
                endpoint_port: mapping.internal,
            });
        }
        ACL => endpoint.acls.push(acl(&settings(policy)?)?),
        QOS => {
            let qos: QosPolicySetting = settings(policy)?;
            endpoint.maximum_outgoing_bandwidth =
                Some(qos.maximum_outgoing_bandwidth_in_bytes).filter(|bytes| *bytes > 0);
        }
        OUTBOUND_NAT => endpoint.outbound_nat = outbound_nat(&settings(policy)?)?,
        kept if KEPT.contains(&kept) => {}
        other => {
            return Err(NetworkError::refused(
                HcnError::InvalidPolicyType,
                format!("policies of type {other:?} are not implemented by this version of Casement"),
            ));
        }
    }
    Ok(())
}

fn acl(setting: &AclPolicySetting) -> Result<AclRule> {
    let action = match setting.action {
        ActionType::Allow => Action::Allow,
        ActionType::Block => Action::Block,
        ActionType::Pass => return Err(invalid("an ACL passes or blocks: Pass belongs to tiers".to_owned())),
    };
    let direction = match setting.direction {
        DirectionType::In => Direction::In,
        DirectionType::Out => Direction::Out,
    };
    let rule_type = match setting.rule_type {
        RuleType::Host => casement_vswitch::RuleType::Host,
        RuleType::Switch => casement_vswitch::RuleType::Switch,
    };
    let protocols = list(&setting.protocols, |text| match text {
        "256" => Ok(None),
        number => number.parse().map(Some).map_err(|_| invalid(format!("{number} is no protocol"))),
    })?;
    Ok(AclRule {
        action,
        direction,
        rule_type,
        // 256 stands for every protocol.
        protocols: if protocols.contains(&None) { Vec::new() } else { protocols.into_iter().flatten().collect() },
        local_addresses: list(&setting.local_addresses, address_range)?,
        remote_addresses: list(&setting.remote_addresses, address_range)?,
        local_ports: list(&setting.local_ports, port_range)?,
        remote_ports: list(&setting.remote_ports, port_range)?,
        priority: setting.priority,
    })
}

fn list<T>(text: &str, parse: impl Fn(&str) -> Result<T>) -> Result<Vec<T>> {
    text.split(',').map(str::trim).filter(|entry| !entry.is_empty()).map(parse).collect()
}

fn address_range(text: &str) -> Result<AddressRange> {
    let refused = || invalid(format!("{text} is no range of addresses"));
    match text.split_once('-') {
        Some((first, last)) => Ok(AddressRange {
            first: first.trim().parse().map_err(|_| refused())?,
            last: last.trim().parse().map_err(|_| refused())?,
        }),
        None => text.parse::<Prefix>().map(AddressRange::from).map_err(|_| refused()),
    }
}

fn port_range(text: &str) -> Result<RangeInclusive<u16>> {
    let number = |text: &str| text.trim().parse::<u16>().map_err(|_| invalid(format!("{text} is no port")));
    match text.split_once('-') {
        Some((first, last)) => Ok(number(first)?..=number(last)?),
        None => number(text).map(|port| port..=port),
    }
}

fn outbound_nat(setting: &OutboundNatPolicySetting) -> Result<OutboundNat> {
    if !setting.destinations.is_empty() {
        return Err(invalid("Destinations of OutBoundNAT are not implemented by this version of Casement".to_owned()));
    }
    let prefix = |text: &String| text.parse::<Prefix>().map_err(|error| invalid(error.to_string()));
    let virtual_address = |text: &str| ipam::parse_address(text);
    Ok(OutboundNat {
        virtual_addresses: list(&setting.virtual_ip, virtual_address)?,
        exceptions: setting.exceptions.iter().map(prefix).collect::<Result<_>>()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn rule(value: serde_json::Value) -> Result<AclRule> {
        acl(&settings(&Policy { kind: ACL.to_owned(), settings: value })?)
    }

    #[test]
    fn an_acl_has_lists_and_ranges_in_one_text() {
        let rule =
            rule(json!({ "Protocols": "6, 17", "Action": "Block", "Direction": "Out", "RemotePorts": "80,8000-8010",
            "RemoteAddresses": "10.0.0.0/8,192.168.0.1-192.168.0.9", "RuleType": "Host", "Priority": 100 }));
        let rule = rule.unwrap();
        assert_eq!((rule.action, rule.direction, rule.priority), (Action::Block, Direction::Out, 100));
        assert_eq!((rule.protocols, rule.remote_ports), (vec![6, 17], vec![80..=80, 8000..=8010]));
        assert_eq!(rule.remote_addresses[0].last.to_string(), "10.255.255.255");
        assert_eq!(rule.remote_addresses[1].first.to_string(), "192.168.0.1");
    }

    #[test]
    fn what_an_acl_cannot_say_is_refused() {
        for value in [
            json!({ "Protocols": "tcp" }),
            json!({ "LocalPorts": "80-" }),
            json!({ "LocalPorts": "65536" }),
            json!({ "RemoteAddresses": "10.0.0.0/33" }),
            json!({ "Action": "Pass" }),
            json!({ "Action": "Perhaps" }),
            json!({ "Priority": -1 }),
        ] {
            assert!(rule(value.clone()).is_err(), "{value}");
        }
        assert!(rule(json!({ "Protocols": "256" })).unwrap().protocols.is_empty());
    }

    #[test]
    fn types_of_networks_are_known_or_refused_by_name() {
        assert_eq!(kind("nat").unwrap(), ("NAT", NetworkKind::Nat));
        assert_eq!(kind("").unwrap().1, NetworkKind::Nat);
        assert!(kind("Overlay").unwrap_err().to_string().contains("not implemented"));
        assert!(kind("mirrored").unwrap_err().to_string().contains("no type of network"));
    }
}
