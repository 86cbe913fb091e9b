//! State, security and debugging of a virtual machine.

use serde::{Deserialize, Serialize};

use crate::json::is_default;

/// Files that hold the firmware's and the run's state.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct GuestState {
    #[serde(skip_serializing_if = "is_default")]
    pub guest_state_file_path: String,
    #[serde(skip_serializing_if = "is_default")]
    pub guest_state_file_type: String,
    #[serde(skip_serializing_if = "is_default")]
    pub runtime_state_file_path: String,
    #[serde(skip_serializing_if = "is_default")]
    pub force_transient_state: bool,
}

/// What to restore a machine from.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct RestoreState {
    #[serde(skip_serializing_if = "is_default")]
    pub save_state_file_path: String,
    #[serde(skip_serializing_if = "is_default")]
    pub template_system_id: String,
}

/// Where states are saved when the guest fails.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct DebugOptions {
    #[serde(skip_serializing_if = "is_default")]
    pub bugcheck_saved_state_file_name: String,
    #[serde(skip_serializing_if = "is_default")]
    pub bugcheck_no_crashdump_saved_state_file_name: String,
    #[serde(skip_serializing_if = "is_default")]
    pub triple_fault_saved_state_file_name: String,
    #[serde(skip_serializing_if = "is_default")]
    pub firmware_dump_file_name: String,
}

/// `SecuritySettings` of the HCS v2 schema.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct SecuritySettings {
    #[serde(skip_serializing_if = "is_default")]
    pub enable_tpm: bool,
    #[serde(skip_serializing_if = "is_default")]
    pub isolation: Option<IsolationSettings>,
}

/// Hardware isolation.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct IsolationSettings {
    #[serde(skip_serializing_if = "is_default")]
    pub isolation_type: String,
    #[serde(skip_serializing_if = "is_default")]
    pub debug_host: String,
    #[serde(skip_serializing_if = "is_default")]
    pub debug_port: i64,
    #[serde(skip_serializing_if = "is_default")]
    pub launch_data: String,
    #[serde(skip_serializing_if = "is_default")]
    pub hcl_enabled: bool,
}
