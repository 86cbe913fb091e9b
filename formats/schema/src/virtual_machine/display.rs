//! Display of a virtual machine.

use serde::{Deserialize, Serialize};

use crate::json::is_default;

/// `VideoMonitor` of the HCS v2 schema.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct VideoMonitor {
    /// In pixels.
    #[serde(skip_serializing_if = "is_default")]
    pub horizontal_resolution: u32,
    /// In pixels.
    #[serde(skip_serializing_if = "is_default")]
    pub vertical_resolution: u32,
    #[serde(skip_serializing_if = "is_default")]
    pub connection_options: Option<RdpConnectionOptions>,
}

/// `EnhancedModeVideo` of the HCS v2 schema.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct EnhancedModeVideo {
    #[serde(skip_serializing_if = "is_default")]
    pub connection_options: Option<RdpConnectionOptions>,
}

/// `RdpConnectionOptions` of the HCS v2 schema.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct RdpConnectionOptions {
    #[serde(skip_serializing_if = "is_default")]
    pub access_sids: Vec<String>,
    #[serde(skip_serializing_if = "is_default")]
    pub named_pipe: String,
}
