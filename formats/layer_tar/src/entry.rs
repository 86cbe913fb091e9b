//! What a layer archive consists of.

use crate::metadata::Metadata;
use crate::path::LayerPath;
use crate::reparse::ReparsePoint;

/// What an entry is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// A directory.
    Directory,
    /// A file.
    File {
        /// Its size in bytes.
        size: u64,
    },
    /// An alternate data stream of the file or directory of this name, which comes before.
    Stream {
        /// The name of the stream.
        name: String,
        /// Its size in bytes.
        size: u64,
    },
    /// A symbolic link or a mount point.
    Reparse(ReparsePoint),
    /// One more name of a file of this layer or of a layer below.
    HardLink(LayerPath),
    /// What has this name in the layers below is gone.
    Whiteout,
    /// What the layers below have in this directory is gone. Windows does not write it, builders on Linux do.
    Opaque,
}

impl Kind {
    /// Bytes of content that follow the entry.
    pub fn size(&self) -> u64 {
        match self {
            Self::File { size } | Self::Stream { size, .. } => *size,
            _ => 0,
        }
    }
}

/// An entry of an archive, without its content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its checked name. That of a stream is the name of the file; that of a whiteout is the name that is gone.
    pub path: LayerPath,
    /// What it is.
    pub kind: Kind,
    /// Attributes, times, security. Nothing of it counts for hard links, whiteouts and streams.
    pub metadata: Metadata,
}
