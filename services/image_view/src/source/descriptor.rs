//! Documents and descriptors of anybody: read as far as they make sense.

use super::MAX_DOCUMENT;
use super::blob::Blob;
use crate::error::ViewError;
use casement_layers::Digest;
use serde_json::Value;
use std::io::Read;

/// A descriptor, as it stands; what is missing is empty.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Descriptor {
    /// Media type.
    pub media_type: String,
    /// Digest, which may be of any kind.
    pub digest: String,
    /// Bytes.
    pub size: Option<u64>,
    /// Whether there are addresses to fetch it from.
    pub has_addresses: bool,
    /// The platform, in an index.
    pub platform: Value,
    /// Notes.
    pub annotations: Value,
}

impl Descriptor {
    /// Reads what is there of a descriptor.
    pub fn parse(value: &Value) -> Self {
        let text = |field: &str| value.get(field).and_then(Value::as_str).unwrap_or_default().to_owned();
        Self {
            media_type: text("mediaType"),
            digest: text("digest"),
            size: value.get("size").and_then(Value::as_u64),
            has_addresses: value.get("urls").and_then(Value::as_array).is_some_and(|urls| !urls.is_empty()),
            platform: value.get("platform").cloned().unwrap_or(Value::Null),
            annotations: value.get("annotations").cloned().unwrap_or(Value::Null),
        }
    }
}

/// A JSON document and what it was announced as.
#[derive(Debug, Clone)]
pub struct Document {
    /// Its content.
    pub value: Value,
    /// Its digest, as it was found to be.
    pub digest: Digest,
    /// Its bytes.
    pub size: u64,
    /// What was announced.
    pub announced: Option<Descriptor>,
}

impl Document {
    /// Reads a document, named `what` in errors.
    ///
    /// # Errors
    /// When it cannot be read, is too large, or is no JSON object.
    pub fn read(blob: &Blob, what: &str, announced: Option<Descriptor>) -> Result<Self, ViewError> {
        if blob.size() > MAX_DOCUMENT {
            let limit = format!("documents have at most {} MB", MAX_DOCUMENT >> 20);
            return Err(ViewError::TooLarge { what: what.to_owned(), limit });
        }
        let mut bytes = Vec::new();
        blob.reader(0).take(MAX_DOCUMENT).read_to_end(&mut bytes).map_err(ViewError::io("read", what))?;
        let value: Value = serde_json::from_slice(&bytes).map_err(|e| ViewError::damaged(what, e))?;
        if !value.is_object() && !value.is_array() {
            return Err(ViewError::damaged(what, "it is no JSON object"));
        }
        Ok(Self { value, digest: Digest::of(&bytes), size: bytes.len() as u64, announced })
    }
}
