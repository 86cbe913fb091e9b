//! The files of a volume, seen from outside while programs may change everything in it.
//!
//! Every step is one name, opened without following anything; links are read and walked here. So nothing that programs put in
//! place of a directory leads out of the volume.

use super::error::VolumeError;
use super::names;
use super::path::VolumePath;
use casement_silo::linux::FileUser;
use rustix::fs::{FileType, Mode, OFlags, ResolveFlags, Stat};
use std::collections::VecDeque;
use std::ffi::{OsStr, OsString};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::sync::Arc;

/// Deepest directory that is walked into.
pub const MAX_DEPTH: usize = 256;
/// Most links on the way to one file, as in the kernel.
const MAX_LINKS: usize = 40;

/// The root of a volume and the owner of what is put in it.
#[derive(Debug)]
pub struct VolumeTree {
    root: Arc<OwnedFd>,
    owner: u32,
}

/// A directory of a volume, with all directories above it.
#[derive(Debug, Clone)]
pub(super) struct Directory {
    root: Arc<OwnedFd>,
    /// From below the root downwards, with their real names.
    steps: Vec<(Arc<OwnedFd>, OsString)>,
}

/// Something that is no directory.
#[derive(Debug)]
pub(super) struct Leaf {
    pub(super) parent: Directory,
    pub(super) name: OsString,
    pub(super) stat: Stat,
}

/// What a path leads to.
#[derive(Debug)]
pub(super) enum Node {
    Directory(Directory),
    Leaf(Leaf),
}

/// Whether a link at the end of a path is followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Last {
    Followed,
    Kept,
}

impl VolumeTree {
    /// The volume whose root directory is `root`. What is put in it belongs to host user and group `owner`.
    pub fn new(root: OwnedFd, owner: u32) -> Self {
        Self { root: Arc::new(root), owner }
    }

    /// From here on this thread's file operations are those of the container's programs: whatever it is led to, it reads and
    /// writes nothing that they cannot.
    pub(super) fn as_owner(&self) -> Result<FileUser, VolumeError> {
        FileUser::become_now(self.owner).map_err(VolumeError::io("act for", "the container's programs"))
    }

    pub(super) fn root(&self) -> Directory {
        Directory { root: self.root.clone(), steps: Vec::new() }
    }

    /// What is at `path`.
    pub(super) fn find(&self, path: &VolumePath, last: Last) -> Result<Node, VolumeError> {
        self.root().walk(path.components(), last)
    }
}

impl Directory {
    /// Number of directories above it, the root included.
    pub(super) fn depth(&self) -> usize {
        self.steps.len()
    }

    /// Its real path from the root, with `/`.
    pub(super) fn shown(&self) -> String {
        self.steps.iter().map(|(_, name)| format!("/{}", names::shown(name))).collect()
    }

    /// This directory's child `name` that was just made or found.
    pub(super) fn child(&self, name: &OsStr) -> Result<Self, VolumeError> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let fd = open(self, name, flags).map_err(VolumeError::io("open", names::shown(name)))?;
        let mut child = self.clone();
        child.steps.push((Arc::new(fd), name.to_owned()));
        Ok(child)
    }

    /// Walks down from here; `..` in links leads up, and nowhere above the root.
    pub(super) fn walk(&self, components: &[String], last: Last) -> Result<Node, VolumeError> {
        let shown = || components.join("\\");
        let mut at = self.clone();
        let mut ahead: VecDeque<OsString> = components.iter().map(OsString::from).collect();
        let mut links = 0;
        while let Some(name) = ahead.pop_front() {
            if name == ".." {
                at.steps.pop();
                continue;
            }
            let (name, fd, stat) = at.look_up(&name).map_err(VolumeError::io("open", shown()))?;
            match FileType::from_raw_mode(stat.st_mode) {
                FileType::Symlink if last == Last::Followed || !ahead.is_empty() => {
                    links += 1;
                    if links > MAX_LINKS {
                        return Err(VolumeError::TooManyLinks(shown()));
                    }
                    let target = link_target(&fd).map_err(VolumeError::io("read the link", shown()))?;
                    if target.as_bytes().starts_with(b"/") {
                        at.steps.clear();
                    }
                    for part in target.as_bytes().split(|b| *b == b'/').rev() {
                        if !part.is_empty() && part != b"." {
                            ahead.push_front(OsString::from_vec(part.to_vec()));
                        }
                    }
                }
                FileType::Directory if at.steps.len() >= MAX_DEPTH => return Err(VolumeError::TooDeep(shown())),
                FileType::Directory => at.steps.push((Arc::new(fd), name)),
                _ if ahead.is_empty() => return Ok(Node::Leaf(Leaf { parent: at, name, stat })),
                _ => return Err(VolumeError::NotFound(shown())),
            }
        }
        Ok(Node::Directory(at))
    }

    /// The child that programs find under `name`: its real name, its place, and what it is.
    fn look_up(&self, name: &OsStr) -> rustix::io::Result<(OsString, OwnedFd, Stat)> {
        let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let (real, fd) = match open(self, name, flags) {
            Err(rustix::io::Errno::NOENT) => {
                let text = name.to_str().ok_or(rustix::io::Errno::NOENT)?;
                let real = names::existing_name(self, text)?.ok_or(rustix::io::Errno::NOENT)?;
                let fd = open(self, &real, flags)?;
                (real, fd)
            }
            other => (name.to_owned(), other?),
        };
        let stat = rustix::fs::fstat(&fd)?;
        Ok((real, fd, stat))
    }
}

impl AsFd for Directory {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.steps.last().map_or(self.root.as_fd(), |(fd, _)| fd.as_fd())
    }
}

/// Opens one name in a directory; no link is followed.
pub(super) fn open(at: &impl AsFd, name: &OsStr, flags: OFlags) -> rustix::io::Result<OwnedFd> {
    let here = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
    match rustix::fs::openat2(at, name, flags, Mode::empty(), here) {
        // A name that no file can have.
        Err(rustix::io::Errno::NAMETOOLONG) => Err(rustix::io::Errno::NOENT),
        other => other,
    }
}

/// The target of the link that `fd` is the place of.
fn link_target(fd: &OwnedFd) -> rustix::io::Result<OsString> {
    Ok(OsString::from_vec(rustix::fs::readlinkat(fd, "", Vec::new())?.into_bytes()))
}
