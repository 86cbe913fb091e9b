//! Removing files and directories. What lower layers still have of the name is hidden by a tombstone.

use crate::directory::{Below, Entry};
use crate::fuse::request::Body;
use crate::layer::{Kind, SCRATCH};
use crate::name;
use crate::volume::Volume;
use rustix::fd::OwnedFd;
use rustix::fs::{AtFlags, FileType, Mode, RawDir, RenameFlags};
use rustix::io::Errno;
use std::ffi::CString;

impl Volume {
    pub(super) fn unlink(&mut self, parent: u64, body: &mut Body<'_>) -> Result<(), Errno> {
        let spelled = body.name()?;
        let entry = self.visible(parent, spelled)?;
        if entry.kind == Kind::Directory {
            return Err(Errno::ISDIR);
        }
        self.remove_from_disk(parent, &entry)?;
        self.remove_entry(parent, &entry, spelled)
    }

    pub(super) fn remove_directory(&mut self, parent: u64, body: &mut Body<'_>) -> Result<(), Errno> {
        let spelled = body.name()?;
        let entry = self.visible(parent, spelled)?;
        if entry.kind != Kind::Directory {
            return Err(Errno::NOTDIR);
        }
        self.check_empty(parent, &entry)?;
        self.remove_from_disk(parent, &entry)?;
        self.remove_entry(parent, &entry, spelled)
    }

    /// A name that programs see.
    pub(super) fn visible(&mut self, parent: u64, spelled: &[u8]) -> Result<Entry, Errno> {
        self.load(parent)?;
        let found = self.directory(parent)?.find(&self.folding, name::wanted(spelled)?);
        found.filter(|e| e.is_visible()).cloned().ok_or(Errno::NOENT)
    }

    pub(super) fn check_empty(&mut self, parent: u64, entry: &Entry) -> Result<(), Errno> {
        let (id, _) = self.meet(parent, entry.place)?;
        let loaded = self.load(id);
        let empty = loaded.and_then(|()| self.directory(id)).map(|d| d.visible() == 0);
        let mut close = Self::closer(&self.device);
        self.nodes.drop_unneeded(id, &mut close);
        if empty? { Ok(()) } else { Err(Errno::NOTEMPTY) }
    }

    fn remove_from_disk(&mut self, parent: u64, entry: &Entry) -> Result<(), Errno> {
        self.copy_up_directory(parent)?;
        let path = self.entry_path(parent, &entry.name)?;
        if entry.layer != SCRATCH {
            return make_tombstone(self.scratch(), &path);
        }
        let is_directory = entry.kind == Kind::Directory;
        if entry.below != Below::Shown {
            let flags = if is_directory { AtFlags::REMOVEDIR } else { AtFlags::empty() };
            match rustix::fs::unlinkat(self.scratch(), &path, flags) {
                // Tombstones that are not needed any more.
                Err(Errno::NOTEMPTY) => drop(only_tombstones(&self.scratch().open_directory(&path)?)?),
                other => return other,
            }
            let work = self.work_name();
            rustix::fs::renameat(self.scratch(), &path, &self.work, &work)?;
            return self.clear_work(&work);
        }
        if is_directory {
            only_tombstones(&self.scratch().open_directory(&path)?)?;
        }
        let work = self.work_name();
        make_tombstone(&self.work, work.as_bytes())?;
        if is_directory {
            rustix::fs::renameat_with(&self.work, &work, self.scratch(), &path, RenameFlags::EXCHANGE)?;
            return self.clear_work(&work);
        }
        rustix::fs::renameat(&self.work, &work, self.scratch(), &path)
    }

    /// Removes a directory that has nothing but tombstones from the work directory.
    pub(super) fn clear_work(&self, work: &str) -> Result<(), Errno> {
        let directory = self.work.open_directory(work.as_bytes())?;
        for name in only_tombstones(&directory)? {
            rustix::fs::unlinkat(&directory, &name, AtFlags::empty())?;
        }
        rustix::fs::unlinkat(&self.work, work, AtFlags::REMOVEDIR)
    }

    /// Takes an entry out of its directory; a tombstone stays if there is one on disk.
    fn remove_entry(&mut self, parent: u64, entry: &Entry, spelled: &[u8]) -> Result<(), Errno> {
        let folding = self.folding.clone();
        let number = self.nodes.number();
        self.directory_mut(parent)?.bury(&folding, entry.place, number);
        self.unknow(entry.node, spelled);
        self.lose_name(entry.node, parent, entry.place)
    }

    /// A name of an inode is gone.
    pub(super) fn lose_name(&mut self, id: u64, parent: u64, place: u64) -> Result<(), Errno> {
        match self.nodes.get(id) {
            // It must not go before it has its other name.
            Some(_) => self.holding(id, |volume| volume.take_other_name(id, parent, place)),
            None => Ok(()),
        }
    }

    fn take_other_name(&mut self, id: u64, parent: u64, place: u64) -> Result<(), Errno> {
        let mut close = Self::closer(&self.device);
        let mut other = self.nodes.remove_link(id, parent, place, &mut close);
        while let Some((parent, place)) = other
            && self.directory(parent).ok().and_then(|directory| directory.at(place)).is_none_or(|e| e.node != id)
        {
            tracing::warn!(id, parent, place, "a name of a file with several is not there");
            other = self.nodes.remove_link(id, parent, place, &mut close);
        }
        let node = self.node(id)?;
        if (node.parent, node.place) != (parent, place) {
            return Ok(());
        }
        if let Some((parent, place)) = other {
            self.nodes.place_at(id, parent, place, &mut close);
            return Ok(());
        }
        if node.users() == 0 && self.nodes.on_disk(id) == 0 {
            self.close(id)?;
        }
        self.nodes.place_at(id, 0, 0, &mut close);
        let node = self.node_mut(id)?;
        if let Some(open) = &node.open {
            // All that is left of a file that was copied up while it was open is what those have who opened it before.
            node.layer = open.layer;
        }
        Ok(())
    }
}

/// The names in a directory of the scratch that has nothing but tombstones.
///
/// # Errors
/// `ENOTEMPTY` if there is something else.
pub(super) fn only_tombstones(directory: &OwnedFd) -> Result<Vec<CString>, Errno> {
    let mut buffer = Vec::with_capacity(8 << 10);
    let mut names = Vec::new();
    let mut entries = RawDir::new(directory, buffer.spare_capacity_mut());
    while let Some(entry) = entries.next() {
        let entry = entry?;
        if matches!(entry.file_name().to_bytes(), b"." | b"..") {
            continue;
        }
        if Kind::of_entry(directory, entry.file_name(), entry.file_type())? != Some(Kind::Tombstone) {
            return Err(Errno::NOTEMPTY);
        }
        names.push(entry.file_name().to_owned());
    }
    Ok(names)
}

/// The sign that a name of lower layers is gone: a character device 0:0, which no program can make here.
pub(super) fn make_tombstone(layer: &crate::layer::Layer, path: &[u8]) -> Result<(), Errno> {
    rustix::fs::mknodat(layer, path, FileType::CharacterDevice, Mode::empty(), 0)
}
