//! A network (Microsoft: `HNSNetwork`).

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::hcn::MacRange;
use crate::json::is_default;

/// A network as version 1 describes it. Lists of name servers are separated by commas.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct HnsNetwork {
    /// Identifier.
    #[serde(rename = "ID", alias = "Id", skip_serializing_if = "is_default")]
    pub id: String,
    /// Name.
    #[serde(skip_serializing_if = "is_default")]
    pub name: String,
    /// `NAT`, `Transparent`, …, in either case.
    #[serde(rename = "Type", skip_serializing_if = "is_default")]
    pub mode: String,
    /// Adapter of the host.
    #[serde(skip_serializing_if = "is_default")]
    pub network_adapter_name: String,
    /// MAC address that leaves the host.
    #[serde(skip_serializing_if = "is_default")]
    pub source_mac: String,
    /// Policies: `Type` and the settings beside it.
    #[serde(skip_serializing_if = "is_default")]
    pub policies: Vec<Value>,
    /// Ranges of MAC addresses.
    #[serde(skip_serializing_if = "is_default")]
    pub mac_pools: Vec<MacRange>,
    /// Address ranges.
    #[serde(skip_serializing_if = "is_default")]
    pub subnets: Vec<HnsSubnet>,
    /// Suffix of names.
    #[serde(rename = "DNSSuffix", skip_serializing_if = "is_default")]
    pub dns_suffix: String,
    /// Name servers.
    #[serde(rename = "DNSServerList", skip_serializing_if = "is_default")]
    pub dns_server_list: String,
    /// Compartment whose resolver answers.
    #[serde(rename = "DNSServerCompartment", skip_serializing_if = "is_default")]
    pub dns_server_compartment: u32,
    /// Address of the host.
    #[serde(rename = "ManagementIP", skip_serializing_if = "is_default")]
    pub management_ip: String,
    /// Whether the gateway answers for names.
    #[serde(rename = "AutomaticDNS", skip_serializing_if = "is_default")]
    pub automatic_dns: bool,
}

/// An address range of version 1.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct HnsSubnet {
    /// `192.168.48.0/20`.
    #[serde(skip_serializing_if = "is_default")]
    pub address_prefix: String,
    /// `192.168.48.1`.
    #[serde(skip_serializing_if = "is_default")]
    pub gateway_address: String,
    /// Policies.
    #[serde(skip_serializing_if = "is_default")]
    pub policies: Vec<Value>,
}
