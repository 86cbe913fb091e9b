//! Reading and writing documents as JSON, with limits for text that others wrote.

use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Number, Value};

/// Longest document that is read, in bytes. The documents of real clients stay below 100 kB.
pub const MAX_DOCUMENT: usize = 4 << 20;

/// A JSON text that is no document.
#[derive(Debug, thiserror::Error)]
pub enum DocumentError {
    /// Longer than [`MAX_DOCUMENT`].
    #[error("document of {0} bytes is longer than {MAX_DOCUMENT} bytes")]
    TooLong(usize),
    /// JSON, but not an object.
    #[error("document is not a JSON object")]
    NotAnObject,
    /// Not JSON, or a member has another type or value than the schema says.
    #[error("document is invalid: {0}")]
    Invalid(#[from] serde_json::Error),
}

/// Reads a document. A member that is `null` counts as absent, as Go and .NET clients write it so.
/// Inside, an array in place of an object gives its members in order (a habit of serde); `validate` sees the result.
pub fn from_json<T: DeserializeOwned>(text: &[u8]) -> Result<T, DocumentError> {
    if text.len() > MAX_DOCUMENT {
        return Err(DocumentError::TooLong(text.len()));
    }
    let mut value: Value = serde_json::from_slice(text)?;
    if !value.is_object() {
        return Err(DocumentError::NotAnObject);
    }
    drop_null_members(&mut value);
    Ok(serde_json::from_value(value)?)
}

/// Writes a document in its shortest form.
pub fn to_json<T: Serialize>(document: &T) -> Result<String, DocumentError> {
    Ok(serde_json::to_string(document)?)
}

/// Depth is bounded by the recursion limit of the parser (128).
fn drop_null_members(value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.retain(|_, member| !member.is_null());
            members.values_mut().for_each(drop_null_members);
        }
        Value::Array(items) => items.iter_mut().for_each(drop_null_members),
        _ => {}
    }
}

pub(crate) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// hcsshim declares registry data as signed, Microsoft's schema as unsigned; both name the same bits.
pub(crate) fn signed_or_unsigned_dword<'de, D: Deserializer<'de>>(from: D) -> Result<u32, D::Error> {
    let number = i64::deserialize(from)?;
    u32::try_from(number)
        .or_else(|_| i32::try_from(number).map(|n| n as u32))
        .map_err(|_| D::Error::custom(format!("{number} does not fit in 32 bits")))
}

pub(crate) fn signed_or_unsigned_qword<'de, D: Deserializer<'de>>(from: D) -> Result<u64, D::Error> {
    let number = Number::deserialize(from)?;
    number
        .as_u64()
        .or_else(|| number.as_i64().map(|n| n as u64))
        .ok_or_else(|| D::Error::custom(format!("{number} does not fit in 64 bits")))
}
