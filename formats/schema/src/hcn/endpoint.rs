//! An endpoint: a container's place in a network (Microsoft: `HostComputeEndpoint`).

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::flags::EndpointFlags;
use super::network::{Dns, Route};
use super::{Health, Policy};
use crate::json::is_default;
use crate::{Guid, Version};

/// An endpoint.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct HostComputeEndpoint {
    /// Identifier.
    #[serde(rename = "ID", skip_serializing_if = "is_default")]
    pub id: Guid,
    /// Who made it.
    #[serde(skip_serializing_if = "is_default")]
    pub owner: String,
    /// Name.
    #[serde(skip_serializing_if = "is_default")]
    pub name: String,
    /// Counts the changes.
    #[serde(skip_serializing_if = "is_default")]
    pub version: u64,
    /// What the owner keeps with it.
    #[serde(skip_serializing_if = "is_default")]
    pub additional_params: Option<Value>,
    /// The network.
    #[serde(skip_serializing_if = "is_default")]
    pub host_compute_network: Guid,
    /// The namespace that it is in, if it is in one.
    #[serde(skip_serializing_if = "is_default")]
    pub host_compute_namespace: Guid,
    /// Policies.
    #[serde(skip_serializing_if = "is_default")]
    pub policies: Vec<Policy>,
    /// Addresses.
    #[serde(skip_serializing_if = "is_default")]
    pub ip_configurations: Vec<IpConfig>,
    /// How it resolves names.
    #[serde(skip_serializing_if = "is_default")]
    pub dns: Dns,
    /// Routes.
    #[serde(skip_serializing_if = "is_default")]
    pub routes: Vec<Route>,
    /// `00-15-5D-70-38-C8`.
    #[serde(skip_serializing_if = "is_default")]
    pub mac_address: String,
    /// Flags.
    #[serde(skip_serializing_if = "is_default")]
    pub flags: EndpointFlags,
    /// How it is.
    #[serde(skip_serializing_if = "is_default")]
    pub health: Health,
    /// Schema of this document.
    #[serde(skip_serializing_if = "is_default")]
    pub schema_version: Option<Version>,
}

/// An address.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct IpConfig {
    /// The address.
    #[serde(skip_serializing_if = "is_default")]
    pub ip_address: String,
    /// Bits of its network.
    #[serde(skip_serializing_if = "is_default")]
    pub prefix_length: u8,
}
