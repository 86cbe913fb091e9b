//! Group managed service accounts of containers (Microsoft: `ContainerCredentialGuard...`).

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::hv_socket::HvSocketServiceConfig;
use crate::json::is_default;

/// Credentials that a container uses.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ContainerCredentialGuardState {
    #[serde(skip_serializing_if = "is_default")]
    pub cookie: String,
    #[serde(skip_serializing_if = "is_default")]
    pub rpc_endpoint: String,
    #[serde(skip_serializing_if = "is_default")]
    pub transport: Option<CredentialGuardTransport>,
    /// Credential specification, a JSON text.
    #[serde(skip_serializing_if = "is_default")]
    pub credential_spec: String,
}

/// How the container reaches the credential guard.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum CredentialGuardTransport {
    #[default]
    #[serde(rename = "LRPC")]
    Lrpc,
    HvSocket,
}

/// `ContainerCredentialGuardAddInstanceRequest` of the HCS v2 schema.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ContainerCredentialGuardAddInstanceRequest {
    #[serde(skip_serializing_if = "is_default")]
    pub id: String,
    #[serde(skip_serializing_if = "is_default")]
    pub credential_spec: String,
    #[serde(skip_serializing_if = "is_default")]
    pub transport: Option<CredentialGuardTransport>,
}

/// `ContainerCredentialGuardRemoveInstanceRequest` of the HCS v2 schema.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ContainerCredentialGuardRemoveInstanceRequest {
    #[serde(skip_serializing_if = "is_default")]
    pub id: String,
}

/// `ContainerCredentialGuardHvSocketServiceConfig` of the HCS v2 schema.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ContainerCredentialGuardHvSocketServiceConfig {
    #[serde(skip_serializing_if = "is_default")]
    pub service_id: String,
    #[serde(skip_serializing_if = "is_default")]
    pub service_config: Option<HvSocketServiceConfig>,
}

/// `ContainerCredentialGuardInstance` of the HCS v2 schema.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ContainerCredentialGuardInstance {
    #[serde(skip_serializing_if = "is_default")]
    pub id: String,
    #[serde(skip_serializing_if = "is_default")]
    pub credential_guard: Option<ContainerCredentialGuardState>,
    #[serde(skip_serializing_if = "is_default")]
    pub hv_socket_config: Option<ContainerCredentialGuardHvSocketServiceConfig>,
}

/// `ContainerCredentialGuardOperationRequest` of the HCS v2 schema.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ContainerCredentialGuardOperationRequest {
    #[serde(skip_serializing_if = "is_default")]
    pub operation: Option<CredentialGuardOperation>,
    #[serde(skip_serializing_if = "is_default")]
    pub operation_details: Option<Value>,
}

/// Operation on credential guard instances.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum CredentialGuardOperation {
    #[default]
    AddInstance,
    RemoveInstance,
}

/// `ContainerCredentialGuardSystemInfo` of the HCS v2 schema.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ContainerCredentialGuardSystemInfo {
    #[serde(skip_serializing_if = "is_default")]
    pub instances: Vec<ContainerCredentialGuardInstance>,
}
