//! Queries (Microsoft: `HostComputeQuery`).

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::Version;
use crate::json::is_default;

/// Which objects, and how much of them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct HostComputeQuery {
    /// Schema of the answer.
    #[serde(skip_serializing_if = "is_default")]
    pub schema_version: Option<Version>,
    /// `None` (0) or `Detailed` (1).
    #[serde(skip_serializing_if = "is_default")]
    pub flags: Value,
    /// A JSON object as text: members that an object must have.
    #[serde(skip_serializing_if = "is_default")]
    pub filter: String,
}
