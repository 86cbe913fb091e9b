//! What a path of a volume is, as Docker describes it.

use super::error::VolumeError;
use super::names;
use super::path::VolumePath;
use super::tree::{Last, Node, VolumeTree};
use rustix::fs::{FileType, Stat};

/// What is at a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathStat {
    /// Its name, as the caller wrote it.
    pub name: String,
    /// Size in bytes.
    pub size: u64,
    /// What it is.
    pub kind: PathKind,
    /// Permission bits, as on Linux.
    pub permissions: u32,
    /// Last change: seconds and nanoseconds since 1970.
    pub modified: (i64, u32),
}

/// What something in a volume is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PathKind {
    /// A file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link, with the path that it leads to in the end, written with `/` from the root.
    Link(String),
    /// What Windows programs have no name for: a pipe, a socket, a device.
    Other,
}

impl VolumeTree {
    /// Describes what is at `path`. A link is described, not followed.
    ///
    /// # Errors
    /// [`VolumeError::NotFound`], or what kept it from being looked at.
    pub fn stat(&self, path: &VolumePath) -> Result<PathStat, VolumeError> {
        let _owner = self.as_owner()?;
        let node = self.find(path, last_of(path))?;
        let (kind, stat) = match &node {
            Node::Directory(directory) => {
                (PathKind::Directory, rustix::fs::fstat(directory).map_err(VolumeError::io("look at", path))?)
            }
            Node::Leaf(leaf) => match FileType::from_raw_mode(leaf.stat.st_mode) {
                FileType::RegularFile => (PathKind::File, leaf.stat),
                FileType::Symlink => (PathKind::Link(self.link_end(path)?), leaf.stat),
                _ => (PathKind::Other, leaf.stat),
            },
        };
        Ok(describe(path.base().to_owned(), kind, &stat))
    }

    /// Where the link at `path` leads in the end; of one that leads to nothing, where that would be.
    fn link_end(&self, path: &VolumePath) -> Result<String, VolumeError> {
        match self.find(path, Last::Followed) {
            Ok(Node::Directory(directory)) => Ok(match directory.shown() {
                empty if empty.is_empty() => "/".to_owned(),
                shown => shown,
            }),
            Ok(Node::Leaf(leaf)) => Ok(format!("{}/{}", leaf.parent.shown(), names::shown(&leaf.name))),
            Err(VolumeError::NotFound(_)) => self.dangling_target(path),
            Err(error) => Err(error),
        }
    }

    fn dangling_target(&self, path: &VolumePath) -> Result<String, VolumeError> {
        let Node::Leaf(leaf) = self.find(path, Last::Kept)? else {
            return Err(VolumeError::NotFound(path.to_string()));
        };
        let target = rustix::fs::readlinkat(&leaf.parent, &leaf.name, Vec::new())
            .map_err(VolumeError::io("read the link", path))?;
        let target = target.to_string_lossy();
        let from = if target.starts_with('/') { String::new() } else { leaf.parent.shown() };
        let mut parts = Vec::new();
        for part in from.split('/').chain(target.split('/')) {
            match part {
                "" | "." => {}
                ".." => drop(parts.pop()),
                _ => parts.push(part),
            }
        }
        Ok(format!("/{}", parts.join("/")))
    }
}

/// A path that ends in `.` means the directory that a link leads to.
pub(super) fn last_of(path: &VolumePath) -> Last {
    if path.base() == "." { Last::Followed } else { Last::Kept }
}

fn describe(name: String, kind: PathKind, stat: &Stat) -> PathStat {
    PathStat {
        name,
        size: u64::try_from(stat.st_size).unwrap_or(0),
        kind,
        permissions: stat.st_mode & 0o777,
        modified: (stat.st_mtime, u32::try_from(stat.st_mtime_nsec).unwrap_or(0)),
    }
}
