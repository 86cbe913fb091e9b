//! The layers below one: which names a directory has in them together, by the rules of the union.

use crate::volume::names;
use casement_layer_tar::{LayerPath, fold};
use casement_wcifs::metadata::is_opaque;
use rustix::fd::OwnedFd;
use rustix::fs::{AtFlags, FileType, Mode, OFlags};
use rustix::io::Errno;
use std::collections::{BTreeMap, VecDeque};
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

/// Most links on the way to one file, as in the kernel.
const MAX_LINKS: usize = 40;
/// What a tombstone is on disk.
const TOMBSTONE: FileType = FileType::CharacterDevice;

/// One directory in the layers that it merges of, the topmost first.
pub(crate) struct Below(Vec<OwnedFd>);

/// A name in a directory of a layer.
#[derive(Debug, Clone)]
struct Found {
    layer: usize,
    name: OsString,
    kind: FileType,
}

/// A name that is to be seen, and what the layers have under it, topmost first.
pub(crate) struct Seen(Vec<Found>);

impl Seen {
    /// As the topmost layer spells it. `None` when that is no text, which no name of a volume is.
    pub(crate) fn name(&self) -> Option<&str> {
        self.0.first()?.name.to_str()
    }

    /// What it is: a file, a directory or a symbolic link.
    pub(crate) fn kind(&self) -> Option<FileType> {
        Some(self.0.first()?.kind)
    }
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

    /// Whether no layer has it.
    pub(crate) fn is_nothing(&self) -> bool {
        self.0.is_empty()
    }

    /// The same directory with one more layer on top, of which this is the directory.
    pub(crate) fn under(mut self, top: OwnedFd) -> Self {
        self.0.insert(0, top);
        self
    }

    /// What is to be seen in it, by its folded name.
    pub(crate) fn entries(&self) -> Result<BTreeMap<String, Seen>, Errno> {
        let mut all: BTreeMap<String, Seen> = BTreeMap::new();
        for (layer, directory) in self.0.iter().enumerate() {
            let mut here: BTreeMap<String, Found> = BTreeMap::new();
            let mut names = names::names(directory)?;
            names.sort();
            for name in names {
                // A name that is no text is none of a volume.
                let Some(folded) = name.to_str().map(fold) else { continue };
                let Some(kind) = kind(directory, &name) else { continue };
                // As FORMAT.md says: the first in the order of their bytes, entries before tombstones.
                let first = here.get(&folded).is_none_or(|known| is_tombstone(known) && kind != TOMBSTONE);
                if first {
                    here.insert(folded, Found { layer, name, kind });
                }
            }
            for (folded, found) in here {
                all.entry(folded).or_insert_with(|| Seen(Vec::new())).0.push(found);
            }
            if is_opaque(directory)? {
                break;
            }
        }
        all.retain(|_, seen| seen.0.first().is_some_and(|first| !is_tombstone(first)));
        Ok(all)
    }

    /// What each name that is to be seen looks like, by its folded form.
    pub(crate) fn names(&self) -> Result<BTreeMap<String, String>, Errno> {
        let seen = self.entries()?.into_iter();
        Ok(seen.filter_map(|(folded, seen)| Some((folded, seen.name()?.to_owned()))).collect())
    }

    /// The directory in the layers that has the topmost of what is seen, and its spelling there.
    pub(crate) fn place<'a>(&'a self, seen: &'a Seen) -> Option<(&'a OwnedFd, &'a OsStr)> {
        let first = seen.0.first()?;
        Some((self.0.get(first.layer)?, &first.name))
    }

    /// The topmost of the directories that it merges of.
    pub(crate) fn topmost(&self) -> Option<&OwnedFd> {
        self.0.first()
    }

    /// The directory of this name, of all layers in which it merges; empty if there is none.
    pub(crate) fn enter(&self, name: &str) -> Result<Self, Errno> {
        self.enter_seen(&Seen(self.find(name)?))
    }

    /// The directory that is seen, of all layers in which it merges.
    pub(crate) fn enter_seen(&self, seen: &Seen) -> Result<Self, Errno> {
        let mut directories = Vec::new();
        for found in &seen.0 {
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

    /// Whether the link at `path`, from the top of the layer, leads to a directory. `self` is the root of the volume.
    pub(crate) fn leads_to_directory(self, path: &LayerPath) -> bool {
        let mut ahead: VecDeque<OsString> =
            path.components().skip_while(|part| *part != "Files").skip(1).map(Into::into).collect();
        let (mut at, mut links) = (vec![self], 0);
        while let Some(name) = ahead.pop_front() {
            if name == ".." {
                at.truncate(at.len().max(2) - 1);
                continue;
            }
            let (Some(here), Some(text)) = (at.last(), name.to_str()) else { return false };
            let Some(seen) = here.find(text).ok().map(Seen).filter(|seen| !seen.0.is_empty()) else { return false };
            match seen.kind() {
                Some(FileType::Directory) => match here.enter_seen(&seen) {
                    Ok(inside) => at.push(inside),
                    Err(_) => return false,
                },
                Some(FileType::Symlink) if links < MAX_LINKS => {
                    links += 1;
                    let Some((parent, name)) = here.place(&seen) else { return false };
                    let Ok(target) = rustix::fs::readlinkat(parent, name, Vec::new()) else { return false };
                    let target = target.as_bytes();
                    if target.starts_with(b"/") {
                        at.truncate(1);
                    }
                    for part in
                        target.split(|byte| *byte == b'/').rev().filter(|part| !part.is_empty() && *part != b".")
                    {
                        ahead.push_front(OsStr::from_bytes(part).to_owned());
                    }
                }
                _ => return false,
            }
        }
        true
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
                let is_gone = *kind == TOMBSTONE;
                if is_gone {
                    gone = Some(name.clone());
                }
                !is_gone
            });
            match (entry, gone) {
                (Some((kind, name)), _) => all.push(Found { layer, name, kind }),
                (None, Some(name)) => all.push(Found { layer, name, kind: TOMBSTONE }),
                (None, None) => {}
            }
            if is_opaque(directory)? {
                break;
            }
        }
        Ok(all)
    }
}

/// What a name is; `None` for what is not seen in a volume, such as pipes.
fn kind(directory: &OwnedFd, name: &OsStr) -> Option<FileType> {
    let stat = rustix::fs::statat(directory, name, AtFlags::SYMLINK_NOFOLLOW).ok()?;
    match FileType::from_raw_mode(stat.st_mode) {
        TOMBSTONE if stat.st_rdev != 0 => None,
        kind @ (FileType::RegularFile | FileType::Directory | FileType::Symlink | TOMBSTONE) => Some(kind),
        _ => None,
    }
}

fn is_tombstone(found: &Found) -> bool {
    found.kind == TOMBSTONE
}
