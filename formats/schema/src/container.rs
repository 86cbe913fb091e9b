//! The container part of a compute system document (Microsoft: `Container` and its direct members).

use serde::{Deserialize, Serialize};

use crate::credential_guard::ContainerCredentialGuardState;
use crate::device_extension::ContainerDefinitionDevice;
use crate::hv_socket::HvSocket;
use crate::json::is_default;
use crate::network::Networking;
use crate::registry::RegistryChanges;
use crate::storage::{HostPathType, Storage};

/// A Windows container, with process isolation or inside a utility VM.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Container {
    /// Identity of the operating system as the container sees it.
    #[serde(skip_serializing_if = "is_default")]
    pub guest_os: Option<GuestOs>,
    /// Layers and scratch that make up `C:`.
    #[serde(skip_serializing_if = "is_default")]
    pub storage: Option<Storage>,
    /// Host directories that appear in the container.
    #[serde(skip_serializing_if = "is_default")]
    pub mapped_directories: Vec<MappedDirectory>,
    /// Host named pipes that appear in the container.
    #[serde(skip_serializing_if = "is_default")]
    pub mapped_pipes: Vec<MappedPipe>,
    /// Memory limit of the container's job.
    #[serde(skip_serializing_if = "is_default")]
    pub memory: Option<Memory>,
    /// Processor limits of the container's job.
    #[serde(skip_serializing_if = "is_default")]
    pub processor: Option<Processor>,
    /// Network namespace and name resolution.
    #[serde(skip_serializing_if = "is_default")]
    pub networking: Option<Networking>,
    /// Hyper-V socket rules.
    #[serde(skip_serializing_if = "is_default")]
    pub hv_socket: Option<HvSocket>,
    /// Group managed service account.
    #[serde(skip_serializing_if = "is_default")]
    pub container_credential_guard: Option<ContainerCredentialGuardState>,
    /// Changes applied to the registry before the first process starts.
    #[serde(skip_serializing_if = "is_default")]
    pub registry_changes: Option<RegistryChanges>,
    /// Host devices given to the container.
    #[serde(skip_serializing_if = "is_default")]
    pub assigned_devices: Vec<Device>,
    /// Additional entries of the device namespace.
    #[serde(skip_serializing_if = "is_default")]
    pub additional_device_namespace: Option<ContainerDefinitionDevice>,
    /// Set for host-process containers only.
    #[serde(skip_serializing_if = "is_default")]
    pub isolation_type: Option<IsolationType>,
}

/// Identity of the operating system as the container sees it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct GuestOs {
    /// NetBIOS and DNS host name.
    #[serde(skip_serializing_if = "is_default")]
    pub host_name: String,
}

/// A host directory that appears in the container.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct MappedDirectory {
    /// Path on the host.
    #[serde(skip_serializing_if = "is_default")]
    pub host_path: String,
    /// How `host_path` is to be read; absolute when absent.
    #[serde(skip_serializing_if = "is_default")]
    pub host_path_type: Option<HostPathType>,
    /// Windows path in the container.
    #[serde(skip_serializing_if = "is_default")]
    pub container_path: String,
    /// Refuse writes from the container.
    #[serde(skip_serializing_if = "is_default")]
    pub read_only: bool,
    /// Let cloud file placeholders through.
    #[serde(skip_serializing_if = "is_default")]
    pub support_cloud_files: bool,
}

/// A host named pipe that appears in the container.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct MappedPipe {
    /// Name after `\\.\pipe\` in the container.
    #[serde(skip_serializing_if = "is_default")]
    pub container_pipe_name: String,
    /// Pipe on the host.
    #[serde(skip_serializing_if = "is_default")]
    pub host_path: String,
    /// How `host_path` is to be read; absolute when absent.
    #[serde(skip_serializing_if = "is_default")]
    pub host_path_type: Option<PipePathType>,
}

/// How the host path of a mapped pipe is to be read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum PipePathType {
    #[default]
    AbsolutePath,
    VirtualSmbPipeName,
}

/// Memory limit of a container.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Memory {
    /// Limit in MiB; 0 means none.
    #[serde(rename = "SizeInMB", skip_serializing_if = "is_default")]
    pub size_in_mb: u64,
}

/// Processor limits of a container; each is off when 0.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Processor {
    /// Number of processors.
    #[serde(skip_serializing_if = "is_default")]
    pub count: u32,
    /// Hard limit in 1/10000 of all processors of the host (1 to 10000).
    #[serde(skip_serializing_if = "is_default")]
    pub maximum: u32,
    /// Relative share (1 to 10000).
    #[serde(skip_serializing_if = "is_default")]
    pub weight: u32,
}

/// A host device given to a container.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Device {
    /// How the device is named; by interface class when absent.
    #[serde(rename = "Type", skip_serializing_if = "is_default")]
    pub kind: Option<DeviceType>,
    /// Device interface class.
    #[serde(skip_serializing_if = "is_default")]
    pub interface_class_guid: String,
    /// Location path of a device instance.
    #[serde(skip_serializing_if = "is_default")]
    pub location_path: String,
}

/// How an assigned device is named.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum DeviceType {
    #[default]
    ClassGuid,
    DeviceInstance,
    GpuMirror,
}

/// Isolation other than a silo's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum IsolationType {
    /// The processes run on the host, in a job object only.
    #[default]
    HostProcess,
}
