//! Opening and closing files.
//!
//! All open files of an inode share one file underneath, as the kernel uses at most one backing file for an inode. When
//! a file of a lower layer is copied up while somebody has it open, the name gets a new inode: the old one stays with
//! those who have it open, and `ESTALE` makes the kernel look the name up again.

use super::permission::ACCESS;
use crate::copy_up::Data;
use crate::fuse::reply::Reply;
use crate::fuse::request::Body;
use crate::layer::{Kind, SCRATCH};
use crate::lease::Moment;
use crate::node::{Known, Node, Open};
use crate::volume::Volume;
use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

pub(super) fn writes(flags: u32) -> bool {
    flags & ACCESS != 0 || flags & OFlags::TRUNC.bits() != 0
}

impl Volume {
    pub(super) fn open_file(&mut self, id: u64, body: &mut Body<'_>, reply: &mut Reply) -> Result<(), Errno> {
        let flags = body.u32()?;
        self.open_inode(id, flags, reply)
    }

    pub(super) fn open_inode(&mut self, id: u64, flags: u32, reply: &mut Reply) -> Result<(), Errno> {
        let emptied = flags & OFlags::TRUNC.bits() != 0;
        let node = self.node(id)?;
        if node.kind != Kind::File {
            return Err(Errno::INVAL);
        }
        if writes(flags) {
            self.has_kept_name(id)?;
        }
        if node.layer != SCRATCH && writes(flags) {
            // What is refused then must not be empty by now.
            self.admit(rustix::io::fcntl_dupfd_cloexec(self.scratch(), 3)?)?;
            self.copy_up(id, if emptied { Data::Left } else { Data::Copied })?;
        }
        let node = self.node(id)?;
        if node.open.as_ref().is_some_and(|open| open.layer != node.layer) {
            if node.users() > 0 {
                self.split(id)?;
                return Err(Errno::STALE);
            }
            self.close(id)?;
        }
        if self.node(id)?.open.is_none() {
            let path = self.path(id)?;
            let node = self.node(id)?;
            let access = if node.layer == SCRATCH { OFlags::RDWR } else { OFlags::RDONLY };
            let file = self.layer_of(node).open_file(&path, access, Mode::empty())?;
            self.attach(id, self.admit(file)?)?;
        }
        if emptied && let Some(file) = self.scratch_file(id) {
            rustix::fs::ftruncate(file, 0)?;
        }
        self.use_file(id, reply)
    }

    /// Puts a file behind an inode.
    pub(super) fn attach(&mut self, id: u64, file: OwnedFd) -> Result<(), Errno> {
        let backing = match self.abilities.passthrough {
            true => self.device.open_backing(file.as_fd()).inspect_err(|e| tracing::debug!(%e, "no backing file")).ok(),
            false => None,
        };
        let node = self.node_mut(id)?;
        node.open = Some(Box::new(Open::new(file, backing, node.layer)));
        Ok(())
    }

    /// One more program has an inode's file open.
    pub(super) fn use_file(&mut self, id: u64, reply: &mut Reply) -> Result<(), Errno> {
        let node = self.nodes.get_mut(id).ok_or(Errno::STALE)?;
        let open = node.open.as_mut().ok_or(Errno::IO)?;
        open.users += 1;
        reply.opened(open.backing);
        if node.users() == 1 && node.is_in_question(&self.leases) {
            self.invalidate_attributes(id);
        }
        Ok(())
    }

    pub(super) fn release(&mut self, id: u64, body: &mut Body<'_>) -> Result<(), Errno> {
        body.skip(8)?;
        let flags = body.u32()?;
        let node = self.node_mut(id)?;
        let has_name = node.has_name();
        let open = node.open.as_mut().ok_or(Errno::IO)?;
        open.users = open.users.saturating_sub(1);
        let (unused, direct) = (open.users == 0, open.backing.is_some());
        if direct && flags & ACCESS != 0 {
            // What was written through a mapping changed the times.
            self.invalidate_attributes(id);
        }
        if unused {
            let mut close = Self::closer(&self.device);
            if has_name {
                self.nodes.idle(id, &mut close);
            } else {
                self.close(id)?;
            }
            self.nodes.drop_unneeded(id, &mut close);
        }
        Ok(())
    }

    /// Closes an inode's file, which nobody uses.
    pub(crate) fn close(&mut self, id: u64) -> Result<(), Errno> {
        if let Some(open) = self.node_mut(id)?.open.take() {
            Self::closer(&self.device)(*open);
        }
        Ok(())
    }

    /// Gives the name of an inode that was copied up while it was open to a new inode. The old one is again what it was
    /// when it was opened.
    pub(super) fn split(&mut self, id: u64) -> Result<(), Errno> {
        let new = self.nodes.number();
        let node = self.node(id)?;
        let (parent, place, number) = (node.parent, node.place, node.number);
        // The kernel may go on to take names of the old one for this one's.
        let misspelled_until = if self.abilities.epochs { Moment::default() } else { node.forgotten_after() };
        let mode = u32::from(node.mode);
        let entry = self.entry_of_mut(id)?;
        entry.node = new;
        let (layer, kind) = (entry.layer, entry.kind);
        self.nodes.add(
            new,
            Node { number, children: 1, misspelled_until, ..Node::new(new, parent, place, layer, kind, mode) },
        );
        self.nodes.succeed(id, new);
        for (parent, place) in self.nodes.move_links(id, new) {
            if let Some(entry) = self.directory_mut(parent)?.at_mut(place) {
                entry.node = new;
            }
        }
        let mut close = Self::closer(&self.device);
        self.nodes.place_at(id, 0, 0, &mut close);
        let node = self.node_mut(id)?;
        node.known = Known::NO;
        if let Some(open) = &node.open {
            node.layer = open.layer;
        }
        // The kernel asks again for the name that it was led here by, if it was led by one; not for others, nor for one that another
        // program gives the file at this moment.
        self.new_epoch();
        Ok(())
    }
}
