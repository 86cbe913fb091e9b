//! Directories shared with a Linux guest over 9P.

use serde::{Deserialize, Serialize};

use crate::json::is_default;

/// `Plan9` of the HCS v2 schema.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Plan9 {
    #[serde(skip_serializing_if = "is_default")]
    pub shares: Vec<Plan9Share>,
}

/// `Plan9Share` of the HCS v2 schema.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Plan9Share {
    #[serde(skip_serializing_if = "is_default")]
    pub name: String,
    #[serde(skip_serializing_if = "is_default")]
    pub access_name: String,
    #[serde(skip_serializing_if = "is_default")]
    pub path: String,
    #[serde(skip_serializing_if = "is_default")]
    pub port: u32,
    /// Bit 0 read only, bit 2 Linux metadata, bit 3 case sensitive.
    #[serde(skip_serializing_if = "is_default")]
    pub flags: i32,
    #[serde(skip_serializing_if = "is_default")]
    pub allowed_files: Vec<String>,
}
