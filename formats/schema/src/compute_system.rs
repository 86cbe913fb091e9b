//! The document that creates a compute system (Microsoft: `ComputeSystem`).

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::container::Container;
use crate::json::is_default;
use crate::version::Version;
use crate::virtual_machine::VirtualMachine;

/// What `HcsCreateComputeSystem` takes. Exactly one of `container`, `virtual_machine` and `hosted_system` is set;
/// [`ComputeSystem::validate`] checks that.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ComputeSystem {
    /// Free text that names the creator.
    #[serde(skip_serializing_if = "is_default")]
    pub owner: String,
    /// Version that the document is written in.
    #[serde(skip_serializing_if = "is_default")]
    pub schema_version: Option<Version>,
    /// Utility VM that hosts this system.
    #[serde(skip_serializing_if = "is_default")]
    pub hosting_system_id: String,
    /// Document for the guest of the utility VM: a [`HostedSystem`] for Windows, any form for Linux.
    #[serde(skip_serializing_if = "is_default")]
    pub hosted_system: Option<Value>,
    /// A process-isolated container.
    #[serde(skip_serializing_if = "is_default")]
    pub container: Option<Container>,
    /// A utility VM.
    #[serde(skip_serializing_if = "is_default")]
    pub virtual_machine: Option<VirtualMachine>,
    /// End the system when its last handle is closed.
    #[serde(skip_serializing_if = "is_default")]
    pub should_terminate_on_last_handle_closed: bool,
}

/// A container in the guest of a utility VM (Microsoft: `HostedSystem`).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct HostedSystem {
    /// Version that the document is written in.
    #[serde(skip_serializing_if = "is_default")]
    pub schema_version: Option<Version>,
    /// The container.
    #[serde(skip_serializing_if = "is_default")]
    pub container: Option<Container>,
}
