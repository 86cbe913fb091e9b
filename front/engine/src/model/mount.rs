//! Mounts as they are asked for (`Mount`) and as they are (`MountPoint`).

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Kinds of mounts. Unknown ones are kept, so that they can be refused by name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MountType {
    /// A host directory.
    #[default]
    Bind,
    /// A volume.
    Volume,
    /// A named pipe of the host.
    Npipe,
    /// A file system in memory.
    Tmpfs,
    /// Anything else.
    #[serde(untagged)]
    Other(String),
}

/// `HostConfig.Mounts[]`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Mount {
    /// Kind.
    #[serde(rename = "Type")]
    pub kind: MountType,
    /// Host directory, volume name or pipe.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub source: String,
    /// Path in the container.
    pub target: String,
    /// Whether the container may not write.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub read_only: bool,
    /// `default`, `consistent`, `cached`, `delegated`: without effect.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub consistency: String,
    /// `Propagation`, `NonRecursive`, `CreateMountpoint`, …
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bind_options: Option<Value>,
    /// `NoCopy`, `Labels`, `DriverConfig`, `Subpath`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub volume_options: Option<Value>,
    /// `SizeBytes`, `Mode`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tmpfs_options: Option<Value>,
}

/// `Mounts[]` of `inspect`: a mount that a container has.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct MountPoint {
    /// Kind.
    #[serde(rename = "Type")]
    pub kind: MountType,
    /// Volume name.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Host directory.
    pub source: String,
    /// Path in the container, `C:\…`.
    pub destination: String,
    /// Volume driver.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub driver: String,
    /// Mode as typed.
    pub mode: String,
    /// Whether the container may write.
    #[serde(rename = "RW")]
    pub writable: bool,
    /// Always empty on Windows.
    pub propagation: String,
}
