//! Why an archive is no Windows layer.

use thiserror::Error;

/// The failure to read or write a layer archive.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum LayerTarError {
    /// The archive could not be read or written.
    #[error("layer archive: {0}")]
    Io(#[from] std::io::Error),
    /// The bytes are no tar archive.
    #[error("layer archive: {0}")]
    Malformed(&'static str),
    /// An entry's name leaves the layer or cannot be a name.
    #[error("layer archive: \"{name}\" {why}")]
    BadName {
        /// The entry's name, cut at 120 characters.
        name: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// An entry of a kind that is not handled.
    #[error("layer archive: \"{name}\" is {what}, which is not supported")]
    Unsupported {
        /// The entry's name.
        name: String,
        /// The kind or record.
        what: String,
    },
    /// A PAX record that does not parse.
    #[error("layer archive: record {key} of \"{name}\" is damaged")]
    BadRecord {
        /// The entry's name.
        name: String,
        /// The record's key.
        key: String,
    },
    /// One of the named limits was passed.
    #[error("layer archive: {0}")]
    TooLarge(String),
}

impl LayerTarError {
    pub(crate) fn bad_name(name: &str, why: &'static str) -> Self {
        Self::BadName { name: cut(name), why }
    }

    pub(crate) fn bad_record(name: &str, key: &str) -> Self {
        Self::BadRecord { name: cut(name), key: key.chars().take(60).collect() }
    }

    pub(crate) fn unsupported(name: &str, what: impl Into<String>) -> Self {
        Self::Unsupported { name: cut(name), what: what.into() }
    }
}

fn cut(name: &str) -> String {
    name.chars().take(120).collect()
}
