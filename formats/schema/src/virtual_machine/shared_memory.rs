//! Memory shared between host and guest.

use serde::{Deserialize, Serialize};

use crate::json::is_default;

/// `SharedMemoryConfiguration` of the HCS v2 schema.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct SharedMemoryConfiguration {
    #[serde(skip_serializing_if = "is_default")]
    pub regions: Vec<SharedMemoryRegion>,
}

/// `SharedMemoryRegion` of the HCS v2 schema.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct SharedMemoryRegion {
    #[serde(skip_serializing_if = "is_default")]
    pub section_name: String,
    #[serde(skip_serializing_if = "is_default")]
    pub start_offset: u64,
    #[serde(skip_serializing_if = "is_default")]
    pub length: u64,
    #[serde(skip_serializing_if = "is_default")]
    pub allow_guest_write: bool,
    #[serde(skip_serializing_if = "is_default")]
    pub hidden_from_guest: bool,
}

/// `SharedMemoryRegionInfo` of the HCS v2 schema.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct SharedMemoryRegionInfo {
    #[serde(skip_serializing_if = "is_default")]
    pub section_name: String,
    #[serde(skip_serializing_if = "is_default")]
    pub guest_physical_address: u64,
}
