//! What is in one layer: made by one pass, and kept under the store's cache.

use crate::entry::Entry;
use crate::error::ViewError;
use crate::finding::Findings;
use crate::inflate::Checkpoint;
use casement_layers::Digest;
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use serde::{Deserialize, Serialize};
use std::fs::{self, File};
use std::io::{BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Raised when an index of an earlier version would not do.
const FORMAT: u32 = 1;
/// Largest index that is read, in bytes.
const MAX_INDEX: u64 = 2 << 30;
/// Bytes that all indices together may take on disk; the ones that were not used for longest go first.
const MAX_CACHE: u64 = 512 << 20;
/// Ending of the files.
const ENDING: &str = "json.gz";

/// The entries of a layer, in the order of its archive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LayerIndex {
    pub(crate) format: u32,
    /// Digest of the unpacked archive, as it was found to be.
    pub diff_id: Digest,
    /// Digest of the blob that was read; `None` for one that was read from a directory.
    pub blob: Option<Digest>,
    /// Bytes of the unpacked archive.
    pub archive_size: u64,
    /// The entries, whiteouts too.
    pub entries: Vec<Entry>,
    /// Security descriptors (self-relative), each once.
    #[serde(with = "descriptors")]
    pub securities: Vec<Vec<u8>>,
    /// Places in the packed archive at which reading may begin.
    pub checkpoints: Vec<Checkpoint>,
    /// What is wrong with the layer by itself.
    pub findings: Findings,
}

impl LayerIndex {
    /// An index without entries.
    pub fn new(diff_id: Digest) -> Self {
        Self {
            format: FORMAT,
            diff_id,
            blob: None,
            archive_size: 0,
            entries: Vec::new(),
            securities: Vec::new(),
            checkpoints: Vec::new(),
            findings: Findings::default(),
        }
    }

    /// The security descriptor of an entry.
    pub fn security(&self, entry: &Entry) -> Option<&[u8]> {
        self.securities.get(entry.security? as usize).map(Vec::as_slice)
    }
}

/// The indices that are kept.
#[derive(Debug, Clone)]
pub struct IndexCache {
    directory: PathBuf,
}

impl IndexCache {
    /// Those of the store under `root`.
    pub fn of(root: &Path) -> Self {
        Self { directory: root.join("cache/layer-indices") }
    }

    /// The index of a layer, if it is kept and was made of this blob.
    pub fn find(&self, diff_id: &Digest, blob: Option<&Digest>) -> Option<LayerIndex> {
        let path = self.path(diff_id);
        let file = File::open(&path).ok()?;
        let reader = GzDecoder::new(BufReader::new(&file)).take(MAX_INDEX);
        let index: LayerIndex = serde_json::from_reader(BufReader::new(reader)).ok()?;
        let fits = index.format == FORMAT && index.diff_id == *diff_id && index.blob.as_ref() == blob;
        if fits {
            let _ = file.set_modified(SystemTime::now());
        }
        fits.then_some(index)
    }

    /// Keeps an index. Nothing depends on whether this succeeds.
    pub fn keep(&self, index: &LayerIndex) {
        if let Err(error) = self.write(index) {
            // A reader who may not write there has to make each index again, and nothing else.
            drop(error);
        }
    }

    fn write(&self, index: &LayerIndex) -> Result<(), ViewError> {
        let failed = |action| ViewError::io(action, self.directory.display());
        fs::create_dir_all(&self.directory).map_err(failed("create"))?;
        let file = tempfile::Builder::new().prefix(".unfinished-").tempfile_in(&self.directory);
        let file = file.map_err(failed("create a file in"))?;
        let mut packed = GzEncoder::new(BufWriter::new(file.as_file()), Compression::fast());
        serde_json::to_writer(&mut packed, index).map_err(|e| ViewError::damaged("index", e))?;
        packed.finish().and_then(|mut out| out.flush()).map_err(failed("write in"))?;
        file.persist(self.path(&index.diff_id)).map_err(|e| failed("rename in")(e.error))?;
        self.trim();
        Ok(())
    }

    /// Removes the oldest indices beyond the bound, and what killed processes left.
    fn trim(&self) {
        let Ok(entries) = fs::read_dir(&self.directory) else { return };
        let mut files: Vec<(SystemTime, u64, PathBuf)> = entries
            .flatten()
            .filter_map(|entry| {
                let metadata = entry.metadata().ok()?;
                Some((metadata.modified().ok()?, metadata.len(), entry.path()))
            })
            .collect();
        files.sort_by_key(|file| std::cmp::Reverse(file.0));
        let mut total = 0u64;
        for (modified, size, path) in files {
            let unfinished = path.extension().is_none_or(|ending| ending != "gz");
            let abandoned = unfinished && modified.elapsed().is_ok_and(|age| age.as_secs() > 3600);
            total = total.saturating_add(if unfinished { 0 } else { size });
            if abandoned || (!unfinished && total > MAX_CACHE) {
                let _ = fs::remove_file(path);
            }
        }
    }

    fn path(&self, diff_id: &Digest) -> PathBuf {
        self.directory.join(format!("{}.{ENDING}", diff_id.hex()))
    }
}

/// Descriptors as base64 in JSON.
mod descriptors {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub fn serialize<S: Serializer>(descriptors: &[Vec<u8>], serializer: S) -> Result<S::Ok, S::Error> {
        let texts: Vec<String> = descriptors.iter().map(|bytes| STANDARD.encode(bytes)).collect();
        texts.serialize(serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Vec<u8>>, D::Error> {
        let texts = Vec::<String>::deserialize(deserializer)?;
        texts.iter().map(|text| STANDARD.decode(text).map_err(serde::de::Error::custom)).collect()
    }
}
