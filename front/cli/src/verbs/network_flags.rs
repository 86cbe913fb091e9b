//! The flags of `run` and `create` that say which networks a container is in.

use std::collections::HashMap;

use bollard::models::{EndpointIpamConfig, EndpointSettings, HostConfig, NetworkingConfig, PortBinding};
use clap::Args;

use super::published_port::PublishedPorts;

/// The name of the network of those that ask for none in particular.
const DEFAULT: &str = "default";

/// Networks, addresses, names and ports, as docker's flags have them.
#[derive(Debug, Args)]
pub struct NetworkFlags {
    /// Network to join, none, or container:NAME for that of another container
    #[arg(long, alias = "net", value_name = "NETWORK")]
    pub network: Option<String>,
    /// Address of version 4 in the network
    #[arg(long, value_name = "ADDRESS")]
    pub ip: Option<std::net::Ipv4Addr>,
    /// Address of version 6 in the network
    #[arg(long, value_name = "ADDRESS")]
    pub ip6: Option<std::net::Ipv6Addr>,
    /// Further name in the network
    #[arg(long, alias = "net-alias", value_name = "NAME")]
    pub network_alias: Vec<String>,
    /// Publish a port on the host
    #[arg(short = 'p', long, value_name = "[[ADDRESS:]PORT:]PORT[/tcp|/udp]")]
    pub publish: Vec<PublishedPorts>,
    /// Publish all exposed ports at ports that are free
    #[arg(short = 'P', long)]
    pub publish_all: bool,
    /// Expose a port
    #[arg(long, value_name = "PORT[/tcp|/udp]")]
    pub expose: Vec<PublishedPorts>,
    /// Name server for what the network does not know
    #[arg(long, value_name = "ADDRESS")]
    pub dns: Vec<std::net::IpAddr>,
    /// Suffix with which names are looked for
    #[arg(long, value_name = "DOMAIN")]
    pub dns_search: Vec<String>,
}

impl NetworkFlags {
    /// Puts what holds on the host into the host's part of a request.
    pub fn apply(&self, host: HostConfig) -> HostConfig {
        let mut bindings: HashMap<String, Option<Vec<PortBinding>>> = HashMap::new();
        for (port, binding) in self.publish.iter().flat_map(PublishedPorts::bindings) {
            bindings.entry(port).or_default().get_or_insert_default().push(binding);
        }
        HostConfig {
            network_mode: self.network.clone(),
            port_bindings: Some(bindings),
            publish_all_ports: Some(self.publish_all),
            dns: Some(self.dns.iter().map(ToString::to_string).collect()),
            dns_search: Some(self.dns_search.clone()),
            ..host
        }
    }

    /// The ports that are exposed: those that are published too.
    pub fn exposed(&self) -> Vec<String> {
        let bindings = self.publish.iter().chain(&self.expose).flat_map(PublishedPorts::bindings);
        let mut ports: Vec<String> = bindings.map(|(port, _)| port).collect();
        ports.sort();
        ports.dedup();
        ports
    }

    /// What is asked for in the network that is named.
    pub fn endpoints(&self) -> Option<NetworkingConfig> {
        let name = self.network.as_deref().unwrap_or(DEFAULT);
        let is_asked = self.ip.is_some() || self.ip6.is_some();
        let ipam = EndpointIpamConfig {
            ipv4_address: self.ip.map(|address| address.to_string()),
            ipv6_address: self.ip6.map(|address| address.to_string()),
            ..EndpointIpamConfig::default()
        };
        let settings = EndpointSettings {
            ipam_config: is_asked.then_some(ipam),
            aliases: (!self.network_alias.is_empty()).then(|| self.network_alias.clone()),
            ..EndpointSettings::default()
        };
        (settings != EndpointSettings::default())
            .then(|| NetworkingConfig { endpoints_config: Some([(name.to_owned(), settings)].into()) })
    }
}
