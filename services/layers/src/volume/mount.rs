//! Mounts the union of a container's layers and its scratch as volume `C:`, which this process then serves.

use super::UnionMount;
use super::names::existing_name;
use casement_silo::identity::{IdRange, as_program};
use casement_silo::mount::DetachedMount;
use casement_silo::{Context, Errand, SiloError};
use casement_wcifs::{MountPlan, Session, WcifsError};
use rustix::fs::{Mode, OFlags, ResolveFlags};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

pub use casement_wcifs::{Durability, Serving};

/// Environment variable that names, separated by commas, what the host has and is to be done without, for tests of the
/// fallbacks: [`PASSTHROUGH`], [`EPOCHS`].
pub const WITHOUT: &str = "CASEMENT_WITHOUT";
/// Data of files that does not pass through the process that serves the volume; a line of `casement doctor`.
pub const PASSTHROUGH: &str = "fuse-passthrough";
/// Names that the kernel remembers, misses included; a line of `casement doctor`.
pub const EPOCHS: &str = "fuse-epochs";

/// Whether [`WITHOUT`] names this.
pub fn is_done_without(what: &str) -> bool {
    std::env::var(WITHOUT).is_ok_and(|list| list.split(',').any(|word| word.trim() == what))
}

/// A mounted volume that nobody serves yet: whoever looks into it waits.
#[derive(Debug)]
pub struct MountedVolume {
    session: Session,
    target: PathBuf,
    changes: OwnedFd,
}

/// A directory of the host, and where it appears in the volume.
pub struct MappedView {
    /// Names from the volume's root downwards.
    pub inside: Vec<String>,
    /// What appears there.
    pub directory: DetachedMount,
}

impl UnionMount {
    /// Mounts the union on `target`, in this process's own mount namespace. All files belong to root on the host and are
    /// seen as belonging to the silo's programs.
    ///
    /// # Errors
    /// When a layer, the scratch or FUSE is not there.
    pub fn mount(&self, target: &Path, ids: IdRange, durability: Durability) -> Result<MountedVolume, SiloError> {
        if let Some(image) = self.disk() {
            casement_silo::disk::mount(&image, &self.scratch.join(crate::disk::MOUNT_POINT))?;
        }
        let plan = MountPlan {
            layers: self.lowers.clone(),
            scratch: self.upper(),
            work: self.work(),
            owner: ids.program(),
            durability,
            for_host: false,
            passthrough: !is_done_without(PASSTHROUGH),
            epochs: !is_done_without(EPOCHS),
        };
        let session = plan.mount(target).map_err(failed)?;
        let changes = open_root(&self.upper())?;
        Ok(MountedVolume { session, target: target.to_owned(), changes })
    }
}

impl MountedVolume {
    /// Puts views of host directories into the volume, each in place of what is there; missing directories are made. Names
    /// match without regard to case, and links are not followed. Only for processes with one thread.
    ///
    /// # Errors
    /// When something that is no directory is in the way.
    pub fn map(&mut self, views: Vec<MappedView>, ids: IdRange) -> Result<(), SiloError> {
        if views.is_empty() {
            return Ok(());
        }
        let Self { session, target, .. } = self;
        session.expect_mounts();
        let errand = Errand::start(|| {
            session.leave().map_err(failed)?;
            views.into_iter().try_for_each(|view| put(target, view, ids))
        })?;
        session.serve_until(errand.as_fd()).map_err(failed)?;
        errand.finish().during("map directories into", "volume C:")
    }

    /// The directory with the changes, on disk.
    pub fn changes(&self) -> &OwnedFd {
        &self.changes
    }

    /// The root of the volume, with all that was mapped into it.
    ///
    /// # Errors
    /// When it is gone.
    pub fn root(&self) -> Result<OwnedFd, SiloError> {
        open_root(&self.target)
    }

    /// Serves the volume in a thread from now on: this process must not clone itself any more.
    ///
    /// # Errors
    /// When there can be no thread.
    pub fn serve(self) -> Result<Serving, SiloError> {
        self.session.serve_in_thread().map_err(failed)
    }
}

fn failed(error: WcifsError) -> SiloError {
    let line = if matches!(error, WcifsError::Device(_) | WcifsError::Mount { .. }) { "fuse" } else { "wcifs" };
    SiloError::new("mount", "volume C:", io::Error::other(error)).see(line)
}

/// The root as a place only: nobody need serve the volume for that.
fn open_root(target: &Path) -> Result<OwnedFd, SiloError> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    rustix::fs::open(target, flags, Mode::empty()).during("open", "volume C:")
}

fn put(volume: &Path, view: MappedView, ids: IdRange) -> Result<(), SiloError> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    let mut at = open_root(volume)?;
    let mut shown = "C:".to_owned();
    for name in &view.inside {
        shown = format!("{shown}\\{name}");
        let found = existing_name(&at, name).during("look for", name)?;
        let real = found.clone().unwrap_or_else(|| name.into());
        if found.is_none() {
            make_directory(&at, name, ids)?;
        }
        let beneath = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
        at = rustix::fs::openat2(&at, &real, flags, Mode::empty(), beneath).during("open", name)?;
    }
    view.directory.attach_to(at.as_fd(), &shown)
}

/// Makes a directory that belongs to the silo's programs, as everything does in the volume.
fn make_directory(at: &impl AsFd, name: &str, ids: IdRange) -> Result<(), SiloError> {
    let mode = Mode::from_raw_mode(0o755);
    match rustix::fs::mkdirat(at, name, mode) {
        // In a directory that is mapped itself, and whose owners are translated.
        Err(rustix::io::Errno::OVERFLOW) => {
            as_program(ids, || rustix::fs::mkdirat(at, name, mode))?.during("make", name)
        }
        other => other.during("make", name),
    }
}
