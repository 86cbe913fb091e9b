//! Processors of the host and groups of them (service properties).

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::json::is_default;

/// Processors of the host.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ProcessorTopology {
    #[serde(skip_serializing_if = "is_default")]
    pub logical_processor_count: u32,
    #[serde(skip_serializing_if = "is_default")]
    pub logical_processors: Vec<LogicalProcessor>,
}

/// One processor of the host.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct LogicalProcessor {
    #[serde(skip_serializing_if = "is_default")]
    pub lp_index: u32,
    #[serde(skip_serializing_if = "is_default")]
    pub node_number: u8,
    #[serde(skip_serializing_if = "is_default")]
    pub package_id: u32,
    #[serde(skip_serializing_if = "is_default")]
    pub core_id: u32,
    #[serde(skip_serializing_if = "is_default")]
    pub root_vp_index: i32,
}

/// Cache use in bytes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct CacheQueryStatsResponse {
    #[serde(skip_serializing_if = "is_default")]
    pub l3_occupancy_bytes: u64,
    #[serde(skip_serializing_if = "is_default")]
    pub l3_total_bw_bytes: u64,
    #[serde(skip_serializing_if = "is_default")]
    pub l3_local_bw_bytes: u64,
}

/// A group of processors, by name.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct CpuGroup {
    #[serde(skip_serializing_if = "is_default")]
    pub id: String,
}

/// `CpuGroupAffinity` of the HCS v2 schema.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct CpuGroupAffinity {
    #[serde(skip_serializing_if = "is_default")]
    pub logical_processor_count: u32,
    #[serde(skip_serializing_if = "is_default")]
    pub logical_processors: Vec<u32>,
}

/// `CpuGroupConfig` of the HCS v2 schema.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct CpuGroupConfig {
    #[serde(skip_serializing_if = "is_default")]
    pub group_id: String,
    #[serde(skip_serializing_if = "is_default")]
    pub affinity: Option<CpuGroupAffinity>,
    #[serde(skip_serializing_if = "is_default")]
    pub group_properties: Vec<CpuGroupProperty>,
    #[serde(skip_serializing_if = "is_default")]
    pub hypervisor_group_id: u64,
}

/// `CpuGroupConfigurations` of the HCS v2 schema.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct CpuGroupConfigurations {
    #[serde(skip_serializing_if = "is_default")]
    pub cpu_groups: Vec<CpuGroupConfig>,
}

/// `CpuGroupProperty` of the HCS v2 schema.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct CpuGroupProperty {
    #[serde(skip_serializing_if = "is_default")]
    pub property_code: u32,
    #[serde(skip_serializing_if = "is_default")]
    pub property_value: u32,
}

/// `CreateGroupOperation` of the HCS v2 schema.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct CreateGroupOperation {
    #[serde(skip_serializing_if = "is_default")]
    pub group_id: String,
    #[serde(skip_serializing_if = "is_default")]
    pub logical_processor_count: u32,
    #[serde(skip_serializing_if = "is_default")]
    pub logical_processors: Vec<u32>,
}

/// `DeleteGroupOperation` of the HCS v2 schema.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct DeleteGroupOperation {
    #[serde(skip_serializing_if = "is_default")]
    pub group_id: String,
}

/// `HostProcessorModificationRequest` of the HCS v2 schema.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct HostProcessorModificationRequest {
    #[serde(skip_serializing_if = "is_default")]
    pub operation: Option<CpuGroupOperation>,
    #[serde(skip_serializing_if = "is_default")]
    pub operation_details: Option<Value>,
}

/// Operation on processor groups (Microsoft: `CPUGroupOperation`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum CpuGroupOperation {
    #[default]
    CreateGroup,
    DeleteGroup,
    SetProperty,
}

/// A NUMA node of the host.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct NumaNode {
    #[serde(skip_serializing_if = "is_default")]
    pub virtual_node_index: u32,
    #[serde(skip_serializing_if = "is_default")]
    pub physical_node_index: u32,
}

/// `NumaNodeMemory` of the HCS v2 schema.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct NumaNodeMemory {
    #[serde(skip_serializing_if = "is_default")]
    pub total_consumable_memory_in_pages: u64,
    #[serde(skip_serializing_if = "is_default")]
    pub available_memory_in_pages: u64,
}

/// `NumaNodeProcessor` of the HCS v2 schema.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct NumaNodeProcessor {
    #[serde(skip_serializing_if = "is_default")]
    pub total_assigned_processors: u32,
    #[serde(skip_serializing_if = "is_default")]
    pub total_available_processors: u32,
}
