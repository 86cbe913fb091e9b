//! A list of policies for several endpoints: load balancers and routes of version 1.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::json::is_default;

/// A policy list.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct PolicyList {
    /// Identifier.
    #[serde(rename = "ID", alias = "Id", skip_serializing_if = "is_default")]
    pub id: String,
    /// `/endpoints/<id>`.
    #[serde(skip_serializing_if = "is_default")]
    pub references: Vec<String>,
    /// `ELB` and `ROUTE` policies.
    #[serde(skip_serializing_if = "is_default")]
    pub policies: Vec<Value>,
}
