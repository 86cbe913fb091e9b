//! The view that the engine has of an image.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// An image that containers can be made from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Image {
    /// Digest of its configuration, `sha256:…`.
    pub id: String,
    /// Full reference, for messages and listings.
    pub reference: String,
    /// Layer directories on this host, top to base.
    pub layers: Vec<PathBuf>,
    /// What a container inherits.
    pub config: ImageConfig,
}

/// What a container inherits from its image.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImageConfig {
    /// Entry point.
    pub entrypoint: Vec<String>,
    /// Command, or arguments of the entry point.
    pub cmd: Vec<String>,
    /// Variables, `NAME=value`.
    pub env: Vec<String>,
    /// Working directory; empty means `C:\`.
    pub working_dir: String,
    /// User; empty means ContainerAdministrator.
    pub user: String,
    /// Whether the first word of the command is a whole command line already.
    pub args_escaped: bool,
    /// Labels.
    pub labels: BTreeMap<String, String>,
}

/// One line of the list of images.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ImageSummary {
    /// Repository without the tag.
    pub repository: String,
    /// Tag.
    pub tag: String,
    /// Digest of its configuration, `sha256:…`.
    pub id: String,
    /// When it was created, RFC 3339.
    pub created: String,
    /// Size of its layers on this host, in bytes.
    pub size: u64,
    /// Windows version that programs see, such as `10.0.20348.1`.
    pub os_version: String,
}
