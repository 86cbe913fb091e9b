//! Copies the changes of a scratch into a new layer: files, links, tombstones, and what NTFS knows of them.

use super::below::Below;
use super::ntfs::{DIRECTORY_MODE, FILE_MODE};
use crate::error::LayersError;
use crate::volume::{VolumePath, names};
use casement_layer_tar::security;
use casement_wcifs::metadata::{Place, SECURITY, USER};
use rustix::fd::{AsFd, AsRawFd, OwnedFd};
use rustix::fs::{AtFlags, FileType, Mode, OFlags, Stat, Timespec, Timestamps, XattrFlags};
use rustix::io::Errno;
use std::ffi::OsStr;
use std::fs::File;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// Deepest directory; no volume has deeper ones.
const MAX_DEPTH: usize = 512;

/// Copies what is in `from` into the new directory `to`. Attributes of programs stay behind: layers of Windows have no place for
/// them.
pub(crate) fn copy(from: &OwnedFd, to: &Path) -> Result<(), LayersError> {
    let failed = |e: Errno| LayersError::io("create", to)(e.into());
    rustix::fs::mkdir(to, DIRECTORY_MODE).map_err(failed)?;
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let copy = rustix::fs::open(to, flags, Mode::empty()).map_err(failed)?;
    directory(from, &copy, Path::new(""), 0).map_err(|(path, e)| LayersError::io("copy", &path)(e.into()))?;
    let stat = rustix::fs::fstat(from).map_err(failed)?;
    rustix::fs::futimens(&copy, &times(&stat)).map_err(failed)
}

/// Makes directories below one another in `layer`, those that are missing.
pub(crate) fn make_directories(layer: &Path, names: &[String]) -> Result<(), LayersError> {
    let mut path = layer.to_owned();
    for name in names {
        path.push(name);
        match rustix::fs::mkdir(&path, DIRECTORY_MODE) {
            Ok(()) => {}
            Err(Errno::EXIST) if std::fs::symlink_metadata(&path).is_ok_and(|found| found.is_dir()) => {}
            Err(e) => return Err(LayersError::io("create", &path)(e.into())),
        }
    }
    Ok(())
}

type Failed = (PathBuf, Errno);

fn directory(from: &OwnedFd, to: &OwnedFd, path: &Path, depth: usize) -> Result<(), Failed> {
    if depth > MAX_DEPTH {
        return Err((path.to_owned(), Errno::LOOP));
    }
    for name in names::names(from).map_err(|e| (path.to_owned(), e))? {
        let inside = path.join(&name);
        let failed = |e| (inside.clone(), e);
        let stat = match rustix::fs::statat(from, &name, AtFlags::SYMLINK_NOFOLLOW) {
            // Removed meanwhile, by whoever still uses the scratch.
            Err(Errno::NOENT) => continue,
            other => other.map_err(failed)?,
        };
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::Directory => {
                let source = open(from, &name, OFlags::DIRECTORY).map_err(failed)?;
                rustix::fs::mkdirat(to, &name, DIRECTORY_MODE).map_err(failed)?;
                let target = open(to, &name, OFlags::DIRECTORY).map_err(failed)?;
                attributes(&Place::File(&source), &Place::File(&target)).map_err(failed)?;
                directory(&source, &target, &inside, depth + 1)?;
                rustix::fs::futimens(&target, &times(&stat)).map_err(failed)?;
            }
            FileType::RegularFile => file(from, to, &name, &stat).map_err(failed)?,
            FileType::Symlink => link(from, to, &name, &stat).map_err(failed)?,
            FileType::CharacterDevice if stat.st_rdev == 0 => {
                let mode = Mode::from_raw_mode(0);
                rustix::fs::mknodat(to, &name, FileType::CharacterDevice, mode, 0).map_err(failed)?;
            }
            _ => {}
        }
    }
    Ok(())
}

fn file(from: &OwnedFd, to: &OwnedFd, name: &OsStr, stat: &Stat) -> Result<(), Errno> {
    let source = open(from, name, OFlags::empty())?;
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let target = rustix::fs::openat(to, name, flags, FILE_MODE)?;
    // One block on disk for both where the file system can, else a copy in the kernel.
    if rustix::fs::ioctl_ficlone(&target, &source).is_err() {
        let (mut source, mut target) =
            (File::from(source.try_clone().map_err(errno)?), File::from(target.try_clone().map_err(errno)?));
        std::io::copy(&mut source, &mut target).map_err(errno)?;
    }
    attributes(&Place::File(&source), &Place::File(&target))?;
    rustix::fs::fchmod(&target, Mode::from_raw_mode(stat.st_mode & 0o777))?;
    rustix::fs::futimens(&target, &times(stat))
}

fn link(from: &OwnedFd, to: &OwnedFd, name: &OsStr, stat: &Stat) -> Result<(), Errno> {
    let text = rustix::fs::readlinkat(from, name, Vec::new())?;
    rustix::fs::symlinkat(&text, to, name)?;
    let (source, target) = (outer(from, name), outer(to, name));
    attributes::<OwnedFd, OwnedFd>(&Place::Path(&source), &Place::Path(&target))?;
    rustix::fs::utimensat(to, name, &times(stat), AtFlags::SYMLINK_NOFOLLOW)
}

/// The mark of opaque directories is copied, too: the copy lies over the same layers.
fn attributes<A: AsFd, B: AsFd>(from: &Place<'_, A>, to: &Place<'_, B>) -> Result<(), Errno> {
    for name in from.names()?.iter().filter(|name| !name.starts_with(USER)) {
        to.set(name, &from.get(name)?, XattrFlags::empty())?;
    }
    Ok(())
}

fn open(at: &OwnedFd, name: &OsStr, flags: OFlags) -> Result<OwnedFd, Errno> {
    let flags = flags | OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    rustix::fs::openat(at, name, flags, Mode::empty())
}

fn outer(at: &OwnedFd, name: &OsStr) -> Vec<u8> {
    let mut path = format!("/proc/self/fd/{}/", at.as_raw_fd()).into_bytes();
    path.extend_from_slice(name.as_bytes());
    path
}

fn times(stat: &Stat) -> Timestamps {
    Timestamps {
        last_access: Timespec { tv_sec: stat.st_atime, tv_nsec: stat.st_atime_nsec as _ },
        last_modification: Timespec { tv_sec: stat.st_mtime, tv_nsec: stat.st_mtime_nsec as _ },
    }
}

fn errno(error: std::io::Error) -> Errno {
    Errno::from_io_error(&error).unwrap_or(Errno::IO)
}

/// Makes `sid` the owner of the files, and of the directories that no layer below has, of which no security descriptor is kept.
pub(crate) fn give(files: &Path, sid: &str, layers: &[PathBuf]) -> Result<(), LayersError> {
    let failed = |e: Errno| LayersError::io("set the owner of files in", files)(e.into());
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let (Some(of_file), Some(of_directory)) = (security::of_files_of(sid), security::of_directories_of(sid)) else {
        return Err(LayersError::damaged(sid, "it is no SID"));
    };
    let set = |file: &OwnedFd, descriptor: &[u8]| {
        let place = Place::File(file);
        match place.names()?.iter().any(|name| name == SECURITY) {
            true => Ok(()),
            false => place.set(SECURITY, descriptor, XattrFlags::empty()),
        }
    };
    let top = rustix::fs::open(files, flags | OFlags::DIRECTORY, Mode::empty()).map_err(failed)?;
    let mut waiting = vec![(top, Below::open(layers, "Files").map_err(failed)?)];
    while let Some((at, below)) = waiting.pop() {
        for name in names::names(&at).map_err(failed)? {
            let stat = rustix::fs::statat(&at, &name, AtFlags::SYMLINK_NOFOLLOW).map_err(failed)?;
            let open = |more| rustix::fs::openat(&at, &name, flags | more, Mode::empty()).map_err(failed);
            match FileType::from_raw_mode(stat.st_mode) {
                FileType::Directory => {
                    let inside = open(OFlags::DIRECTORY)?;
                    let beneath = match name.to_str() {
                        Some(name) => below.enter(name).map_err(failed)?,
                        None => Below::nothing(),
                    };
                    if beneath.is_nothing() {
                        set(&inside, &of_directory).map_err(failed)?;
                    }
                    waiting.push((inside, beneath));
                }
                FileType::RegularFile => set(&open(OFlags::empty())?, &of_file).map_err(failed)?,
                _ => {}
            }
        }
    }
    Ok(())
}

/// Removes a directory that something was mounted on, and those above it, as far as they are empty and no layer below has them.
pub(crate) fn remove_stubs(files: &Path, path: &VolumePath, layers: &[PathBuf]) -> Result<(), LayersError> {
    let failed = |e: Errno| LayersError::io("remove a mount point in", files)(e.into());
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mut at = rustix::fs::open(files, flags, Mode::empty()).map_err(failed)?;
    let mut below = Below::open(layers, "Files").map_err(failed)?;
    // The directories on the way: where each is, what it is called there, and whether it is new.
    let mut way = Vec::new();
    for name in path.components() {
        let Some(real) = names::existing_name(&at, name).map_err(failed)? else { break };
        let inside = match rustix::fs::openat(&at, &real, flags, Mode::empty()) {
            // Something that is no directory has taken its place.
            Err(Errno::NOTDIR | Errno::LOOP) => break,
            other => other.map_err(failed)?,
        };
        below = below.enter(name).map_err(failed)?;
        way.push((std::mem::replace(&mut at, inside), real, below.is_nothing()));
    }
    for (directory, name, is_new) in way.into_iter().rev() {
        if !is_new {
            break;
        }
        match rustix::fs::unlinkat(&directory, &name, AtFlags::REMOVEDIR) {
            Err(Errno::NOTEMPTY | Errno::EXIST) => break,
            other => other.map_err(failed)?,
        }
    }
    Ok(())
}
