//! Changes to a running compute system or to the service (Microsoft: `ModifySettingRequest`).

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::json::is_default;

/// One change to a compute system.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ModifySettingRequest {
    /// What changes, such as `Container/Memory/SizeInMB`.
    #[serde(skip_serializing_if = "is_default")]
    pub resource_path: String,
    /// `Add` when absent.
    #[serde(skip_serializing_if = "is_default")]
    pub request_type: Option<RequestType>,
    /// Shape depends on `resource_path`.
    #[serde(skip_serializing_if = "is_default")]
    pub settings: Option<Value>,
    /// The part that the guest has to do.
    #[serde(skip_serializing_if = "is_default")]
    pub guest_request: Option<Value>,
}

/// What to do with the resource.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum RequestType {
    #[default]
    Add,
    Remove,
    Update,
    PreAdd,
}

/// One change to the compute service.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ModificationRequest {
    #[serde(skip_serializing_if = "is_default")]
    pub property_type: Option<ServicePropertyType>,
    #[serde(skip_serializing_if = "is_default")]
    pub settings: Option<Value>,
}

/// What of the service changes (Microsoft: `ModifyPropertyType`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum ServicePropertyType {
    #[default]
    CpuGroup,
    ContainerCredentialGuard,
}

/// The part of a change that the guest has to do.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct GuestModifySettingRequest {
    #[serde(skip_serializing_if = "is_default")]
    pub request_type: Option<RequestType>,
    #[serde(skip_serializing_if = "is_default")]
    pub resource_type: Option<GuestResourceType>,
    #[serde(skip_serializing_if = "is_default")]
    pub settings: Option<Value>,
}

/// Resources that a guest changes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum GuestResourceType {
    #[default]
    MappedDirectory,
    #[serde(rename = "SCSIDevice")]
    ScsiDevice,
    MappedVirtualDisk,
    MappedVirtualDiskForContainerScratch,
    #[serde(rename = "WCOWBlockCims")]
    WcowBlockCims,
    Network,
    NetworkNamespace,
    CombinedLayers,
    #[serde(rename = "CWCOWCombinedLayers")]
    CwcowCombinedLayers,
    #[serde(rename = "VPMemDevice")]
    VpmemDevice,
    #[serde(rename = "VPCIDevice")]
    VpciDevice,
    ContainerConstraints,
    HvSocket,
    SecurityPolicy,
    SecurityPolicyFragment,
    PodCgroupMemoryLimit,
}
