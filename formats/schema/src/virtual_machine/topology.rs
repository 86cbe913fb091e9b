//! Processors, memory and NUMA of a virtual machine.

use serde::{Deserialize, Serialize};

use crate::host_processor::CpuGroup;
use crate::json::is_default;

/// `Topology` of the HCS v2 schema.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Topology {
    #[serde(skip_serializing_if = "is_default")]
    pub memory: Option<VirtualMachineMemory>,
    #[serde(skip_serializing_if = "is_default")]
    pub processor: Option<VirtualMachineProcessor>,
    #[serde(skip_serializing_if = "is_default")]
    pub numa: Option<Numa>,
}

/// Memory of a virtual machine.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct VirtualMachineMemory {
    /// In MiB.
    #[serde(rename = "SizeInMB", skip_serializing_if = "is_default")]
    pub size_in_mb: u64,
    #[serde(skip_serializing_if = "is_default")]
    pub backing: Option<MemoryBackingType>,
    #[serde(skip_serializing_if = "is_default")]
    pub allow_overcommit: bool,
    #[serde(skip_serializing_if = "is_default")]
    pub enable_hot_hint: bool,
    #[serde(skip_serializing_if = "is_default")]
    pub enable_cold_hint: bool,
    #[serde(skip_serializing_if = "is_default")]
    pub enable_cold_discard_hint: bool,
    #[serde(skip_serializing_if = "is_default")]
    pub enable_deferred_commit: bool,
    #[serde(rename = "LowMmioGapInMB", skip_serializing_if = "is_default")]
    pub low_mmio_gap_in_mb: u64,
    #[serde(rename = "HighMmioBaseInMB", skip_serializing_if = "is_default")]
    pub high_mmio_base_in_mb: u64,
    #[serde(rename = "HighMmioGapInMB", skip_serializing_if = "is_default")]
    pub high_mmio_gap_in_mb: u64,
    #[serde(skip_serializing_if = "is_default")]
    pub slit_type: String,
}

/// Where a virtual machine's memory comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum MemoryBackingType {
    #[default]
    Physical,
    Virtual,
    Hybrid,
}

/// Processors of a virtual machine.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct VirtualMachineProcessor {
    #[serde(skip_serializing_if = "is_default")]
    pub count: u32,
    /// In 1/1000 percent of each processor.
    #[serde(skip_serializing_if = "is_default")]
    pub limit: u64,
    #[serde(skip_serializing_if = "is_default")]
    pub weight: u64,
    #[serde(skip_serializing_if = "is_default")]
    pub reservation: u64,
    #[serde(skip_serializing_if = "is_default")]
    pub cpu_group: Option<CpuGroup>,
    #[serde(skip_serializing_if = "is_default")]
    pub numa_processors_settings: Option<NumaProcessors>,
}

/// Changeable processor limits of a virtual machine.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ProcessorLimits {
    #[serde(skip_serializing_if = "is_default")]
    pub limit: u64,
    #[serde(skip_serializing_if = "is_default")]
    pub weight: u64,
    #[serde(skip_serializing_if = "is_default")]
    pub reservation: u64,
    #[serde(skip_serializing_if = "is_default")]
    pub maximum_frequency_m_hz: u32,
}

/// `Numa` of the HCS v2 schema.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Numa {
    #[serde(skip_serializing_if = "is_default")]
    pub virtual_node_count: u8,
    #[serde(skip_serializing_if = "is_default")]
    pub preferred_physical_nodes: Vec<i64>,
    #[serde(skip_serializing_if = "is_default")]
    pub settings: Vec<NumaSetting>,
    #[serde(skip_serializing_if = "is_default")]
    pub max_size_per_node: u64,
}

/// `NumaSetting` of the HCS v2 schema.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct NumaSetting {
    #[serde(skip_serializing_if = "is_default")]
    pub virtual_node_number: u32,
    #[serde(skip_serializing_if = "is_default")]
    pub physical_node_number: u32,
    #[serde(skip_serializing_if = "is_default")]
    pub virtual_socket_number: u32,
    #[serde(skip_serializing_if = "is_default")]
    pub count_of_processors: u32,
    #[serde(skip_serializing_if = "is_default")]
    pub count_of_memory_blocks: u64,
    #[serde(skip_serializing_if = "is_default")]
    pub memory_backing_type: Option<MemoryBackingType>,
}

/// `NumaProcessors` of the HCS v2 schema.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct NumaProcessors {
    #[serde(skip_serializing_if = "is_default")]
    pub count_per_node: Option<Range>,
    #[serde(skip_serializing_if = "is_default")]
    pub node_per_socket: u32,
}

/// `Range` of the HCS v2 schema.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Range {
    #[serde(skip_serializing_if = "is_default")]
    pub max: u32,
}
