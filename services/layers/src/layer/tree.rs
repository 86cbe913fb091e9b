//! The names of a layer that is being unpacked, as NTFS has them: without case. What an archive spells in two ways is one directory.

use super::ntfs::DIRECTORY_MODE;
use super::unpack::Failure;
use crate::error::LayersError;
use casement_layer_tar::{LayerPath, fold};
use rustix::fd::OwnedFd;
use rustix::fs::{Mode, OFlags, ResolveFlags};
use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

/// What has a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Node {
    Directory,
    File,
    /// A symbolic link, or what stands for one. Nothing goes through it.
    Reparse,
    /// One more name of a file, with its number.
    Link(usize),
    Whiteout,
}

/// Where something is made.
pub(super) struct Made {
    pub(super) parent: Arc<OwnedFd>,
    pub(super) name: String,
}

/// A directory.
pub(super) struct Directory {
    pub(super) file: Arc<OwnedFd>,
    /// From the top, as it is spelled on disk.
    pub(super) path: String,
}

/// All names that were made.
pub(super) struct Tree {
    top: Arc<OwnedFd>,
    /// Names by their directory's folded path.
    names: HashMap<String, HashMap<String, (String, Node)>>,
    /// The directory that was used last: the next entry is mostly in it, too.
    last: Option<Last>,
}

struct Last {
    /// As the archive spells it.
    asked: String,
    folded: String,
    directory: Directory,
}

impl Tree {
    /// Nothing yet in the directory `path`, which nobody else uses.
    pub(super) fn new(path: &Path) -> Result<Self, LayersError> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let top = rustix::fs::open(path, flags, Mode::empty()).map_err(|e| LayersError::io("open", path)(e.into()))?;
        Ok(Self { top: Arc::new(top), names: HashMap::from([(String::new(), HashMap::new())]), last: None })
    }

    /// The directory of this name, which is made if it is missing.
    pub(super) fn directory(&mut self, path: &LayerPath) -> Result<Directory, Failure> {
        self.enter(path.as_str())?;
        let last = self.last.as_ref().ok_or(Failure::Other("is nowhere"))?;
        Ok(Directory { file: last.directory.file.clone(), path: last.directory.path.clone() })
    }

    /// Adds a name, whose directory is made if it is missing. There is only one of each.
    pub(super) fn add(&mut self, path: &LayerPath, node: Node) -> Result<Made, Failure> {
        let (parent, name) = path.split();
        let Some(parent) = parent else { return Err(Failure::Other("is no directory")) };
        self.enter(parent)?;
        let last = self.last.as_ref().ok_or(Failure::Other("is nowhere"))?;
        let names = self.names.entry(last.folded.clone()).or_default();
        if names.contains_key(&fold(name)) {
            return Err(Failure::Other("is there twice, perhaps in another case"));
        }
        names.insert(fold(name), (name.to_owned(), node));
        Ok(Made { parent: last.directory.file.clone(), name: name.to_owned() })
    }

    /// Where a name that was added is.
    pub(super) fn place(&mut self, path: &LayerPath) -> Result<Made, Failure> {
        let (parent, name) = path.split();
        self.enter(parent.unwrap_or_default())?;
        let last = self.last.as_ref().ok_or(Failure::Other("is nowhere"))?;
        Ok(Made { parent: last.directory.file.clone(), name: name.to_owned() })
    }

    /// What has this name, in any case: its path on disk, and what it is.
    pub(super) fn find(&self, path: &LayerPath) -> Option<(String, Node)> {
        let (mut folded, mut real) = (String::new(), String::new());
        let mut found = None;
        for part in path.components() {
            let part = fold(part);
            let (name, node) = self.names.get(&folded)?.get(&part)?;
            append(&mut folded, &part);
            append(&mut real, name);
            found = Some(*node);
        }
        Some((real, found?))
    }

    /// Opens something by its path on disk; no link is followed.
    pub(super) fn open(&self, path: &str, flags: OFlags) -> rustix::io::Result<OwnedFd> {
        let flags = flags | OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let inside = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
        rustix::fs::openat2(&*self.top, if path.is_empty() { "." } else { path }, flags, Mode::empty(), inside)
    }

    /// The directory of a path on disk, and the name in it.
    pub(super) fn parent_of<'a>(&self, path: &'a str) -> rustix::io::Result<(OwnedFd, &'a str)> {
        let (parent, name) = path.rsplit_once('/').unwrap_or(("", path));
        Ok((self.open(parent, OFlags::DIRECTORY)?, name))
    }

    /// Makes `path` the last directory; what is missing of it is made.
    fn enter(&mut self, path: &str) -> Result<(), Failure> {
        if self.last.as_ref().is_some_and(|last| last.asked == path) {
            return Ok(());
        }
        let (mut folded, mut real) = (String::new(), String::new());
        for part in path.split('/') {
            let key = fold(part);
            let names = self.names.entry(folded.clone()).or_default();
            match names.get(&key) {
                Some((name, Node::Directory)) => append(&mut real, name),
                Some(_) => return Err(Failure::Other("is in something that is no directory")),
                None => {
                    names.insert(key.clone(), (part.to_owned(), Node::Directory));
                    let parent = self.open(&real, OFlags::DIRECTORY)?;
                    rustix::fs::mkdirat(&parent, part, DIRECTORY_MODE)?;
                    append(&mut real, part);
                }
            }
            append(&mut folded, &key);
        }
        let file = Arc::new(self.open(&real, OFlags::DIRECTORY)?);
        self.last = Some(Last { asked: path.to_owned(), folded, directory: Directory { file, path: real } });
        Ok(())
    }
}

fn append(path: &mut String, name: &str) {
    if !path.is_empty() {
        path.push('/');
    }
    path.push_str(name);
}
