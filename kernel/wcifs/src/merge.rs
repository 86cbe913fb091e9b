//! Merges the directories of the layers into one.
//!
//! The topmost layer that has a name decides what it is. Directories merge with directories of the same name below
//! them, until a layer has something else of that name or a directory that is opaque. Names of one layer that are the
//! same under the case rules (no volume of Windows has such) are one name: the first in the order of their bytes.

use crate::directory::{Below, Directory, Entry};
use crate::layer::{Kind, Layer, LayerIndex, SCRATCH};
use crate::metadata;
use crate::name::Folding;
use rustix::fd::OwnedFd;
use rustix::fs::RawDir;
use rustix::io::Errno;
use std::mem::MaybeUninit;

/// Bytes of directory entries that are read at once.
const READ: usize = 32 << 10;

/// What stands for a name in one layer.
struct Found {
    name: String,
    kind: Kind,
}

/// How far the layers below an entry have been looked at.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Progress {
    /// The last layer that had the name.
    layer: LayerIndex,
    /// Lower layers do not matter any more.
    closed: bool,
    /// The topmost read-only layer with the name has been seen.
    below: bool,
}

/// One layer's directory for a merge: the layer, its directory, opened to be read.
pub type Part = (LayerIndex, OwnedFd);

/// The parts of a directory, top first. `path` gives its path in a layer. Layers above `top` do not have it.
pub fn parts(
    layers: &[Layer],
    candidates: &[LayerIndex],
    top: LayerIndex,
    path: impl Fn(LayerIndex) -> Result<Vec<u8>, Errno>,
) -> Result<Vec<Part>, Errno> {
    let mut parts = Vec::new();
    for index in candidates.iter().copied().filter(|index| *index >= top) {
        let path = path(index)?;
        match layers[usize::from(index)].open_directory(&path) {
            Ok(directory) => {
                let opaque = !path.is_empty() && metadata::is_opaque(&directory)?;
                parts.push((index, directory));
                if opaque {
                    break;
                }
            }
            Err(Errno::NOENT) => {}
            Err(Errno::NOTDIR) if is_seen(&layers[usize::from(index)], &path)? => break,
            Err(Errno::NOTDIR) => {}
            Err(e) => return Err(e),
        }
    }
    Ok(parts)
}

/// Whether something that is no directory hides what is below.
fn is_seen(layer: &Layer, path: &[u8]) -> Result<bool, Errno> {
    let stat = layer.stat(path)?;
    Ok(Kind::of_file(&stat).is_some())
}

/// Merges the parts of a directory. `number` gives out numbers for inodes.
pub fn merge(folding: &Folding, parts: &[Part], mut number: impl FnMut() -> u64) -> Result<Directory, Errno> {
    let mut merged = Directory::new(parts.iter().map(|(index, _)| *index).collect());
    // By place, from the first place that a directory gives out.
    let mut progress: Vec<Progress> = Vec::new();
    let mut first_place = None;
    for (layer, directory) in parts {
        for Found { name, kind } in read(directory)? {
            let known = merged.find(folding, &name).map(|entry| entry.place);
            let Some(place) = known else {
                let below = if *layer == SCRATCH { Below::Nothing } else { below(kind) };
                let entry =
                    Entry { name: name.into(), node: number(), place: 0, layer: *layer, kind, below, spellings: None };
                let place = merged.insert(folding, entry);
                first_place.get_or_insert(place);
                progress.push(Progress {
                    layer: *layer,
                    closed: *layer != SCRATCH && kind != Kind::Directory,
                    below: *layer != SCRATCH,
                });
                continue;
            };
            let state = &mut progress[(place - first_place.unwrap_or(place)) as usize];
            if state.layer == *layer || state.closed {
                continue;
            }
            state.layer = *layer;
            let Some(entry) = merged.at_mut(place) else { continue };
            if !state.below {
                state.below = true;
                entry.below = below(kind);
            }
            if entry.kind == Kind::Directory && *entry.name != *name {
                entry.spellings.get_or_insert_default().push((*layer, name.into()));
            }
            state.closed = entry.kind != Kind::Directory || kind != Kind::Directory;
        }
    }
    merged.shrink(folding);
    Ok(merged)
}

fn below(kind: Kind) -> Below {
    if kind == Kind::Tombstone { Below::Buried } else { Below::Shown }
}

/// The names in one layer's directory, in the order in which they count: of two that are the same, the first.
fn read(directory: &OwnedFd) -> Result<Vec<Found>, Errno> {
    let mut buffer = Vec::with_capacity(READ);
    let mut found = Vec::new();
    let mut entries = RawDir::new(directory, buffer.spare_capacity_mut() as &mut [MaybeUninit<u8>]);
    while let Some(entry) = entries.next() {
        let entry = entry?;
        let Ok(name) = entry.file_name().to_str() else { continue };
        if name == "." || name == ".." {
            continue;
        }
        if let Some(kind) = Kind::of_entry(directory, entry.file_name(), entry.file_type())? {
            found.push(Found { name: name.to_owned(), kind });
        }
    }
    found.sort_unstable_by(|a, b| {
        (a.kind == Kind::Tombstone, a.name.as_bytes()).cmp(&(b.kind == Kind::Tombstone, b.name.as_bytes()))
    });
    Ok(found)
}
