//! Volumes: what a container sees as `C:`.

pub mod changes;
mod entries;
mod error;
pub mod mount;
pub(crate) mod names;
mod pack;
mod path;
mod stat;
#[cfg(test)]
mod tests;
mod tree;
mod unpack;
mod visit;

pub use error::VolumeError;
pub use path::VolumePath;
pub use stat::{PathKind, PathStat};
pub use tree::VolumeTree;
pub use unpack::Overwrite;
pub(crate) use unpack::link_text;
pub use visit::{Found, Visit, Visited};

use crate::disk;
use std::path::{Path, PathBuf};

/// A union of layers under a scratch that takes the changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnionMount {
    /// `Files/` of each layer, top first, base last.
    pub lowers: Vec<PathBuf>,
    /// The scratch's directory, with `upper/` and `work/` or a disk.
    pub scratch: PathBuf,
}

impl UnionMount {
    /// The union of `layers` (layer directories, top first) under the scratch in directory `scratch`.
    pub fn new(layers: &[PathBuf], scratch: &Path) -> Self {
        Self { lowers: layers.iter().map(|l| l.join("Files")).collect(), scratch: scratch.to_owned() }
    }

    /// The file that holds the file system of a scratch of a given size.
    pub fn disk(&self) -> Option<PathBuf> {
        Some(self.scratch.join(disk::IMAGE)).filter(|image| image.exists())
    }

    /// Where the changed files are. Those on a disk are there for the process that has mounted it.
    pub fn upper(&self) -> PathBuf {
        self.changes_directory().join("upper")
    }

    /// Where changes are prepared; as [`Self::upper`].
    pub fn work(&self) -> PathBuf {
        self.changes_directory().join("work")
    }

    fn changes_directory(&self) -> PathBuf {
        if self.disk().is_some() { self.scratch.join(disk::MOUNT_POINT) } else { self.scratch.clone() }
    }
}
