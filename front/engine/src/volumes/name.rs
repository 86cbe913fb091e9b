//! Names of volumes.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// Longest name: that of a file.
const MAX_NAME: usize = 255;
/// Names that no file of Windows can have.
const RESERVED: [&str; 4] = ["con", "prn", "nul", "aux"];

/// The name of a volume. Case does not count on Windows, so that all names are in lower case.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct VolumeName(String);

impl VolumeName {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for VolumeName {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let refuse = |why: String| Err(Error::InvalidParameter(why));
        let word = |byte: u8| byte.is_ascii_alphanumeric();
        let inner = |byte: u8| word(byte) || matches!(byte, b'_' | b'.' | b'-');
        if text.len() == 1 {
            return refuse("volume name is too short, names should be at least two alphanumeric characters".to_owned());
        }
        if !text.bytes().next().is_some_and(word) || !text.bytes().all(inner) {
            let shown: String = text.chars().take(MAX_NAME).collect();
            return refuse(format!(
                "\"{shown}\" includes invalid characters for a local volume name, only \"[a-zA-Z0-9][a-zA-Z0-9_.-]\" are allowed. If you intended to pass a host directory, use absolute path"
            ));
        }
        if text.len() > MAX_NAME {
            return refuse(format!("volume name is longer than {MAX_NAME} characters"));
        }
        let name = text.to_ascii_lowercase();
        let stem = name.split('.').next().unwrap_or_default();
        let numbered = |prefix: &str| stem.strip_prefix(prefix).is_some_and(|n| matches!(n.as_bytes(), [b'1'..=b'9']));
        if RESERVED.contains(&stem) || numbered("com") || numbered("lpt") {
            return refuse(format!("volume name \"{text}\" cannot be a reserved word for Windows filenames"));
        }
        Ok(Self(name))
    }
}

impl TryFrom<String> for VolumeName {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<VolumeName> for String {
    fn from(name: VolumeName) -> Self {
        name.0
    }
}

impl fmt::Display for VolumeName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_words_in_lower_case() {
        assert_eq!("My_Data.1-x".parse::<VolumeName>().unwrap().as_str(), "my_data.1-x");
        for text in ["", "a", ".a", "-a", "a/b", r"a\b", "a b", "é1", "a\0b", "..", "con", "NUL", "com1", "lpt9.txt"] {
            assert!(text.parse::<VolumeName>().is_err(), "{text:?}");
        }
        assert!("com10".parse::<VolumeName>().is_ok());
        assert!("a".repeat(256).parse::<VolumeName>().is_err());
    }
}
