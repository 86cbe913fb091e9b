//! Property queries and the state that answers them (Microsoft: `PropertyQuery`, `Properties`).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::guest::GuestConnectionInfo;
use crate::json::is_default;
use crate::result::ResultDocument;
use crate::statistics::Statistics;
use crate::virtual_machine::memory::MemoryInformationForVm;
use crate::virtual_machine::shared_memory::SharedMemoryRegionInfo;

/// Which properties to report; empty asks for the basic ones.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct PropertyQuery {
    #[serde(skip_serializing_if = "is_default")]
    pub property_types: Vec<PropertyType>,
    /// Queries by name with their arguments (schema 2.5).
    #[serde(skip_serializing_if = "is_default")]
    pub queries: BTreeMap<String, Value>,
}

/// A group of properties.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum PropertyType {
    #[default]
    Basic,
    Memory,
    GuestMemory,
    Statistics,
    ProcessList,
    TerminateOnLastHandleClosed,
    SharedMemoryRegion,
    GuestConnection,
    ContainerCredentialGuard,
    #[serde(rename = "ICHeartbeatStatus")]
    IcHeartbeatStatus,
    ProcessorTopology,
    CpuGroup,
    #[serde(rename = "SystemGUID")]
    SystemGuid,
    MappedVirtualDisk,
    #[serde(rename = "QoSCapabilities")]
    QosCapabilities,
}

/// Properties of one compute system.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Properties {
    #[serde(skip_serializing_if = "is_default")]
    pub id: String,
    #[serde(skip_serializing_if = "is_default")]
    pub system_type: Option<SystemType>,
    #[serde(skip_serializing_if = "is_default")]
    pub runtime_os_type: Option<OsType>,
    #[serde(skip_serializing_if = "is_default")]
    pub name: String,
    #[serde(skip_serializing_if = "is_default")]
    pub owner: String,
    /// GUID of this run.
    #[serde(skip_serializing_if = "is_default")]
    pub runtime_id: String,
    #[serde(rename = "SystemGUID", skip_serializing_if = "is_default")]
    pub system_guid: String,
    #[serde(skip_serializing_if = "is_default")]
    pub runtime_template_id: String,
    #[serde(skip_serializing_if = "is_default")]
    pub state: Option<State>,
    #[serde(skip_serializing_if = "is_default")]
    pub stopped: bool,
    #[serde(skip_serializing_if = "is_default")]
    pub exit_type: Option<ExitType>,
    #[serde(skip_serializing_if = "is_default")]
    pub memory: Option<MemoryInformationForVm>,
    #[serde(skip_serializing_if = "is_default")]
    pub statistics: Option<Statistics>,
    #[serde(skip_serializing_if = "is_default")]
    pub process_list: Vec<ProcessDetails>,
    #[serde(skip_serializing_if = "is_default")]
    pub terminate_on_last_handle_closed: bool,
    #[serde(skip_serializing_if = "is_default")]
    pub hosting_system_id: String,
    #[serde(skip_serializing_if = "is_default")]
    pub shared_memory_region_info: Vec<SharedMemoryRegionInfo>,
    #[serde(skip_serializing_if = "is_default")]
    pub guest_connection_info: Option<GuestConnectionInfo>,
    #[serde(skip_serializing_if = "is_default")]
    pub property_responses: BTreeMap<String, PropertyResponse>,
    /// Metrics of a Linux guest, in containerd's form.
    #[serde(rename = "LCOWMetrics", skip_serializing_if = "is_default")]
    pub lcow_metrics: Option<Value>,
}

/// Answer to one named query: a response or an error.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct PropertyResponse {
    #[serde(skip_serializing_if = "is_default")]
    pub error: Option<ResultDocument>,
    #[serde(skip_serializing_if = "is_default")]
    pub response: Option<Value>,
}

/// Properties of the compute service.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ServiceProperties {
    #[serde(skip_serializing_if = "is_default")]
    pub properties: Vec<Value>,
}

/// Kind of a compute system.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum SystemType {
    #[default]
    Container,
    VirtualMachine,
}

/// Operating system in a compute system.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum OsType {
    #[default]
    Windows,
    Linux,
}

/// State of a compute system.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum State {
    #[default]
    Created,
    Running,
    Paused,
    Stopped,
    SavedAsTemplate,
    Unknown,
}

/// How a compute system ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum ExitType {
    #[default]
    None,
    GracefulExit,
    ForcedExit,
    UnexpectedExit,
    Reboot,
    Unknown,
}

/// Who ended a compute system.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum ExitInitiator {
    #[default]
    None,
    #[serde(rename = "GuestOS")]
    GuestOs,
    Client,
    Internal,
    Unknown,
}

/// One process of a compute system.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ProcessDetails {
    #[serde(skip_serializing_if = "is_default")]
    pub process_id: u32,
    #[serde(skip_serializing_if = "is_default")]
    pub image_name: String,
    /// RFC 3339.
    #[serde(skip_serializing_if = "is_default")]
    pub create_timestamp: String,
    /// In units of 100 ns.
    #[serde(skip_serializing_if = "is_default")]
    pub user_time_100ns: u64,
    /// In units of 100 ns.
    #[serde(skip_serializing_if = "is_default")]
    pub kernel_time_100ns: u64,
    #[serde(skip_serializing_if = "is_default")]
    pub memory_commit_bytes: u64,
    #[serde(skip_serializing_if = "is_default")]
    pub memory_working_set_private_bytes: u64,
    #[serde(skip_serializing_if = "is_default")]
    pub memory_working_set_shared_bytes: u64,
}

/// What is left of a compute system that ended (Microsoft: `SystemExitStatus`).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ExitStatus {
    /// HRESULT of the end, 0 for an orderly one.
    pub status: i32,
    #[serde(skip_serializing_if = "is_default")]
    pub exit_type: Option<ExitType>,
}
