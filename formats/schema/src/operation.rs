//! Options of operations on compute systems: pause, save, start, shut down.

use serde::{Deserialize, Serialize};

use crate::json::is_default;
use crate::migration::MigrationStartOptions;

/// Options of `HcsPauseComputeSystem`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct PauseOptions {
    #[serde(skip_serializing_if = "is_default")]
    pub suspension_level: Option<SuspensionLevel>,
    #[serde(skip_serializing_if = "is_default")]
    pub hosted_notification: Option<PauseNotification>,
}

/// How deep to pause (Microsoft: `PauseSuspensionLevel`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum SuspensionLevel {
    #[default]
    Suspend,
    MemoryLow,
    MemoryMedium,
    MemoryHigh,
}

/// What the guest is told about a pause.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct PauseNotification {
    #[serde(skip_serializing_if = "is_default")]
    pub reason: Option<PauseReason>,
}

/// Why a system is paused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum PauseReason {
    #[default]
    None,
    Save,
    Template,
}

/// Options of `HcsSaveComputeSystem`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct SaveOptions {
    #[serde(skip_serializing_if = "is_default")]
    pub save_type: Option<SaveType>,
    #[serde(skip_serializing_if = "is_default")]
    pub save_state_file_path: String,
}

/// What a saved state is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum SaveType {
    #[default]
    ToFile,
    AsTemplate,
}

/// Options of `HcsStartComputeSystem`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct StartOptions {
    #[serde(skip_serializing_if = "is_default")]
    pub destination_migration_options: Option<MigrationStartOptions>,
}

/// Options of `HcsShutDownComputeSystem`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ShutdownOptions {
    #[serde(skip_serializing_if = "is_default")]
    pub mechanism: Option<ShutdownMechanism>,
    #[serde(rename = "Type", skip_serializing_if = "is_default")]
    pub kind: Option<ShutdownType>,
    #[serde(skip_serializing_if = "is_default")]
    pub force: bool,
    #[serde(skip_serializing_if = "is_default")]
    pub reason: String,
}

/// Through which channel the guest is asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum ShutdownMechanism {
    #[default]
    GuestConnection,
    IntegrationService,
}

/// What the guest is asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum ShutdownType {
    #[default]
    Shutdown,
    Hibernate,
    Reboot,
}
