//! Mounts the union of a container's layers and its scratch as volume `C:`.
//!
//! For now with the kernel's overlay file system; callers know only [`UnionMount`].

use super::UnionMount;
use super::names::existing_name;
use casement_silo::identity::{IdRange, OwnerMap, as_program};
use casement_silo::mount::DetachedMount;
use casement_silo::{Context, SiloError};
use rustix::mount::MountFlags;
use std::ffi::CString;
use std::path::Path;

/// What happens to changes if the machine loses power.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// They are written out when the volume is unmounted.
    Kept,
    /// They will be thrown away anyway: nothing waits for the disk.
    Discarded,
}

impl UnionMount {
    /// Mounts the union on `target`, in this process's own mount namespace. The layers' files, which belong to
    /// root on the host, are seen as belonging to the silo's programs.
    ///
    /// `stage` is an existing directory for intermediate mounts; the working directory is changed to it, so
    /// that the names of layers in the mount's options (which programs can read) tell nothing about the host.
    pub fn mount(&self, stage: &Path, target: &Path, ids: IdRange, durability: Durability) -> Result<(), SiloError> {
        DetachedMount::new("tmpfs", &[("mode", "0700"), ("size", "1m")])?.attach(stage)?;
        std::env::set_current_dir(stage).during("enter", stage.to_string_lossy())?;
        let map = OwnerMap::new(0, ids.program())?;
        let mut names = Vec::with_capacity(self.lowers.len());
        for (index, lower) in self.lowers.iter().enumerate() {
            let name = index.to_string();
            std::fs::create_dir(&name).during("make", &name)?;
            DetachedMount::bind(lower)?.map_owners(&map)?.attach(Path::new(&name))?;
            names.push(name);
        }
        // The upper and the work directory must be seen through one and the same mount.
        std::fs::create_dir("scratch").during("make", "scratch")?;
        DetachedMount::bind(&self.scratch)?.attach(Path::new("scratch"))?;
        let mut options = format!("lowerdir={},upperdir=scratch/upper,workdir=scratch/work", names.join(":"));
        if durability == Durability::Discarded {
            options.push_str(",volatile");
            forget_volatile_run()?;
        }
        let options = CString::new(options).during("write", "the overlay's options")?;
        let restricted = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
        rustix::mount::mount("C:", target, "overlay", restricted, options.as_c_str())
            .during("mount the union of layers on", target.to_string_lossy())
            .map_err(|e| e.see("overlayfs"))?;
        std::env::set_current_dir("/").during("enter", "/")
    }

    /// Puts a view of a host directory into the mounted volume at `inside` (names from the volume's root
    /// downwards), in place of what is there; missing directories are made. Names match without regard to
    /// case, and links are not followed.
    pub fn map_directory<'a>(
        volume: &Path,
        inside: impl Iterator<Item = &'a str>,
        directory: DetachedMount,
        ids: IdRange,
    ) -> Result<(), SiloError> {
        use rustix::fs::{Mode, OFlags, ResolveFlags};
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        let mut at = rustix::fs::open(volume, flags, Mode::empty()).during("open", "volume C:")?;
        let mut shown = "C:".to_owned();
        for name in inside {
            shown = format!("{shown}\\{name}");
            let found = existing_name(&at, name).during("look for", name)?;
            let real = found.clone().unwrap_or_else(|| name.into());
            if found.is_none() {
                make_directory(&at, name, ids)?;
            }
            let beneath = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
            at = rustix::fs::openat2(&at, &real, flags, Mode::empty(), beneath).during("open", name)?;
        }
        directory.attach_to(std::os::fd::AsFd::as_fd(&at), &shown)
    }
}

/// Removes the mark by which the overlay refuses what was mounted with `volatile` before: such a container is only mounted
/// again when it was restarted on this running kernel, which has kept its files.
fn forget_volatile_run() -> Result<(), SiloError> {
    const MARK: &str = "scratch/work/work/incompat";
    match std::fs::remove_dir_all(MARK) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(SiloError::new("remove", MARK, error)),
        _ => Ok(()),
    }
}

/// Makes a directory that belongs to the silo's programs.
fn make_directory(at: &impl std::os::fd::AsFd, name: &str, ids: IdRange) -> Result<(), SiloError> {
    use rustix::fs::{AtFlags, Gid, Mode, Uid};
    let mode = Mode::from_raw_mode(0o755);
    match rustix::fs::mkdirat(at, name, mode) {
        Ok(()) => {
            let (user, group) = (Uid::from_raw(ids.program()), Gid::from_raw(ids.program()));
            rustix::fs::chownat(at, name, Some(user), Some(group), AtFlags::SYMLINK_NOFOLLOW).during("give away", name)
        }
        // In a directory that is mapped itself, and whose owners are translated.
        Err(rustix::io::Errno::OVERFLOW) => {
            as_program(ids, || rustix::fs::mkdirat(at, name, mode))?.during("make", name)
        }
        Err(errno) => Err(errno).during("make", name),
    }
}
