//! The virtual machine part of a compute system document (Microsoft: `VirtualMachine`).

pub mod chipset;
pub mod devices;
pub mod display;
pub mod memory;
pub mod network_adapter;
pub mod pci;
pub mod plan9;
pub mod pmem;
pub mod scsi;
pub mod shared_memory;
pub mod smb;
pub mod state;
pub mod topology;

use serde::{Deserialize, Serialize};

use crate::guest::GuestConnection;
use crate::json::is_default;
use crate::migration::MigrationInitializeOptions;
use crate::registry::RegistryChanges;
use crate::storage::StorageQoS;
use crate::version::Version;

/// A utility VM.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct VirtualMachine {
    #[serde(skip_serializing_if = "is_default")]
    pub version: Option<Version>,
    #[serde(skip_serializing_if = "is_default")]
    pub stop_on_reset: bool,
    #[serde(skip_serializing_if = "is_default")]
    pub chipset: Option<chipset::Chipset>,
    #[serde(skip_serializing_if = "is_default")]
    pub compute_topology: Option<topology::Topology>,
    #[serde(skip_serializing_if = "is_default")]
    pub devices: Option<devices::Devices>,
    #[serde(skip_serializing_if = "is_default")]
    pub guest_state: Option<state::GuestState>,
    #[serde(skip_serializing_if = "is_default")]
    pub restore_state: Option<state::RestoreState>,
    #[serde(skip_serializing_if = "is_default")]
    pub registry_changes: Option<RegistryChanges>,
    #[serde(rename = "StorageQoS", skip_serializing_if = "is_default")]
    pub storage_qos: Option<StorageQoS>,
    #[serde(skip_serializing_if = "is_default")]
    pub debug_options: Option<state::DebugOptions>,
    #[serde(skip_serializing_if = "is_default")]
    pub guest_connection: Option<GuestConnection>,
    #[serde(skip_serializing_if = "is_default")]
    pub security_settings: Option<state::SecuritySettings>,
    #[serde(skip_serializing_if = "is_default")]
    pub resource_partition_id: String,
    #[serde(skip_serializing_if = "is_default")]
    pub migration_options: Option<MigrationInitializeOptions>,
}
