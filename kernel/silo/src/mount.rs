//! Mounts through the descriptor-based mount calls: a mount is made detached, restricted, and only then
//! put in its place.

use crate::error::{Context, SiloError};
use crate::identity::OwnerMap;
use crate::linux::{self, mount_attr};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::mount::{FsMountFlags, FsOpenFlags, MountAttrFlags, MountPropagationFlags, MoveMountFlags, OpenTreeFlags};
use std::path::Path;

/// A mount that is in no directory yet; dropping it unmounts it.
pub struct DetachedMount(OwnedFd);

/// What a mount forbids; `nosuid` always holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Restrictions {
    /// No writing.
    pub read_only: bool,
    /// No Linux programs.
    pub no_exec: bool,
    /// No device nodes.
    pub no_dev: bool,
}

impl Restrictions {
    /// Data that is neither programs nor devices.
    pub const DATA: Self = Self { read_only: false, no_exec: true, no_dev: true };
    /// Data that cannot be changed.
    pub const READ_ONLY_DATA: Self = Self { read_only: true, no_exec: true, no_dev: true };
    /// Linux programs that cannot be changed.
    pub const READ_ONLY_PROGRAMS: Self = Self { read_only: true, no_exec: false, no_dev: true };

    fn bits(self) -> u64 {
        let mut bits = mount_attr::NOSUID;
        for (on, bit) in
            [(self.read_only, mount_attr::RDONLY), (self.no_exec, mount_attr::NOEXEC), (self.no_dev, mount_attr::NODEV)]
        {
            bits |= if on { bit } else { 0 };
        }
        bits
    }
}

impl DetachedMount {
    /// A second view of the directory or file at `path`, without what is mounted below it.
    pub fn bind(path: &Path) -> Result<Self, SiloError> {
        Self::clone_tree(path, OpenTreeFlags::empty())
    }

    /// A second view of the directory that is open as `directory`, without what is mounted below it.
    pub fn bind_opened(directory: BorrowedFd<'_>, name: &str) -> Result<Self, SiloError> {
        let flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC | OpenTreeFlags::AT_EMPTY_PATH;
        rustix::mount::open_tree(directory, "", flags).during("open the tree", name).map(Self)
    }

    /// A second view of the directory at `path` with all that is mounted below it.
    pub fn bind_recursive(path: &Path) -> Result<Self, SiloError> {
        Self::clone_tree(path, OpenTreeFlags::AT_RECURSIVE)
    }

    fn clone_tree(path: &Path, flags: OpenTreeFlags) -> Result<Self, SiloError> {
        let flags = flags | OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC;
        rustix::mount::open_tree(rustix::fs::CWD, path, flags).during("open the tree", path.to_string_lossy()).map(Self)
    }

    /// A new file system of type `kind` with string options.
    pub fn new(kind: &str, options: &[(&str, &str)]) -> Result<Self, SiloError> {
        let fs = rustix::mount::fsopen(kind, FsOpenFlags::FSOPEN_CLOEXEC).during("open file system", kind)?;
        for (key, value) in options {
            if value.is_empty() {
                rustix::mount::fsconfig_set_flag(fs.as_fd(), *key)
            } else {
                rustix::mount::fsconfig_set_string(fs.as_fd(), *key, *value)
            }
            .during("set", format!("{kind} option {key}={value}"))?;
        }
        rustix::mount::fsconfig_create(fs.as_fd()).during("create file system", kind)?;
        rustix::mount::fsmount(fs.as_fd(), FsMountFlags::FSMOUNT_CLOEXEC, MountAttrFlags::empty())
            .during("mount", kind)
            .map(Self)
    }

    /// Applies restrictions.
    pub fn restrict(self, restrictions: Restrictions) -> Result<Self, SiloError> {
        linux::mount_setattr(self.0.as_fd(), restrictions.bits(), true, None).during("restrict", "a mount")?;
        Ok(self)
    }

    /// Translates file owners.
    pub fn map_owners(self, map: &OwnerMap) -> Result<Self, SiloError> {
        linux::mount_setattr(self.0.as_fd(), 0, false, Some(map.as_fd()))
            .during("translate the owners of", "a mount")
            .map_err(|e| e.see("idmapped-mounts"))?;
        Ok(self)
    }

    /// Puts the mount on the directory or file at `target`.
    pub fn attach(self, target: &Path) -> Result<(), SiloError> {
        self.attach_here(target)
    }

    /// As [`Self::attach`], and keeps the descriptor of the mount's root.
    pub fn attach_here(&self, target: &Path) -> Result<(), SiloError> {
        rustix::mount::move_mount(self.0.as_fd(), "", rustix::fs::CWD, target, MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH)
            .during("mount on", target.to_string_lossy())
    }

    /// Puts the mount on the directory or file that `target` refers to.
    pub fn attach_to(self, target: BorrowedFd<'_>, name: &str) -> Result<(), SiloError> {
        rustix::mount::move_mount(
            self.0.as_fd(),
            "",
            target,
            "",
            MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH | MoveMountFlags::MOVE_MOUNT_T_EMPTY_PATH,
        )
        .during("mount on", name)
    }
}

impl AsFd for DetachedMount {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// Moves this process into a mount namespace of its own that passes nothing on to the host. All mounts made
/// from here on vanish with the last process in it.
pub fn enter_private_namespace() -> Result<(), SiloError> {
    linux::unshare(libc::CLONE_NEWNS).during("make", "a mount namespace")?;
    rustix::mount::mount_change("/", MountPropagationFlags::REC | MountPropagationFlags::PRIVATE)
        .during("make private", "/")
}
