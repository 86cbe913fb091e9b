//! The layers below one: which names a directory has in them together, by the rules of the union.

use crate::volume::names;
use casement_layer_tar::fold;
use casement_wcifs::metadata::is_opaque;
use rustix::fd::OwnedFd;
use rustix::fs::{AtFlags, FileType, Mode, OFlags};
use rustix::io::Errno;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;

/// One directory in the layers that it merges of, the topmost first.
pub(crate) struct Below(Vec<OwnedFd>);

/// A name in a directory of layers.
struct Found {
    layer: usize,
    name: OsString,
    kind: FileType,
}

impl Below {
    /// The directory `top` (such as `Files`) of these layers, topmost first. Layers that have no such directory add nothing.
    pub(crate) fn open(layers: &[PathBuf], top: &str) -> Result<Self, Errno> {
        let mut directories = Vec::new();
        for layer in layers {
            let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            match rustix::fs::open(layer.join(top), flags, Mode::empty()) {
                Ok(directory) => directories.push(directory),
                Err(Errno::NOENT) => {}
                Err(e) => return Err(e),
            }
        }
        Ok(Self(directories))
    }

    /// No layer at all.
    pub(crate) fn nothing() -> Self {
        Self(Vec::new())
    }

    /// What each name that is to be seen looks like, by its folded form.
    pub(crate) fn names(&self) -> Result<BTreeMap<String, String>, Errno> {
        let mut seen = BTreeMap::new();
        for directory in &self.0 {
            // A name that is no text is none of a volume.
            for name in names::names(directory)?.into_iter().filter_map(|name| name.into_string().ok()) {
                seen.entry(fold(&name)).or_insert_with(|| (name.clone(), is_tombstone(directory, &name)));
            }
            if is_opaque(directory)? {
                break;
            }
        }
        let visible = seen.into_iter().filter(|(_, (_, gone))| !gone);
        Ok(visible.map(|(folded, (name, _))| (folded, name)).collect())
    }

    /// The directory of this name, of all layers in which it merges; empty if there is none.
    pub(crate) fn enter(&self, name: &str) -> Result<Self, Errno> {
        let mut directories = Vec::new();
        for found in self.find(name)? {
            let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            if found.kind != FileType::Directory {
                break;
            }
            let directory = rustix::fs::openat(&self.0[found.layer], &found.name, flags, Mode::empty())?;
            let last = is_opaque(&directory)?;
            directories.push(directory);
            if last {
                break;
            }
        }
        Ok(Self(directories))
    }

    /// The file of this name: the directory that has it, and its spelling there. `None` if there is none.
    pub(crate) fn file(&self, name: &str) -> Result<Option<(&OwnedFd, OsString)>, Errno> {
        let first = self.find(name)?.into_iter().next();
        Ok(first.filter(|found| found.kind == FileType::RegularFile).map(|found| (&self.0[found.layer], found.name)))
    }

    /// What the layers have under this name, topmost first; below an opaque directory nothing counts.
    fn find(&self, name: &str) -> Result<Vec<Found>, Errno> {
        let wanted = fold(name);
        let mut all = Vec::new();
        for (layer, directory) in self.0.iter().enumerate() {
            let mut fitting: Vec<OsString> = names::names(directory)?
                .into_iter()
                .filter(|found| found.to_str().is_some_and(|found| fold(found) == wanted))
                .collect();
            // As FORMAT.md says: the first in the order of their bytes, entries before tombstones.
            fitting.sort();
            let mut kinds = fitting.into_iter().filter_map(|name| Some((kind(directory, &name)?, name)));
            let mut gone = None;
            let entry = kinds.by_ref().find(|(kind, name)| {
                let is_gone = *kind == FileType::CharacterDevice;
                if is_gone {
                    gone = Some(name.clone());
                }
                !is_gone
            });
            match (entry, gone) {
                (Some((kind, name)), _) => all.push(Found { layer, name, kind }),
                (None, Some(name)) => all.push(Found { layer, name, kind: FileType::CharacterDevice }),
                (None, None) => {}
            }
            if is_opaque(directory)? {
                break;
            }
        }
        Ok(all)
    }
}

fn kind(directory: &OwnedFd, name: &std::ffi::OsStr) -> Option<FileType> {
    let stat = rustix::fs::statat(directory, name, AtFlags::SYMLINK_NOFOLLOW).ok()?;
    Some(FileType::from_raw_mode(stat.st_mode))
}

fn is_tombstone(directory: &OwnedFd, name: &str) -> bool {
    kind(directory, name.as_ref()) == Some(FileType::CharacterDevice)
}
