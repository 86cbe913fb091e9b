//! What a container has changed on volume `C:`: its scratch compared with its layers.

use super::UnionMount;
use super::error::VolumeError;
use super::names;
use super::tree::{self, MAX_DEPTH};
use rustix::fs::{AtFlags, FileType, Mode, OFlags};
use std::ffi::OsStr;
use std::os::fd::{AsFd, OwnedFd};

/// The mark of a directory that hides everything of its name in the layers.
const OPAQUE: &str = "trusted.overlay.opaque";

/// What happened to a file or directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangeKind {
    /// It is in the layers, too.
    Modified,
    /// It is not in the layers.
    Added,
    /// It is in the layers only.
    Deleted,
}

/// One change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The path from the root of the volume, with `/`.
    pub path: String,
    /// What happened there.
    pub kind: ChangeKind,
}

impl UnionMount {
    /// Every change, sorted by path. While the container runs this is a look at something that moves.
    ///
    /// # Errors
    /// When the scratch or a layer cannot be read.
    pub fn changes(&self) -> Result<Vec<Change>, VolumeError> {
        let upper = open_top(&self.upper())?;
        let lowers = self.lowers.iter().map(|lower| open_top(lower)).collect::<Result<Vec<_>, _>>()?;
        let mut changes = Vec::new();
        compare(&upper, &lowers, "", &mut changes, 0)?;
        changes.sort_by(|one, other| one.path.cmp(&other.path));
        Ok(changes)
    }
}

fn open_top(path: &std::path::Path) -> Result<OwnedFd, VolumeError> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    rustix::fs::open(path, flags, Mode::empty()).map_err(VolumeError::io("open", path.display()))
}

/// Compares one directory of the scratch with those of the layers that it lies over, the topmost first.
fn compare(
    upper: &OwnedFd,
    lowers: &[OwnedFd],
    path: &str,
    changes: &mut Vec<Change>,
    depth: usize,
) -> Result<(), VolumeError> {
    if depth > MAX_DEPTH {
        return Err(VolumeError::TooDeep(path.to_owned()));
    }
    for name in names::names(upper).map_err(VolumeError::io("list", path))? {
        let inside = format!("{path}/{}", names::shown(&name));
        let stat = match rustix::fs::statat(upper, &name, AtFlags::SYMLINK_NOFOLLOW) {
            // Removed meanwhile.
            Err(rustix::io::Errno::NOENT) => continue,
            other => other.map_err(VolumeError::io("look at", &inside))?,
        };
        let is_below = lowers.iter().any(|lower| exists(lower, &name));
        let kind = FileType::from_raw_mode(stat.st_mode);
        if kind == FileType::CharacterDevice && stat.st_rdev == 0 {
            if is_below {
                changes.push(Change { path: inside, kind: ChangeKind::Deleted });
            }
            continue;
        }
        let change = if is_below { ChangeKind::Modified } else { ChangeKind::Added };
        changes.push(Change { path: inside.clone(), kind: change });
        if kind != FileType::Directory {
            continue;
        }
        let Some(directory) = open_directory(upper, &name) else { continue };
        let below: Vec<OwnedFd> = lowers.iter().filter_map(|lower| open_directory(lower, &name)).collect();
        if is_opaque(&directory) {
            hidden(&directory, &below, &inside, changes)?;
            compare(&directory, &[], &inside, changes, depth + 1)?;
        } else {
            compare(&directory, &below, &inside, changes, depth + 1)?;
        }
    }
    Ok(())
}

/// What an opaque directory hides and does not replace is deleted.
fn hidden(directory: &OwnedFd, below: &[OwnedFd], path: &str, changes: &mut Vec<Change>) -> Result<(), VolumeError> {
    let mut names = Vec::new();
    for lower in below {
        names.extend(names::names(lower).map_err(VolumeError::io("list", path))?);
    }
    names.sort();
    names.dedup();
    for name in names.into_iter().filter(|name| !exists(directory, name)) {
        changes.push(Change { path: format!("{path}/{}", names::shown(&name)), kind: ChangeKind::Deleted });
    }
    Ok(())
}

fn exists(at: &OwnedFd, name: &OsStr) -> bool {
    rustix::fs::statat(at, name, AtFlags::SYMLINK_NOFOLLOW).is_ok()
}

fn open_directory(at: &OwnedFd, name: &OsStr) -> Option<OwnedFd> {
    tree::open(at, name, OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC).ok()
}

fn is_opaque(directory: &OwnedFd) -> bool {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let Ok(readable) = rustix::fs::openat(directory.as_fd(), ".", flags, Mode::empty()) else { return false };
    let mut value = [0u8; 1];
    matches!(rustix::fs::fgetxattr(&readable, OPAQUE, &mut value), Ok(1)) && value == *b"y"
}
