//! Objects as version 1 and `Get-HnsNetwork` show them.

use std::net::IpAddr;

use casement_schema::hcn::{EndpointFlags, HostComputeLoadBalancer, HostComputeRoute, IpConfig};
use casement_schema::hns::EndpointState;
use casement_schema::{Guid, HResult};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::policy::to_v1;
use crate::ipam;
use crate::record::{EndpointRecord, NamespaceRecord, NetworkRecord};
use crate::service::{NetworkUse, VERSION};

/// Seconds from 1601 to 1970.
const FILETIME_EPOCH: i64 = 11_644_473_600;
/// The kind of object that a subnet is.
const SUBNET: u32 = 5;

/// A network.
pub fn network_view(record: &NetworkRecord, usage: NetworkUse) -> Value {
    let document = &record.document;
    let is_ipv6 = record.prefixes().iter().any(|prefix| prefix.address().is_ipv6());
    let subnets = document.ipams.iter().flat_map(|ipam| &ipam.subnets).map(|subnet| {
        json!({
            "AdditionalParams": subnet.additional_params.clone().unwrap_or_else(|| json!({})),
            "AddressPrefix": subnet.ip_address_prefix,
            "Flags": subnet.flags.0,
            "GatewayAddress": subnet.routes.first().map_or("", |route| route.next_hop.as_str()),
            "Health": health(&record.updated, None),
            "ID": identifier(&subnet.id),
            "ObjectType": SUBNET,
            "Policies": subnet.policies.iter().map(to_v1).collect::<Vec<_>>(),
            "State": 0,
        })
    });
    let pools = document.mac_pool.ranges.iter();
    let pools = pools
        .map(|range| json!({ "EndMacAddress": range.end_mac_address, "StartMacAddress": range.start_mac_address }));
    let mut view = json!({
        "ActivityId": identifier(&document.id),
        "AdditionalParams": document.additional_params.clone().unwrap_or_else(|| json!({})),
        "CurrentEndpointCount": usage.current,
        "DNSDomain": document.dns.domain,
        "DNSServerList": document.dns.server_list.join(","),
        "DNSSuffix": document.dns.search.join(","),
        "Extensions": [],
        "Flags": document.flags.0,
        "Health": health(&record.updated, usage.failure),
        "ID": identifier(&document.id),
        "IPv6": is_ipv6,
        "MacPools": pools.collect::<Vec<_>>(),
        "MaxConcurrentEndpoints": usage.most,
        "Name": document.name,
        "Policies": document.policies.iter().map(to_v1).collect::<Vec<_>>(),
        "Resources": { "AllocationOrder": 0, "Allocators": [], "Health": health(&record.created, None),
            "ID": identifier(&document.id), "State": 1 },
        "State": if usage.failure.is_some() { EndpointState::DEGRADED } else { EndpointState::CREATED },
        "Subnets": subnets.collect::<Vec<_>>(),
        "TotalEndpoints": usage.total,
        "Type": document.mode.to_ascii_lowercase(),
        "Version": u64::from(VERSION.0) << 32 | u64::from(VERSION.1),
    });
    if record.is_type("NAT") {
        view["NatName"] = json!(format!("ICS{}", identifier(&document.id)));
    }
    view
}

/// An endpoint.
pub fn endpoint_view(
    record: &EndpointRecord,
    network: Option<&NetworkRecord>,
    namespace: Option<&NamespaceRecord>,
) -> Value {
    let document = &record.document;
    let (v4, v6) = (record.address(IpAddr::is_ipv4), record.address(IpAddr::is_ipv6));
    let gateway = |family: fn(&IpAddr) -> bool| record.gateway(family).map(|gateway| gateway.to_string());
    let containers: Vec<&str> = namespace.into_iter().flat_map(NamespaceRecord::containers).collect();
    let state = match (document.host_compute_namespace == Guid::NULL, containers.len()) {
        (true, _) => EndpointState::CREATED,
        (false, 0 | 1) => EndpointState::ATTACHED,
        (false, _) => EndpointState::ATTACHED_SHARING,
    };
    let mut view = json!({
        "ActivityId": identifier(&document.id),
        "AdditionalParams": document.additional_params.clone().unwrap_or_else(|| json!({})),
        "DNSDomain": document.dns.domain,
        "DNSServerList": document.dns.server_list.join(","),
        "DNSSuffix": document.dns.search.join(","),
        "DisableICC": document.flags.contains(EndpointFlags::DISABLE_INTER_COMPUTE_COMMUNICATION),
        "EnableInternalDNS": network.is_some_and(|network| document.dns.server_list.first().is_some_and(
            |first| network.gateways().iter().any(|gateway| gateway.to_string() == *first))),
        "EncapOverhead": 0,
        "Flags": document.flags.0,
        "GatewayAddress": gateway(IpAddr::is_ipv4).unwrap_or_default(),
        "Health": health(&record.created, None),
        "ID": identifier(&document.id),
        "IPAddress": v4.map_or("", |config| config.ip_address.as_str()),
        "IPSubnetId": identifier(&subnet_of(v4, network)),
        "IsRemoteEndpoint": document.flags.contains(EndpointFlags::REMOTE_ENDPOINT),
        "MacAddress": document.mac_address,
        "Name": if document.name.is_empty() { "Ethernet" } else { document.name.as_str() },
        "Policies": document.policies.iter().map(to_v1).collect::<Vec<_>>(),
        "PrefixLength": v4.map_or(0, |config| config.prefix_length),
        "Resources": { "AllocationOrder": 0, "Allocators": [], "Health": health(&record.created, None),
            "ID": identifier(&document.id), "State": 1 },
        "SharedContainers": containers,
        "State": state,
        "Type": network.map_or_else(String::new, |network| network.document.mode.to_ascii_lowercase()),
        "Version": u64::from(VERSION.0) << 32 | u64::from(VERSION.1),
        "VirtualNetwork": identifier(&document.host_compute_network),
        "VirtualNetworkName": network.map_or("", |network| network.document.name.as_str()),
    });
    if let Some(config) = v6 {
        view["IPv6Address"] = json!(config.ip_address);
        view["IPv6PrefixLength"] = json!(config.prefix_length);
        view["GatewayAddressV6"] = json!(gateway(IpAddr::is_ipv6).unwrap_or_default());
    }
    if let Some(namespace) = namespace {
        view["Namespace"] = json!({ "ID": identifier(&namespace.document.id), "IsDefault": false,
            "CompartmentId": namespace.document.namespace_id });
    }
    view
}

/// A load balancer as a policy list.
pub fn policy_list_view(document: &HostComputeLoadBalancer) -> Value {
    let policies = document.port_mappings.iter().map(|mapping| {
        json!({ "Type": "ELB", "Protocol": mapping.protocol, "InternalPort": mapping.internal_port,
            "ExternalPort": mapping.external_port, "SourceVIP": document.source_vip, "VIPs": document.frontend_vips,
            "ILB": mapping.flags.0 & 1 == 1, "IsDSR": document.flags.0 & 1 == 1 })
    });
    json!({ "ID": identifier(&document.id), "References": references(&document.host_compute_endpoints),
        "Policies": policies.collect::<Vec<_>>(), "State": 1 })
}

/// A route as a policy list.
pub(super) fn route_view(document: &HostComputeRoute) -> Value {
    let policies = document.routes.iter().map(|route| {
        json!({ "Type": "ROUTE", "DestinationPrefix": route.destination_prefix, "NextHop": route.next_hop,
            "NeedEncap": route.need_encap })
    });
    json!({ "ID": identifier(&document.id), "References": references(&document.host_compute_endpoints),
        "Policies": policies.collect::<Vec<_>>(), "State": 1 })
}

/// A namespace.
pub(super) fn namespace_view(record: &NamespaceRecord) -> Value {
    let endpoints = record.endpoints().map(|id| json!({ "Type": "Endpoint", "Data": { "Id": identifier(&id) } }));
    let containers = record.containers().map(|id| json!({ "Type": "Container", "Data": { "Id": id } }));
    json!({ "ID": identifier(&record.document.id), "IsDefault": false, "CompartmentId": record.document.namespace_id,
        "ResourceList": containers.chain(endpoints).collect::<Vec<_>>() })
}

fn references(endpoints: &[Guid]) -> Vec<String> {
    endpoints.iter().map(|id| format!("/endpoints/{}", identifier(id))).collect()
}

/// Version 1 writes identifiers in upper case.
pub(super) fn identifier(id: &Guid) -> String {
    id.to_string().to_ascii_uppercase()
}

/// The range of a network that an address is in.
fn subnet_of(config: Option<&IpConfig>, network: Option<&NetworkRecord>) -> Guid {
    let address = config.and_then(|config| config.ip_address.parse::<IpAddr>().ok());
    let subnets = network.into_iter().flat_map(|network| &network.document.ipams).flat_map(|ipam| &ipam.subnets);
    let has =
        |prefix: &str| address.is_some_and(|at| ipam::parse_prefix(prefix).is_ok_and(|prefix| prefix.contains(at)));
    subnets.filter(|subnet| has(&subnet.ip_address_prefix)).map(|subnet| subnet.id).next().unwrap_or_default()
}

fn health(updated: &str, failure: Option<HResult>) -> Value {
    let time = updated.parse::<Timestamp>().unwrap_or_default();
    let ticks = (time.as_second() + FILETIME_EPOCH) * 10_000_000 + i64::from(time.subsec_nanosecond()) / 100;
    json!({ "LastErrorCode": failure.unwrap_or(HResult::OK).0, "LastUpdateTime": ticks })
}
