//! Inodes that the kernel knows, and the open files behind them.

use crate::directory::Directory;
use crate::fuse::number::ROOT;
use crate::layer::{Kind, LayerIndex};
use crate::lease::{Lease, Leases, Moment};
use crate::name::{Folding, Spelling};
use hashbrown::HashMap;
use rustix::fd::OwnedFd;
use std::collections::VecDeque;

/// Files that stay open after their last user, because they will likely be opened again; fewer where few may be open.
pub const KEPT_OPEN: usize = 2048;

/// Absent names of all directories of which the kernel is told that it may remember them.
const MAX_MISSES: usize = 1 << 17;

/// In which spellings the kernel knows an inode. A number, as there are many inodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Known(u32);

impl Known {
    /// In none.
    pub const NO: Self = Self(0);
    /// In several.
    pub const VARIOUSLY: Self = Self(1);

    /// In this one.
    pub fn only(spelling: Spelling) -> Self {
        Self(spelling.number() | 2)
    }
}

/// The file behind an inode that is open, or was recently.
#[derive(Debug)]
pub struct Open {
    /// The file in its layer; writable in the scratch. All users share it: positions are the kernel's matter.
    pub file: OwnedFd,
    /// Number under which the kernel uses the file directly.
    pub backing: Option<i32>,
    /// Open files of programs.
    pub users: u32,
    /// Layer of the file.
    pub layer: LayerIndex,
    /// It is in the queue of files that nobody uses.
    queued: bool,
    /// It was used again since it is there.
    used_again: bool,
}

impl Open {
    /// A file of a layer that no program has open yet.
    pub fn new(file: OwnedFd, backing: Option<i32>, layer: LayerIndex) -> Self {
        Self { file, backing, users: 0, layer, queued: false, used_again: false }
    }
}

/// One inode.
#[derive(Debug)]
pub struct Node {
    /// How often the kernel was told of it.
    pub lookups: u64,
    /// Its directory; 0 when no name leads to it any more.
    pub parent: u64,
    /// Its entry there.
    pub place: u64,
    /// Its number for programs.
    pub number: u64,
    /// Inodes in it that the kernel knows, or inodes that it succeeds.
    pub children: u32,
    /// The topmost layer that has it.
    pub layer: LayerIndex,
    /// What it is.
    pub kind: Kind,
    /// Permission bits.
    pub mode: u16,
    /// It is known that it has no DOS attributes.
    pub plain: bool,
    /// How the kernel spells it.
    pub known: Known,
    /// Until when as its directory spells it, where that is not for good; other spellings are not kept there.
    pub known_until: Moment,
    /// Until when the kernel may have another inode by its name, or where names are kept for good, until when another spelling is new to
    /// it; 0 for neither.
    pub misspelled_until: Moment,
    /// Names in it, once they were asked for.
    pub directory: Option<Box<Directory>>,
    /// The file behind it.
    pub open: Option<Box<Open>>,
}

impl Node {
    /// An inode that no program has asked for yet.
    pub fn new(number: u64, parent: u64, place: u64, layer: LayerIndex, kind: Kind, mode: u32) -> Self {
        Self {
            lookups: 0,
            parent,
            place,
            number,
            children: 0,
            layer,
            kind,
            mode: (mode & 0o777) as u16,
            plain: false,
            known: Known::NO,
            known_until: Moment::default(),
            misspelled_until: Moment::default(),
            directory: None,
            open: None,
        }
    }

    /// Number of programs' open files.
    pub fn users(&self) -> u32 {
        self.open.as_ref().map_or(0, |open| open.users)
    }

    /// Whether a name leads to it.
    pub fn has_name(&self) -> bool {
        self.parent != 0
    }

    /// Whether it has the name of one that was copied up while it was open.
    pub fn succeeds(&self) -> bool {
        self.kind == Kind::File && self.children > 0
    }

    /// Until when the kernel knows it in whatever spelling.
    pub fn forgotten_after(&self) -> Moment {
        self.known_until.max(self.misspelled_until)
    }

    /// Whether the kernel has come to know a file that is open by another spelling lately: who looks at it may be about to give it
    /// that one.
    pub fn is_in_question(&self, leases: &Leases) -> bool {
        let is_open = self.kind == Kind::File && self.users() > 0;
        let misspelled = self.misspelled_until != Moment::default();
        misspelled && is_open && self.misspelled_until > leases.now()
    }

    fn is_needed(&self) -> bool {
        self.lookups > 0 || self.children > 0 || self.users() > 0
    }
}

/// All inodes.
#[derive(Debug)]
pub struct Nodes {
    nodes: HashMap<u64, Box<Node>>,
    next: u64,
    /// Inodes of files that the scratch has under several names → the number of the file there.
    on_disk: HashMap<u64, u64>,
    /// Inodes that were copied up while they were open → the inode that got the name. The old one stays as long as that one,
    /// to keep its number.
    successors: HashMap<u64, u64>,
    /// Inodes of the scratch with several names: number there → inode, and the names that are known. Each name counts as a child of
    /// its directory, whose places must stay what they are.
    links: HashMap<u64, Linked>,
    /// Inodes whose file nobody uses, or nobody used once; the longest unused first. May name inodes that are gone.
    idle: VecDeque<u64>,
    /// Most of them.
    kept_open: usize,
    /// Absent names of all directories that the kernel remembers.
    misses: usize,
    /// When those that it has forgotten were dropped last.
    swept: Moment,
}

/// An inode with several names.
#[derive(Debug, Default)]
pub struct Linked {
    /// The inode.
    pub node: u64,
    /// Directory and place of each name that was looked up.
    pub names: Vec<(u64, u64)>,
}

impl Nodes {
    /// Only the root, with these permission bits. At most so many files stay open that nobody uses.
    pub fn new(kept_open: usize, mode: u32) -> Self {
        let mut root = Node::new(ROOT, ROOT, 0, 0, Kind::Directory, mode);
        root.lookups = 1;
        Self {
            nodes: HashMap::from_iter([(ROOT, Box::new(root))]),
            next: ROOT + 1,
            on_disk: HashMap::new(),
            successors: HashMap::new(),
            links: HashMap::new(),
            idle: VecDeque::new(),
            kept_open,
            misses: 0,
            swept: Moment::default(),
        }
    }

    /// A number that no inode had.
    pub fn number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    /// The inode of that number.
    pub fn get(&self, id: u64) -> Option<&Node> {
        self.nodes.get(&id).map(|node| &**node)
    }

    /// As [`Nodes::get`], to change it.
    pub fn get_mut(&mut self, id: u64) -> Option<&mut Node> {
        self.nodes.get_mut(&id).map(|node| &mut **node)
    }

    /// Notes that the kernel is to remember a name of a directory as absent, for good without a lease; says no if there are too
    /// many already.
    pub fn note_miss(&mut self, directory: u64, folding: &Folding, name: &str, lease: Option<Lease>) -> bool {
        if self.add_miss(directory, folding, name, lease) {
            return true;
        }
        let Some(Lease { now, .. }) = lease.filter(|lease| lease.now > self.swept) else { return false };
        self.swept = now;
        if self.misses >= MAX_MISSES {
            self.sweep_misses(|directory| directory.sweep_misses(now));
        } else if let Some(directory) = self.get_mut(directory).and_then(|node| node.directory.as_deref_mut()) {
            let before = directory.misses();
            directory.sweep_misses(now);
            self.misses -= before - directory.misses();
        }
        self.add_miss(directory, folding, name, lease)
    }

    /// The kernel remembers no name as absent any more.
    pub fn forget_misses(&mut self) {
        self.sweep_misses(Directory::forget_misses);
    }

    fn sweep_misses(&mut self, sweep: impl Fn(&mut Directory)) {
        self.misses = 0;
        for directory in self.nodes.values_mut().filter_map(|node| node.directory.as_deref_mut()) {
            sweep(directory);
            self.misses += directory.misses();
        }
    }

    fn add_miss(&mut self, directory: u64, folding: &Folding, name: &str, lease: Option<Lease>) -> bool {
        if self.misses >= MAX_MISSES {
            return false;
        }
        let Some(directory) = self.get_mut(directory).and_then(|node| node.directory.as_deref_mut()) else {
            return false;
        };
        let before = directory.misses();
        let noted = directory.note_miss(folding, name, lease);
        self.misses += directory.misses() - before;
        noted
    }

    /// The kernel remembers so many fewer names as absent.
    pub fn misses_ended(&mut self, count: usize) {
        self.misses = self.misses.saturating_sub(count);
    }

    /// The number in the scratch of a file that has several names there; else 0.
    pub fn on_disk(&self, id: u64) -> u64 {
        self.on_disk.get(&id).copied().unwrap_or(0)
    }

    /// Whether the name of an inode is another one's since it was copied up.
    pub fn is_succeeded(&self, id: u64) -> bool {
        self.successors.contains_key(&id)
    }

    /// The inode that has the name which this one had before it was copied up while it was open; itself, if it was not.
    pub fn latest(&self, mut id: u64) -> u64 {
        while let Some(successor) = self.successors.get(&id) {
            id = *successor;
        }
        id
    }

    /// An inode gets the name of another one, which stays as long as it.
    pub fn succeed(&mut self, old: u64, new: u64) {
        self.successors.insert(old, new);
    }

    /// Adds an inode.
    pub fn add(&mut self, id: u64, node: Node) {
        if let Some(parent) = self.nodes.get_mut(&node.parent) {
            parent.children += 1;
        }
        self.nodes.insert(id, Box::new(node));
    }

    /// The kernel forgets an inode `count` times. Calls `close` for files that are closed.
    pub fn forget(&mut self, id: u64, count: u64, close: &mut dyn FnMut(Open)) {
        let Some(node) = self.nodes.get_mut(&id) else { return };
        node.lookups = node.lookups.saturating_sub(count);
        self.drop_unneeded(id, close);
    }

    /// Takes away an inode that nothing needs, and then perhaps the directories above it.
    pub fn drop_unneeded(&mut self, mut id: u64, close: &mut dyn FnMut(Open)) {
        while id > ROOT {
            match self.nodes.get(&id) {
                Some(node) if !node.is_needed() => {}
                _ => return,
            }
            let Some(node) = self.nodes.remove(&id).map(|node| *node) else { return };
            if let Some(directory) = &node.directory {
                self.misses = self.misses.saturating_sub(directory.misses());
            }
            if let Some(open) = node.open {
                close(*open);
            }
            self.forget_links(id, close);
            if let Some(successor) = self.successors.remove(&id) {
                self.release(successor, close);
            }
            let Some(parent) = self.nodes.get_mut(&node.parent) else { return };
            parent.children = parent.children.saturating_sub(1);
            id = node.parent;
        }
    }

    /// One that counted as a child of an inode is gone.
    fn release(&mut self, id: u64, close: &mut dyn FnMut(Open)) {
        if let Some(node) = self.nodes.get_mut(&id) {
            node.children = node.children.saturating_sub(1);
            self.drop_unneeded(id, close);
        }
    }

    /// Moves an inode to another name, or to none (`parent` 0).
    pub fn place_at(&mut self, id: u64, parent: u64, place: u64, close: &mut dyn FnMut(Open)) {
        let Some(node) = self.nodes.get_mut(&id) else { return };
        let old = std::mem::replace(&mut node.parent, parent);
        node.place = place;
        if old == parent {
            return;
        }
        if let Some(new) = self.nodes.get_mut(&parent) {
            new.children += 1;
        }
        self.release(old, close);
    }

    /// Notes a file that nobody uses. If there are too many, closes one that was not used again for longest.
    pub fn idle(&mut self, id: u64, close: &mut dyn FnMut(Open)) {
        let Some(open) = self.nodes.get_mut(&id).and_then(|node| node.open.as_mut()) else { return };
        open.used_again = open.queued;
        if !open.queued {
            open.queued = true;
            self.idle.push_back(id);
        }
        while self.idle.len() > self.kept_open {
            let Some(oldest) = self.idle.pop_front() else { return };
            let Some(node) = self.nodes.get_mut(&oldest).filter(|node| node.has_name()) else { continue };
            let Some(open) = node.open.as_mut() else { continue };
            if open.users > 0 {
                open.queued = false;
            } else if open.used_again {
                open.used_again = false;
                self.idle.push_back(oldest);
            } else if let Some(open) = node.open.take() {
                close(*open);
            }
        }
    }

    /// The inode of a file of the scratch that has several names.
    pub fn linked(&self, on_disk: u64) -> Option<&Linked> {
        self.links.get(&on_disk)
    }

    /// Notes a name of a file of the scratch that has several. Its directory is in memory.
    pub fn add_link(&mut self, on_disk: u64, node: u64, parent: u64, place: u64, close: &mut dyn FnMut(Open)) {
        let old = self.links.get(&on_disk).map_or(node, |linked| linked.node);
        if old != node {
            // The number on disk was another inode's, whose last name went.
            self.forget_links(old, close);
        }
        self.on_disk.insert(node, on_disk);
        let linked = self.links.entry(on_disk).or_default();
        linked.node = node;
        if !linked.names.contains(&(parent, place)) {
            linked.names.push((parent, place));
            if let Some(directory) = self.nodes.get_mut(&parent) {
                directory.children += 1;
            }
        }
    }

    /// An inode has no further names.
    fn forget_links(&mut self, node: u64, close: &mut dyn FnMut(Open)) {
        let Some(on_disk) = self.on_disk.remove(&node) else { return };
        // The number on disk may be another inode's by now.
        let own = self.links.get(&on_disk).is_some_and(|linked| linked.node == node);
        let names = own.then(|| self.links.remove(&on_disk)).flatten().map(|linked| linked.names);
        for (directory, _) in names.into_iter().flatten() {
            self.release(directory, close);
        }
    }

    /// All names of an inode become another's; gives them.
    pub fn move_links(&mut self, old: u64, new: u64) -> Vec<(u64, u64)> {
        let Some(on_disk) = self.on_disk.remove(&old) else { return Vec::new() };
        let Some(linked) = self.links.get_mut(&on_disk) else { return Vec::new() };
        linked.node = new;
        self.on_disk.insert(new, on_disk);
        linked.names.clone()
    }

    /// One of several names is gone; gives another one that is known.
    pub fn remove_link(
        &mut self,
        node: u64,
        parent: u64,
        place: u64,
        close: &mut dyn FnMut(Open),
    ) -> Option<(u64, u64)> {
        let linked = self.links.get_mut(self.on_disk.get(&node)?).filter(|linked| linked.node == node)?;
        let before = linked.names.len();
        linked.names.retain(|name| *name != (parent, place));
        let (gone, other) = (linked.names.len() < before, linked.names.first().copied());
        if gone {
            self.release(parent, close);
        }
        other
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An inode becomes idle; says how many files were closed for it.
    fn idle(nodes: &mut Nodes, id: u64) -> usize {
        let mut closed = 0;
        nodes.idle(id, &mut |_| closed += 1);
        closed
    }

    fn open(nodes: &mut Nodes, id: u64) {
        let file = rustix::fs::open("/dev/null", rustix::fs::OFlags::RDONLY, rustix::fs::Mode::empty()).unwrap();
        nodes.get_mut(id).unwrap().open = Some(Box::new(Open::new(file, None, 0)));
    }

    /// 200 bytes for each file that is looked up, with its entry and its name.
    #[test]
    fn an_inode_is_small() {
        assert!(size_of::<Node>() <= 72, "{}", size_of::<Node>());
    }

    #[test]
    fn room_for_misses_comes_back() {
        let (mut nodes, folding) = (Nodes::new(2, 0o755), Folding::default());
        nodes.get_mut(ROOT).unwrap().directory = Some(Box::default());
        let noted = |nodes: &mut Nodes, lease: Option<Lease>| {
            (0..1 << 20).find(|number| !nodes.note_miss(ROOT, &folding, &number.to_string(), lease)).unwrap()
        };
        let most = noted(&mut nodes, None);
        assert_eq!(nodes.misses, most);
        nodes.forget_misses();
        assert_eq!((nodes.misses, noted(&mut nodes, None)), (0, most));
        nodes.forget_misses();
        // Those that the kernel has forgotten make room for others, and only those.
        let granted = Leases::default().grant().unwrap();
        assert_eq!(noted(&mut nodes, Some(granted)), most);
        let later = Lease { now: granted.until, ..granted };
        assert!(nodes.note_miss(ROOT, &folding, "another", Some(later)));
        assert_eq!(nodes.misses, 1);
    }

    #[test]
    fn a_file_that_is_used_again_stays_open_longer() {
        let mut nodes = Nodes::new(2, 0o755);
        for id in 2..=5 {
            nodes.add(id, Node::new(id, ROOT, id, 0, Kind::File, 0o644));
            open(&mut nodes, id);
        }
        let opened = |nodes: &Nodes| (2..=5).filter(|id| nodes.get(*id).unwrap().open.is_some()).collect::<Vec<_>>();
        assert_eq!([idle(&mut nodes, 2), idle(&mut nodes, 3), idle(&mut nodes, 2)], [0, 0, 0]);
        // 2 was used again, so 3 goes for 4.
        assert_eq!((idle(&mut nodes, 4), opened(&nodes)), (1, vec![2, 4, 5]));
        assert_eq!((idle(&mut nodes, 5), opened(&nodes)), (1, vec![2, 5]));
        // 2 is next, but somebody has it open.
        nodes.get_mut(2).unwrap().open.as_mut().unwrap().users = 1;
        open(&mut nodes, 3);
        assert_eq!((idle(&mut nodes, 3), opened(&nodes)), (0, vec![2, 3, 5]));
        nodes.get_mut(2).unwrap().open.as_mut().unwrap().users = 0;
        assert_eq!((idle(&mut nodes, 2), opened(&nodes)), (1, vec![2, 3]));
    }
}
