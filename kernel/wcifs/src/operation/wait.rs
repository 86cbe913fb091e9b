//! Changes that wait until the kernel has forgotten a name: [`crate::lease`].

use super::open::writes;
use crate::directory::Entry;
use crate::fuse::number::{opcode, set};
use crate::fuse::request::Request;
use crate::layer::SCRATCH;
use crate::lease::Moment;
use crate::name;
use crate::node::Known;
use crate::volume::Volume;
use std::time::Instant;

impl Volume {
    /// When to answer a request that has to wait; `None`: now. It is not asked again when that time has come, and
    /// [`crate::lease::Leases::waited`] is called then.
    pub fn has_to_wait(&mut self, request: &Request<'_>) -> Option<Instant> {
        if self.abilities.epochs {
            return None;
        }
        let end = self.forgotten_for(request)?;
        self.permit(request).ok()?;
        let until = self.leases.wait(end);
        if until.is_some() {
            tracing::debug!(opcode = request.opcode, "a change waits until names are forgotten");
        }
        until
    }

    /// When the kernel has forgotten all names that a request would make wrong.
    fn forgotten_for(&self, request: &Request<'_>) -> Option<Moment> {
        let (node, mut body) = (request.node, request.body);
        match request.opcode {
            opcode::OPEN => self.split_after(node, writes(body.u32().ok()?)),
            opcode::SETATTR if body.u32().ok()? & set::SIZE != 0 => self.split_after(node, true),
            opcode::CREATE => {
                let flags = body.u32().ok()?;
                let spelled = body.skip(12).ok()?.name().ok()?;
                let present = self.entry_at(node, spelled).and_then(|e| self.split_after(e.node, writes(flags)));
                present.or_else(|| self.missed_until(node, spelled))
            }
            opcode::MKNOD => self.missed_until(node, body.skip(16).ok()?.name().ok()?),
            opcode::MKDIR | opcode::LINK => self.missed_until(node, body.skip(8).ok()?.name().ok()?),
            opcode::SYMLINK => self.missed_until(node, body.name().ok()?),
            opcode::UNLINK => self.known_until(node, body.name().ok()?),
            opcode::RENAME | opcode::RENAME2 => {
                let new_parent = body.u64().ok()?;
                if request.opcode == opcode::RENAME2 {
                    body.skip(8).ok()?;
                }
                let (old, new) = (body.name().ok()?, body.name().ok()?);
                let leaves = self.known_until(node, old);
                let [from, to] = [(node, old), (new_parent, new)].map(|(at, name)| Some(self.entry_at(at, name)?.node));
                if from == to {
                    return leaves;
                }
                leaves.max(self.known_until(new_parent, new)).max(self.missed_until(new_parent, new))
            }
            _ => None,
        }
    }

    /// When the name of a file that somebody has open may go to another inode ([`Volume::split`]), if it is about to.
    fn split_after(&self, id: u64, written: bool) -> Option<Moment> {
        let node = self.nodes.get(id).filter(|node| node.users() > 0 && node.known == Known::VARIOUSLY)?;
        let is_copied_up = node.open.as_ref().is_some_and(|open| open.layer != node.layer);
        (is_copied_up || written && node.layer != SCRATCH).then(|| node.forgotten_after())
    }

    /// What is at a name of a directory that was looked into.
    fn entry_at(&self, parent: u64, spelled: &[u8]) -> Option<&Entry> {
        let found = self.directory(parent).ok()?.find(&self.folding, name::wanted(spelled).ok()?);
        found.filter(|entry| entry.is_visible())
    }

    /// Until when the kernel may know what is at a name of a directory by another spelling.
    fn known_until(&self, parent: u64, spelled: &[u8]) -> Option<Moment> {
        let entry = self.entry_at(parent, spelled)?;
        let node = self.nodes.get(entry.node)?;
        // The kernel may still have the one that it succeeds by this name.
        let only_so = node.known == Known::only(self.folding.spelling(spelled)) && !node.succeeds();
        let until = if entry.name.as_bytes() == spelled { node.misspelled_until } else { node.forgotten_after() };
        (!only_so).then_some(until)
    }

    /// Until when the kernel may believe of another spelling of a name that nothing is there.
    fn missed_until(&self, parent: u64, spelled: &[u8]) -> Option<Moment> {
        self.directory(parent).ok()?.missed_until(&self.folding, name::wanted(spelled).ok()?)
    }
}
