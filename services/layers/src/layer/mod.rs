//! Unpacked layers: `layers/<hex>/` with `Files/`, `Hives/` and `layer.json`, where the digits are those of the diff id. A layer
//! that has files of the layers below it under further names is only the same on top of the same layers: its digits are those of
//! its chain id.

pub(crate) mod archive;
pub(crate) mod below;
pub mod data_streams;
pub(crate) mod gzip;
pub(crate) mod ntfs;
pub(crate) mod pack;
pub(crate) mod side_by_side;
pub(crate) mod stage;
mod stream;
#[cfg(test)]
mod tests;
mod tree;
pub(crate) mod unpack;
mod writers;

pub use unpack::{BaseLayers, Beneath, MAX_UNPACKED, Unpacked, unpack};

use crate::atomic::{self, UNFINISHED};
use crate::digest::Digest;
use crate::error::LayersError;
use crate::oci::Descriptor;
use crate::store::Store;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

const RECORD: &str = "layer.json";

/// `layer.json`: what would be slow to find out again.
#[derive(Debug, Serialize, Deserialize)]
struct Record {
    id: Digest,
    size: u64,
    /// Further names of files that a substituted base does not have.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    left_out: Vec<String>,
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
    record(layer).map_or(0, |record| record.size)
}

/// Names in an unpacked layer that were left out, as they would be further ones of files that a substituted base does not have.
pub(crate) fn left_out(layer: &Path) -> Vec<String> {
    record(layer).map_or_else(Vec::new, |record| record.left_out)
}

fn record(layer: &Path) -> Option<Record> {
    serde_json::from_slice(&fs::read(layer.join(RECORD)).ok()?).ok()
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
    pub(crate) fn publish_layer(&self, layer: NewLayer, id: &Digest, size: u64) -> Result<PathBuf, LayersError> {
        self.publish_recorded(layer, Record { id: id.clone(), size, left_out: Vec::new() })
    }

    fn publish_recorded(&self, layer: NewLayer, record: Record) -> Result<PathBuf, LayersError> {
        let text = serde_json::to_vec_pretty(&record).map_err(|e| LayersError::damaged(RECORD, e))?;
        let path = layer.path().join(RECORD);
        fs::write(&path, text).map_err(LayersError::io("write", &path))?;
        atomic::sync_tree(layer.path())?;
        let published = self.layer_directory(&record.id);
        if published.is_dir() {
            return Ok(published);
        }
        let from = layer.directory.keep();
        if let Err(e) = fs::rename(&from, &published) {
            let _ = fs::remove_dir_all(&from);
            // Somebody else was faster.
            if published.is_dir() {
                return Ok(published);
            }
            return Err(LayersError::io("rename", &from)(e));
        }
        atomic::sync_parent(&published)?;
        Ok(published)
    }

    /// Unpacks a layer blob and checks its diff id. `chain` is the chain id of the layer.
    pub(crate) fn unpack_layer(
        &self,
        blob: &Descriptor,
        diff_id: &Digest,
        chain: &Digest,
        below: Beneath<'_>,
    ) -> Result<PathBuf, LayersError> {
        let layer = self.new_layer()?;
        let unpacked = unpack::unpack(self.content().read(&blob.digest)?, layer.path(), below)?;
        if unpacked.diff_id != diff_id.hex() {
            let found = format!("sha256:{}", unpacked.diff_id);
            return Err(LayersError::DigestMismatch { expected: diff_id.to_string(), found });
        }
        let id = if unpacked.needs_below { chain } else { diff_id }.clone();
        if let Some(first) = unpacked.left_out.first() {
            let count = unpacked.left_out.len();
            tracing::warn!(layer = %diff_id, count, first, "further names of files that Casement's base does not have are left out");
        }
        self.publish_recorded(layer, Record { id, size: unpacked.size, left_out: unpacked.left_out })
    }

    /// Where the layer with this diff id is on top of those that its chain id stands for, or would be.
    pub(crate) fn layer_in_chain(&self, diff_id: &Digest, chain: &Digest) -> PathBuf {
        let own = self.layer_directory(diff_id);
        let in_chain = self.layer_directory(chain);
        if !own.is_dir() && in_chain.is_dir() { in_chain } else { own }
    }

    /// The diff ids and chain ids that unpacked layers are named by.
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
