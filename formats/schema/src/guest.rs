//! What the guest of a compute system says about itself, and settings of its clock.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::json::is_default;
use crate::version::Version;

/// How the host reaches the guest of a virtual machine.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct GuestConnection {
    #[serde(skip_serializing_if = "is_default")]
    pub use_vsock: bool,
    #[serde(skip_serializing_if = "is_default")]
    pub use_connected_suspend: bool,
}

/// What a connected guest supports.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct GuestConnectionInfo {
    #[serde(skip_serializing_if = "is_default")]
    pub supported_schema_versions: Vec<Version>,
    /// Version of the bridge protocol.
    #[serde(skip_serializing_if = "is_default")]
    pub protocol_version: u32,
    #[serde(skip_serializing_if = "is_default")]
    pub guest_defined_capabilities: Option<Value>,
}

/// Abilities that a guest declares.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct GuestDefinedCapabilities {
    #[serde(skip_serializing_if = "is_default")]
    pub namespace_add_request_supported: bool,
    #[serde(skip_serializing_if = "is_default")]
    pub signal_process_supported: bool,
    #[serde(skip_serializing_if = "is_default")]
    pub dump_stacks_supported: bool,
    #[serde(skip_serializing_if = "is_default")]
    pub delete_container_state_supported: bool,
    #[serde(skip_serializing_if = "is_default")]
    pub update_container_supported: bool,
    #[serde(skip_serializing_if = "is_default")]
    pub log_forwarding_supported: bool,
    #[serde(skip_serializing_if = "is_default")]
    pub host_process_container_supported: bool,
}

/// A point in time as `SYSTEMTIME` has it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct SystemTime {
    #[serde(skip_serializing_if = "is_default")]
    pub year: i32,
    #[serde(skip_serializing_if = "is_default")]
    pub month: i32,
    #[serde(skip_serializing_if = "is_default")]
    pub day_of_week: i32,
    #[serde(skip_serializing_if = "is_default")]
    pub day: i32,
    #[serde(skip_serializing_if = "is_default")]
    pub hour: i32,
    #[serde(skip_serializing_if = "is_default")]
    pub minute: i32,
    #[serde(skip_serializing_if = "is_default")]
    pub second: i32,
    #[serde(skip_serializing_if = "is_default")]
    pub milliseconds: i32,
}

/// A time zone as `TIME_ZONE_INFORMATION` has it; biases in minutes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct TimeZoneInformation {
    #[serde(skip_serializing_if = "is_default")]
    pub bias: i32,
    #[serde(skip_serializing_if = "is_default")]
    pub standard_name: String,
    #[serde(skip_serializing_if = "is_default")]
    pub standard_date: Option<SystemTime>,
    #[serde(skip_serializing_if = "is_default")]
    pub standard_bias: i32,
    #[serde(skip_serializing_if = "is_default")]
    pub daylight_name: String,
    #[serde(skip_serializing_if = "is_default")]
    pub daylight_date: Option<SystemTime>,
    #[serde(skip_serializing_if = "is_default")]
    pub daylight_bias: i32,
}
