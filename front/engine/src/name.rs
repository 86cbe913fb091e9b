//! Container names: what a person may choose, and the names chosen for those who do not.

use std::fmt;
use std::str::FromStr;

use rustix::rand::{GetRandomFlags, getrandom};
use serde::{Deserialize, Serialize};

use crate::error::Error;

/// Longest container name, in bytes. Docker has no limit; a host name could not hold more anyway.
pub const MAX_NAME_BYTES: usize = 128;

const ADJECTIVES: &[&str] = &[
    "airy",
    "amber",
    "arched",
    "beveled",
    "bright",
    "broad",
    "calm",
    "clear",
    "crisp",
    "curved",
    "dappled",
    "deep",
    "double",
    "dusky",
    "early",
    "eastern",
    "etched",
    "fair",
    "frosted",
    "gabled",
    "gilded",
    "glazed",
    "golden",
    "hinged",
    "hushed",
    "ivory",
    "joined",
    "keen",
    "lacquered",
    "latched",
    "leaded",
    "light",
    "lofty",
    "lucid",
    "mellow",
    "mild",
    "mirrored",
    "misty",
    "moonlit",
    "narrow",
    "noble",
    "northern",
    "oaken",
    "oblong",
    "opal",
    "open",
    "painted",
    "pale",
    "paned",
    "patient",
    "plain",
    "polished",
    "quiet",
    "ribbed",
    "round",
    "rustic",
    "sashed",
    "serene",
    "shaded",
    "silvered",
    "slender",
    "southern",
    "square",
    "stained",
    "steady",
    "sunlit",
    "tall",
    "tempered",
    "tidy",
    "tinted",
    "vaulted",
    "vivid",
    "western",
    "wide",
    "wooden",
];

const NOUNS: &[&str] = &[
    "alcove",
    "arch",
    "atrium",
    "attic",
    "awning",
    "balcony",
    "banister",
    "bay",
    "beam",
    "belfry",
    "bracket",
    "canopy",
    "chimney",
    "cloister",
    "column",
    "corbel",
    "cornice",
    "courtyard",
    "cupola",
    "dome",
    "door",
    "dormer",
    "eave",
    "facade",
    "fanlight",
    "frame",
    "frieze",
    "gable",
    "gallery",
    "garret",
    "gate",
    "gutter",
    "hallway",
    "hearth",
    "hinge",
    "jamb",
    "keystone",
    "landing",
    "lantern",
    "lattice",
    "ledge",
    "lintel",
    "loft",
    "louver",
    "mantel",
    "mullion",
    "niche",
    "oriel",
    "pane",
    "parapet",
    "pediment",
    "pergola",
    "pillar",
    "pilaster",
    "plinth",
    "porch",
    "portal",
    "portico",
    "rafter",
    "railing",
    "rosette",
    "sash",
    "shutter",
    "sill",
    "skylight",
    "spire",
    "stairwell",
    "terrace",
    "threshold",
    "tower",
    "transom",
    "trellis",
    "truss",
    "turret",
    "vault",
    "veranda",
];

/// A container's name: `[a-zA-Z0-9][a-zA-Z0-9_.-]+`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ContainerName(String);

impl ContainerName {
    /// A name made of an adjective and a noun; from the second `attempt` on with a number behind it.
    ///
    /// # Errors
    /// [`Error::Io`] when the kernel gives no random bytes.
    pub fn generate(attempt: u32) -> Result<Self, Error> {
        let mut random = [0u8; 4];
        getrandom(&mut random, GetRandomFlags::empty())
            .map_err(|errno| Error::io("cannot draw a container name", errno.into()))?;
        let pick =
            |list: &[&'static str], low: u8, high: u8| list[usize::from(u16::from_le_bytes([low, high])) % list.len()];
        let adjective = pick(ADJECTIVES, random[0], random[1]);
        let noun = pick(NOUNS, random[2], random[3]);
        Ok(Self(match attempt {
            0 => format!("{adjective}_{noun}"),
            number => format!("{adjective}_{noun}{number}"),
        }))
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ContainerName {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let text = text.strip_prefix('/').unwrap_or(text);
        let mut bytes = text.bytes();
        let first = bytes.next().is_some_and(|byte| byte.is_ascii_alphanumeric());
        let rest = bytes.all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte));
        if first && rest && (2..=MAX_NAME_BYTES).contains(&text.len()) {
            Ok(Self(text.to_owned()))
        } else {
            Err(Error::InvalidParameter(format!(
                "Invalid container name ({text}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed"
            )))
        }
    }
}

impl TryFrom<String> for ContainerName {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        text.parse()
    }
}

impl From<ContainerName> for String {
    fn from(name: ContainerName) -> Self {
        name.0
    }
}

impl fmt::Display for ContainerName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_dockers_rule() {
        for good in ["web", "a1", "A_b.c-d", "/web"] {
            assert!(good.parse::<ContainerName>().is_ok(), "{good}");
        }
        for bad in ["", "a", "_a", "-rm", "a b", "a/b", "ä1", "..", &"a".repeat(MAX_NAME_BYTES + 1)] {
            assert!(bad.parse::<ContainerName>().is_err(), "{bad}");
        }
    }

    #[test]
    fn generated_names_are_valid_names() {
        for attempt in 0..3 {
            let name = ContainerName::generate(attempt).unwrap();
            assert_eq!(name.as_str().parse::<ContainerName>().unwrap(), name);
        }
    }
}
