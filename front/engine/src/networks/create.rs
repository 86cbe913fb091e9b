//! Making networks.

use std::collections::BTreeMap;
use std::net::IpAddr;

use casement_hns::{NetworkError, RANGE, RESERVED, comma_list};
use casement_schema::hcn::{Dns, HostComputeNetwork, Ipam, MacPool, MacRange, NetworkFlags, Route, Subnet};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{DOCKER, DockerPart, NAT, Network, PREDEFINED};
use crate::document::OWNER;
use crate::engine::Engine;
use crate::error::{Error, Result};

/// What options of the Windows driver begin with.
const OPTION: &str = "com.docker.network.windowsshim.";
/// Drivers that Windows has and this version does not.
const LATER: [&str; 5] = ["transparent", "l2bridge", "l2tunnel", "overlay", "ics"];
/// The driver that the docker command names when a person names none.
const COMMANDS_DEFAULT: &str = "bridge";
/// Drivers that there are, and the types of their networks.
const DRIVERS: [(&str, &str); 3] = [(NAT, "NAT"), ("internal", "Internal"), ("private", "Private")];

/// What a network is made from: the body of `POST /networks/create`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct NetworkRequest {
    /// Name.
    pub name: String,
    /// Driver; `nat` when empty.
    pub driver: String,
    /// Only `local` and nothing.
    pub scope: String,
    /// Only true and nothing.
    #[serde(rename = "EnableIPv4")]
    pub enable_ipv4: Option<bool>,
    /// Whether there is to be a range of version 6.
    #[serde(rename = "EnableIPv6")]
    pub enable_ipv6: Option<bool>,
    /// Address ranges.
    #[serde(rename = "IPAM")]
    pub ipam: Option<IpamRequest>,
    /// Whether there is to be no way out.
    pub internal: bool,
    /// Kept and shown.
    pub attachable: bool,
    /// Refused.
    pub ingress: bool,
    /// Refused.
    pub config_only: bool,
    /// Options.
    pub options: Option<BTreeMap<String, String>>,
    /// Labels.
    pub labels: Option<BTreeMap<String, String>>,
}

/// The part about addresses.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct IpamRequest {
    /// `default`, `windows` or nothing.
    pub driver: String,
    /// Address ranges.
    pub config: Option<Vec<IpamConfig>>,
}

/// An address range.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct IpamConfig {
    /// All of it.
    pub subnet: String,
    /// The part that addresses are given out of.
    #[serde(rename = "IPRange", skip_serializing_if = "String::is_empty")]
    pub ip_range: String,
    /// The host's address.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub gateway: String,
    /// Addresses that are not given out, by what has them.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub auxiliary_addresses: BTreeMap<String, String>,
}

impl Engine {
    /// Makes a network.
    ///
    /// # Errors
    /// In Docker's words, for a name that is taken or none, a driver that there is not, and ranges that cannot be.
    pub fn create_network(&self, request: &NetworkRequest) -> Result<Network> {
        if PREDEFINED.contains(&request.name.as_str()) {
            return Err(Error::Forbidden(format!(
                "operation is not permitted on predefined {} network ",
                request.name
            )));
        }
        check_name(&request.name)?;
        if self.networks()?.iter().any(|network| network.docker.name == request.name) {
            return Err(Error::Conflict(format!("network with name {} already exists", request.name)));
        }
        let document = document(request)?;
        self.need_networks();
        let record = self.network_service()?.create_network(document).map_err(|error| match &error {
            NetworkError::Refused { .. } => Error::InvalidParameter(error.to_string()),
            _ => Error::Compute(error.to_string()),
        })?;
        let network = Network::of(&record);
        self.tell_network(&network, "create", None);
        Ok(network)
    }

    /// Makes the network of containers that ask for none in particular, if there is none.
    ///
    /// # Errors
    /// Why it cannot be made.
    pub(crate) fn ensure_nat(&self) -> Result<()> {
        let Ok(service) = self.networks.service() else { return Ok(()) };
        if service.networks().iter().any(|record| record.document.name == NAT) {
            return Ok(());
        }
        let document = HostComputeNetwork {
            owner: OWNER.to_owned(),
            name: NAT.to_owned(),
            mode: "NAT".to_owned(),
            ..HostComputeNetwork::default()
        };
        let made = service.create_network(document).map(drop);
        made.map_err(|error| Error::Compute(format!("the network {NAT} cannot be made: {error}")))
    }
}

fn check_name(name: &str) -> Result<()> {
    let first = name.as_bytes().first().is_some_and(u8::is_ascii_alphanumeric);
    // Docker takes spaces within a name.
    if first && !name.ends_with(' ') && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.- ".contains(&byte))
    {
        return Ok(());
    }
    Err(Error::InvalidParameter(format!("invalid network name: {name}: only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed")))
}

fn invalid<T>(text: impl Into<String>) -> Result<T> {
    Err(Error::InvalidParameter(text.into()))
}

fn document(request: &NetworkRequest) -> Result<HostComputeNetwork> {
    let driver =
        if matches!(request.driver.as_str(), "" | "default" | COMMANDS_DEFAULT) { NAT } else { &request.driver };
    let Some((_, mode)) = DRIVERS.iter().find(|(name, _)| *name == driver) else {
        if LATER.contains(&driver) {
            return Err(Error::NotImplemented(format!(
                "networks of driver {driver} are not implemented by this version of Casement: use nat, internal or private"
            )));
        }
        return Err(Error::NotFound(format!(
            "could not find a driver/plugin: plugin \"{driver}\" not found: name one of {}",
            DRIVERS.map(|(name, _)| format!("-d {name}")).join(", ")
        )));
    };
    if request.ingress || request.config_only || !matches!(request.scope.as_str(), "" | "local") {
        return Err(Error::NotImplemented(
            "networks of a swarm are not implemented by this version of Casement".to_owned(),
        ));
    }
    if request.enable_ipv4 == Some(false) {
        return invalid("IPv4 cannot be disabled on Windows");
    }
    let ipam = request.ipam.clone().unwrap_or_default();
    if !matches!(ipam.driver.as_str(), "" | "default" | "windows") {
        return Err(Error::NotFound(format!("could not find a driver/plugin: plugin \"{}\" not found", ipam.driver)));
    }
    let ranges: Vec<IpamConfig> =
        ipam.config.unwrap_or_default().into_iter().filter(|range| !range.subnet.is_empty()).collect();
    let options = request.options.clone().unwrap_or_default();
    let option = |name: &str| options.get(&format!("{OPTION}{name}")).filter(|value| !value.is_empty());
    let subnets = ranges.iter().map(subnet).collect::<Result<Vec<_>>>()?;
    let enable_ipv6 = request.enable_ipv6.unwrap_or(false);
    let has_ipv6 = ranges.iter().any(|range| range.subnet.contains(':'));
    if enable_ipv6 != has_ipv6 {
        return invalid(if has_ipv6 {
            "an IPv6 subnet needs --ipv6"
        } else {
            "--ipv6 needs an IPv6 subnet: name one with --subnet"
        });
    }
    let docker = DockerPart {
        name: request.name.clone(),
        driver: driver.to_owned(),
        internal: request.internal,
        attachable: request.attachable,
        enable_ipv6,
        labels: request.labels.clone().unwrap_or_default(),
        ranges,
        options: options.clone(),
    };
    let mode = if request.internal && driver == NAT { "Internal" } else { mode };
    Ok(HostComputeNetwork {
        owner: OWNER.to_owned(),
        name: option("networkname").cloned().unwrap_or_else(|| request.name.clone()),
        mode: mode.to_owned(),
        mac_pool: option("macpool").map(|text| mac_pool(text)).transpose()?.unwrap_or_default(),
        dns: Dns {
            domain: option("dnssuffix").cloned().unwrap_or_default(),
            server_list: option("dnsservers").map(|text| comma_list(text)).unwrap_or_default(),
            ..Dns::default()
        },
        ipams: if subnets.is_empty() { Vec::new() } else { vec![Ipam { subnets, ..Ipam::default() }] },
        flags: NetworkFlags::NONE,
        additional_params: Some(json!({ DOCKER: docker })),
        ..HostComputeNetwork::default()
    })
}

fn mac_pool(text: &str) -> Result<MacPool> {
    let ends = comma_list(text);
    if !ends.len().is_multiple_of(2) {
        return invalid("invalid mac pool. You must specify both a start range and an end range");
    }
    let range = |ends: &[String]| MacRange { start_mac_address: ends[0].clone(), end_mac_address: ends[1].clone() };
    Ok(MacPool { ranges: ends.chunks_exact(2).map(range).collect() })
}

fn subnet(range: &IpamConfig) -> Result<Subnet> {
    let Ok(prefix) = range.subnet.parse::<casement_hns::vswitch::Prefix>() else {
        return invalid(format!("invalid subnet {}: invalid CIDR block notation", range.subnet));
    };
    let gateway = match range.gateway.as_str() {
        "" => first_address(&prefix),
        text => text.parse().or_else(|_| invalid(format!("invalid gateway address {text}")))?,
    };
    let destination = if gateway.is_ipv4() { "0.0.0.0/0" } else { "::/0" };
    let mut params = json!({});
    if !range.ip_range.is_empty() {
        params[RANGE] = json!(range.ip_range);
    }
    if !range.auxiliary_addresses.is_empty() {
        params[RESERVED] = range.auxiliary_addresses.values().map(String::as_str).collect();
    }
    Ok(Subnet {
        ip_address_prefix: range.subnet.clone(),
        routes: vec![Route { next_hop: gateway.to_string(), destination_prefix: destination.to_owned(), metric: 0 }],
        additional_params: Some(params).filter(|params| params.as_object().is_some_and(|members| !members.is_empty())),
        ..Subnet::default()
    })
}

fn first_address(prefix: &casement_hns::vswitch::Prefix) -> IpAddr {
    match prefix.address() {
        IpAddr::V4(address) => IpAddr::V4((address.to_bits().saturating_add(1)).into()),
        IpAddr::V6(address) => IpAddr::V6((address.to_bits().saturating_add(1)).into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(change: impl FnOnce(&mut NetworkRequest)) -> String {
        let mut request = NetworkRequest { name: "mine".to_owned(), ..NetworkRequest::default() };
        change(&mut request);
        document(&request).unwrap_err().to_string()
    }

    #[test]
    fn drivers_and_options_have_dockers_refusals() {
        assert!(refusal(|request| request.driver = "macvlan".to_owned()).contains("plugin \"macvlan\" not found"));
        assert!(refusal(|request| request.driver = "overlay".to_owned()).contains("not implemented"));
        let pool = "com.docker.network.windowsshim.macpool";
        let text =
            refusal(|request| request.options = Some([(pool.to_owned(), "00-15-5D-00-00-00".to_owned())].into()));
        assert_eq!(text, "invalid mac pool. You must specify both a start range and an end range");
        assert_eq!(refusal(|request| request.enable_ipv4 = Some(false)), "IPv4 cannot be disabled on Windows");
        for bad in ["", "-a", "a/b", "a ", "é"] {
            assert!(check_name(bad).is_err(), "{bad}");
        }
        assert!(check_name("a_b-1. c").is_ok());
    }

    #[test]
    fn a_range_has_a_gateway_also_when_none_is_named() {
        let range = IpamConfig { subnet: "10.1.0.0/24".to_owned(), ..IpamConfig::default() };
        assert_eq!(subnet(&range).unwrap().routes[0].next_hop, "10.1.0.1");
        let range = IpamConfig { subnet: "fd00:1::/64".to_owned(), ..IpamConfig::default() };
        assert_eq!(subnet(&range).unwrap().routes[0].next_hop, "fd00:1::1");
    }
}
