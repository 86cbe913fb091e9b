//! An endpoint (Microsoft: `HNSEndpoint`).

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::json::is_default;

/// An endpoint as version 1 describes it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct HnsEndpoint {
    /// Identifier.
    #[serde(rename = "ID", alias = "Id", skip_serializing_if = "is_default")]
    pub id: String,
    /// Name.
    #[serde(skip_serializing_if = "is_default")]
    pub name: String,
    /// Identifier of the network.
    #[serde(skip_serializing_if = "is_default")]
    pub virtual_network: String,
    /// Name of the network.
    #[serde(skip_serializing_if = "is_default")]
    pub virtual_network_name: String,
    /// Policies: `Type` and the settings beside it.
    #[serde(skip_serializing_if = "is_default")]
    pub policies: Vec<Value>,
    /// `00-15-5D-70-38-C8`.
    #[serde(skip_serializing_if = "is_default")]
    pub mac_address: String,
    /// Address.
    #[serde(rename = "IPAddress", skip_serializing_if = "is_default")]
    pub ip_address: String,
    /// Address of version 6.
    #[serde(rename = "IPv6Address", skip_serializing_if = "is_default")]
    pub ipv6_address: String,
    /// Suffix of names.
    #[serde(rename = "DNSSuffix", skip_serializing_if = "is_default")]
    pub dns_suffix: String,
    /// Name servers, separated by commas.
    #[serde(rename = "DNSServerList", skip_serializing_if = "is_default")]
    pub dns_server_list: String,
    /// Domain.
    #[serde(rename = "DNSDomain", skip_serializing_if = "is_default")]
    pub dns_domain: String,
    /// Gateway.
    #[serde(skip_serializing_if = "is_default")]
    pub gateway_address: String,
    /// Gateway of version 6.
    #[serde(skip_serializing_if = "is_default")]
    pub gateway_address_v6: String,
    /// Whether the gateway answers for names.
    #[serde(rename = "EnableInternalDNS", skip_serializing_if = "is_default")]
    pub enable_internal_dns: bool,
    /// Whether other endpoints are out of reach.
    #[serde(rename = "DisableICC", skip_serializing_if = "is_default")]
    pub disable_icc: bool,
    /// Bits of the network part.
    #[serde(skip_serializing_if = "is_default")]
    pub prefix_length: u8,
    /// The same of version 6.
    #[serde(rename = "IPv6PrefixLength", skip_serializing_if = "is_default")]
    pub ipv6_prefix_length: u8,
    /// Whether it is on another host.
    #[serde(skip_serializing_if = "is_default")]
    pub is_remote_endpoint: bool,
    /// The namespace that it is in.
    #[serde(skip_serializing_if = "is_default")]
    pub namespace: Option<Value>,
    /// Containers that use it.
    #[serde(skip_serializing_if = "is_default")]
    pub shared_containers: Vec<String>,
    /// How it stands.
    #[serde(skip_serializing_if = "is_default")]
    pub state: EndpointState,
}

/// How an endpoint stands, a number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndpointState(pub u16);

impl EndpointState {
    /// Made.
    pub const CREATED: Self = Self(1);
    /// In a compartment.
    pub const ATTACHED: Self = Self(2);
    /// In a compartment that several containers have.
    pub const ATTACHED_SHARING: Self = Self(3);
    /// No longer.
    pub const DETACHED: Self = Self(4);
    /// Something is wrong with it.
    pub const DEGRADED: Self = Self(5);
    /// Removed.
    pub const DESTROYED: Self = Self(6);
}

/// Body of `/endpoints/ID/attach` and `/detach`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct AttachRequest {
    /// The container.
    pub container_id: String,
    /// `Container`, `VirtualMachine` or `Host`.
    pub system_type: String,
    /// The compartment.
    pub compartment_id: u16,
    /// Name of the adapter in a virtual machine.
    pub virtual_nic_name: String,
}
