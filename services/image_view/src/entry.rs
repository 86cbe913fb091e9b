//! What a layer says of one name.

use crate::stamp::Stamp;
use casement_layers::Digest;
use serde::{Deserialize, Serialize};

/// `FILE_ATTRIBUTE_DIRECTORY` ("File Attribute Constants", Microsoft Learn).
pub const ATTRIBUTE_DIRECTORY: u32 = 0x10;
/// `FILE_ATTRIBUTE_ARCHIVE`
pub const ATTRIBUTE_ARCHIVE: u32 = 0x20;
/// `FILE_ATTRIBUTE_REPARSE_POINT`
pub const ATTRIBUTE_REPARSE: u32 = 0x400;

/// Names of the bits that images have.
const ATTRIBUTE_NAMES: [(u32, &str); 16] = [
    (0x1, "readonly"),
    (0x2, "hidden"),
    (0x4, "system"),
    (ATTRIBUTE_DIRECTORY, "directory"),
    (ATTRIBUTE_ARCHIVE, "archive"),
    (0x40, "device"),
    (0x80, "normal"),
    (0x100, "temporary"),
    (0x200, "sparse"),
    (ATTRIBUTE_REPARSE, "reparse-point"),
    (0x800, "compressed"),
    (0x1000, "offline"),
    (0x2000, "not-content-indexed"),
    (0x4000, "encrypted"),
    (0x8000, "integrity-stream"),
    (0x2_0000, "no-scrub-data"),
];

/// The names of the bits of `attributes`; those without one as a hexadecimal number.
pub fn attribute_names(attributes: u32) -> Vec<String> {
    let known = ATTRIBUTE_NAMES.iter().filter(|(bit, _)| attributes & bit != 0);
    let mut names: Vec<String> = known.map(|(_, name)| (*name).to_owned()).collect();
    let rest = ATTRIBUTE_NAMES.iter().fold(attributes, |rest, (bit, _)| rest & !bit);
    if rest != 0 {
        names.push(format!("{rest:#x}"));
    }
    names
}

/// What `attrib` and `dir /a` show: letters for the bits that people look for, else a dash.
pub fn attribute_letters(attributes: u32) -> String {
    [(0x10, 'd'), (0x400, 'l'), (0x20, 'a'), (0x4, 's'), (0x2, 'h'), (0x1, 'r')]
        .into_iter()
        .map(|(bit, letter)| if attributes & bit != 0 { letter } else { '-' })
        .collect()
}

/// An entry of a layer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Its name from the top of the layer, with `/`: `Files/Windows/notepad.exe`.
    pub path: String,
    /// What it is.
    pub kind: Kind,
    /// Windows attributes, if the layer states them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attributes: Option<u32>,
    /// Last write.
    pub modified: Stamp,
    /// Creation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created: Option<Stamp>,
    /// Last access.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accessed: Option<Stamp>,
    /// Last change of the metadata.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changed: Option<Stamp>,
    /// Number of the security descriptor in the index.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub security: Option<u32>,
    /// Its alternate data streams.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub streams: Vec<Stream>,
    /// Its extended attributes: name and bytes of value.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub extended: Vec<(String, u64)>,
}

/// What an entry is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A directory; nothing of lower layers is in an opaque one.
    Directory {
        /// Whether it hides what lower layers have in it.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        opaque: bool,
    },
    /// A file.
    File(Content),
    /// A symbolic link: the target as the layer has it.
    Symlink(String),
    /// A junction: a mount point's target.
    Junction(String),
    /// Another reparse point, by its tag.
    Reparse(u32),
    /// One more name of the file with this name from the top of the layer.
    HardLink(String),
    /// The name is gone from the layers below.
    Whiteout,
}

/// Where bytes are, and what they are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Content {
    /// Where they begin in the layer's archive; `None` when the layer was read from a directory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<u64>,
    /// How many they are.
    pub size: u64,
    /// Their digest.
    pub digest: Digest,
}

/// An alternate data stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stream {
    /// Its name, without `:$DATA`.
    pub name: String,
    /// Its content.
    pub content: Content,
}

impl Entry {
    /// The attributes, or what Windows makes of an entry that does not state them.
    pub fn shown_attributes(&self) -> u32 {
        let by_kind = match self.kind {
            Kind::Directory { .. } => ATTRIBUTE_DIRECTORY,
            Kind::Symlink(_) | Kind::Junction(_) | Kind::Reparse(_) => ATTRIBUTE_REPARSE,
            _ => 0,
        };
        self.attributes.unwrap_or(0) | by_kind
    }

    /// The last component of its name.
    pub fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or(&self.path)
    }
}
