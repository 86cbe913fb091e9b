//! The networks of a host as Docker names them: those of the network service, and `none`.

pub(crate) mod attachment;
mod create;
mod membership;
pub(crate) mod part;
pub(crate) mod ports;

use std::collections::BTreeMap;
use std::sync::Arc;

use casement_hns::{NetworkRecord, NetworkService};
use casement_layers::Digest;
use casement_schema::Guid;
use serde::{Deserialize, Serialize};

use crate::container::{Container, Status};
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::host::Host;

pub use create::{IpamConfig, NetworkRequest};

/// Name of the network that has no addresses.
pub const NONE: &str = "none";
/// Name of the network of containers that ask for none in particular.
pub const NAT: &str = "nat";
/// Names that nobody may give to a network, or take away.
pub const PREDEFINED: [&str; 3] = ["default", NAT, NONE];
/// The network service, or why this host has none.
pub type NetworkPart = std::result::Result<Arc<NetworkService>, String>;

/// Member of a network document's additional parameters that holds Docker's part.
const DOCKER: &str = "Docker";

/// What Docker keeps of a network beside the document.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct DockerPart {
    /// Name, which that of the switch need not be.
    pub name: String,
    /// Driver.
    pub driver: String,
    /// Whether there is no way out.
    pub internal: bool,
    /// Whether anyone may attach to it.
    pub attachable: bool,
    /// Whether it has addresses of version 6.
    #[serde(rename = "EnableIPv6")]
    pub enable_ipv6: bool,
    /// Options.
    pub options: BTreeMap<String, String>,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// Address ranges as they were asked for.
    pub ranges: Vec<IpamConfig>,
}

/// A network.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Network {
    /// Id, 64 digits.
    pub id: String,
    /// When it was made, RFC 3339.
    pub created: String,
    /// The object of the network service; `none` has none.
    pub object: Option<Guid>,
    /// Name of the switch.
    pub switch: String,
    /// What Docker knows.
    pub docker: DockerPart,
    /// Address ranges and gateways.
    pub ranges: Vec<IpamConfig>,
}

impl Network {
    /// Whether it came with the daemon.
    #[must_use]
    pub fn is_predefined(&self) -> bool {
        PREDEFINED.contains(&self.docker.name.as_str())
    }

    fn of(record: &NetworkRecord) -> Self {
        let document = &record.document;
        let kept = document.additional_params.as_ref().and_then(|params| params.get(DOCKER));
        let docker: Option<DockerPart> = kept.and_then(|part| serde_json::from_value(part.clone()).ok());
        let subnets = document.ipams.iter().flat_map(|ipam| &ipam.subnets);
        let ranges: Vec<IpamConfig> = subnets
            .map(|subnet| IpamConfig {
                subnet: subnet.ip_address_prefix.clone(),
                gateway: subnet.routes.first().map(|route| route.next_hop.clone()).unwrap_or_default(),
                ..IpamConfig::default()
            })
            .collect();
        let found = || DockerPart {
            name: document.name.clone(),
            driver: document.mode.to_ascii_lowercase(),
            enable_ipv6: ranges.iter().any(|range| range.subnet.contains(':')),
            ..DockerPart::default()
        };
        let docker = docker.unwrap_or_else(found);
        let asked = |range: &IpamConfig| docker.ranges.iter().find(|other| other.subnet == range.subnet);
        let ranges = ranges.into_iter().map(|range| match asked(&range) {
            Some(asked) => IpamConfig { gateway: range.gateway, ..asked.clone() },
            None => range,
        });
        Self {
            id: network_id(&document.id),
            created: record.created.clone(),
            object: Some(document.id),
            switch: document.name.clone(),
            ranges: ranges.collect(),
            docker,
        }
    }
}

/// Docker's id of a network.
fn network_id(object: &Guid) -> String {
    Digest::of(&object.to_bytes()).hex().to_owned()
}

/// Docker's id of an endpoint.
pub(crate) fn endpoint_id(object: &Guid) -> String {
    Digest::of(&object.to_bytes()).hex().to_owned()
}

impl Engine {
    /// Every network, `none` first.
    ///
    /// # Errors
    /// When the identity of the host cannot be read.
    pub fn networks(&self) -> Result<Vec<Network>> {
        let host = Host::look(&self.root)?;
        let made = std::fs::metadata(self.root.join(crate::host::ID_FILE)).and_then(|file| file.modified());
        let created = made.ok().and_then(|time| jiff::Timestamp::try_from(time).ok());
        let none = Network {
            id: Digest::of(format!("network {NONE} of {}", host.id).as_bytes()).hex().to_owned(),
            created: created.map_or_else(|| crate::container::NEVER.to_owned(), crate::container::time_text),
            docker: DockerPart { name: NONE.to_owned(), driver: "null".to_owned(), ..DockerPart::default() },
            ..Network::default()
        };
        let records = self.networks.service().into_iter().flat_map(|service| service.networks());
        // Switches that Docker did not make and that lead nowhere are none of its networks, as on Windows.
        let is_docker = |record: &NetworkRecord| {
            let kept = record.document.additional_params.as_ref().is_some_and(|params| params.get(DOCKER).is_some());
            kept || !(record.is_type("Private") || record.is_type("Internal"))
        };
        let mut networks: Vec<Network> = records.filter(is_docker).map(|record| Network::of(&record)).collect();
        networks.sort_by(|one, other| one.docker.name.cmp(&other.docker.name));
        networks.insert(0, none);
        Ok(networks)
    }

    /// The network of this name, id or unique beginning of an id.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::InvalidParameter`].
    pub fn find_network(&self, key: &str) -> Result<Network> {
        let mut networks = self.networks()?;
        let key = if key == "default" { NAT } else { key };
        let exact = networks.iter().position(|network| network.docker.name == key || network.id == key);
        let fitting: Vec<usize> = (0..networks.len()).filter(|at| networks[*at].id.starts_with(key)).collect();
        let only = if let [at] = fitting[..] { Some(at) } else { None };
        match exact.or(only).filter(|_| !key.is_empty()) {
            Some(at) => Ok(networks.swap_remove(at)),
            None if !key.is_empty() && fitting.len() > 1 => Err(Error::InvalidParameter(format!(
                "network {key} is ambiguous ({} matches found on ID prefix)",
                fitting.len()
            ))),
            _ => Err(Error::NotFound(format!("network {key} not found"))),
        }
    }

    /// The containers in a network that run.
    #[must_use]
    pub fn members(&self, network: &Network) -> Vec<Container> {
        let runs = |container: &Container| matches!(container.state.status, Status::Running | Status::Paused);
        let is_member = |container: &Container| match network.object {
            None => container.host_config.network_mode == NONE,
            Some(_) => container.network.endpoints.contains_key(&network.docker.name),
        };
        self.list().into_iter().filter(|container| runs(container) && is_member(container)).collect()
    }

    /// Whether a container uses a network or will when it starts.
    fn is_used(&self, network: &Network) -> bool {
        let name = &network.docker.name;
        self.list()
            .iter()
            .any(|container| container.endpoints.contains_key(name) || container.host_config.network_mode == *name)
    }

    /// Removes a network that no container is in.
    ///
    /// # Errors
    /// [`Error::Forbidden`] for one that came with the daemon, or that containers are in; [`Error::NotFound`].
    pub fn remove_network(&self, key: &str) -> Result<Network> {
        let network = self.find_network(key)?;
        let name = &network.docker.name;
        let Some(object) = network.object.filter(|_| !network.is_predefined()) else {
            return Err(Error::Forbidden(format!("{name} is a pre-defined network and cannot be removed")));
        };
        let active: Vec<String> = self
            .members(&network)
            .iter()
            .map(|member| format!("name:\"{}\" id:\"{}\"", member.name, member.id.short()))
            .collect();
        if !active.is_empty() {
            return Err(Error::Forbidden(format!(
                "error while removing network: network {name} has active endpoints ({})",
                active.join(", ")
            )));
        }
        self.network_service()?.delete_network(&object).map_err(|error| {
            Error::Forbidden(format!("error while removing network: network {name} id {}: {error}", network.id))
        })?;
        self.tell_network(&network, "destroy", None);
        Ok(network)
    }

    /// Removes the networks that no container uses, were made before `until` and that `fits` says yes to; returns their names.
    ///
    /// # Errors
    /// When they cannot be listed.
    pub fn prune_networks(
        &self,
        until: Option<jiff::Timestamp>,
        fits: impl Fn(&Network) -> bool,
    ) -> Result<Vec<String>> {
        let mut removed = Vec::new();
        for network in self.networks()? {
            let is_old =
                |until: jiff::Timestamp| network.created.parse().is_ok_and(|made: jiff::Timestamp| made < until);
            if network.is_predefined() || self.is_used(&network) || !until.is_none_or(is_old) || !fits(&network) {
                continue;
            }
            // One that has come into use meanwhile stays.
            if let Ok(network) = self.remove_network(&network.id) {
                removed.push(network.docker.name);
            }
        }
        Ok(removed)
    }

    /// Tells listeners what happened to a network.
    fn tell_network(&self, network: &Network, action: &str, container: Option<&Container>) {
        let mut attributes: BTreeMap<String, String> = BTreeMap::new();
        attributes.insert("name".to_owned(), network.docker.name.clone());
        attributes.insert("type".to_owned(), network.docker.driver.clone());
        if let Some(container) = container {
            attributes.insert("container".to_owned(), container.id.to_string());
        }
        self.events().publish("network", action, &network.id, attributes);
    }
}
