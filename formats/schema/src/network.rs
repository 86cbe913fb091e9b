//! The network part of a container (Microsoft: `Networking`).

use serde::{Deserialize, Serialize};

use crate::json::is_default;

/// Network namespace and name resolution of a container.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Networking {
    /// Resolve names without a domain.
    #[serde(skip_serializing_if = "is_default")]
    pub allow_unqualified_dns_query: bool,
    /// Search suffixes, separated by commas.
    #[serde(skip_serializing_if = "is_default")]
    pub dns_search_list: String,
    /// Container whose network is shared.
    #[serde(skip_serializing_if = "is_default")]
    pub network_shared_container_name: String,
    /// Network namespace, an HCN GUID.
    #[serde(skip_serializing_if = "is_default")]
    pub namespace: String,
    /// Endpoint identifiers (schema 1 compatible).
    #[serde(skip_serializing_if = "is_default")]
    pub network_adapters: Vec<String>,
}
