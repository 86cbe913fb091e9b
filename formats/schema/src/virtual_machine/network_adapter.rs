//! Network adapters of a virtual machine.

use serde::{Deserialize, Serialize};

use crate::json::is_default;

/// `NetworkAdapter` of the HCS v2 schema.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct NetworkAdapter {
    /// HCN endpoint GUID.
    #[serde(skip_serializing_if = "is_default")]
    pub endpoint_id: String,
    #[serde(skip_serializing_if = "is_default")]
    pub mac_address: String,
    #[serde(skip_serializing_if = "is_default")]
    pub iov_settings: Option<IovSettings>,
}

/// Single-root I/O virtualisation.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct IovSettings {
    #[serde(skip_serializing_if = "is_default")]
    pub offload_weight: u32,
    #[serde(skip_serializing_if = "is_default")]
    pub queue_pairs_requested: u32,
    #[serde(skip_serializing_if = "is_default")]
    pub interrupt_moderation: Option<InterruptModeration>,
}

/// (Microsoft: `InterruptModerationName`)
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum InterruptModeration {
    #[default]
    Default,
    Adaptive,
    Off,
    Low,
    Medium,
    High,
}
