//! Copies files and directories of lower layers to the scratch before they are changed.
//!
//! The copy is made where nobody sees it, gets its data and all of its metadata, and then its name: whoever looks,
//! at whatever instant this process ends, finds the old file or the new one.

use crate::layer::{Kind, LayerIndex, SCRATCH, here};
use crate::metadata::{self, Place};
use crate::volume::{Durability, Volume};
use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{AtFlags, Mode, OFlags, RenameFlags, SeekFrom, Stat, Timespec, Timestamps};
use rustix::io::Errno;

/// Bytes that are copied at once where the file system cannot copy.
const CHUNK: usize = 256 << 10;

/// Whether a copy is to have the original's data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Data {
    /// All of it.
    Copied,
    /// The file is about to be emptied.
    Left,
}

/// A path nowhere, for [`Place::File`].
type NoPath<'a> = Place<'a, OwnedFd>;

impl Volume {
    /// A name in the work directory that nothing has.
    pub(crate) fn work_name(&mut self) -> String {
        self.next_work += 1;
        format!("{:x}", self.next_work)
    }

    /// Makes sure that a directory is in the scratch.
    pub(crate) fn copy_up_directory(&mut self, id: u64) -> Result<(), Errno> {
        let node = self.node(id)?;
        if node.layer == SCRATCH {
            return Ok(());
        }
        if !node.has_name() {
            return Err(Errno::NOENT);
        }
        let (layer, parent) = (node.layer, node.parent);
        self.copy_up_directory(parent)?;
        let original = self.layer_of(self.node(id)?).open_directory(&self.path(id)?)?;
        let stat = rustix::fs::fstat(&original)?;
        let work = self.work_name();
        rustix::fs::mkdirat(&self.work, &work, Mode::from_raw_mode(0o700))?;
        let copy = self.work.open_directory(work.as_bytes())?;
        metadata::copy(&NoPath::File(&original), &NoPath::File(&copy))?;
        finish(&copy, &stat)?;
        self.publish(id, &work)?;
        tracing::trace!(id, layer, "copied up a directory");
        Ok(())
    }

    /// Makes sure that a file or link is in the scratch. Files of lower layers that are open stay those of the lower
    /// layer for those who opened them.
    pub(crate) fn copy_up(&mut self, id: u64, data: Data) -> Result<(), Errno> {
        let node = self.node(id)?;
        if node.layer == SCRATCH {
            return Ok(());
        }
        if !node.has_name() {
            return Err(Errno::NOENT);
        }
        let (kind, parent, idle) = (node.kind, node.parent, node.users() == 0);
        if kind == Kind::Directory {
            return self.copy_up_directory(id);
        }
        self.copy_up_directory(parent)?;
        let work = self.work_name();
        let made = match kind {
            Kind::Link => self.copy_link(id, &work),
            _ => self.copy_file(id, &work, data),
        };
        if let Err(e) = made.and_then(|()| self.publish(id, &work)) {
            let _ = rustix::fs::unlinkat(&self.work, &work, AtFlags::empty());
            return Err(e);
        }
        if idle {
            self.close(id)?;
        }
        Ok(())
    }

    fn copy_file(&mut self, id: u64, work: &str, data: Data) -> Result<(), Errno> {
        let path = self.path(id)?;
        let original = self.layer_of(self.node(id)?).open_file(&path, OFlags::RDONLY, Mode::empty())?;
        let stat = rustix::fs::fstat(&original)?;
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL;
        let copy = self.work.open_file(work.as_bytes(), flags, Mode::from_raw_mode(0o600))?;
        if data == Data::Copied {
            copy_data(&original, &copy, stat.st_size as u64)?;
        }
        metadata::copy(&NoPath::File(&original), &NoPath::File(&copy))?;
        finish(&copy, &stat)?;
        if self.durability == Durability::Kept {
            // Else its name could reach the disk before its data.
            rustix::fs::fsync(&copy)?;
        }
        Ok(())
    }

    fn copy_link(&mut self, id: u64, work: &str) -> Result<(), Errno> {
        let path = self.path(id)?;
        let layer = self.layer_of(self.node(id)?);
        let text = rustix::fs::readlinkat(layer, &path[..], Vec::new())?;
        let stat = layer.stat(&path)?;
        let original = layer.outer_path(&path);
        rustix::fs::symlinkat(&text, &self.work, work)?;
        let copy = self.work.outer_path(work.as_bytes());
        metadata::copy(&NoPath::Path(&original), &NoPath::Path(&copy))?;
        rustix::fs::utimensat(&self.work, work, &times(&stat), AtFlags::SYMLINK_NOFOLLOW)
    }

    /// Gives a finished copy its name, and the inode its new layer.
    fn publish(&mut self, id: u64, work: &str) -> Result<(), Errno> {
        let path = self.path_in(id, SCRATCH)?;
        let directory = self.path_in(self.node(id)?.parent, SCRATCH)?;
        let directory = here(&directory);
        let stat = self.scratch().stat(directory)?;
        rustix::fs::renameat_with(&self.work, work, self.scratch(), &path, RenameFlags::NOREPLACE)?;
        // The directory has what it had.
        rustix::fs::utimensat(self.scratch(), directory, &times(&stat), AtFlags::SYMLINK_NOFOLLOW)?;
        let entry = self.entry_of_mut(id)?;
        entry.layer = SCRATCH;
        let node = self.node_mut(id)?;
        node.layer = SCRATCH;
        if let Some(directory) = node.directory.as_deref_mut() {
            directory.layers.insert(0, SCRATCH);
        }
        Ok(())
    }

    /// Copies up a directory with all that is in it, so that nothing of lower layers shows through, and marks it and
    /// the directories in it as opaque.
    pub(crate) fn copy_up_tree(&mut self, id: u64) -> Result<(), Errno> {
        self.load(id)?;
        self.copy_up_directory(id)?;
        if self.directory(id)?.layers == [SCRATCH] {
            return Ok(());
        }
        let children: Vec<(u64, Kind, LayerIndex)> =
            self.directory(id)?.all().filter(|e| e.is_visible()).map(|e| (e.place, e.kind, e.layer)).collect();
        for (place, kind, layer) in children {
            if kind == Kind::Directory || layer != SCRATCH {
                self.with_known(id, place, |volume, child| match kind {
                    Kind::Directory => volume.copy_up_tree(child),
                    _ => volume.copy_up(child, Data::Copied),
                })?;
            }
        }
        let path = self.path_in(id, SCRATCH)?;
        metadata::make_opaque(&self.scratch().open_directory(&path)?)?;
        let folding = self.folding.clone();
        let directory = self.directory_mut(id)?;
        directory.layers = vec![SCRATCH];
        let gone: Vec<u64> = directory.all().filter(|e| e.kind == Kind::Tombstone).map(|e| e.place).collect();
        let names: Vec<_> = gone.into_iter().filter_map(|place| directory.remove(&folding, place)).collect();
        directory.uncover();
        for tombstone in names.iter().filter(|e| e.layer == SCRATCH) {
            let path = self.entry_path(id, &tombstone.name)?;
            rustix::fs::unlinkat(self.scratch(), &path, AtFlags::empty())?;
        }
        Ok(())
    }

    /// Does something with the inode of an entry, which the kernel may not know.
    fn with_known(
        &mut self,
        parent: u64,
        place: u64,
        work: impl FnOnce(&mut Self, u64) -> Result<(), Errno>,
    ) -> Result<(), Errno> {
        let (id, _) = self.meet(parent, place)?;
        self.holding(id, |volume| work(volume, id))
    }
}

/// Copies data, leaving holes as they are.
fn copy_data(from: &OwnedFd, to: &OwnedFd, size: u64) -> Result<(), Errno> {
    if rustix::fs::ioctl_ficlone(to, from).is_ok() {
        return Ok(());
    }
    rustix::fs::ftruncate(to, size)?;
    let mut at = 0;
    while at < size {
        let start = match rustix::fs::seek(from, SeekFrom::Data(at)) {
            Ok(start) => start,
            // Only a hole is left.
            Err(Errno::NXIO) => return Ok(()),
            Err(e) => return Err(e),
        };
        let end = rustix::fs::seek(from, SeekFrom::Hole(start))?.min(size);
        copy_extent(from, to, start, end)?;
        at = end.max(start + 1);
    }
    Ok(())
}

fn copy_extent(from: &OwnedFd, to: &OwnedFd, mut at: u64, end: u64) -> Result<(), Errno> {
    while at < end {
        let (mut source, mut target) = (at, at);
        let length = (end - at).min(1 << 30) as usize;
        match rustix::fs::copy_file_range(from, Some(&mut source), to, Some(&mut target), length) {
            Ok(0) => return Ok(()),
            Ok(count) => at += count as u64,
            Err(Errno::XDEV | Errno::INVAL | Errno::OPNOTSUPP | Errno::NOSYS) => {
                return copy_by_hand(from, to, at, end);
            }
            Err(e) => return Err(e),
        }
    }
    Ok(())
}

fn copy_by_hand(from: &OwnedFd, to: &OwnedFd, mut at: u64, end: u64) -> Result<(), Errno> {
    let mut buffer = vec![0; CHUNK];
    while at < end {
        let wanted = (end - at).min(CHUNK as u64) as usize;
        let count = rustix::io::pread(from, &mut buffer[..wanted], at)?;
        if count == 0 {
            return Ok(());
        }
        let mut written = 0;
        while written < count {
            written += rustix::io::pwrite(to, &buffer[written..count], at + written as u64)?;
        }
        at += count as u64;
    }
    Ok(())
}

/// Permissions and times, when all else is done.
fn finish(copy: &impl AsFd, original: &Stat) -> Result<(), Errno> {
    rustix::fs::fchmod(copy, Mode::from_raw_mode(original.st_mode & 0o777))?;
    rustix::fs::futimens(copy, &times(original))
}

fn times(stat: &Stat) -> Timestamps {
    let last_access = Timespec { tv_sec: stat.st_atime, tv_nsec: stat.st_atime_nsec as _ };
    let last_modification = Timespec { tv_sec: stat.st_mtime, tv_nsec: stat.st_mtime_nsec as _ };
    Timestamps { last_access, last_modification }
}
