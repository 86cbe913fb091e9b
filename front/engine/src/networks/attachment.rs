//! The endpoints of a container while it runs.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use casement_hcs::Resolver;
use casement_hns::{EndpointRecord, NetworkError, NetworkService, NewEndpoint};
use casement_schema::Guid;
use casement_schema::hcn::{Dns, HostComputeEndpoint, IpConfig, Policy};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tracing::warn;

use super::ports::{self, Published};
use super::{NONE, Network, endpoint_id};
use crate::compute::System;
use crate::container::{Container, Status};
use crate::document::OWNER;
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::go_json;

/// What the network of another container is called in a network mode.
pub(crate) const SHARED: &str = "container:";

/// Where a container is in networks.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Attachments {
    /// Its namespace in the network service.
    pub namespace: Option<Guid>,
    /// Endpoints by the name of their network.
    pub endpoints: BTreeMap<String, Attachment>,
    /// Published ports.
    pub ports: Published,
}

/// One endpoint.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Attachment {
    /// Identifier in the network service.
    pub endpoint: Guid,
    /// Docker's id of the network.
    pub network_id: String,
    /// Address of version 4.
    pub address: String,
    /// Bits of the network part, as Windows shows them.
    pub prefix_length: u8,
    /// Gateway of version 4.
    pub gateway: String,
    /// Address of version 6.
    pub address_v6: String,
    /// Bits of the network part.
    pub prefix_length_v6: u8,
    /// Gateway of version 6.
    pub gateway_v6: String,
    /// `00:15:5d:70:38:c8`.
    pub mac_address: String,
    /// Names that stand for it.
    pub names: Vec<String>,
}

/// What was asked for in one network: `EndpointSettings`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct EndpointSettings {
    #[serde(rename = "IPAMConfig")]
    ipam_config: Option<IpamSettings>,
    aliases: Option<Vec<String>>,
    links: Option<Vec<String>>,
    mac_address: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct IpamSettings {
    #[serde(rename = "IPv4Address")]
    ipv4_address: String,
    #[serde(rename = "IPv6Address")]
    ipv6_address: String,
}

impl Attachment {
    /// The text of an endpoint's id.
    #[must_use]
    pub fn id(&self) -> String {
        endpoint_id(&self.endpoint)
    }

    fn of(record: &EndpointRecord, network: &Network) -> Self {
        let (v4, v6) = (record.address(IpAddr::is_ipv4), record.address(IpAddr::is_ipv6));
        let gateway =
            |family: fn(&IpAddr) -> bool| record.gateway(family).map_or_else(String::new, |hop| hop.to_string());
        let address = v4.map(|config| config.ip_address.clone()).unwrap_or_default();
        Self {
            endpoint: record.document.id,
            network_id: network.id.clone(),
            prefix_length: classful(&address),
            address,
            gateway: gateway(IpAddr::is_ipv4),
            address_v6: v6.map(|config| config.ip_address.clone()).unwrap_or_default(),
            prefix_length_v6: v6.map_or(0, |config| config.prefix_length),
            gateway_v6: gateway(IpAddr::is_ipv6),
            mac_address: record.document.mac_address.replace('-', ":").to_ascii_lowercase(),
            names: record.names.clone(),
        }
    }
}

/// Bits of the network part by the class of an address: Windows engines show this, whatever the network says.
fn classful(address: &str) -> u8 {
    match address.parse::<std::net::Ipv4Addr>().map(|address| address.octets()[0]) {
        Ok(0..=127) => 8,
        Ok(128..=191) => 16,
        Ok(192..=223) => 24,
        Ok(_) => 32,
        Err(_) => 0,
    }
}

/// The endpoints of a container that is to start.
pub(crate) struct Opened {
    pub(crate) attachments: Attachments,
    resolver: Resolver,
}

/// The names of the networks that a container is to be in, that of its mode first.
pub(crate) fn wanted(container: &Container) -> Vec<String> {
    let mode = container.host_config.network_mode.as_str();
    if mode == NONE || mode.starts_with(SHARED) || container.config.network_disabled {
        return Vec::new();
    }
    let others = container.endpoints.keys().filter(|name| *name != mode);
    std::iter::once(mode.to_owned()).filter(|mode| !mode.is_empty()).chain(others.cloned()).collect()
}

impl Engine {
    /// Makes the namespace and the endpoints of a container that is to start; the namespace gets this identifier.
    ///
    /// # Errors
    /// [`Error::NotFound`] for a network that is not there, or why an endpoint cannot be.
    pub(crate) fn open_networks(&self, container: &Container, namespace: Option<Guid>) -> Result<Option<Opened>> {
        let names = wanted(container);
        if names.is_empty() || (self.networks.service().is_err() && names == [super::NAT]) {
            return Ok(None);
        }
        let service = self.network_service()?;
        if names.iter().any(|name| name == super::NAT) {
            self.ensure_nat()?;
        }
        let networks = names.iter().map(|name| self.find_network(name)).collect::<Result<Vec<_>>>()?;
        let mut endpoints = Vec::new();
        let mut has_ports = false;
        for network in &networks {
            let Some(object) = network.object else {
                return Err(cannot_be_private());
            };
            let publishes = !has_ports && network.docker.driver == super::NAT && !network.docker.internal;
            has_ports |= publishes;
            let policies = if publishes { self.port_policies(service, container)? } else { Vec::new() };
            let links = self.links(container, network)?;
            endpoints.push((object, NewEndpoint { links, ..new_endpoint(container, network, policies)? }));
        }
        let (namespace, records) = service
            .create_container_namespace(namespace.unwrap_or_default(), OWNER, container.id.as_str(), endpoints)
            .map_err(|error| endpoint_error(container, &names[0], &error))?;
        let mut attachments = Attachments { namespace: Some(namespace), ..Attachments::default() };
        for (network, record) in networks.iter().zip(&records) {
            attachments.endpoints.insert(network.docker.name.clone(), Attachment::of(record, network));
            attachments.ports.extend(ports::published(&record.document.policies));
        }
        let resolver = resolver(container, &records);
        Ok(Some(Opened { attachments, resolver }))
    }

    /// The names that links of a container add to its network, and what they stand for there: what a container is called may change,
    /// the beginning of its id does not.
    pub(super) fn links(&self, container: &Container, network: &Network) -> Result<BTreeMap<String, String>> {
        let own = endpoint_settings(container, network)?.links.unwrap_or_default();
        let of_mode = container.host_config.network_mode == network.docker.name;
        let legacy = container.host_config.links.iter().flatten().filter(|_| of_mode);
        let link = |text: &String| {
            let (key, alias) = parse_link(text)?;
            let target = self.find(key).map_or_else(|_| key.to_owned(), |entry| entry.id.short().to_owned());
            Ok((alias.to_owned(), target))
        };
        own.iter().chain(legacy).map(link).collect()
    }

    /// Checks what links lead to.
    ///
    /// # Errors
    /// [`Error::InvalidParameter`], in Docker's words.
    pub(crate) fn check_links(&self, links: &[String]) -> Result<()> {
        for text in links {
            let (key, _) = parse_link(text)?;
            // Not a 404, which would make the client look for an image.
            self.find(key)
                .map_err(|error| Error::InvalidParameter(format!("could not get container for {key}: {error}")))?;
        }
        Ok(())
    }

    fn port_policies(&self, service: &NetworkService, container: &Container) -> Result<Vec<Policy>> {
        let taken: BTreeSet<(u32, u16)> = service
            .endpoints()
            .iter()
            .flat_map(|record| ports::published(&record.document.policies))
            .flat_map(|(port, bindings)| {
                let protocol = ports::parse(&port).map_or(0, |(_, protocol, _)| protocol.0);
                bindings.into_iter().filter_map(move |binding| Some((protocol, binding.host_port.parse().ok()?)))
            })
            .collect();
        ports::policies(container, &taken)
    }

    /// Puts the endpoints into the silo of a container, before its first program runs.
    pub(crate) fn enter_networks(
        &self,
        container: &Container,
        system: &Arc<dyn System>,
        opened: &Opened,
    ) -> Result<()> {
        if let Some(namespace) = &opened.attachments.namespace {
            let kernel = system.network_namespace()?;
            let name = opened.attachments.endpoints.keys().next().cloned().unwrap_or_default();
            self.network_service()?
                .bind_namespace(namespace, kernel)
                .map_err(|error| endpoint_error(container, &name, &error))?;
        }
        system.set_resolver(&opened.resolver)
    }

    /// Removes the namespace of a container that runs no more, with its endpoints.
    pub(crate) fn close_networks(&self, attachments: &Attachments) {
        if let (Ok(service), Some(namespace)) = (self.networks.service(), &attachments.namespace)
            && let Err(error) = service.remove_namespace(namespace)
        {
            warn!(%namespace, %error, "the endpoints of a container cannot be removed");
        }
    }

    /// After a start of the daemon: the namespaces of containers that run are found again, what belonged to others is removed, and the
    /// host is made what the network service says.
    pub(crate) fn rejoin_networks(&self) -> Result<()> {
        let Ok(service) = self.networks.service() else { return Ok(()) };
        let mut kept = BTreeSet::new();
        for container in self.store.all()? {
            let runs = matches!(container.state.status, Status::Running | Status::Paused);
            let Some(namespace) = container.network.namespace.filter(|_| runs) else { continue };
            let found = self.compute.open(&container.id).map(|system| system.network_namespace());
            if let Some(Ok(kernel)) = found {
                service.bind_running_namespace(&namespace, kernel);
                kept.insert(namespace);
            }
        }
        for record in service.namespaces() {
            let document = &record.document;
            if document.owner == OWNER
                && !kept.contains(&document.id)
                && let Err(error) = service.remove_namespace(&document.id)
            {
                warn!(namespace = %document.id, %error, "cannot remove what an earlier daemon left");
            }
        }
        if let Err(error) = service.begin() {
            warn!(%error, "the networks cannot be brought in line");
        }
        if let Err(error) = self.ensure_nat() {
            warn!(%error, "containers start with --network none only, until one that starts in it finds it possible");
        }
        Ok(())
    }
}

pub(super) fn cannot_be_private() -> Error {
    Error::InvalidParameter(
        "container cannot be connected to multiple networks with one of the networks in private (none) mode".to_owned(),
    )
}

/// Docker's text around what the network service says.
pub(super) fn endpoint_error(container: &Container, network: &str, error: &NetworkError) -> Error {
    let code = error.hresult();
    let text = match error {
        NetworkError::Refused { .. } | NetworkError::PortInUse { .. } => {
            format!("hnsCall failed in Win32: {} ({:#x})", error.windows_text(), code.win32().unwrap_or(code.0))
        }
        other => other.to_string(),
    };
    warn!(%error, "an endpoint cannot be made");
    Error::Compute(format!("failed to create endpoint {} on network {network}: {text}", container.name))
}

/// The container that a link leads to, and the name that it gives it.
fn parse_link(text: &str) -> Result<(&str, &str)> {
    let refused = |text: String| Err(Error::InvalidParameter(text));
    match text.split(':').collect::<Vec<_>>()[..] {
        [""] => refused("empty string specified for links".to_owned()),
        [name] => Ok((name, name)),
        [name, alias] if !name.is_empty() && !alias.is_empty() => {
            // As inspect shows them: `/container:/other/alias`.
            let alias = if name.starts_with('/') { alias.rsplit('/').next().unwrap_or(alias) } else { alias };
            Ok((name.trim_start_matches('/'), alias))
        }
        _ => refused(format!("bad format for links: {text}")),
    }
}

fn endpoint_settings(container: &Container, network: &Network) -> Result<EndpointSettings> {
    let asked = container.endpoints.get(&network.docker.name).cloned().unwrap_or(Value::Null);
    go_json::read(&asked).map_err(|error| Error::InvalidParameter(error.to_string()))
}

/// What an endpoint of a container is made from.
pub(super) fn new_endpoint(container: &Container, network: &Network, policies: Vec<Policy>) -> Result<NewEndpoint> {
    let settings = endpoint_settings(container, network)?;
    let addresses = settings.ipam_config.map(|ipam| [ipam.ipv4_address, ipam.ipv6_address]).into_iter().flatten();
    let config = |ip_address: String| IpConfig { ip_address, prefix_length: 0 };
    let mut names = vec![container.name.to_string()];
    let short = container.id.short().to_owned();
    let hostname = container.config.hostname.clone();
    for name in settings.aliases.unwrap_or_default().into_iter().chain([short, hostname]) {
        if !name.is_empty() && !names.contains(&name) {
            names.push(name);
        }
    }
    Ok(NewEndpoint {
        document: HostComputeEndpoint {
            owner: OWNER.to_owned(),
            policies,
            ip_configurations: addresses.filter(|address| !address.is_empty()).map(config).collect(),
            dns: Dns {
                server_list: container.host_config.dns.clone().unwrap_or_default(),
                search: container.host_config.dns_search.clone().unwrap_or_default(),
                ..Dns::default()
            },
            mac_address: settings.mac_address.unwrap_or_default(),
            ..HostComputeEndpoint::default()
        },
        names,
        ..NewEndpoint::default()
    })
}

/// How a container with these endpoints resolves names: by way of the first gateway, which knows the names of all its networks.
pub(super) fn resolver(container: &Container, records: &[EndpointRecord]) -> Resolver {
    let host = &container.host_config;
    let lists = || records.iter().map(|record| &record.document.dns.server_list);
    let own = records.iter().find_map(|record| {
        let first: IpAddr = record.document.dns.server_list.first()?.parse().ok()?;
        [record.gateway(IpAddr::is_ipv4), record.gateway(IpAddr::is_ipv6)].contains(&Some(first)).then_some(first)
    });
    let servers = match own {
        Some(gateway) => vec![gateway],
        None => lists().flatten().filter_map(|server| server.parse().ok()).collect(),
    };
    let mut search: Vec<String> = host.dns_search.clone().unwrap_or_default();
    for record in records {
        let domain = &record.document.dns.domain;
        if !domain.is_empty() && !search.contains(domain) {
            search.push(domain.clone());
        }
    }
    let gateway = records.iter().find_map(|record| record.gateway(IpAddr::is_ipv4));
    let mut hosts: Vec<(IpAddr, String)> = Vec::new();
    for line in host.extra_hosts.iter().flatten() {
        let Some((name, address)) = line.split_once([':', '=']) else { continue };
        let address = if address == "host-gateway" { gateway } else { address.trim_matches(['[', ']']).parse().ok() };
        hosts.extend(address.map(|address| (address, name.to_owned())));
    }
    let own = records.first().and_then(|record| record.address(IpAddr::is_ipv4)?.ip_address.parse().ok());
    hosts.extend(own.map(|address| (address, container.config.hostname.clone())));
    Resolver { servers, search, options: host.dns_options.clone().unwrap_or_default(), hosts }
}

/// An attachment for a record that was made later.
pub(super) fn attachment(record: &EndpointRecord, network: &Network) -> Attachment {
    Attachment::of(record, network)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_written_as_people_and_as_docker_write_them() {
        assert_eq!(parse_link("web").unwrap(), ("web", "web"));
        assert_eq!(parse_link("web:shop").unwrap(), ("web", "shop"));
        assert_eq!(parse_link("/web:/own/shop").unwrap(), ("web", "shop"));
        for bad in ["", ":shop", "web:", "a:b:c"] {
            parse_link(bad).unwrap_err();
        }
    }
}
