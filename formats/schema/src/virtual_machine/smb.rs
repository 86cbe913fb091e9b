//! Directories shared with a Windows guest over virtual SMB.

use serde::{Deserialize, Serialize};

use crate::json::is_default;

/// `VirtualSmb` of the HCS v2 schema.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct VirtualSmb {
    #[serde(skip_serializing_if = "is_default")]
    pub shares: Vec<VirtualSmbShare>,
    /// In MiB.
    #[serde(rename = "DirectFileMappingInMB", skip_serializing_if = "is_default")]
    pub direct_file_mapping_in_mb: i64,
}

/// `VirtualSmbShare` of the HCS v2 schema.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct VirtualSmbShare {
    #[serde(skip_serializing_if = "is_default")]
    pub name: String,
    #[serde(skip_serializing_if = "is_default")]
    pub path: String,
    #[serde(skip_serializing_if = "is_default")]
    pub allowed_files: Vec<String>,
    #[serde(skip_serializing_if = "is_default")]
    pub options: Option<VirtualSmbShareOptions>,
}

/// `VirtualSmbShareOptions` of the HCS v2 schema.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct VirtualSmbShareOptions {
    #[serde(skip_serializing_if = "is_default")]
    pub read_only: bool,
    #[serde(skip_serializing_if = "is_default")]
    pub share_read: bool,
    #[serde(skip_serializing_if = "is_default")]
    pub cache_io: bool,
    #[serde(skip_serializing_if = "is_default")]
    pub no_oplocks: bool,
    #[serde(skip_serializing_if = "is_default")]
    pub take_backup_privilege: bool,
    #[serde(skip_serializing_if = "is_default")]
    pub use_share_root_identity: bool,
    #[serde(skip_serializing_if = "is_default")]
    pub no_directmap: bool,
    #[serde(skip_serializing_if = "is_default")]
    pub no_locks: bool,
    #[serde(skip_serializing_if = "is_default")]
    pub no_dirnotify: bool,
    #[serde(skip_serializing_if = "is_default")]
    pub vm_shared_memory: bool,
    #[serde(skip_serializing_if = "is_default")]
    pub restrict_file_access: bool,
    #[serde(rename = "ForceLevelIIOplocks", skip_serializing_if = "is_default")]
    pub force_level_2_oplocks: bool,
    #[serde(skip_serializing_if = "is_default")]
    pub reparse_base_layer: bool,
    #[serde(skip_serializing_if = "is_default")]
    pub pseudo_oplocks: bool,
    #[serde(skip_serializing_if = "is_default")]
    pub non_cache_io: bool,
    #[serde(skip_serializing_if = "is_default")]
    pub pseudo_dirnotify: bool,
    #[serde(skip_serializing_if = "is_default")]
    pub single_file_mapping: bool,
}
