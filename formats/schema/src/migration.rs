//! Live migration of virtual machines; enumerated values are kept as text.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::json::is_default;

/// Options with which a migration begins.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct MigrationInitializeOptions {
    #[serde(skip_serializing_if = "is_default")]
    pub origin: String,
    #[serde(skip_serializing_if = "is_default")]
    pub memory_transport: String,
    #[serde(skip_serializing_if = "is_default")]
    pub memory_transfer_throttle_params: Option<MemoryMigrationTransferThrottleParams>,
    #[serde(skip_serializing_if = "is_default")]
    pub compression_settings: Option<MigrationCompressionSettings>,
    #[serde(skip_serializing_if = "is_default")]
    pub checksum_verification: bool,
    #[serde(skip_serializing_if = "is_default")]
    pub perf_tracing_enabled: bool,
    #[serde(skip_serializing_if = "is_default")]
    pub cancel_if_blackout_threshold_exceeds: bool,
    #[serde(skip_serializing_if = "is_default")]
    pub prepare_memory_transfer_mode: bool,
    #[serde(skip_serializing_if = "is_default")]
    pub compatibility_data: Option<CompatibilityInfo>,
}

/// `MigrationFinalizedOptions` of the HCS v2 schema.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct MigrationFinalizedOptions {
    #[serde(skip_serializing_if = "is_default")]
    pub origin: String,
    #[serde(skip_serializing_if = "is_default")]
    pub finalized_operation: String,
}

/// `MigrationStartOptions` of the HCS v2 schema.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct MigrationStartOptions {
    #[serde(skip_serializing_if = "is_default")]
    pub network_settings: Option<MigrationNetworkSettings>,
}

/// `MigrationTransferOptions` of the HCS v2 schema.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct MigrationTransferOptions {
    #[serde(skip_serializing_if = "is_default")]
    pub origin: String,
}

/// `MigrationCancelOptions` of the HCS v2 schema.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct MigrationCancelOptions {
    #[serde(skip_serializing_if = "is_default")]
    pub origin: String,
}

/// Pace of the memory transfer; times in milliseconds.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct MemoryMigrationTransferThrottleParams {
    #[serde(skip_serializing_if = "is_default")]
    pub skip_throttling: bool,
    #[serde(skip_serializing_if = "is_default")]
    pub throttling_scale: f64,
    #[serde(skip_serializing_if = "is_default")]
    pub minimum_throttle_percentage: u8,
    #[serde(skip_serializing_if = "is_default")]
    pub target_number_of_brownout_transfer_passes: u32,
    #[serde(skip_serializing_if = "is_default")]
    pub starting_brownout_pass_number_for_throttling: u32,
    #[serde(skip_serializing_if = "is_default")]
    pub maximum_number_of_brownout_transfer_passes: u32,
    #[serde(skip_serializing_if = "is_default")]
    pub target_blackout_transfer_time: u32,
    #[serde(skip_serializing_if = "is_default")]
    pub blackout_time_threshold_for_cancelling_migration: u32,
}

/// `MigrationCompressionSettings` of the HCS v2 schema.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct MigrationCompressionSettings {
    #[serde(skip_serializing_if = "is_default")]
    pub throttle_worker_count: u32,
}

/// `CompatibilityInfo` of the HCS v2 schema.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct CompatibilityInfo {
    /// Opaque bytes, base64.
    #[serde(skip_serializing_if = "is_default")]
    pub data: String,
}

/// `MigrationNetworkSettings` of the HCS v2 schema.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct MigrationNetworkSettings {
    #[serde(skip_serializing_if = "is_default")]
    pub session_id: u32,
}

/// `OperationSystemMigrationNotificationInfo` of the HCS v2 schema.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct OperationSystemMigrationNotificationInfo {
    #[serde(skip_serializing_if = "is_default")]
    pub origin: String,
    #[serde(skip_serializing_if = "is_default")]
    pub event: String,
    #[serde(skip_serializing_if = "is_default")]
    pub result: String,
    #[serde(skip_serializing_if = "is_default")]
    pub additional_details: Option<Value>,
}

/// `BlackoutExitedEventDetails` of the HCS v2 schema.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct BlackoutExitedEventDetails {
    #[serde(skip_serializing_if = "is_default")]
    pub blackout_duration_milliseconds: u64,
    /// RFC 3339.
    #[serde(skip_serializing_if = "is_default")]
    pub blackout_stop_timestamp: String,
}
