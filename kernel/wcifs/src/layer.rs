//! The directories that a volume is made of. All paths are relative to one of them, and are made of names that were read there as those
//! of directories: nobody else changes a layer, so no step of a path is a link, and nothing leads out of it. Opening makes sure of that.

use rustix::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use rustix::fs::{AtFlags, FileType, Mode, OFlags, ResolveFlags, Stat};
use rustix::io::Errno;
use std::ffi::CStr;
use std::path::Path;

/// Number of a layer, 0 is the scratch.
pub type LayerIndex = u8;
/// The layer that takes all changes.
pub const SCRATCH: LayerIndex = 0;
/// Most layers below a scratch (Docker's limit is 127).
pub const MAX_LAYERS: usize = 250;

/// One layer.
#[derive(Debug)]
pub struct Layer {
    root: OwnedFd,
}

impl Layer {
    /// The layer in directory `path`.
    pub fn open(path: &Path) -> Result<Self, Errno> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        Ok(Self { root: rustix::fs::open(path, flags, Mode::empty())? })
    }

    /// Opens a file or directory.
    pub fn open_file(&self, path: &[u8], flags: OFlags, mode: Mode) -> Result<OwnedFd, Errno> {
        let flags = flags | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NOCTTY | OFlags::NONBLOCK;
        let inside =
            ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS | ResolveFlags::NO_XDEV;
        rustix::fs::openat2(&self.root, here(path), flags, mode, inside)
    }

    /// A directory to read; `ENOTDIR` if there is something else.
    pub fn open_directory(&self, path: &[u8]) -> Result<OwnedFd, Errno> {
        match self.open_file(path, OFlags::RDONLY | OFlags::DIRECTORY, Mode::empty()) {
            Err(Errno::LOOP) => Err(Errno::NOTDIR),
            other => other,
        }
    }

    /// Looks at a file, not at what a link leads to.
    pub fn stat(&self, path: &[u8]) -> Result<Stat, Errno> {
        rustix::fs::statat(&self.root, here(path), AtFlags::SYMLINK_NOFOLLOW)
    }

    /// A path of this process for calls that take no directory. Its last step may be a link, which they must not follow.
    pub fn outer_path(&self, path: &[u8]) -> Vec<u8> {
        let mut outer = format!("/proc/self/fd/{}/", self.root.as_raw_fd()).into_bytes();
        outer.extend_from_slice(path);
        outer
    }
}

impl From<OwnedFd> for Layer {
    fn from(root: OwnedFd) -> Self {
        Self { root }
    }
}

impl AsFd for Layer {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.root.as_fd()
    }
}

/// A path for the kernel; the empty one is the layer itself.
pub fn here(path: &[u8]) -> &[u8] {
    if path.is_empty() { b"." } else { path }
}

/// What something in a layer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link.
    Link,
    /// Says that a name of lower layers is gone: a character device 0:0.
    Tombstone,
}

impl Kind {
    /// What a file is; `None` for what no volume has (devices, sockets, pipes).
    fn of(file_type: FileType) -> Option<Self> {
        match file_type {
            FileType::RegularFile => Some(Self::File),
            FileType::Directory => Some(Self::Directory),
            FileType::Symlink => Some(Self::Link),
            _ => None,
        }
    }

    /// What an entry of a directory of a layer is; as [`Kind::of`].
    pub fn of_entry(directory: &impl AsFd, name: &CStr, told: FileType) -> Result<Option<Self>, Errno> {
        if !matches!(told, FileType::Unknown | FileType::CharacterDevice) {
            return Ok(Self::of(told));
        }
        Ok(Self::of_file(&rustix::fs::statat(directory, name, AtFlags::SYMLINK_NOFOLLOW)?))
    }

    /// What a file is, by its attributes.
    pub fn of_file(stat: &Stat) -> Option<Self> {
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::CharacterDevice => (stat.st_rdev == 0).then_some(Self::Tombstone),
            known => Self::of(known),
        }
    }

    /// The `DT_` number of `readdir`.
    pub fn number(self) -> u32 {
        match self {
            Self::File => 8,
            Self::Directory => 4,
            Self::Link => 10,
            Self::Tombstone => 0,
        }
    }
}
