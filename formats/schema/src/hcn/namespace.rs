//! A network namespace: what a silo sees of networks (Microsoft: `HostComputeNamespace`).

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::json::is_default;
use crate::{Guid, Version};

/// A namespace.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct HostComputeNamespace {
    /// Identifier.
    #[serde(rename = "ID", skip_serializing_if = "is_default")]
    pub id: Guid,
    /// Who made it.
    #[serde(skip_serializing_if = "is_default")]
    pub owner: String,
    /// Counts the changes.
    #[serde(skip_serializing_if = "is_default")]
    pub version: u64,
    /// What the owner keeps with it.
    #[serde(skip_serializing_if = "is_default")]
    pub additional_params: Option<Value>,
    /// The compartment, a number.
    #[serde(skip_serializing_if = "is_default")]
    pub namespace_id: u32,
    /// Kind.
    #[serde(rename = "Type", skip_serializing_if = "is_default")]
    pub kind: NamespaceType,
    /// What is in it.
    #[serde(skip_serializing_if = "is_default")]
    pub resources: Vec<NamespaceResource>,
    /// Schema of this document.
    #[serde(skip_serializing_if = "is_default")]
    pub schema_version: Option<Version>,
}

/// Kinds of namespaces.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum NamespaceType {
    /// Of a silo on this host.
    #[default]
    Host,
    /// That of the host itself.
    HostDefault,
    /// In a virtual machine.
    Guest,
    /// That of a virtual machine itself.
    GuestDefault,
}

/// Something in a namespace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "Type", content = "Data")]
pub enum NamespaceResource {
    /// A container, by its id.
    Container {
        /// The id.
        #[serde(rename = "ID", alias = "Id", alias = "ContainerId")]
        id: String,
    },
    /// An endpoint.
    Endpoint {
        /// The id.
        #[serde(rename = "ID", alias = "Id", alias = "EndpointId")]
        id: Guid,
    },
}
