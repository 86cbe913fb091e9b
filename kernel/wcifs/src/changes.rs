//! What a scratch has changed, read from disk (FORMAT.md) and not through a mount.

use crate::error::WcifsError;
use crate::layer::{Kind, Layer, LayerIndex, SCRATCH};
use crate::merge;
use crate::name::Folding;
use crate::volume::append;
use rustix::fd::OwnedFd;
use rustix::io::Errno;
use std::path::PathBuf;

/// What happened to a file or directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangeKind {
    /// It is in the layers, too.
    Modified,
    /// It is not in the layers.
    Added,
    /// It is in the layers only.
    Deleted,
}

/// One change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The path from the root of the volume, with `/`.
    pub path: String,
    /// What happened there.
    pub kind: ChangeKind,
}

/// A directory of the scratch, and where it is in the layers that it merges with.
struct Place {
    shown: String,
    path: Vec<u8>,
    below: Vec<(LayerIndex, Vec<u8>)>,
}

/// Every change of the scratch, an open directory, to `layers` (top first), sorted by path. While the volume is in use this is a
/// look at something that moves.
///
/// # Errors
/// When the scratch or a layer cannot be read.
pub fn changes(scratch: OwnedFd, layers: &[PathBuf]) -> Result<Vec<Change>, WcifsError> {
    let open = |path: &PathBuf| Layer::open(path).map_err(|source| WcifsError::Layer { path: path.clone(), source });
    let layers = std::iter::once(Ok(Layer::from(scratch))).chain(layers.iter().map(open));
    let layers = layers.collect::<Result<Vec<_>, _>>()?;
    let folding = Folding::default();
    let mut changes = Vec::new();
    let below = (SCRATCH + 1..).zip(&layers[1..]).map(|(index, _)| (index, Vec::new())).collect();
    let mut ahead = vec![Place { shown: String::new(), path: Vec::new(), below }];
    while let Some(place) = ahead.pop() {
        let shown = place.shown.clone();
        let failed = |source| WcifsError::Read { path: shown.clone(), source };
        compare(&layers, &folding, place, &mut changes, &mut ahead).map_err(failed)?;
    }
    changes.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(changes)
}

/// Compares one directory; those in it that the scratch has, too, are added to `ahead`.
fn compare(
    layers: &[Layer],
    folding: &Folding,
    place: Place,
    changes: &mut Vec<Change>,
    ahead: &mut Vec<Place>,
) -> Result<(), Errno> {
    let mut numbers = 0..;
    let mut number = || numbers.next().unwrap_or_default();
    let upper = match layers[usize::from(SCRATCH)].open_directory(&place.path) {
        // Removed or replaced meanwhile.
        Err(Errno::NOENT | Errno::NOTDIR) => return Ok(()),
        other => other?,
    };
    let opaque = !place.path.is_empty() && crate::metadata::is_opaque(&upper)?;
    let ours = merge::merge(folding, &[(SCRATCH, upper)], &mut number)?;
    let candidates: Vec<LayerIndex> = place.below.iter().map(|(index, _)| *index).collect();
    let path_in = |layer| {
        let found = place.below.iter().find(|(index, _)| *index == layer);
        found.map(|(_, path)| path.clone()).ok_or(Errno::NOENT)
    };
    let parts = merge::parts(layers, &candidates, SCRATCH + 1, path_in)?;
    let theirs = merge::merge(folding, &parts, &mut number)?;
    let shown = |name: &str| format!("{}/{name}", place.shown);
    for entry in ours.all() {
        let lower = theirs.find(folding, &entry.name).filter(|lower| lower.is_visible());
        let kind = match (entry.kind, lower) {
            (Kind::Tombstone, None) => continue,
            (Kind::Tombstone, Some(lower)) => {
                changes.push(Change { path: shown(&lower.name), kind: ChangeKind::Deleted });
                continue;
            }
            (_, Some(_)) => ChangeKind::Modified,
            (_, None) => ChangeKind::Added,
        };
        changes.push(Change { path: shown(&entry.name), kind });
        if entry.kind != Kind::Directory {
            continue;
        }
        let mut path = place.path.clone();
        append(&mut path, &entry.name);
        // An opaque directory merges with nothing, and nor do those in it.
        let merged = lower.filter(|lower| lower.kind == Kind::Directory && !opaque);
        let below = merged.map_or_else(Vec::new, |lower| {
            let having = place.below.iter().filter(|(index, _)| *index >= lower.layer && theirs.layers.contains(index));
            let inside = having.map(|(index, path)| {
                let mut path = path.clone();
                append(&mut path, lower.name_in(*index));
                (*index, path)
            });
            inside.collect()
        });
        ahead.push(Place { shown: shown(&entry.name), path, below });
    }
    if opaque {
        // What it hides and does not replace is deleted.
        let hidden = theirs.all().filter(|lower| lower.is_visible() && ours.find(folding, &lower.name).is_none());
        changes.extend(hidden.map(|lower| Change { path: shown(&lower.name), kind: ChangeKind::Deleted }));
    }
    Ok(())
}
