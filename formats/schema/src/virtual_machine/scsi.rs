//! Virtual disks of a virtual machine.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::json::is_default;

/// A SCSI controller.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Scsi {
    /// By unit number, from "0" to "63".
    #[serde(skip_serializing_if = "is_default")]
    pub attachments: BTreeMap<String, Attachment>,
}

/// What is attached to a unit.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Attachment {
    #[serde(rename = "Type", skip_serializing_if = "is_default")]
    pub kind: Option<AttachmentType>,
    #[serde(skip_serializing_if = "is_default")]
    pub path: String,
    #[serde(skip_serializing_if = "is_default")]
    pub ignore_flushes: bool,
    #[serde(skip_serializing_if = "is_default")]
    pub caching_mode: Option<CachingMode>,
    #[serde(skip_serializing_if = "is_default")]
    pub no_write_hardening: bool,
    #[serde(skip_serializing_if = "is_default")]
    pub disable_expansion_optimization: bool,
    #[serde(skip_serializing_if = "is_default")]
    pub ignore_relative_locator: bool,
    #[serde(skip_serializing_if = "is_default")]
    pub capture_io_attribution_context: bool,
    #[serde(skip_serializing_if = "is_default")]
    pub read_only: bool,
    #[serde(skip_serializing_if = "is_default")]
    pub support_compressed_volumes: bool,
    #[serde(skip_serializing_if = "is_default")]
    pub always_allow_sparse_files: bool,
    #[serde(skip_serializing_if = "is_default")]
    pub extensible_virtual_disk_type: String,
}

/// `AttachmentType` of the HCS v2 schema.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum AttachmentType {
    #[default]
    VirtualDisk,
    Iso,
    PassThru,
    ExtensibleVirtualDisk,
}

/// `CachingMode` of the HCS v2 schema.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum CachingMode {
    #[default]
    Uncached,
    Cached,
    ReadOnlyCached,
}
