//! Renaming.

use super::remove::{make_tombstone, only_tombstones};
use super::respelling::is_wineserver;
use crate::copy_up::Data;
use crate::directory::{Below, Entry};
use crate::fuse::request::Body;
use crate::layer::{Kind, SCRATCH};
use crate::lease::Moment;
use crate::metadata;
use crate::name::{self, Spelling};
use crate::node::{Known, Node};
use crate::volume::{Target, Volume};
use rustix::fs::{AtFlags, RenameFlags};
use rustix::io::Errno;

impl Volume {
    pub(super) fn rename_plainly(&mut self, parent: u64, body: &mut Body<'_>, thread: u32) -> Result<(), Errno> {
        let new_parent = body.u64()?;
        let (old, new) = (body.name()?, body.name()?);
        self.keep_open_target(parent, old, new_parent, new, thread)?;
        self.rename(parent, old, new_parent, new, RenameFlags::empty())
    }

    /// Refuses to replace what wineserver was told is not there ([`super::respelling`]).
    fn keep_open_target(
        &mut self,
        parent: u64,
        old: &[u8],
        new_parent: u64,
        new: &[u8],
        thread: u32,
    ) -> Result<(), Errno> {
        let Ok(target) = self.visible(new_parent, new) else { return Ok(()) };
        let may_be_open = target.kind == Kind::Directory || self.is_open(target.node);
        let in_question = target.name.as_bytes() != new && may_be_open;
        if in_question && is_wineserver(thread) && self.visible(parent, old)?.node != target.node {
            return Err(Errno::ACCESS);
        }
        Ok(())
    }

    pub(super) fn rename_with_flags(&mut self, parent: u64, body: &mut Body<'_>, thread: u32) -> Result<(), Errno> {
        let new_parent = body.u64()?;
        let flags = RenameFlags::from_bits_retain(body.u32()?);
        body.skip(4)?;
        let (old, new) = (body.name()?, body.name()?);
        if flags == RenameFlags::EXCHANGE {
            return self.exchange(parent, old, new_parent, new);
        }
        if !RenameFlags::NOREPLACE.contains(flags) {
            return Err(Errno::INVAL);
        }
        self.keep_open_target(parent, old, new_parent, new, thread)?;
        self.rename(parent, old, new_parent, new, flags)
    }

    fn rename(
        &mut self,
        parent: u64,
        old: &[u8],
        new_parent: u64,
        new: &[u8],
        flags: RenameFlags,
    ) -> Result<(), Errno> {
        let entry = self.visible(parent, old)?;
        let new_name = name::new_name(new)?;
        self.load(new_parent)?;
        let present = self.directory(new_parent)?.find(&self.folding, new_name).cloned();
        let replaced = present.as_ref().filter(|e| e.is_visible());
        if parent == new_parent && replaced.is_some_and(|e| e.place == entry.place) {
            return self.respell(parent, &entry, new_name, old);
        }
        if let Some(replaced) = replaced {
            if flags.contains(RenameFlags::NOREPLACE) {
                return Err(Errno::EXIST);
            }
            match (entry.kind == Kind::Directory, replaced.kind == Kind::Directory) {
                (true, false) => return Err(Errno::NOTDIR),
                (false, true) => return Err(Errno::ISDIR),
                (true, true) => self.check_empty(new_parent, replaced)?,
                (false, false) => {
                    let ((one, _), (other, _)) =
                        (self.meet(parent, entry.place)?, self.meet(new_parent, replaced.place)?);
                    let mut close = Self::closer(&self.device);
                    self.nodes.drop_unneeded(one, &mut close);
                    self.nodes.drop_unneeded(other, &mut close);
                    if one == other {
                        return Ok(());
                    }
                }
            }
        }
        let (id, _) = self.meet(parent, entry.place)?;
        match entry.kind {
            Kind::Directory => self.copy_up_tree(id)?,
            _ => self.copy_up(id, Data::Copied)?,
        }
        let entry = self.visible(parent, old)?;
        let target = self.target(new_parent, new_name)?;
        let hides = target.present.as_ref().is_some_and(|e| e.below != Below::Nothing);
        if entry.kind == Kind::Directory && hides {
            let path = self.path(id)?;
            metadata::make_opaque(&self.scratch().open_directory(&path)?)?;
        }
        self.move_on_disk(parent, &entry, &target)?;
        self.move_entry(parent, &entry, old, &target, new, id)
    }

    /// Moves a file or directory of the scratch. What is replaced is there until the new one is.
    fn move_on_disk(&mut self, parent: u64, entry: &Entry, target: &Target<'_>) -> Result<(), Errno> {
        let from = self.entry_path(parent, &entry.name)?;
        let in_the_way = target.present.as_ref().filter(|e| e.layer == SCRATCH);
        let Some(other) = in_the_way.filter(|e| *e.name != *target.name) else {
            return self.replace_on_disk(entry, &from, &target.path, in_the_way);
        };
        // Two spellings of a name must never be there at once: one hides the other.
        let other_path = self.entry_path(target.parent, &other.name)?;
        let respell = |volume: &Self, from: &[u8], to: &[u8]| {
            rustix::fs::renameat_with(volume.scratch(), from, volume.scratch(), to, RenameFlags::NOREPLACE)
        };
        respell(self, &other_path, &target.path)?;
        let moved = self.replace_on_disk(entry, &from, &target.path, Some(other));
        if moved.is_err() {
            // As all else goes on to know it.
            respell(self, &target.path, &other_path)?;
        }
        moved
    }

    /// Puts a file or directory in the place of what the scratch has there.
    fn replace_on_disk(
        &mut self,
        entry: &Entry,
        from: &[u8],
        to: &[u8],
        in_the_way: Option<&Entry>,
    ) -> Result<(), Errno> {
        let covers = entry.below == Below::Shown;
        let (Kind::Directory, Some(other)) = (entry.kind, in_the_way) else {
            let leave = if covers { RenameFlags::WHITEOUT } else { RenameFlags::empty() };
            return rustix::fs::renameat_with(self.scratch(), from, self.scratch(), to, leave);
        };
        // An empty directory or a tombstone; it changes places with the directory, and goes.
        let is_tombstone = other.kind == Kind::Tombstone;
        let work = self.work_name();
        if !is_tombstone {
            let directory = self.scratch().open_directory(to)?;
            only_tombstones(&directory)?;
            if covers {
                // Where it is then for a moment, lower layers have something.
                metadata::make_opaque(&directory)?;
                make_tombstone(&self.work, work.as_bytes())?;
            }
        }
        let exchange = |volume: &Self| {
            rustix::fs::renameat_with(volume.scratch(), from, volume.scratch(), to, RenameFlags::EXCHANGE)
        };
        let moved = exchange(self).and_then(|()| {
            let gone = match (is_tombstone, covers) {
                (true, true) => return Ok(()),
                (false, true) => {
                    rustix::fs::renameat_with(&self.work, &work, self.scratch(), from, RenameFlags::EXCHANGE)
                }
                (_, false) => rustix::fs::renameat(self.scratch(), from, &self.work, &work),
            };
            gone.inspect_err(|_| _ = exchange(self))
        });
        if let Err(e) = moved {
            let _ = rustix::fs::unlinkat(&self.work, &work, AtFlags::empty());
            return Err(e);
        }
        let cleared = match (is_tombstone, covers) {
            (true, true) => Ok(()),
            (true, false) => rustix::fs::unlinkat(&self.work, &work, AtFlags::empty()),
            (false, _) => self.clear_work(&work),
        };
        if let Err(error) = cleared {
            // It is renamed. What is in the work directory belongs to nothing, and goes with the next mount.
            tracing::warn!(%error, work, "something stays in the work directory");
        }
        Ok(())
    }

    fn move_entry(
        &mut self,
        parent: u64,
        entry: &Entry,
        old: &[u8],
        target: &Target<'_>,
        new: &[u8],
        id: u64,
    ) -> Result<(), Errno> {
        let folding = self.folding.clone();
        let number = self.nodes.number();
        self.directory_mut(parent)?.bury(&folding, entry.place, number);
        let place = self.add_entry(target, entry.kind, Some(id))?;
        if let Some(replaced) = target.present.as_ref().filter(|e| e.is_visible()) {
            // The kernel may not have known that something was there in this spelling.
            self.invalidate_attributes(replaced.node);
            self.unknow(replaced.node, new);
            self.lose_name(replaced.node, target.parent, replaced.place)?;
        }
        self.leave(id, old);
        let spelling = self.folding.spelling(new);
        let named_so = self.nodes.get(id).is_some_and(|node| (node.parent, node.place) == (parent, entry.place));
        let mut close = Self::closer(&self.device);
        self.move_link(id, (parent, entry.place), (target.parent, place));
        self.know_as(id, spelling);
        if named_so {
            self.nodes.place_at(id, target.parent, place, &mut close);
        }
        self.nodes.drop_unneeded(id, &mut close);
        Ok(())
    }

    /// The kernel gives an inode another name than `old`.
    fn leave(&mut self, id: u64, old: &[u8]) {
        self.unknow(id, old);
        if self.nodes.get(id).is_some_and(Node::succeeds) {
            // It may have given the name to the one that this one has succeeded.
            self.new_epoch();
        }
    }

    /// Notes that a name of a file that has several is another one now.
    fn move_link(&mut self, id: u64, from: (u64, u64), to: (u64, u64)) {
        let on_disk = self.nodes.on_disk(id);
        if on_disk != 0 {
            let mut close = Self::closer(&self.device);
            self.nodes.add_link(on_disk, id, to.0, to.1, &mut close);
            self.nodes.remove_link(id, from.0, from.1, &mut close);
        }
    }

    /// The kernel has given an inode that it knows this name.
    fn know_as(&mut self, id: u64, spelling: Spelling) {
        let has_several = self.nodes.on_disk(id) != 0;
        if let Some(node) = self.nodes.get_mut(id) {
            // Who has looked its old name up may be about to part it from who has it open, and was not led by this name.
            let parts = node.open.as_ref().is_some_and(|open| open.users > 0 && open.layer != node.layer);
            node.known = if has_several || parts { Known::VARIOUSLY } else { Known::only(spelling) };
            // Whatever spelling the kernel had for it, it has this one now.
            node.known_until = node.forgotten_after();
            node.misspelled_until = Moment::default();
        }
    }

    /// Changes only how a name is written.
    fn respell(&mut self, parent: u64, entry: &Entry, new: &str, old: &[u8]) -> Result<(), Errno> {
        if *entry.name == *new {
            return Ok(());
        }
        let (id, _) = self.meet(parent, entry.place)?;
        self.copy_up(id, Data::Copied)?;
        let entry = self.visible(parent, old)?;
        let from = self.entry_path(parent, &entry.name)?;
        let to = self.entry_path(parent, new)?;
        rustix::fs::renameat_with(self.scratch(), &from, self.scratch(), &to, RenameFlags::NOREPLACE)?;
        let folding = self.folding.clone();
        let directory = self.directory_mut(parent)?;
        directory.remove(&folding, entry.place);
        let mut respelled = Entry { name: new.into(), ..entry.clone() };
        // Layers that wrote it as it was written until now.
        let below = directory.layers.iter().filter(|l| **l != SCRATCH && entry.kind == Kind::Directory);
        let below: Vec<_> = below.map(|l| (*l, Box::from(entry.name_in(*l)))).collect();
        respelled.spellings = (!below.is_empty()).then(|| Box::new(below));
        let place = directory.insert(&folding, respelled);
        self.end_miss(parent, new)?;
        self.leave(id, old);
        self.move_link(id, (parent, entry.place), (parent, place));
        self.know_as(id, self.folding.spelling(new.as_bytes()));
        let node = self.node_mut(id)?;
        if node.place == entry.place && node.parent == parent {
            node.place = place;
        }
        let mut close = Self::closer(&self.device);
        self.nodes.drop_unneeded(id, &mut close);
        Ok(())
    }

    /// Two names change what they stand for.
    fn exchange(&mut self, parent: u64, old: &[u8], new_parent: u64, new: &[u8]) -> Result<(), Errno> {
        for (directory, name) in [(parent, old), (new_parent, new)] {
            let entry = self.visible(directory, name)?;
            let (id, _) = self.meet(directory, entry.place)?;
            match entry.kind {
                Kind::Directory => {
                    self.copy_up_tree(id)?;
                    let path = self.path(id)?;
                    metadata::make_opaque(&self.scratch().open_directory(&path)?)?;
                }
                _ => self.copy_up(id, Data::Copied)?,
            }
        }
        let (a, b) = (self.visible(parent, old)?, self.visible(new_parent, new)?);
        let (from, to) = (self.entry_path(parent, &a.name)?, self.entry_path(new_parent, &b.name)?);
        rustix::fs::renameat_with(self.scratch(), &from, self.scratch(), &to, RenameFlags::EXCHANGE)?;
        let folding = self.folding.clone();
        self.directory_mut(parent)?.remove(&folding, a.place);
        self.directory_mut(new_parent)?.remove(&folding, b.place);
        let mut close = Self::closer(&self.device);
        // The kernel knows both by other names now.
        self.unknow(a.node, b"");
        self.unknow(b.node, b"");
        let moves = [(&b, (new_parent, b.place), (parent, &a, old)), (&a, (parent, a.place), (new_parent, &b, new))];
        for (entry, from, (to, there, spelled)) in moves {
            let moved = Entry { name: there.name.clone(), below: there.below, ..entry.clone() };
            let place = self.directory_mut(to)?.insert(&folding, moved);
            self.move_link(entry.node, from, (to, place));
            if self.nodes.get(entry.node).is_some_and(|node| (node.parent, node.place) == from) {
                self.nodes.place_at(entry.node, to, place, &mut close);
            }
            self.know_as(entry.node, self.folding.spelling(spelled));
            if there.name.as_bytes() != spelled
                && let Some(node) = self.nodes.get_mut(entry.node)
            {
                node.misspelled_until = std::mem::take(&mut node.known_until);
            }
        }
        Ok(())
    }
}
