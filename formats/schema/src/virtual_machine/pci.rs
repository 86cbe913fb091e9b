//! Assigned and emulated devices of a virtual machine.

use serde::{Deserialize, Serialize};

use crate::json::is_default;

/// `VirtualPciDevice` of the HCS v2 schema.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct VirtualPciDevice {
    #[serde(skip_serializing_if = "is_default")]
    pub functions: Vec<VirtualPciFunction>,
    #[serde(skip_serializing_if = "is_default")]
    pub propagate_numa_affinity: bool,
}

/// `VirtualPciFunction` of the HCS v2 schema.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct VirtualPciFunction {
    #[serde(skip_serializing_if = "is_default")]
    pub device_instance_path: String,
    #[serde(skip_serializing_if = "is_default")]
    pub virtual_function: u16,
}

/// `FlexibleIoDevice` of the HCS v2 schema.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct FlexibleIoDevice {
    #[serde(skip_serializing_if = "is_default")]
    pub emulator_id: String,
    #[serde(skip_serializing_if = "is_default")]
    pub hosting_model: String,
    #[serde(skip_serializing_if = "is_default")]
    pub configuration: Vec<String>,
}
