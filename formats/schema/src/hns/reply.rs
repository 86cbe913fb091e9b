//! What every call of version 1 answers.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::json::is_default;

/// The envelope of an answer.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct HnsReply {
    /// Whether it was done.
    pub success: bool,
    /// Why not.
    #[serde(skip_serializing_if = "is_default")]
    pub error: String,
    /// The same as an HRESULT, unsigned.
    #[serde(skip_serializing_if = "is_default")]
    pub error_code: u32,
    /// What was asked for.
    #[serde(skip_serializing_if = "is_default")]
    pub output: Option<Value>,
}
