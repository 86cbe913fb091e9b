//! What a container has changed on volume `C:`: its scratch compared with its layers.

use super::UnionMount;
use super::error::VolumeError;
use casement_wcifs::WcifsError;
use rustix::fs::{Mode, OFlags};
use std::os::fd::OwnedFd;

pub use casement_wcifs::{Change, ChangeKind};

impl UnionMount {
    /// Every change, sorted by path. While the container runs this is a look at something that moves.
    ///
    /// # Errors
    /// When the scratch or a layer cannot be read; the changes on a disk are only for those who have it mounted.
    pub fn changes(&self) -> Result<Vec<Change>, VolumeError> {
        let path = self.upper();
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let upper = rustix::fs::open(&path, flags, Mode::empty()).map_err(VolumeError::io("open", path.display()))?;
        self.changes_in(upper)
    }

    /// As [`Self::changes`], with the directory of the changed files as somebody else has opened it.
    ///
    /// # Errors
    /// When it or a layer cannot be read.
    pub fn changes_in(&self, upper: OwnedFd) -> Result<Vec<Change>, VolumeError> {
        casement_wcifs::changes(upper, &self.lowers).map_err(|error| match error {
            WcifsError::Layer { path, source } => VolumeError::io("open", path.display())(source),
            WcifsError::Read { path, source } => VolumeError::io("read", path)(source),
            other => VolumeError::io("compare", "volume C:")(std::io::Error::other(other)),
        })
    }
}
