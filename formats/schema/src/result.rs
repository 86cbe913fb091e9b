//! The result document of failed HCS calls (Microsoft: `ResultError`).

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::HResult;
use crate::json::is_default;

/// What went wrong and where.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ResultDocument {
    /// HRESULT as a signed number.
    pub error: HResult,
    #[serde(skip_serializing_if = "is_default")]
    pub error_message: String,
    /// Events that led here, outermost first.
    #[serde(skip_serializing_if = "is_default")]
    pub error_events: Vec<ErrorEvent>,
    /// Who is to blame.
    #[serde(skip_serializing_if = "is_default")]
    pub attribution: Vec<Value>,
}

/// One event of a failed call.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ErrorEvent {
    #[serde(skip_serializing_if = "is_default")]
    pub message: String,
    #[serde(skip_serializing_if = "is_default")]
    pub stack_trace: String,
    /// GUID of the event's provider.
    #[serde(skip_serializing_if = "is_default")]
    pub provider: String,
    #[serde(skip_serializing_if = "is_default")]
    pub event_id: u16,
    #[serde(skip_serializing_if = "is_default")]
    pub flags: u32,
    #[serde(skip_serializing_if = "is_default")]
    pub source: String,
    #[serde(skip_serializing_if = "is_default")]
    pub data: Vec<EventData>,
}

/// One datum of an event.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct EventData {
    #[serde(rename = "Type", skip_serializing_if = "is_default")]
    pub kind: String,
    #[serde(skip_serializing_if = "is_default")]
    pub value: String,
}
