//! `HNSCall(method, path, body)`.

use casement_schema::hcn::{
    Dns, EndpointFlags, HcnError, HostComputeEndpoint, HostComputeLoadBalancer, HostComputeNamespace,
    HostComputeNetwork, HostComputeRoute, IpConfig, Ipam, LoadBalancerFlags, LoadBalancerPortMapping,
    LoadBalancerPortMappingFlags, MacPool, ModifyNamespaceSettingRequest, ModifyRequestType, Protocol, Route,
    SdnRoutePolicySetting, Subnet,
};
use casement_schema::hns::{AttachRequest, HnsEndpoint, HnsNetwork, HnsReply, PolicyList};
use casement_schema::{Guid, from_json};
use casement_vswitch::Adapter;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::adapter::adapter_view;
use super::policy::to_v2;
use super::view::{endpoint_view, identifier, namespace_view, network_view, policy_list_view, route_view};
use crate::error::{NO_VALID_OBJECT, NetworkError, Result};
use crate::record::EndpointRecord;
use crate::service::{NetworkService, NewEndpoint, VERSION};

impl NetworkService {
    /// Answers a call of version 1. Lists end in a slash; an identifier may be in either case.
    pub fn call(&self, method: &str, path: &str, body: &[u8]) -> HnsReply {
        match self.dispatch(method, path, body) {
            Ok(output) => HnsReply {
                success: true,
                output: Some(output).filter(|output| !output.is_null()),
                ..HnsReply::default()
            },
            Err(error) => {
                let is_removal =
                    method.eq_ignore_ascii_case("DELETE") && !path.trim_start_matches('/').starts_with("namespaces");
                let text = match &error {
                    NetworkError::NotFound { .. } if is_removal => NO_VALID_OBJECT.to_owned(),
                    other => other.windows_text(),
                };
                HnsReply { success: false, error: text, error_code: error.hresult().0, output: None }
            }
        }
    }

    fn dispatch(&self, method: &str, path: &str, body: &[u8]) -> Result<Value> {
        let method = method.to_ascii_uppercase();
        let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
        let unsupported = || NetworkError::refused(HcnError::RequestUnsupported, format!("{method} {path}"));
        match (method.as_str(), parts.as_slice()) {
            ("GET", ["globals", "version"]) => Ok(json!({ "Major": VERSION.0, "Minor": VERSION.1 })),
            ("GET", ["networks"]) => {
                let networks = self.networks();
                Ok(networks.iter().map(|record| network_view(record, self.usage(&record.document.id))).collect())
            }
            ("POST", ["networks"]) => self.post_network(body),
            ("GET", ["networks", id]) => {
                let record = self.network(&guid(id)?)?;
                Ok(network_view(&record, self.usage(&record.document.id)))
            }
            ("DELETE", ["networks", id]) => self.delete_network(&guid(id)?).map(|()| Value::Null),
            ("GET", ["endpoints"]) => Ok(self.endpoints().iter().map(|record| self.endpoint_view(record)).collect()),
            ("POST", ["endpoints"]) => self.post_endpoint(body),
            ("GET", ["endpoints", id]) => Ok(self.endpoint_view(&self.endpoint(&guid(id)?)?)),
            ("POST", ["endpoints", id]) => self.update_endpoint(&guid(id)?, body),
            ("DELETE", ["endpoints", id]) => self.delete_endpoint(&guid(id)?).map(|()| Value::Null),
            ("POST", ["endpoints", id, how @ ("attach" | "detach")]) => {
                self.attach_call(&guid(id)?, *how == "attach", body)
            }
            ("GET", ["endpointstats", id]) => self.statistics_view(&guid(id)?),
            ("GET", ["policylists"]) => {
                let balancers = self.load_balancers();
                let routes = self.routes();
                Ok(balancers.iter().map(policy_list_view).chain(routes.iter().map(route_view)).collect())
            }
            ("POST", ["policylists"]) => self.post_policy_list(body),
            ("GET", ["policylists", id]) => {
                let id = guid(id)?;
                self.load_balancer(&id).map(|one| policy_list_view(&one)).or_else(|_| Ok(route_view(&self.route(&id)?)))
            }
            ("DELETE", ["policylists", id]) => self.delete_policy_list(&guid(id)?).map(|()| Value::Null),
            ("GET", ["namespaces"]) => Ok(self.namespaces().iter().map(namespace_view).collect()),
            ("POST", ["namespaces"]) => Ok(namespace_view(&self.create_namespace(HostComputeNamespace::default())?)),
            ("GET", ["namespaces", id]) => Ok(namespace_view(&self.namespace(&guid(id)?)?)),
            ("DELETE", ["namespaces", id]) => self.delete_namespace(&guid(id)?).map(|()| Value::Null),
            ("POST", ["namespaces", id, how @ ("addresource" | "removeresource")]) => {
                self.resource_call(&guid(id)?, *how == "addresource", body)
            }
            // Not of HNS: on Windows adapters have cmdlets of their own.
            ("GET", ["adapters"]) => self.adapters_view(),
            _ => Err(unsupported()),
        }
    }

    fn endpoint_view(&self, record: &EndpointRecord) -> Value {
        let network = self.network(&record.document.host_compute_network).ok();
        let namespace = self.namespace(&record.document.host_compute_namespace).ok();
        endpoint_view(record, network.as_ref(), namespace.as_ref())
    }

    fn adapters_view(&self) -> Result<Value> {
        let networks = self.networks();
        let name = |id: &Guid| {
            let found = networks.iter().find(|record| record.document.id == *id);
            found.map(|record| record.document.name.as_str())
        };
        let mac = |id: &Guid| self.endpoint(id).ok()?.mac();
        let adapters = self.adapters()?;
        let view =
            |adapter: &Adapter| adapter_view(adapter, name(&adapter.network), adapter.endpoint.as_ref().and_then(mac));
        Ok(adapters.iter().map(view).collect())
    }

    fn post_network(&self, body: &[u8]) -> Result<Value> {
        let record = self.create_network(network_of(parse(body)?)?)?;
        Ok(network_view(&record, self.usage(&record.document.id)))
    }

    fn post_endpoint(&self, body: &[u8]) -> Result<Value> {
        let endpoint: HnsEndpoint = parse(body)?;
        let network = match endpoint.virtual_network.as_str() {
            "" => {
                let named =
                    |record: &crate::record::NetworkRecord| record.document.name == endpoint.virtual_network_name;
                let found = self.networks().into_iter().find(named).map(|record| record.document.id);
                found.ok_or_else(|| NetworkError::NotFound {
                    kind: "network",
                    id: endpoint.virtual_network_name.clone(),
                })?
            }
            id => guid(id)?,
        };
        let document = endpoint_of(endpoint)?;
        let record = self.create_endpoint(&network, NewEndpoint { document, ..NewEndpoint::default() })?;
        Ok(self.endpoint_view(&record))
    }

    /// An update changes policies only.
    fn update_endpoint(&self, id: &Guid, body: &[u8]) -> Result<Value> {
        let endpoint: HnsEndpoint = parse(body)?;
        let policies = endpoint.policies.iter().map(to_v2).collect::<Result<_>>()?;
        self.set_policies(id, policies)?;
        Ok(self.endpoint_view(&self.endpoint(id)?))
    }

    fn attach_call(&self, id: &Guid, is_attachment: bool, body: &[u8]) -> Result<Value> {
        let request: AttachRequest = parse(body)?;
        let namespaces = self.namespaces();
        let fits = |record: &&crate::record::NamespaceRecord| {
            record.document.namespace_id == u32::from(request.compartment_id)
                || record.containers().any(|container| container == request.container_id)
        };
        let found = namespaces.iter().find(fits).map(|record| record.document.id);
        let namespace = found.ok_or(NetworkError::NotFound { kind: "compartment of", id: request.container_id })?;
        self.change_endpoint_of(&namespace, id, is_attachment)
    }

    fn resource_call(&self, namespace: &Guid, is_addition: bool, body: &[u8]) -> Result<Value> {
        let resource: casement_schema::hns::HnsNamespaceResource = parse(body)?;
        let id =
            resource.data.get("Id").or_else(|| resource.data.get("ID")).and_then(Value::as_str).unwrap_or_default();
        match resource.kind.as_str() {
            "Endpoint" => self.change_endpoint_of(namespace, &guid(id)?, is_addition),
            kind => {
                let settings = json!({ "ContainerId": id });
                self.change_namespace(namespace, kind, settings, is_addition)
            }
        }
    }

    fn change_endpoint_of(&self, namespace: &Guid, endpoint: &Guid, is_addition: bool) -> Result<Value> {
        self.change_namespace(namespace, "Endpoint", json!({ "EndpointId": endpoint }), is_addition)
    }

    fn change_namespace(&self, id: &Guid, kind: &str, settings: Value, is_addition: bool) -> Result<Value> {
        let request_type = if is_addition { ModifyRequestType::Add } else { ModifyRequestType::Remove };
        let request = ModifyNamespaceSettingRequest { resource_type: kind.to_owned(), request_type, settings };
        self.modify_namespace(id, &request).map(|()| Value::Null)
    }

    fn statistics_view(&self, id: &Guid) -> Result<Value> {
        let counted = self.statistics(id)?;
        Ok(json!({
            "BytesReceived": counted.bytes_received,
            "BytesSent": counted.bytes_sent,
            "PacketsReceived": counted.packets_received,
            "PacketsSent": counted.packets_sent,
            "DroppedPacketsIncoming": counted.dropped_packets_incoming,
            "DroppedPacketsOutgoing": counted.dropped_packets_outgoing,
            "EndpointId": identifier(id),
            "InstanceId": identifier(id),
        }))
    }

    fn post_policy_list(&self, body: &[u8]) -> Result<Value> {
        let list: PolicyList = parse(body)?;
        let endpoints = list.references.iter().map(|reference| guid(reference.rsplit('/').next().unwrap_or_default()));
        let endpoints = endpoints.collect::<Result<Vec<_>>>()?;
        let is_route = |policy: &&Value| policy["Type"].as_str().is_some_and(|kind| kind.eq_ignore_ascii_case("ROUTE"));
        if let Some(policy) = list.policies.iter().find(is_route) {
            let route: SdnRoutePolicySetting =
                serde_json::from_value(policy.clone()).map_err(|error| invalid_json(&error))?;
            let document = HostComputeRoute {
                host_compute_endpoints: endpoints,
                routes: vec![route],
                ..HostComputeRoute::default()
            };
            return Ok(route_view(&self.put_route(document)?));
        }
        let mut document =
            HostComputeLoadBalancer { host_compute_endpoints: endpoints, ..HostComputeLoadBalancer::default() };
        for policy in &list.policies {
            let number = |name: &str| policy[name].as_u64().and_then(|number| u16::try_from(number).ok()).unwrap_or(0);
            let is_set = |name: &str| u32::from(policy[name].as_bool().unwrap_or(false));
            policy["SourceVIP"].as_str().unwrap_or_default().clone_into(&mut document.source_vip);
            document.frontend_vips = serde_json::from_value(policy["VIPs"].clone()).unwrap_or_default();
            document.flags = LoadBalancerFlags(is_set("IsDSR"));
            document.port_mappings.push(LoadBalancerPortMapping {
                protocol: Protocol(number("Protocol").into()),
                internal_port: number("InternalPort"),
                external_port: number("ExternalPort"),
                flags: LoadBalancerPortMappingFlags(is_set("ILB")),
            });
        }
        Ok(policy_list_view(&self.put_load_balancer(document)?))
    }
}

/// An identifier in a path or a document.
pub(crate) fn guid(text: &str) -> Result<Guid> {
    text.parse()
        .map_err(|_| NetworkError::refused(HcnError::GuidConversionFailure, text.chars().take(64).collect::<String>()))
}

/// A document; an empty body is an empty one.
pub(crate) fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T> {
    let body = if body.trim_ascii().is_empty() { b"{}" } else { body };
    from_json(body).map_err(|error| NetworkError::refused(HcnError::InvalidJson, error.to_string()))
}

fn invalid_json(error: &serde_json::Error) -> NetworkError {
    NetworkError::refused(HcnError::InvalidJson, error.to_string())
}

/// The words of a list with commas, as version 1 and the options of Docker have them.
pub fn comma_list(text: &str) -> Vec<String> {
    text.split(',').map(str::trim).filter(|entry| !entry.is_empty()).map(str::to_owned).collect()
}

fn id_of(text: &str) -> Result<Guid> {
    if text.is_empty() { Ok(Guid::NULL) } else { guid(text) }
}

/// A network of version 1 as one of version 2.
pub(crate) fn network_of(network: HnsNetwork) -> Result<HostComputeNetwork> {
    let subnets = network.subnets.iter().map(|subnet| {
        if !subnet.address_prefix.is_empty() && subnet.gateway_address.is_empty() {
            let detail = format!("range {} has no gateway", subnet.address_prefix);
            return Err(NetworkError::refused(HcnError::InvalidSubnet, detail));
        }
        let destination = if subnet.gateway_address.contains(':') { "::/0" } else { "0.0.0.0/0" };
        let route =
            Route { next_hop: subnet.gateway_address.clone(), destination_prefix: destination.to_owned(), metric: 0 };
        Ok(Subnet {
            ip_address_prefix: subnet.address_prefix.clone(),
            routes: vec![route],
            policies: subnet.policies.iter().map(to_v2).collect::<Result<_>>()?,
            ..Subnet::default()
        })
    });
    let subnets = subnets.collect::<Result<Vec<_>>>()?;
    Ok(HostComputeNetwork {
        id: id_of(&network.id)?,
        name: network.name,
        mode: network.mode,
        policies: network.policies.iter().map(to_v2).collect::<Result<_>>()?,
        mac_pool: MacPool { ranges: network.mac_pools },
        dns: Dns { domain: network.dns_suffix, server_list: comma_list(&network.dns_server_list), ..Dns::default() },
        ipams: if subnets.is_empty() { Vec::new() } else { vec![Ipam { subnets, ..Ipam::default() }] },
        ..HostComputeNetwork::default()
    })
}

/// An endpoint of version 1 as one of version 2.
pub(crate) fn endpoint_of(endpoint: HnsEndpoint) -> Result<HostComputeEndpoint> {
    let addresses = [endpoint.ip_address, endpoint.ipv6_address].into_iter().filter(|address| !address.is_empty());
    let mut flags = 0;
    if endpoint.disable_icc {
        flags |= EndpointFlags::DISABLE_INTER_COMPUTE_COMMUNICATION.0;
    }
    if endpoint.is_remote_endpoint {
        flags |= EndpointFlags::REMOTE_ENDPOINT.0;
    }
    Ok(HostComputeEndpoint {
        id: id_of(&endpoint.id)?,
        name: endpoint.name,
        policies: endpoint.policies.iter().map(to_v2).collect::<Result<_>>()?,
        ip_configurations: addresses.map(|ip_address| IpConfig { ip_address, prefix_length: 0 }).collect(),
        dns: Dns {
            domain: endpoint.dns_domain,
            search: comma_list(&endpoint.dns_suffix),
            server_list: comma_list(&endpoint.dns_server_list),
            ..Dns::default()
        },
        mac_address: endpoint.mac_address,
        flags: EndpointFlags(flags),
        ..HostComputeEndpoint::default()
    })
}
