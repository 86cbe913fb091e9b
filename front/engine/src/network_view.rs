//! The networks of a container, as `inspect` and listings show them.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use crate::container::{Container, Status};
use crate::model::PortBinding;
use crate::networks::NONE;
use crate::networks::attachment::{Attachment, SHARED, wanted};

/// `NetworkSettings` of `inspect`. On Windows the sandbox of a container has its id, and the addresses stand with the networks only.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct NetworkSettingsView {
    bridge: &'static str,
    #[serde(rename = "SandboxID")]
    sandbox_id: String,
    sandbox_key: String,
    ports: BTreeMap<String, Option<Vec<PortBinding>>>,
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
    endpoint_id: String,
    gateway: String,
    #[serde(rename = "GlobalIPv6Address")]
    global_ipv6_address: String,
    #[serde(rename = "GlobalIPv6PrefixLen")]
    global_ipv6_prefix_len: u8,
    #[serde(rename = "IPAddress")]
    ip_address: String,
    #[serde(rename = "IPPrefixLen")]
    ip_prefix_len: u8,
    #[serde(rename = "IPv6Gateway")]
    ipv6_gateway: String,
    mac_address: String,
}

/// A container's place in one network.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct EndpointView {
    #[serde(rename = "IPAMConfig")]
    ipam_config: Value,
    links: Value,
    aliases: Value,
    driver_opts: Value,
    gw_priority: i64,
    #[serde(rename = "NetworkID")]
    network_id: String,
    #[serde(flatten)]
    address: AddressView,
    #[serde(rename = "DNSNames")]
    dns_names: Option<Vec<String>>,
}

impl NetworkSettingsView {
    /// Those of this container.
    #[must_use]
    pub fn new(container: &Container) -> Self {
        let runs = matches!(container.state.status, Status::Running | Status::Paused);
        let sandbox = if runs { container.id.to_string() } else { String::new() };
        let mut ports: BTreeMap<String, Option<Vec<PortBinding>>> = BTreeMap::new();
        if runs {
            ports.extend(container.config.exposed_ports.keys().map(|port| (port.clone(), None)));
            let published = container.network.ports.iter();
            ports.extend(published.map(|(port, bindings)| (port.clone(), Some(bindings.clone()))));
        }
        Self {
            sandbox_id: sandbox.clone(),
            sandbox_key: sandbox,
            ports,
            networks: networks(container),
            ..Self::default()
        }
    }
}

/// The networks of a container by name.
#[must_use]
pub fn networks(container: &Container) -> BTreeMap<String, EndpointView> {
    let mode = container.host_config.network_mode.as_str();
    if mode == NONE {
        return [(NONE.to_owned(), EndpointView::default())].into();
    }
    if mode.starts_with(SHARED) {
        return BTreeMap::new();
    }
    let view = |name: String| {
        let asked = container.endpoints.get(&name).unwrap_or(&Value::Null);
        let view = endpoint_view(asked, container.network.endpoints.get(&name));
        (name, view)
    };
    wanted(container).into_iter().map(view).collect()
}

fn endpoint_view(asked: &Value, attachment: Option<&Attachment>) -> EndpointView {
    let member = |name: &str| asked.get(name).cloned().unwrap_or_default();
    let mut view = EndpointView {
        ipam_config: member("IPAMConfig"),
        links: member("Links"),
        aliases: member("Aliases"),
        driver_opts: member("DriverOpts"),
        ..EndpointView::default()
    };
    // What was asked for stands in for what is not there yet.
    view.address.mac_address = asked["MacAddress"].as_str().unwrap_or_default().to_owned();
    if let Some(attachment) = attachment {
        view.network_id.clone_from(&attachment.network_id);
        view.dns_names = Some(attachment.names.clone());
        view.address = AddressView {
            endpoint_id: attachment.id(),
            gateway: attachment.gateway.clone(),
            global_ipv6_address: attachment.address_v6.clone(),
            global_ipv6_prefix_len: attachment.prefix_length_v6,
            ip_address: attachment.address.clone(),
            ip_prefix_len: attachment.prefix_length,
            ipv6_gateway: attachment.gateway_v6.clone(),
            mac_address: attachment.mac_address.clone(),
        };
    }
    view
}
