//! Looking through part of a volume, file by file, for those who copy with rules of their own.

use super::error::VolumeError;
use super::names;
use super::path::VolumePath;
use super::tree::{self, Directory, Last, MAX_DEPTH, Node, VolumeTree};
use rustix::fs::{AtFlags, FileType, OFlags, Stat};
use std::ffi::OsStr;
use std::fs::File;

/// What was found.
#[derive(Debug)]
pub enum Found {
    /// A file, open to be read, and its size when it was opened.
    File(File, u64),
    /// A directory.
    Directory,
    /// A symbolic link and the text in it.
    Link(String),
}

/// Something below the place where the look began.
#[derive(Debug)]
pub struct Visited<'a> {
    /// Path from that place, with `/`; empty for the place itself.
    pub path: &'a str,
    /// What it is.
    pub found: Found,
    /// Permission bits, as on Linux.
    pub permissions: u32,
    /// Last change: seconds and nanoseconds since 1970.
    pub modified: (i64, u32),
}

/// Where to go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Visit {
    /// Also into the directory that was just shown.
    Inside,
    /// Not into it.
    Past,
}

type Visitor<'a> = &'a mut dyn FnMut(Visited<'_>) -> std::io::Result<Visit>;

impl VolumeTree {
    /// Shows what is at `path`, links followed, and everything below it in the order of the names. What Windows has no name for is
    /// left out.
    ///
    /// # Errors
    /// [`VolumeError::NotFound`], what could not be read, or what `visit` failed with.
    pub fn visit(&self, path: &VolumePath, visit: Visitor<'_>) -> Result<(), VolumeError> {
        let _owner = self.as_owner()?;
        match self.find(path, Last::Followed)? {
            Node::Directory(directory) => {
                let stat = rustix::fs::fstat(&directory).map_err(VolumeError::io("look at", path))?;
                visit_directory(&directory, "", &stat, visit)
            }
            Node::Leaf(leaf) => visit_leaf(&leaf.parent, &leaf.name, "", &leaf.stat, visit),
        }
    }
}

fn visit_directory(directory: &Directory, path: &str, stat: &Stat, visit: Visitor<'_>) -> Result<(), VolumeError> {
    if directory.depth() > MAX_DEPTH {
        return Err(VolumeError::TooDeep(path.to_owned()));
    }
    if show(path, Found::Directory, stat, visit)? == Visit::Past {
        return Ok(());
    }
    let mut inside = names::names(directory).map_err(VolumeError::io("list", path))?;
    inside.sort();
    for name in inside {
        let child = match path {
            "" => names::shown(&name).into_owned(),
            _ => format!("{path}/{}", names::shown(&name)),
        };
        let stat = match rustix::fs::statat(directory, &name, AtFlags::SYMLINK_NOFOLLOW) {
            // Removed meanwhile.
            Err(rustix::io::Errno::NOENT) => continue,
            other => other.map_err(VolumeError::io("look at", &child))?,
        };
        if FileType::from_raw_mode(stat.st_mode) == FileType::Directory {
            match directory.child(&name) {
                Ok(inner) => visit_directory(&inner, &child, &stat, visit)?,
                Err(VolumeError::NotFound(_)) => {}
                Err(error) => return Err(error),
            }
        } else {
            visit_leaf(directory, &name, &child, &stat, visit)?;
        }
    }
    Ok(())
}

fn visit_leaf(
    parent: &Directory,
    name: &OsStr,
    path: &str,
    stat: &Stat,
    visit: Visitor<'_>,
) -> Result<(), VolumeError> {
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => {
            let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            let file = match tree::open(parent, name, flags) {
                Err(rustix::io::Errno::NOENT) if !path.is_empty() => return Ok(()),
                other => other.map_err(VolumeError::io("open", path))?,
            };
            // What was opened is what is described, whatever the name stands for by now.
            let stat = rustix::fs::fstat(&file).map_err(VolumeError::io("look at", path))?;
            if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
                return Ok(());
            }
            let size = u64::try_from(stat.st_size).unwrap_or(0);
            show(path, Found::File(File::from(file), size), &stat, visit).map(drop)
        }
        FileType::Symlink => {
            let target = match rustix::fs::readlinkat(parent, name, Vec::new()) {
                Err(rustix::io::Errno::NOENT | rustix::io::Errno::INVAL) => return Ok(()),
                other => other.map_err(VolumeError::io("read the link", path))?,
            };
            show(path, Found::Link(target.to_string_lossy().into_owned()), stat, visit).map(drop)
        }
        _ => Ok(()),
    }
}

fn show(path: &str, found: Found, stat: &Stat, visit: Visitor<'_>) -> Result<Visit, VolumeError> {
    let modified = (stat.st_mtime, u32::try_from(stat.st_mtime_nsec).unwrap_or(0));
    let visited = Visited { path, found, permissions: stat.st_mode & 0o777, modified };
    visit(visited).map_err(VolumeError::io("copy", path))
}
