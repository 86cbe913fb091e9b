//! Changes to objects that exist (Microsoft: `Modify…SettingRequest`).

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Policy;
use crate::Guid;
use crate::json::is_default;

/// What to do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum ModifyRequestType {
    /// Add to what is there.
    #[default]
    Add,
    /// Take away.
    Remove,
    /// Put in the place of what is there.
    Update,
    /// Apply once more.
    Refresh,
    /// Go back to what was at first.
    Reset,
}

macro_rules! modify_requests {
    ($($(#[$about:meta])* $type:ident)*) => {$(
        $(#[$about])*
        #[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
        #[serde(rename_all = "PascalCase", default)]
        pub struct $type {
            /// What changes.
            pub resource_type: String,
            /// How.
            pub request_type: ModifyRequestType,
            /// Shape depends on `resource_type`.
            #[serde(skip_serializing_if = "is_default")]
            pub settings: Value,
        }
    )*};
}

modify_requests! {
    /// A change to a network: `Policy`, `DNS`, `Extension`.
    ModifyNetworkSettingRequest
    /// A change to an endpoint: `Policy`, `Port`.
    ModifyEndpointSettingRequest
    /// A change to a namespace: `Container`, `Endpoint`.
    ModifyNamespaceSettingRequest
}

/// Settings of `Policy`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct PolicyRequest {
    /// The policies.
    pub policies: Vec<Policy>,
}

/// Settings of `Endpoint`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct NamespaceEndpointRequest {
    /// The endpoint.
    pub endpoint_id: Guid,
}

/// Settings of `Container`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct NamespaceContainerRequest {
    /// The container.
    pub container_id: String,
}
