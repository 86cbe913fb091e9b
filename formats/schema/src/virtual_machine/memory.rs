//! Memory of a virtual machine as it is reported.

use serde::{Deserialize, Serialize};

use crate::json::is_default;

/// `MemoryInformationForVm` of the HCS v2 schema.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct MemoryInformationForVm {
    #[serde(skip_serializing_if = "is_default")]
    pub virtual_node_count: u32,
    #[serde(skip_serializing_if = "is_default")]
    pub virtual_machine_memory: Option<VmMemory>,
    #[serde(skip_serializing_if = "is_default")]
    pub virtual_nodes: Vec<VirtualNodeInfo>,
}

/// Memory in pages, buffer in percent.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct VmMemory {
    #[serde(skip_serializing_if = "is_default")]
    pub available_memory: i64,
    #[serde(skip_serializing_if = "is_default")]
    pub available_memory_buffer: i32,
    #[serde(skip_serializing_if = "is_default")]
    pub reserved_memory: u64,
    #[serde(skip_serializing_if = "is_default")]
    pub assigned_memory: u64,
    #[serde(skip_serializing_if = "is_default")]
    pub slp_active: bool,
    #[serde(skip_serializing_if = "is_default")]
    pub balancing_enabled: bool,
    #[serde(skip_serializing_if = "is_default")]
    pub dm_operation_in_progress: bool,
}

/// `VirtualNodeInfo` of the HCS v2 schema.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct VirtualNodeInfo {
    #[serde(skip_serializing_if = "is_default")]
    pub virtual_node_index: u32,
    #[serde(skip_serializing_if = "is_default")]
    pub physical_node_number: u32,
    #[serde(skip_serializing_if = "is_default")]
    pub virtual_processor_count: u32,
    #[serde(skip_serializing_if = "is_default")]
    pub memory_usage_in_pages: u64,
}
