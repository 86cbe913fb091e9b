//! Schema version of a document (Microsoft: `Version`).

use serde::{Deserialize, Serialize};

use crate::json::is_default;

/// Version of the schema that a document is written in.
/// | Windows 1809 speaks 2.1, Server 2022 speaks 2.5.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Version {
    /// Major number: 2 for every document of this crate.
    #[serde(skip_serializing_if = "is_default")]
    pub major: u32,
    /// Minor number.
    #[serde(skip_serializing_if = "is_default")]
    pub minor: u32,
}

impl Version {
    /// What hcsshim writes and Windows 1809 understands.
    pub const V2_1: Version = Version { major: 2, minor: 1 };
    /// What Server 2022 understands: adds queries with arguments.
    pub const V2_5: Version = Version { major: 2, minor: 5 };
}
