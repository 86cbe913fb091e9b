//! Container ids: 64 hexadecimal digits, drawn at random.

use std::fmt;
use std::str::FromStr;

use rustix::rand::{GetRandomFlags, getrandom};
use serde::{Deserialize, Serialize};

use crate::error::Error;

/// Hexadecimal digits in a container id.
pub const ID_DIGITS: usize = 64;
/// Hexadecimal digits in the short form that listings show and that is the default host name.
pub const SHORT_ID_DIGITS: usize = 12;

/// The id of a container: 64 lower-case hexadecimal digits.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ContainerId(String);

impl ContainerId {
    /// Draws a new id from the kernel's random source.
    ///
    /// # Errors
    /// [`Error::Io`] when the kernel gives no random bytes.
    pub fn random() -> Result<Self, Error> {
        let mut bytes = [0u8; ID_DIGITS / 2];
        let mut filled = 0;
        while filled < bytes.len() {
            filled += getrandom(&mut bytes[filled..], GetRandomFlags::empty())
                .map_err(|errno| Error::io("cannot draw a container id", errno.into()))?;
        }
        Ok(Self(bytes.iter().map(|byte| format!("{byte:02x}")).collect()))
    }

    /// All 64 digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The first 12 digits.
    #[must_use]
    pub fn short(&self) -> &str {
        &self.0[..SHORT_ID_DIGITS]
    }
}

impl FromStr for ContainerId {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let digits = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        if text.len() == ID_DIGITS && text.bytes().all(digits) {
            Ok(Self(text.to_owned()))
        } else {
            Err(Error::InvalidParameter(format!(
                "invalid container id {text:?}: {ID_DIGITS} lower-case hexadecimal digits are wanted"
            )))
        }
    }
}

impl TryFrom<String> for ContainerId {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        text.parse()
    }
}

impl From<ContainerId> for String {
    fn from(id: ContainerId) -> Self {
        id.0
    }
}

impl fmt::Display for ContainerId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl fmt::Debug for ContainerId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn random_ids_are_well_formed_and_differ() {
        let one = ContainerId::random().unwrap();
        let other = ContainerId::random().unwrap();
        assert_ne!(one, other);
        assert_eq!(one.as_str().parse::<ContainerId>().unwrap(), one);
        assert_eq!(one.short().len(), SHORT_ID_DIGITS);
    }

    #[test]
    fn other_text_is_refused() {
        for text in ["", "abc", &"A".repeat(64), &"g".repeat(64), &"0".repeat(65), "../../etc"] {
            assert!(text.parse::<ContainerId>().is_err(), "{text}");
        }
    }
}
