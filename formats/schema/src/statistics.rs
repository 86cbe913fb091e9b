//! Resource use of a compute system (Microsoft: `Statistics`).

use serde::{Deserialize, Serialize};

use crate::json::is_default;

/// Resource use of a compute system.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Statistics {
    /// RFC 3339.
    #[serde(skip_serializing_if = "is_default")]
    pub timestamp: String,
    /// RFC 3339.
    #[serde(skip_serializing_if = "is_default")]
    pub container_start_time: String,
    /// In units of 100 ns.
    #[serde(skip_serializing_if = "is_default")]
    pub uptime_100ns: u64,
    #[serde(skip_serializing_if = "is_default")]
    pub processor: Option<ProcessorStats>,
    #[serde(skip_serializing_if = "is_default")]
    pub memory: Option<MemoryStats>,
    #[serde(skip_serializing_if = "is_default")]
    pub storage: Option<StorageStats>,
}

/// Processor time, in units of 100 ns.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ProcessorStats {
    #[serde(skip_serializing_if = "is_default")]
    pub total_runtime_100ns: u64,
    #[serde(skip_serializing_if = "is_default")]
    pub runtime_user_100ns: u64,
    #[serde(skip_serializing_if = "is_default")]
    pub runtime_kernel_100ns: u64,
}

/// Memory in bytes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct MemoryStats {
    #[serde(skip_serializing_if = "is_default")]
    pub memory_usage_commit_bytes: u64,
    #[serde(skip_serializing_if = "is_default")]
    pub memory_usage_commit_peak_bytes: u64,
    #[serde(skip_serializing_if = "is_default")]
    pub memory_usage_private_working_set_bytes: u64,
}

/// Storage traffic; counts are normalised to 8 KiB operations on Windows.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct StorageStats {
    #[serde(skip_serializing_if = "is_default")]
    pub read_count_normalized: u64,
    #[serde(skip_serializing_if = "is_default")]
    pub read_size_bytes: u64,
    #[serde(skip_serializing_if = "is_default")]
    pub write_count_normalized: u64,
    #[serde(skip_serializing_if = "is_default")]
    pub write_size_bytes: u64,
}

/// Memory of a container as the guest reports it, in bytes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ContainerMemoryInformation {
    #[serde(skip_serializing_if = "is_default")]
    pub total_physical_bytes: u64,
    #[serde(skip_serializing_if = "is_default")]
    pub total_usage: u64,
    #[serde(skip_serializing_if = "is_default")]
    pub committed_bytes: u64,
    #[serde(skip_serializing_if = "is_default")]
    pub shared_committed_bytes: u64,
    #[serde(skip_serializing_if = "is_default")]
    pub commit_limit_bytes: u64,
    #[serde(skip_serializing_if = "is_default")]
    pub peak_commitment_bytes: u64,
}

/// The silo behind a container.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct SiloProperties {
    #[serde(skip_serializing_if = "is_default")]
    pub enabled: bool,
    #[serde(skip_serializing_if = "is_default")]
    pub job_name: String,
}
