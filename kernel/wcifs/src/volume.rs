//! A volume: its layers, its inodes, and the way from one to the other.

use crate::attributes::Attributes;
use crate::directory::{Below, Directory, Entry};
use crate::fuse::connection::Abilities;
use crate::fuse::device::Device;
use crate::fuse::number::{ROOT, notice};
use crate::fuse::reply::{Keep, Reply};
use crate::layer::{Kind, Layer, LayerIndex, SCRATCH};
use crate::lease::{Leases, Moment};
use crate::merge;
use crate::name::Folding;
use crate::node::{Known, Node, Nodes, Open};
use crate::operation::Callers;
use rustix::fs::Stat;
use rustix::io::Errno;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::sync::Arc;
use std::time::Duration;

/// Most directories above one another; deeper ones cannot be named anyway (`PATH_MAX`).
const MAX_DEPTH: usize = 2048;

/// How long after the kernel has got to know a spelling somebody may be about to give a file that one: programs look whether there is
/// such a file, and rename it then.
const NEW: Duration = Duration::from_secs(1);

/// What happens to changes if the machine loses power.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// They are on disk when a program was told so, and a file that is copied up is there whole or not at all.
    Kept,
    /// They will be thrown away anyway: nothing waits for the disk.
    Discarded,
}

/// A mounted volume. One thread serves it.
#[derive(Debug)]
pub struct Volume {
    /// The scratch, then the layers, top first.
    pub(crate) layers: Vec<Layer>,
    /// Where changes are prepared; on the scratch's file system.
    pub(crate) work: Layer,
    pub(crate) folding: Folding,
    pub(crate) nodes: Nodes,
    /// Whom all files belong to.
    pub(crate) owner: u32,
    pub(crate) durability: Durability,
    /// The kernel has looked at the permission bits already.
    pub(crate) kernel_permits: bool,
    pub(crate) abilities: Abilities,
    pub(crate) device: Arc<Device>,
    pub(crate) callers: Callers,
    /// How long names are remembered where there are no epochs.
    pub(crate) leases: Leases,
    /// Number of the next temporary name.
    pub(crate) next_work: u64,
    /// Files that programs have open get numbers below this one here.
    pub(crate) first_kept_back: RawFd,
}

/// A name in a directory of the scratch.
pub(crate) struct Target<'a> {
    pub(crate) parent: u64,
    pub(crate) name: &'a str,
    /// Its path in the scratch.
    pub(crate) path: Vec<u8>,
    /// What the directory has of that name, tombstones included.
    pub(crate) present: Option<Entry>,
}

impl Volume {
    pub(crate) fn node(&self, id: u64) -> Result<&Node, Errno> {
        self.nodes.get(id).ok_or(Errno::STALE)
    }

    pub(crate) fn node_mut(&mut self, id: u64) -> Result<&mut Node, Errno> {
        self.nodes.get_mut(id).ok_or(Errno::STALE)
    }

    /// The layer that takes changes.
    pub(crate) fn scratch(&self) -> &Layer {
        &self.layers[usize::from(SCRATCH)]
    }

    /// The layer that an inode's file is in.
    pub(crate) fn layer_of(&self, node: &Node) -> &Layer {
        &self.layers[usize::from(node.layer)]
    }

    /// The entry through which an inode is reached.
    pub(crate) fn entry_of(&self, node: &Node) -> Result<&Entry, Errno> {
        let parent = self.nodes.get(node.parent).filter(|_| node.has_name()).ok_or(Errno::NOENT)?;
        parent.directory.as_ref().and_then(|d| d.at(node.place)).ok_or(Errno::NOENT)
    }

    pub(crate) fn entry_of_mut(&mut self, id: u64) -> Result<&mut Entry, Errno> {
        let node = self.node(id)?;
        let (parent, place) = (node.parent, node.place);
        self.directory_mut(parent)?.at_mut(place).ok_or(Errno::NOENT)
    }

    /// The names in a directory, which were read before.
    pub(crate) fn directory(&self, id: u64) -> Result<&Directory, Errno> {
        self.node(id)?.directory.as_deref().ok_or(Errno::NOTDIR)
    }

    pub(crate) fn directory_mut(&mut self, id: u64) -> Result<&mut Directory, Errno> {
        self.node_mut(id)?.directory.as_deref_mut().ok_or(Errno::NOTDIR)
    }

    /// The path of an inode in a layer, from the layer's root.
    pub(crate) fn path_in(&self, id: u64, layer: LayerIndex) -> Result<Vec<u8>, Errno> {
        let mut names: Vec<&str> = Vec::new();
        let mut at = id;
        while at != ROOT {
            let node = self.node(at)?;
            names.push(self.entry_of(node)?.name_in(layer));
            if names.len() > MAX_DEPTH {
                return Err(Errno::NAMETOOLONG);
            }
            at = node.parent;
        }
        let mut path = Vec::with_capacity(names.iter().map(|n| n.len() + 1).sum());
        for name in names.iter().rev() {
            if !path.is_empty() {
                path.push(b'/');
            }
            path.extend_from_slice(name.as_bytes());
        }
        Ok(path)
    }

    /// The path of an inode in the layer that has it.
    pub(crate) fn path(&self, id: u64) -> Result<Vec<u8>, Errno> {
        self.path_in(id, self.node(id)?.layer)
    }

    /// Reads the names in a directory, unless that was done.
    pub(crate) fn load(&mut self, id: u64) -> Result<(), Errno> {
        let node = self.node(id)?;
        if node.directory.is_some() {
            return Ok(());
        }
        if node.kind != Kind::Directory {
            return Err(Errno::NOTDIR);
        }
        let candidates: Vec<LayerIndex> = match id {
            ROOT => (0..self.layers.len() as LayerIndex).collect(),
            _ => self.directory(node.parent).map_err(|_| Errno::NOENT)?.layers.clone(),
        };
        let parts = merge::parts(&self.layers, &candidates, node.layer, |layer| self.path_in(id, layer))?;
        let nodes = &mut self.nodes;
        let directory = merge::merge(&self.folding, &parts, || nodes.number())?;
        self.node_mut(id)?.directory = Some(Box::new(directory));
        Ok(())
    }

    /// A new name in a directory: reads it and copies it up.
    pub(crate) fn target<'a>(&mut self, parent: u64, name: &'a str) -> Result<Target<'a>, Errno> {
        self.load(parent)?;
        self.copy_up_directory(parent)?;
        let present = self.directory(parent)?.find(&self.folding, name).cloned();
        let mut path = self.path_in(parent, SCRATCH)?;
        append(&mut path, name);
        Ok(Target { parent, name, path, present })
    }

    /// The path in the scratch of an entry of a directory that the scratch has.
    pub(crate) fn entry_path(&self, parent: u64, name: &str) -> Result<Vec<u8>, Errno> {
        let mut path = self.path_in(parent, SCRATCH)?;
        append(&mut path, name);
        Ok(path)
    }

    /// Looks at an inode's file.
    pub(crate) fn stat(&self, id: u64) -> Result<Stat, Errno> {
        let node = self.node(id)?;
        match &node.open {
            // An open file of a lower layer may have been copied up since.
            Some(open) if open.layer == node.layer => rustix::fs::fstat(&open.file),
            _ => self.layer_of(node).stat(&self.path(id)?),
        }
    }

    /// Attributes of an inode as programs see them.
    pub(crate) fn attributes(&self, id: u64) -> Result<Attributes, Errno> {
        let stat = self.stat(id)?;
        Ok(self.shown(id, self.node(id)?, &stat))
    }

    fn shown(&self, id: u64, node: &Node, stat: &Stat) -> Attributes {
        let mut attributes = Attributes::of(stat, node.number, self.owner);
        if node.layer != SCRATCH {
            // Layers share files by hard links; no link of a volume is among them. One that is open may have lost its name.
            attributes.links = u32::from(node.has_name() || self.nodes.is_succeeded(id));
        }
        if node.is_in_question(&self.leases) {
            attributes.keep = Keep::No;
        }
        attributes
    }

    /// The inode of the entry at a place of a directory, and its attributes.
    pub(crate) fn meet(&mut self, parent: u64, place: u64) -> Result<(u64, Attributes), Errno> {
        let entry = self.directory(parent)?.at(place).ok_or(Errno::NOENT)?;
        let (mut id, layer, kind) = (entry.node, entry.layer, entry.kind);
        let mut close = Self::closer(&self.device);
        if let Some(node) = self.nodes.get(id) {
            if !node.has_name() {
                // The name by which it was known is gone.
                self.nodes.place_at(id, parent, place, &mut close);
            }
            let stat = self.stat(id)?;
            let node = self.node(id)?;
            if node.layer == SCRATCH && kind == Kind::File && stat.st_nlink > 1 {
                self.nodes.add_link(stat.st_ino, id, parent, place, &mut close);
            }
            return Ok((id, self.shown(id, self.node(id)?, &stat)));
        }
        let name = entry.name_in(layer);
        let mut path = self.path_in(parent, layer)?;
        append(&mut path, name);
        let stat = self.layers[usize::from(layer)].stat(&path)?;
        let several = layer == SCRATCH && kind == Kind::File && stat.st_nlink > 1;
        let linked = self.nodes.linked(stat.st_ino).filter(|_| several).map(|linked| linked.node);
        if let Some(linked) = linked {
            id = linked;
            self.directory_mut(parent)?.at_mut(place).ok_or(Errno::NOENT)?.node = id;
            if !self.node(id)?.has_name() {
                self.nodes.place_at(id, parent, place, &mut close);
            }
        } else {
            self.nodes.add(id, Node::new(id, parent, place, layer, kind, stat.st_mode));
        }
        if several {
            self.nodes.add_link(stat.st_ino, id, parent, place, &mut close);
        }
        Ok((id, self.shown(id, self.node(id)?, &stat)))
    }

    /// # Errors
    /// `ESTALE` if the name by which an inode was asked for is another one's by now, as it was copied up while it was open: the kernel
    /// looks the name up again.
    pub(crate) fn has_kept_name(&self, id: u64) -> Result<(), Errno> {
        if self.nodes.is_succeeded(id) { Err(Errno::STALE) } else { Ok(()) }
    }

    /// Does something during which an inode is not dropped, and drops it if nothing needs it then.
    pub(crate) fn holding<T>(&mut self, id: u64, work: impl FnOnce(&mut Self) -> Result<T, Errno>) -> Result<T, Errno> {
        self.node_mut(id)?.lookups += 1;
        let result = work(self);
        let mut close = Self::closer(&self.device);
        self.nodes.forget(id, 1, &mut close);
        result
    }

    /// Tells the kernel of the entry at a place of a directory, as `spelled`: counts it, and gives the inode and its
    /// attributes.
    pub(crate) fn know(&mut self, parent: u64, place: u64, spelled: &[u8]) -> Result<(u64, Attributes, Keep), Errno> {
        let (id, attributes) = self.meet(parent, place)?;
        let is_exact = self.directory(parent)?.at(place).is_some_and(|entry| entry.name.as_bytes() == spelled);
        Ok((id, attributes, self.count(id, spelled, is_exact)?))
    }

    /// Counts that the kernel is told of an inode, as `spelled`, which may be exactly as its directory spells it; says how long it
    /// may keep that name.
    pub(crate) fn count(&mut self, id: u64, spelled: &[u8], is_exact: bool) -> Result<Keep, Errno> {
        let spelling = self.folding.spelling(spelled);
        let has_several = self.nodes.on_disk(id) != 0;
        let epochs = self.abilities.epochs;
        let node = self.nodes.get_mut(id).ok_or(Errno::STALE)?;
        node.lookups += 1;
        let forgotten = !epochs && node.kind != Kind::Directory && node.forgotten_after() <= self.leases.now();
        node.known = match node.known {
            _ if forgotten => Known::only(spelling),
            Known::NO => Known::only(spelling),
            // Names in different directories may be spelled the same.
            _ if has_several => Known::VARIOUSLY,
            _ if node.kind == Kind::Directory => Known::only(spelling),
            known if known == Known::only(spelling) => known,
            _ => Known::VARIOUSLY,
        };
        // A directory has one name in the kernel, the last that was used. A file may have many, and without epochs none
        // of the others could be taken back when it goes.
        if epochs || node.kind == Kind::Directory {
            if !is_exact && node.kind == Kind::File {
                node.misspelled_until = self.leases.after(NEW);
            }
            return Ok(Keep::ForGood);
        }
        // Who removes a file mostly does so by its name as it is written, and would have to wait for other spellings.
        let Some(lease) = is_exact.then(|| self.leases.grant()).flatten() else { return Ok(Keep::No) };
        node.known_until = lease.until.max(node.known_until);
        Ok(Keep::For(lease.time))
    }

    /// Adds an entry for what was just made in the scratch at `target`.
    pub(crate) fn add_entry(&mut self, target: &Target<'_>, kind: Kind, node: Option<u64>) -> Result<u64, Errno> {
        let node = node.unwrap_or_else(|| self.nodes.number());
        let below = target.present.as_ref().map_or(Below::Nothing, |present| present.below);
        let name = target.name.into();
        let entry = Entry { name, node, place: 0, layer: SCRATCH, kind, below, spellings: None };
        let folding = self.folding.clone();
        let directory = self.directory_mut(target.parent)?;
        if let Some(present) = &target.present {
            directory.remove(&folding, present.place);
        }
        let place = directory.insert(&folding, entry);
        self.end_miss(target.parent, target.name)?;
        Ok(place)
    }

    /// A name has come to be, which the kernel may believe to be absent in another spelling.
    pub(crate) fn end_miss(&mut self, directory: u64, name: &str) -> Result<(), Errno> {
        let folding = self.folding.clone();
        let names = self.directory_mut(directory)?;
        let before = names.misses();
        let believed = names.end_miss(&folding, name);
        let ended = before - names.misses();
        self.nodes.misses_ended(ended);
        if believed {
            self.new_epoch();
        }
        Ok(())
    }

    /// A name that the kernel knows is gone from where it was, as `spelled` by the request that took it away: if the
    /// kernel knows it in another spelling too, it has to ask again.
    pub(crate) fn unknow(&mut self, id: u64, spelled: &[u8]) {
        let spelling = self.folding.spelling(spelled);
        let has_several = self.nodes.on_disk(id) != 0;
        let Some(node) = self.nodes.get_mut(id) else { return };
        // Where they cannot be declared old, the kernel goes on to remember other names of a file that has several.
        let after = if has_several && !self.abilities.epochs { Known::VARIOUSLY } else { Known::NO };
        let known = std::mem::replace(&mut node.known, after);
        if self.abilities.epochs {
            node.misspelled_until = Moment::default();
        }
        if known == Known::NO || known == Known::only(spelling) {
            return;
        }
        self.new_epoch();
    }

    /// All names are to be asked for again. Waits for nothing.
    pub(crate) fn new_epoch(&self) {
        if self.abilities.epochs {
            let mut reply = Reply::default();
            let sent = self.device.write(reply.start().finish(0, notice::INCREASE_EPOCH));
            if let Err(error) = sent {
                tracing::warn!(%error, "the kernel keeps old names");
            }
        }
    }

    /// The kernel is to ask for an inode's attributes again. Waits for nothing.
    pub(crate) fn invalidate_attributes(&self, id: u64) {
        self.invalidate(id, -1);
    }

    /// As [`Volume::invalidate_attributes`], and for the names in it. Waits for nobody who waits for an answer.
    pub(crate) fn invalidate_listing(&self, id: u64) {
        self.invalidate(id, 0);
    }

    /// From `offset` on all that the kernel remembers as an inode's content is old; a negative one leaves it that.
    fn invalidate(&self, id: u64, offset: i64) {
        let mut reply = Reply::default();
        let message = reply.start().u64(id).u64(offset as u64).u64(0);
        // The inode may be gone already.
        let _ = self.device.write(message.finish(0, notice::INVALIDATE_INODE));
    }

    /// A file that is to stay open for a program.
    ///
    /// # Errors
    /// `EMFILE` if too many are.
    pub(crate) fn admit(&self, file: OwnedFd) -> Result<OwnedFd, Errno> {
        if file.as_raw_fd() < self.first_kept_back { Ok(file) } else { Err(Errno::MFILE) }
    }

    /// Closes files whose inode is gone.
    pub(crate) fn closer(device: &Arc<Device>) -> impl FnMut(Open) + use<> {
        let device = device.clone();
        move |open| {
            if let Some(backing) = open.backing {
                device.close_backing(backing);
            }
        }
    }
}

/// Adds a step to a path.
pub(crate) fn append(path: &mut Vec<u8>, name: &str) {
    if !path.is_empty() {
        path.push(b'/');
    }
    path.extend_from_slice(name.as_bytes());
}
