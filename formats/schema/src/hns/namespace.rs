//! A namespace of version 1.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::json::is_default;

/// A namespace.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct HnsNamespace {
    /// Identifier.
    #[serde(rename = "ID", skip_serializing_if = "is_default")]
    pub id: String,
    /// Whether it is the host's.
    pub is_default: bool,
    /// What is in it.
    #[serde(skip_serializing_if = "is_default")]
    pub resource_list: Vec<HnsNamespaceResource>,
    /// The compartment.
    #[serde(skip_serializing_if = "is_default")]
    pub compartment_id: u32,
}

/// Something in a namespace.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct HnsNamespaceResource {
    /// `Endpoint` or `Container`.
    #[serde(rename = "Type")]
    pub kind: String,
    /// `{"Id": …}`.
    pub data: Value,
}
