//! What NTFS knows of a file besides its content.

use crate::time::NtTime;
use std::collections::BTreeMap;

/// `FILE_ATTRIBUTE_…` ("File Attribute Constants", Microsoft Learn).
pub mod attribute {
    /// The file cannot be written. Of directories it says nothing.
    pub const READ_ONLY: u32 = 0x1;
    /// Not shown.
    pub const HIDDEN: u32 = 0x2;
    /// Part of the system.
    pub const SYSTEM: u32 = 0x4;
    /// A directory.
    pub const DIRECTORY: u32 = 0x10;
    /// To be archived: every file that was written.
    pub const ARCHIVE: u32 = 0x20;
    /// A file with holes.
    pub const SPARSE_FILE: u32 = 0x200;
    /// A symbolic link, a mount point and the like.
    pub const REPARSE_POINT: u32 = 0x400;
}

/// What is known of a file or directory besides its content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Metadata {
    /// Windows attributes ([`attribute`]).
    pub attributes: u32,
    /// Whether the archive states them; else they are those of any file.
    pub attributes_stated: bool,
    /// Time of creation.
    pub created: NtTime,
    /// Time of the last write.
    pub modified: NtTime,
    /// Time of the last access, where the archive has it.
    pub accessed: Option<NtTime>,
    /// Time of the last change of anything, where the archive has it.
    pub changed: Option<NtTime>,
    /// Self-relative security descriptor.
    pub security: Option<Vec<u8>>,
    /// NT extended attributes by their names.
    pub extended: BTreeMap<String, Vec<u8>>,
}

impl Metadata {
    /// A directory made at `time`.
    pub fn directory(time: NtTime) -> Self {
        Self { attributes: attribute::DIRECTORY, ..Self::file(time) }
    }

    /// An ordinary file made at `time`.
    pub fn file(time: NtTime) -> Self {
        Self {
            attributes: attribute::ARCHIVE,
            attributes_stated: true,
            created: time,
            modified: time,
            accessed: None,
            changed: None,
            security: None,
            extended: BTreeMap::new(),
        }
    }

    /// Whether the attributes say that it is a directory, which is also true of links to directories.
    pub fn is_directory(&self) -> bool {
        self.attributes & attribute::DIRECTORY != 0
    }
}
