//! Hyper-V socket rules (Microsoft: `HvSocketSystemConfig`).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::json::is_default;

/// Hyper-V sockets of a container.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct HvSocket {
    #[serde(skip_serializing_if = "is_default")]
    pub config: Option<HvSocketSystemConfig>,
    #[serde(skip_serializing_if = "is_default")]
    pub enable_power_shell_direct: bool,
}

/// Hyper-V sockets of a virtual machine.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct HvSocket2 {
    #[serde(skip_serializing_if = "is_default")]
    pub hv_socket_config: Option<HvSocketSystemConfig>,
}

/// Addresses of the two ends, as GUIDs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct HvSocketAddress {
    #[serde(skip_serializing_if = "is_default")]
    pub local_address: String,
    #[serde(skip_serializing_if = "is_default")]
    pub parent_address: String,
}

/// Who may bind and connect; descriptors are SDDL.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct HvSocketSystemConfig {
    #[serde(skip_serializing_if = "is_default")]
    pub default_bind_security_descriptor: String,
    #[serde(skip_serializing_if = "is_default")]
    pub default_connect_security_descriptor: String,
    /// Rules by service GUID.
    #[serde(skip_serializing_if = "is_default")]
    pub service_table: BTreeMap<String, HvSocketServiceConfig>,
}

/// Rules of one service.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct HvSocketServiceConfig {
    #[serde(skip_serializing_if = "is_default")]
    pub bind_security_descriptor: String,
    #[serde(skip_serializing_if = "is_default")]
    pub connect_security_descriptor: String,
    #[serde(skip_serializing_if = "is_default")]
    pub allow_wildcard_binds: bool,
    #[serde(skip_serializing_if = "is_default")]
    pub disabled: bool,
}
