//! From directories to a mounted volume.

use crate::error::WcifsError;
use crate::fuse::connection::Wishes;
use crate::fuse::device::Device;
use crate::layer::{Layer, MAX_LAYERS};
use crate::mount_table::FILE_SYSTEM;
use crate::session::{Parts, Session};
use crate::volume::Durability;
use rustix::fd::{AsFd, AsRawFd};
use rustix::mount::MountFlags;
use std::ffi::CString;
use std::path::{Path, PathBuf};

/// What a volume is made of.
#[derive(Debug, Clone)]
pub struct MountPlan {
    /// Files of each read-only layer, top first, base last.
    pub layers: Vec<PathBuf>,
    /// Takes the changes.
    pub scratch: PathBuf,
    /// An empty directory on the scratch's file system, which changes are prepared in. It is emptied first.
    pub work: PathBuf,
    /// Host user and group that all files belong to.
    pub owner: u32,
    /// What changes are worth.
    pub durability: Durability,
    /// Whether programs of the host use the volume, and not only those of a container: the kernel checks their permissions
    /// then, those to search directories included.
    pub for_host: bool,
    /// Whether the kernel may read and write files of the host directly where it can.
    pub passthrough: bool,
    /// Whether the kernel may be told to ask for all names again where it can; else it remembers those of files for a while only.
    pub epochs: bool,
}

impl MountPlan {
    /// Mounts the volume on `target`: no programs of Linux, no set-id files, no devices. It answers once its session is
    /// served.
    ///
    /// # Errors
    /// When a layer, the work directory or FUSE is not there.
    pub fn mount(&self, target: &Path) -> Result<Session, WcifsError> {
        if self.layers.len() > MAX_LAYERS {
            return Err(WcifsError::TooManyLayers(self.layers.len()));
        }
        clear(&self.work).map_err(|source| WcifsError::Work { path: self.work.clone(), source })?;
        let open =
            |path: &PathBuf| Layer::open(path).map_err(|source| WcifsError::Layer { path: path.clone(), source });
        let layers = std::iter::once(&self.scratch).chain(&self.layers).map(open).collect::<Result<Vec<_>, _>>()?;
        let work = open(&self.work)?;
        let device = Device::open().map_err(WcifsError::Device)?;
        let checked = if self.for_host { ",default_permissions" } else { "" };
        let options =
            format!("fd={},rootmode=40000,user_id=0,group_id=0,allow_other{checked}", device.as_fd().as_raw_fd());
        let failed = |source| WcifsError::Mount { path: target.to_owned(), source };
        let options = CString::new(options).map_err(|_| failed(rustix::io::Errno::INVAL))?;
        let restricted = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC | MountFlags::NOATIME;
        rustix::mount::mount("C:", target, FILE_SYSTEM, restricted, options.as_c_str()).map_err(failed)?;
        let wishes = Wishes { passthrough: self.passthrough, epochs: self.epochs };
        let (owner, durability, kernel_permits) = (self.owner, self.durability, self.for_host);
        Ok(Session::new(device, wishes, Parts { layers, work, owner, durability, kernel_permits }))
    }
}

/// Removes what a process that ended in the middle of a change has left.
fn clear(work: &Path) -> std::io::Result<()> {
    for entry in std::fs::read_dir(work)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            std::fs::remove_dir_all(entry.path())?;
        } else {
            std::fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}
