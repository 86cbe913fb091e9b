//! Digests of content: `sha256:` and 64 hexadecimal digits (OCI image specification, descriptor).

use crate::error::LayersError;
use serde::{Deserialize, Serialize};
use std::fmt;

/// A SHA-256 digest.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Digest(String);

const PREFIX: &str = "sha256:";

impl Digest {
    /// Parses `sha256:<64 digits>`.
    ///
    /// # Errors
    /// [`LayersError::BadDigest`]
    pub fn parse(text: &str) -> Result<Self, LayersError> {
        text.strip_prefix(PREFIX)
            .and_then(Self::from_hex)
            .ok_or_else(|| LayersError::BadDigest(text.chars().take(100).collect()))
    }

    /// From 64 lower-case hexadecimal digits.
    pub fn from_hex(hex: &str) -> Option<Self> {
        let digits = hex.len() == 64 && hex.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        digits.then(|| Self(hex.to_owned()))
    }

    /// From the bytes of a SHA-256 hash.
    pub fn from_sha256(hash: [u8; 32]) -> Self {
        Self(casement_nt::digest::hex(&hash))
    }

    /// The digest of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        Self(casement_nt::digest::sha256_bytes(bytes))
    }

    /// The digits alone.
    pub fn hex(&self) -> &str {
        &self.0
    }

    /// The first twelve digits, as people see them.
    pub fn short(&self) -> &str {
        &self.0[..12]
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}{}", self.0)
    }
}

impl TryFrom<String> for Digest {
    type Error = LayersError;

    fn try_from(text: String) -> Result<Self, LayersError> {
        Self::parse(&text)
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> Self {
        digest.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_sha256_in_lower_case_is_a_digest() {
        let text = format!("sha256:{}", "0a".repeat(32));
        assert_eq!(Digest::parse(&text).unwrap().to_string(), text);
        for bad in
            ["", "sha256:", "sha256:../../etc", &text.to_uppercase(), &text[7..], &text.replace("sha256", "sha512")]
        {
            assert!(Digest::parse(bad).is_err(), "{bad}");
        }
    }
}
