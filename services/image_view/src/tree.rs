//! Layers laid over each other: one tree of names, and which entry of which layer each is.

use crate::entry::{Entry, Kind};
use crate::finding::Findings;
use crate::index::LayerIndex;
use crate::name::{fold, shown};
use crate::rule::Rule;
use std::collections::{BTreeMap, HashSet};

/// Number of a node.
pub type NodeId = u32;
/// The top, which has no name.
pub const TOP: NodeId = 0;

/// Most names of an image; those beyond are not looked at.
const MAX_NODES: usize = 64_000_000;

/// An entry of a layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct At {
    /// Number of the layer, the base is 0.
    pub layer: usize,
    /// Number of the entry in the index of the layer.
    pub entry: usize,
}

/// One name.
#[derive(Debug, Clone)]
pub struct Node {
    /// The name as the topmost layer spells it.
    pub name: String,
    /// The directory that it is in.
    pub parent: NodeId,
    /// What is in it, by folded names.
    pub children: BTreeMap<String, NodeId>,
    /// The entry that gave the name; none for a directory that only its content speaks of.
    pub at: Option<At>,
    /// The entry with content and metadata: for a hard link that of the file.
    pub file: Option<At>,
    /// Whether it is no directory.
    leaf: bool,
}

/// The names of an image.
#[derive(Debug, Clone)]
pub struct Tree {
    nodes: Vec<Node>,
}

impl Default for Tree {
    fn default() -> Self {
        let top =
            Node { name: String::new(), parent: TOP, children: BTreeMap::new(), at: None, file: None, leaf: false };
        Self { nodes: vec![top] }
    }
}

impl Tree {
    /// The node of this number.
    pub fn node(&self, id: NodeId) -> &Node {
        // Numbers come from this tree only, and nodes are never taken out of the list.
        &self.nodes[id as usize]
    }

    /// The node at a path from the top, in any case.
    pub fn find<'a>(&self, components: impl IntoIterator<Item = &'a str>) -> Option<NodeId> {
        let mut at = TOP;
        for part in components {
            at = *self.node(at).children.get(&fold(part))?;
        }
        Some(at)
    }

    /// The names from the top to a node.
    pub fn path(&self, mut id: NodeId) -> Vec<&str> {
        let mut path = Vec::new();
        while id != TOP {
            let node = self.node(id);
            path.push(node.name.as_str());
            id = node.parent;
        }
        path.reverse();
        path
    }

    /// The path as people see it: `C:\Windows\notepad.exe`.
    pub fn shown(&self, id: NodeId) -> String {
        shown(self.path(id).into_iter())
    }

    /// A node and all below it: directories before what is in them, in the order of NTFS.
    pub fn walk(&self, from: NodeId) -> Walk<'_> {
        Walk { tree: self, ahead: vec![from] }
    }

    /// Lays layer number `layer` over those that are there, which must be all below it. What is wrong with it in relation to
    /// those goes to `findings`.
    pub fn lay(&mut self, layer: usize, index: &LayerIndex, findings: &mut Findings) {
        self.remove_whiteouts(layer, index, findings);
        let mut made: HashSet<NodeId> = HashSet::new();
        for (number, entry) in index.entries.iter().enumerate() {
            let at = At { layer, entry: number };
            match &entry.kind {
                Kind::Whiteout => {}
                Kind::HardLink(target) => self.link(at, entry, target, findings),
                _ => {
                    let id = self.put(entry, at);
                    made.insert(id);
                }
            }
        }
        for entry in index.entries.iter().filter(|entry| entry.kind == Kind::Whiteout) {
            if self.find(entry.path.split('/')).is_some_and(|id| made.contains(&id)) {
                findings.add(Rule::WhiteoutAndEntry, &entry.path, "is deleted and made in the same layer");
            }
        }
    }

    /// Whiteouts are about lower layers only, wherever they stand in the archive.
    fn remove_whiteouts(&mut self, layer: usize, index: &LayerIndex, findings: &mut Findings) {
        for entry in &index.entries {
            match entry.kind {
                Kind::Whiteout => {
                    if layer == 0 {
                        findings.add(Rule::WhiteoutInBase, &entry.path, "is deleted in the base layer");
                    } else if !self.remove(&entry.path) {
                        findings.add(Rule::WhiteoutOfNothing, &entry.path, "is not in a lower layer");
                    }
                }
                Kind::Directory { opaque: true } => {
                    if let Some(id) = self.find(entry.path.split('/')) {
                        self.nodes[id as usize].children.clear();
                    }
                }
                _ => {}
            }
        }
    }

    /// Takes a name and all below it away; false when it is not there.
    fn remove(&mut self, path: &str) -> bool {
        let Some(id) = self.find(path.split('/')) else { return false };
        let parent = self.node(id).parent;
        let name = fold(&self.node(id).name);
        self.nodes[parent as usize].children.remove(&name).is_some()
    }

    fn put(&mut self, entry: &Entry, at: At) -> NodeId {
        let id = self.create(&entry.path);
        let node = &mut self.nodes[id as usize];
        entry.name().clone_into(&mut node.name);
        node.leaf = !matches!(entry.kind, Kind::Directory { .. });
        if node.leaf {
            node.children.clear();
        }
        (node.at, node.file) = (Some(at), Some(at));
        id
    }

    fn link(&mut self, at: At, entry: &Entry, target: &str, findings: &mut Findings) {
        let found = self.find(target.split('/'));
        let file = match found {
            None => {
                findings.add(Rule::HardLinkNowhere, &entry.path, format!("links to {target}, which is not there"));
                None
            }
            Some(id) if !self.node(id).leaf => {
                findings.add(Rule::HardLinkKind, &entry.path, format!("links to {target}, which is a directory"));
                None
            }
            Some(id) => self.node(id).file,
        };
        let id = self.create(&entry.path);
        // A link to itself changes nothing.
        if found == Some(id) {
            return;
        }
        let node = &mut self.nodes[id as usize];
        entry.name().clone_into(&mut node.name);
        node.children.clear();
        (node.at, node.file, node.leaf) = (Some(at), file, true);
    }

    /// The node at `path`; it and the directories on the way are made if they are missing.
    fn create(&mut self, path: &str) -> NodeId {
        let mut at = TOP;
        for part in path.split('/') {
            // What was a file or link is a directory when something is put in it.
            let above = &mut self.nodes[at as usize];
            if above.leaf {
                (above.at, above.file, above.leaf) = (None, None, false);
            }
            let folded = fold(part);
            at = match self.node(at).children.get(&folded) {
                Some(child) => *child,
                None => {
                    if self.nodes.len() >= MAX_NODES {
                        return at;
                    }
                    let id = self.nodes.len() as NodeId;
                    let name = part.to_owned();
                    let node = Node { name, parent: at, children: BTreeMap::new(), at: None, file: None, leaf: false };
                    self.nodes.push(node);
                    self.nodes[at as usize].children.insert(folded, id);
                    id
                }
            };
        }
        at
    }
}

/// See [`Tree::walk`].
pub struct Walk<'a> {
    tree: &'a Tree,
    ahead: Vec<NodeId>,
}

impl Iterator for Walk<'_> {
    type Item = NodeId;

    fn next(&mut self) -> Option<NodeId> {
        let id = self.ahead.pop()?;
        self.ahead.extend(self.tree.node(id).children.values().rev());
        Some(id)
    }
}
