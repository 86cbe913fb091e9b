//! Unpacked layers: `layers/<hex of the diff id>/` with `Files/`, `Hives/` and `layer.json`.

use crate::atomic::{self, UNFINISHED};
use crate::digest::Digest;
use crate::error::LayersError;
use crate::oci::Descriptor;
use crate::store::Store;
use casement_layer_tar::{Kind, LayerArchive, LayerPath, LayerReader};
use flate2::read::MultiGzDecoder;
use rustix::fs::{Mode, OFlags, ResolveFlags};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

const RECORD: &str = "layer.json";
/// Largest layer in bytes when unpacked.
pub const MAX_UNPACKED: u64 = 1 << 40;

/// `layer.json`: what would be slow to find out again.
#[derive(Debug, Serialize, Deserialize)]
struct Record {
    diff_id: Digest,
    size: u64,
}

/// A layer directory that is still being filled; dropping it removes it.
pub struct NewLayer {
    directory: tempfile::TempDir,
}

impl NewLayer {
    /// The directory to fill with `Files/` and `Hives/`.
    pub fn path(&self) -> &Path {
        self.directory.path()
    }
}

/// Bytes of the files in an unpacked layer, as recorded when it was made; 0 when it is not there.
pub(crate) fn recorded_size(layer: &Path) -> u64 {
    let bytes = fs::read(layer.join(RECORD)).unwrap_or_default();
    serde_json::from_slice::<Record>(&bytes).map_or(0, |r| r.size)
}

impl Store {
    /// Where the unpacked layer is, or would be.
    pub fn layer_directory(&self, diff_id: &Digest) -> PathBuf {
        self.root().join("layers").join(diff_id.hex())
    }

    /// An empty layer directory on the file system of the store.
    pub(crate) fn new_layer(&self) -> Result<NewLayer, LayersError> {
        let parent = self.root().join("layers");
        let directory = tempfile::Builder::new()
            .prefix(UNFINISHED)
            .tempdir_in(&parent)
            .map_err(LayersError::io("create a directory in", &parent))?;
        let mode = fs::Permissions::from_mode(0o755);
        fs::set_permissions(directory.path(), mode).map_err(LayersError::io("set the mode of", directory.path()))?;
        Ok(NewLayer { directory })
    }

    /// Gives a filled layer its name. If the layer is there already, the new directory is dropped.
    pub(crate) fn publish_layer(&self, layer: NewLayer, diff_id: &Digest, size: u64) -> Result<PathBuf, LayersError> {
        let record = Record { diff_id: diff_id.clone(), size };
        let text = serde_json::to_vec_pretty(&record).map_err(|e| LayersError::damaged(RECORD, e))?;
        atomic::write(&layer.path().join(RECORD), &text)?;
        let directory = File::open(layer.path()).map_err(LayersError::io("open", layer.path()))?;
        rustix::fs::syncfs(&directory).map_err(|e| LayersError::io("write", layer.path())(e.into()))?;
        let published = self.layer_directory(diff_id);
        if published.is_dir() {
            return Ok(published);
        }
        let from = layer.directory.keep();
        if let Err(e) = fs::rename(&from, &published) {
            let _ = fs::remove_dir_all(&from);
            return Err(LayersError::io("rename", &from)(e));
        }
        atomic::sync_parent(&published)?;
        Ok(published)
    }

    /// Unpacks a gzip blob into a layer directory and checks its diff id.
    pub(crate) fn unpack_layer(&self, blob: &Descriptor, diff_id: &Digest) -> Result<PathBuf, LayersError> {
        let layer = self.new_layer()?;
        let mut hashed =
            Hashed { inner: MultiGzDecoder::new(self.content().read(&blob.digest)?), hasher: Sha256::new() };
        let size = unpack(&mut hashed, layer.path())?;
        io::copy(&mut hashed, &mut io::sink()).map_err(LayersError::io("read", &self.content().path(&blob.digest)))?;
        let found = casement_nt::digest::hex(&hashed.hasher.finalize());
        if found != diff_id.hex() {
            let found = format!("sha256:{found}");
            return Err(LayersError::DigestMismatch { expected: diff_id.to_string(), found });
        }
        self.publish_layer(layer, diff_id, size)
    }

    /// The diff ids of all unpacked layers.
    pub(crate) fn unpacked_layers(&self) -> Result<BTreeSet<Digest>, LayersError> {
        crate::content::digest_names(&self.root().join("layers"))
    }

    /// Removes an unpacked layer: first its name, then its files.
    pub(crate) fn remove_layer(&self, diff_id: &Digest) -> Result<(), LayersError> {
        let directory = self.layer_directory(diff_id);
        let condemned = self.root().join("layers").join(format!("{UNFINISHED}{}", diff_id.hex()));
        match fs::rename(&directory, &condemned) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(e) => Err(LayersError::io("rename", &directory)(e)),
            Ok(()) => atomic::remove(&condemned),
        }
    }
}

struct Hashed<R> {
    inner: R,
    hasher: Sha256,
}

impl<R: Read> Read for Hashed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(buffer)?;
        self.hasher.update(&buffer[..n]);
        Ok(n)
    }
}

/// Unpacks an archive below `directory` and gives the bytes of its files.
fn unpack(archive: &mut impl Read, directory: &Path) -> Result<u64, LayersError> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let top =
        rustix::fs::open(directory, flags, Mode::empty()).map_err(|e| LayersError::io("open", directory)(e.into()))?;
    let mut archive = LayerArchive::new(archive);
    let mut reader = LayerReader::new(&mut archive)?;
    let mut total = 0u64;
    let mut directories = Vec::new();
    while let Some(mut entry) = reader.next_entry()? {
        let failed = |e: rustix::io::Errno| LayersError::io("unpack", Path::new(entry.path.as_str()))(e.into());
        let parent = parent_of(&top, &entry.path).map_err(failed)?;
        let name = entry.path.components().last().unwrap_or_default();
        match entry.kind {
            Kind::Directory => {
                match rustix::fs::mkdirat(&parent, name, Mode::from_raw_mode(0o755)) {
                    Ok(()) | Err(rustix::io::Errno::EXIST) => {}
                    Err(e) => return Err(failed(e)),
                }
                directories.push((entry.path.clone(), entry.metadata));
            }
            Kind::File { size } => {
                total = total.saturating_add(size);
                if total > MAX_UNPACKED {
                    return Err(LayersError::damaged("layer", "it is larger than 1 TB when unpacked"));
                }
                let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
                let file = rustix::fs::openat(&parent, name, flags, Mode::from_raw_mode(0o644)).map_err(failed)?;
                let path = entry.path.clone();
                let mut file = File::from(file);
                io::copy(&mut entry, &mut file).map_err(LayersError::io("unpack", Path::new(path.as_str())))?;
                set_time(&file, &entry.metadata).map_err(LayersError::io("unpack", Path::new(path.as_str())))?;
            }
        }
    }
    // Last, as filling a directory changes its time.
    for (path, metadata) in directories {
        let beneath = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        rustix::fs::openat2(&top, path.as_str(), flags, Mode::empty(), beneath)
            .map_err(io::Error::from)
            .and_then(|file| set_time(&File::from(file), &metadata))
            .map_err(LayersError::io("unpack", Path::new(path.as_str())))?;
    }
    Ok(total)
}

fn set_time(file: &File, metadata: &casement_layer_tar::Metadata) -> io::Result<()> {
    let time =
        rustix::fs::Timespec { tv_sec: metadata.modified.seconds(), tv_nsec: metadata.modified.nanoseconds().into() };
    Ok(rustix::fs::futimens(file, &rustix::fs::Timestamps { last_access: time, last_modification: time })?)
}

/// Opens the directory that holds `path`, making what is missing. No link is followed and nothing leads out.
fn parent_of(top: &OwnedFd, path: &LayerPath) -> rustix::io::Result<OwnedFd> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let beneath = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
    let Some((parent, _)) = path.as_str().rsplit_once('/') else {
        return rustix::fs::openat2(top, ".", flags, Mode::empty(), beneath);
    };
    match rustix::fs::openat2(top, parent, flags, Mode::empty(), beneath) {
        Err(rustix::io::Errno::NOENT) => {
            let mut at = rustix::fs::openat2(top, ".", flags, Mode::empty(), beneath)?;
            for part in parent.split('/') {
                match rustix::fs::mkdirat(&at, part, Mode::from_raw_mode(0o755)) {
                    Ok(()) | Err(rustix::io::Errno::EXIST) => {}
                    Err(e) => return Err(e),
                }
                at = rustix::fs::openat2(&at, part, flags, Mode::empty(), beneath)?;
            }
            Ok(at)
        }
        other => other,
    }
}
