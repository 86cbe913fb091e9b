//! A route of endpoints (Microsoft: `HostComputeRoute`).

use serde::{Deserialize, Serialize};

use crate::json::is_default;
use crate::{Guid, Version};

/// Routes that several endpoints have.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct HostComputeRoute {
    /// Identifier.
    #[serde(rename = "ID", skip_serializing_if = "is_default")]
    pub id: Guid,
    /// Who made it.
    #[serde(skip_serializing_if = "is_default")]
    pub owner: String,
    /// Counts the changes.
    #[serde(skip_serializing_if = "is_default")]
    pub version: u64,
    /// The endpoints.
    #[serde(skip_serializing_if = "is_default")]
    pub host_compute_endpoints: Vec<Guid>,
    /// The routes; hcsshim says `Setting`, Microsoft's documents `Routes`.
    #[serde(rename = "Setting", alias = "Routes", skip_serializing_if = "is_default")]
    pub routes: Vec<SdnRoutePolicySetting>,
    /// Schema of this document.
    #[serde(skip_serializing_if = "is_default")]
    pub schema_version: Option<Version>,
}

/// One route.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct SdnRoutePolicySetting {
    /// What it is for.
    #[serde(skip_serializing_if = "is_default")]
    pub destination_prefix: String,
    /// Where it leads.
    #[serde(skip_serializing_if = "is_default")]
    pub next_hop: String,
    /// Whether packets are wrapped on the way.
    #[serde(skip_serializing_if = "is_default")]
    pub need_encap: bool,
}
