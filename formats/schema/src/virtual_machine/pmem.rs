//! Persistent memory of a virtual machine.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::json::is_default;

/// `VirtualPMemController` of the HCS v2 schema.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct VirtualPMemController {
    /// By number, from "0".
    #[serde(skip_serializing_if = "is_default")]
    pub devices: BTreeMap<String, VirtualPMemDevice>,
    #[serde(skip_serializing_if = "is_default")]
    pub maximum_count: u32,
    #[serde(skip_serializing_if = "is_default")]
    pub maximum_size_bytes: u64,
    #[serde(skip_serializing_if = "is_default")]
    pub backing: String,
}

/// `VirtualPMemDevice` of the HCS v2 schema.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct VirtualPMemDevice {
    #[serde(skip_serializing_if = "is_default")]
    pub host_path: String,
    #[serde(skip_serializing_if = "is_default")]
    pub read_only: bool,
    #[serde(skip_serializing_if = "is_default")]
    pub image_format: String,
}

/// `VirtualPMemMapping` of the HCS v2 schema.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct VirtualPMemMapping {
    #[serde(skip_serializing_if = "is_default")]
    pub host_path: String,
    #[serde(skip_serializing_if = "is_default")]
    pub image_format: String,
}
