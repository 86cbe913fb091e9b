//! Container storage: layers, scratch and limits (Microsoft: `Storage`).

use serde::{Deserialize, Serialize};

use crate::json::is_default;

/// What `C:` of a container is made of.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Storage {
    /// Read-only layers, top first and base last.
    #[serde(skip_serializing_if = "is_default")]
    pub layers: Vec<Layer>,
    /// The scratch: a volume path that ends in a backslash on Windows, a directory here.
    #[serde(skip_serializing_if = "is_default")]
    pub path: String,
    /// Limits of the scratch's input and output.
    #[serde(rename = "QoS", skip_serializing_if = "is_default")]
    pub qos: Option<StorageQoS>,
    /// Root of a host-process container.
    #[serde(skip_serializing_if = "is_default")]
    pub privileged_container_root_path: String,
}

/// One read-only layer of a container.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Layer {
    /// Name of the layer, a GUID on Windows.
    #[serde(skip_serializing_if = "is_default")]
    pub id: String,
    /// Directory that holds `Files` and the hives.
    #[serde(skip_serializing_if = "is_default")]
    pub path: String,
    /// How `path` is to be read; absolute when absent.
    #[serde(skip_serializing_if = "is_default")]
    pub path_type: Option<HostPathType>,
    /// Caching of the layer's files.
    #[serde(skip_serializing_if = "is_default")]
    pub cache: Option<CacheMode>,
}

/// How a host path is to be read (Microsoft: `PathType`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum HostPathType {
    #[default]
    AbsolutePath,
    VirtualSmbShareName,
}

/// Caching of a layer's files (Microsoft: `CacheMode`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum CacheMode {
    #[default]
    Unspecified,
    Disabled,
    Enabled,
    Private,
    PrivateAllowSharing,
}

/// Limits of storage input and output; each is off when 0.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct StorageQoS {
    /// Operations per second.
    #[serde(skip_serializing_if = "is_default")]
    pub iops_maximum: u64,
    /// Bytes per second.
    #[serde(skip_serializing_if = "is_default")]
    pub bandwidth_maximum: u64,
}

/// A mounted composite image (CimFS).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct CimMount {
    #[serde(skip_serializing_if = "is_default")]
    pub image_path: String,
    #[serde(skip_serializing_if = "is_default")]
    pub file_system_name: String,
    #[serde(skip_serializing_if = "is_default")]
    pub volume_guid: String,
    #[serde(skip_serializing_if = "is_default")]
    pub mount_flags: u32,
}

/// Layers and scratch combined into one file system by the guest.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct CombinedLayers {
    /// Where the combined file system appears in the guest.
    #[serde(skip_serializing_if = "is_default")]
    pub container_root_path: String,
    /// Read-only layers, top first.
    #[serde(skip_serializing_if = "is_default")]
    pub layers: Vec<Layer>,
    /// Guest path of the scratch.
    #[serde(skip_serializing_if = "is_default")]
    pub scratch_path: String,
}
