//! The networks of a container, as `inspect` and listings show them.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::container::Container;
use crate::rules::DEFAULT_NETWORK;

/// `NetworkSettings` of `inspect`. A container has no address: it is in the network `none`.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct NetworkSettingsView {
    bridge: &'static str,
    #[serde(rename = "SandboxID")]
    sandbox_id: &'static str,
    sandbox_key: &'static str,
    ports: BTreeMap<String, ()>,
    hairpin_mode: bool,
    #[serde(rename = "LinkLocalIPv6Address")]
    link_local_ipv6_address: &'static str,
    #[serde(rename = "LinkLocalIPv6PrefixLen")]
    link_local_ipv6_prefix_len: u8,
    #[serde(rename = "SecondaryIPAddresses")]
    secondary_ip_addresses: Option<()>,
    #[serde(rename = "SecondaryIPv6Addresses")]
    secondary_ipv6_addresses: Option<()>,
    #[serde(flatten)]
    address: AddressView,
    networks: BTreeMap<String, EndpointView>,
}

/// Where an endpoint is; all empty without one.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "PascalCase")]
struct AddressView {
    #[serde(rename = "EndpointID")]
    endpoint_id: &'static str,
    gateway: &'static str,
    #[serde(rename = "GlobalIPv6Address")]
    global_ipv6_address: &'static str,
    #[serde(rename = "GlobalIPv6PrefixLen")]
    global_ipv6_prefix_len: u8,
    #[serde(rename = "IPAddress")]
    ip_address: &'static str,
    #[serde(rename = "IPPrefixLen")]
    ip_prefix_len: u8,
    #[serde(rename = "IPv6Gateway")]
    ipv6_gateway: &'static str,
    mac_address: &'static str,
}

/// A container's place in one network.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct EndpointView {
    #[serde(rename = "IPAMConfig")]
    ipam_config: Option<()>,
    links: Option<Vec<String>>,
    aliases: Option<Vec<String>>,
    driver_opts: Option<BTreeMap<String, String>>,
    gw_priority: i64,
    #[serde(rename = "NetworkID")]
    network_id: &'static str,
    #[serde(flatten)]
    address: AddressView,
    #[serde(rename = "DNSNames")]
    dns_names: Option<Vec<String>>,
}

impl NetworkSettingsView {
    /// Those of this container.
    #[must_use]
    pub fn new(container: &Container) -> Self {
        Self { networks: networks(container), ..Self::default() }
    }
}

/// The networks of a container by name.
#[must_use]
pub fn networks(container: &Container) -> BTreeMap<String, EndpointView> {
    let mode = container.host_config.network_mode.as_str();
    let name = if mode.is_empty() || mode.starts_with("container:") { DEFAULT_NETWORK } else { mode };
    [(name.to_owned(), EndpointView::default())].into()
}
