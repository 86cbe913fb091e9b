//! Packs a layer directory into the blob of a layer archive. The same directory gives the same blob.

use super::archive::{Archive, Failure, FileSecurity};
use super::below::Below;
use super::data_streams::StreamSources;
use super::gzip::GzipMembers;
use crate::digest::Digest;
use crate::error::LayersError;
use crate::oci::{Descriptor, LAYER_GZIP};
use crate::store::Store;
use crate::volume::names;
use casement_layer_tar::{LayerPath, NtTime, fold};
use casement_nt::Progress;
use casement_wcifs::metadata::is_opaque;
use rustix::fd::OwnedFd;
use rustix::fs::{AtFlags, FileType, Mode, OFlags, ResolveFlags, Stat};
use rustix::io::Errno;
use sha2::{Digest as _, Sha256};
use std::collections::BTreeSet;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// What every layer has at its top.
const TOPS: [&str; 2] = ["Files", "Hives"];
/// What base layers may have besides.
const UTILITY_VM: &str = "UtilityVM";
/// The directory of a utility VM that is a volume.
const VOLUMES: [&str; 2] = ["Files", "UtilityVM/Files"];

/// A packed layer.
pub(crate) struct Packed {
    /// The gzip blob.
    pub(crate) blob: Descriptor,
    /// Digest of the tar archive.
    pub(crate) diff_id: Digest,
    /// Bytes of its files.
    pub(crate) size: u64,
}

/// How a layer is packed.
pub(crate) struct Packing<'a> {
    /// The layers below, topmost first.
    pub(crate) below: &'a [PathBuf],
    /// Times after this one become this one, in the directory, too.
    pub(crate) latest: Option<NtTime>,
    /// Whether files of which no security descriptor is kept have one in the archive.
    pub(crate) file_security: FileSecurity,
    /// How much time to spend on a small blob: a level of libdeflate.
    pub(crate) level: i32,
}

/// Writes `layer`, a directory with `Files/` and `Hives/`, into the content store. The blob's name is durable when that of the
/// document that leads to it is.
pub(crate) fn pack(
    store: &Store,
    layer: &Path,
    packing: &Packing<'_>,
    progress: &dyn Progress,
) -> Result<Packed, LayersError> {
    let mut items = Vec::new();
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let top = rustix::fs::open(layer, flags, Mode::empty()).map_err(|e| LayersError::io("open", layer)(e.into()))?;
    let walk = Walk { layers: packing.below, items: &mut items };
    walk.top(&top)?;
    let total: u64 = items.iter().map(Item::size).sum();
    let sources =
        StreamSources::of_new(&top, layer, packing.below).map_err(|e| LayersError::io("open", layer)(e.into()))?;
    let gzip = GzipMembers::new(store.content().ingest()?, packing.level);
    let mut pack = Pack {
        top,
        archive: Archive::new(
            Hashing { inner: gzip, hasher: Sha256::new() },
            packing.latest,
            packing.file_security,
            sources,
        ),
        newest: newest(&items, packing.latest),
    };
    for item in &items {
        pack.one(item).map_err(|e| e.about(&item.path))?;
        progress.report("packing the image", pack.archive.size() as f64 / total.max(1) as f64);
    }
    let written = |e| LayersError::io("write", &store.root().join("content"))(e);
    let size = pack.archive.size();
    let Hashing { inner, hasher } = pack.archive.finish()?;
    let ingest = inner.finish().map_err(written)?;
    let hex = casement_nt::digest::hex(&hasher.finalize());
    let diff_id = Digest::from_hex(&hex).ok_or(LayersError::BadDigest(hex))?;
    let (digest, packed_size) = ingest.add(None)?;
    Ok(Packed { blob: Descriptor::new(LAYER_GZIP, digest, packed_size), diff_id, size })
}

/// The time of the directories that every layer has: that of the newest thing in them, which does not depend on when the layer
/// was put together.
fn newest(items: &[Item], latest: Option<NtTime>) -> NtTime {
    let times = items.iter().filter(|item| !TOPS.contains(&item.path.as_str())).filter_map(|item| match &item.what {
        What::File(stat) => Some(NtTime::from_unix(stat.st_mtime, stat.st_mtime_nsec as u32)),
        What::Gone => None,
    });
    let newest = times.max().unwrap_or_default();
    latest.map_or(newest, |latest| newest.min(latest))
}

/// Something to pack.
struct Item {
    path: LayerPath,
    what: What,
}

enum What {
    /// A file, a directory or a link, as it was found.
    File(Stat),
    /// Something of the layers below is gone.
    Gone,
}

impl Item {
    fn size(&self) -> u64 {
        match &self.what {
            What::File(stat) if FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile => stat.st_size as u64,
            _ => 0,
        }
    }
}

/// Finds what there is, in an order that depends on names only.
struct Walk<'a> {
    layers: &'a [PathBuf],
    items: &'a mut Vec<Item>,
}

/// Whether directories of the layers below are seen through one of this layer.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Seen {
    Through,
    /// One above is opaque.
    Hidden,
}

impl Walk<'_> {
    fn top(mut self, top: &OwnedFd) -> Result<(), LayersError> {
        for name in TOPS.into_iter().chain([UTILITY_VM]) {
            let path = LayerPath::new(name)?;
            let stat = match rustix::fs::statat(top, name, AtFlags::SYMLINK_NOFOLLOW) {
                Err(Errno::NOENT) if name == UTILITY_VM => continue,
                other => other.map_err(failed("look at", &path))?,
            };
            self.items.push(Item { path: path.clone(), what: What::File(stat) });
            let below = match VOLUMES.contains(&name) {
                true => Below::open(self.layers, name).map_err(failed("look below", &path))?,
                false => Below::nothing(),
            };
            let directory = open(top, name, OFlags::DIRECTORY).map_err(failed("open", &path))?;
            self.directory(&directory, &path, &below, Seen::Through)?;
        }
        Ok(())
    }

    fn directory(
        &mut self,
        directory: &OwnedFd,
        path: &LayerPath,
        below: &Below,
        seen: Seen,
    ) -> Result<(), LayersError> {
        let opaque = is_opaque(directory).map_err(failed("look at", path))?;
        let seen = if opaque { Seen::Hidden } else { seen };
        let mut all = names::names(directory).map_err(failed("list", path))?;
        all.sort();
        let mut present = BTreeSet::new();
        let mut gone = Vec::new();
        let mut here = Vec::new();
        for name in all {
            let Some(text) = name.to_str() else {
                return Err(LayersError::damaged(path.as_str(), "a name in it is not UTF-8"));
            };
            let stat = match rustix::fs::statat(directory, text, AtFlags::SYMLINK_NOFOLLOW) {
                // Removed meanwhile, by whoever still uses the scratch.
                Err(Errno::NOENT) => continue,
                other => other.map_err(failed("look at", path))?,
            };
            match FileType::from_raw_mode(stat.st_mode) {
                FileType::CharacterDevice if stat.st_rdev == 0 => gone.push(text.to_owned()),
                // Of names that are one to NTFS the first counts.
                FileType::RegularFile | FileType::Directory | FileType::Symlink if present.insert(fold(text)) => {
                    here.push((text.to_owned(), stat));
                }
                _ => {}
            }
        }
        self.gone(path, below, seen, gone, &present)?;
        for (name, stat) in here {
            let path = path.join(&name)?;
            self.items.push(Item { path: path.clone(), what: What::File(stat) });
            if FileType::from_raw_mode(stat.st_mode) == FileType::Directory {
                let below = match VOLUMES.contains(&path.as_str()) {
                    true => Below::open(self.layers, path.as_str()),
                    false => below.enter(&name),
                };
                let below = below.map_err(failed("look below", &path))?;
                let inside = open(directory, &name, OFlags::DIRECTORY).map_err(failed("open", &path))?;
                self.directory(&inside, &path, &below, seen)?;
            }
        }
        Ok(())
    }

    /// What is gone of a directory: by tombstones, or because the directory is a new one. A new directory in place of something
    /// else needs nothing: what it is hides that.
    fn gone(
        &mut self,
        path: &LayerPath,
        below: &Below,
        seen: Seen,
        tombstones: Vec<String>,
        present: &BTreeSet<String>,
    ) -> Result<(), LayersError> {
        if tombstones.is_empty() && seen == Seen::Through {
            return Ok(());
        }
        let visible = below.names().map_err(failed("look below", path))?;
        let buried: BTreeSet<String> = tombstones.iter().map(|name| fold(name)).collect();
        for (folded, name) in visible {
            if !present.contains(&folded) && (seen == Seen::Hidden || buried.contains(&folded)) {
                self.items.push(Item { path: path.join(&name)?, what: What::Gone });
            }
        }
        Ok(())
    }
}

/// Writes what was found.
struct Pack<W: Write> {
    top: OwnedFd,
    archive: Archive<W>,
    newest: NtTime,
}

impl<W: Write> Pack<W> {
    fn one(&mut self, item: &Item) -> Result<(), Failure> {
        let path = &item.path;
        let stat = match &item.what {
            What::File(stat) => stat,
            What::Gone => return self.archive.whiteout(path),
        };
        let open = |flags| open(&self.top, path.as_str(), flags);
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::Symlink => {
                let (parent, name) = path.split();
                let parent = self::open(&self.top, parent.unwrap_or_default(), OFlags::DIRECTORY)?;
                let leads_to_directory = || leads_to_directory(&self.top, path, name, &parent);
                self.archive.link(path, &parent, name, leads_to_directory)
            }
            FileType::Directory => {
                let time = TOPS.contains(&path.as_str()).then_some(self.newest);
                self.archive.directory(path, &open(OFlags::DIRECTORY)?, time)
            }
            _ => self.archive.file(path, stat, || open(OFlags::empty())),
        }
    }
}

/// Whether a link of which nothing is kept, as programs make them, leads to a directory of this layer. Windows tells links to
/// directories from others.
fn leads_to_directory(top: &OwnedFd, path: &LayerPath, name: &str, parent: &OwnedFd) -> bool {
    let volume = if path.as_str().starts_with("Files/") { VOLUMES[0] } else { VOLUMES[1] };
    let inside = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let Ok(root) = open(top, volume, OFlags::DIRECTORY) else { return false };
    let below = path.as_str().strip_prefix(volume).unwrap_or_default().trim_start_matches('/');
    rustix::fs::openat2(&root, below, flags, Mode::empty(), inside).is_ok()
        || rustix::fs::openat2(parent, name, flags, Mode::empty(), inside).is_ok()
}

fn open(at: &OwnedFd, path: &str, flags: OFlags) -> rustix::io::Result<OwnedFd> {
    let flags = flags | OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let inside = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
    rustix::fs::openat2(at, path, flags, Mode::empty(), inside)
}

fn failed<'a>(action: &'static str, path: &'a LayerPath) -> impl FnOnce(Errno) -> LayersError + 'a {
    move |e| LayersError::io(action, Path::new(path.as_str()))(e.into())
}

struct Hashing<W> {
    inner: W,
    hasher: Sha256,
}

impl<W: Write> Write for Hashing<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let n = self.inner.write(bytes)?;
        self.hasher.update(&bytes[..n]);
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}
