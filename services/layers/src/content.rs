//! The content store: blobs named by the digest of their bytes, as in an OCI layout (`blobs/sha256/<hex>`).

use crate::atomic;
use crate::digest::Digest;
use crate::error::LayersError;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest as _, Sha256};
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

/// Largest JSON document that is read into memory, in bytes.
pub const MAX_DOCUMENT: u64 = 8 << 20;

/// Blobs under one directory.
#[derive(Debug, Clone)]
pub struct ContentStore {
    blobs: PathBuf,
}

impl ContentStore {
    /// Opens the store in `directory` and makes it if it is missing.
    ///
    /// # Errors
    /// When the directory cannot be made.
    pub fn open(directory: &Path) -> Result<Self, LayersError> {
        let blobs = directory.join("blobs/sha256");
        fs::create_dir_all(&blobs).map_err(LayersError::io("create", &blobs))?;
        Ok(Self { blobs })
    }

    /// Where a blob is, or would be.
    pub fn path(&self, digest: &Digest) -> PathBuf {
        self.blobs.join(digest.hex())
    }

    /// Whether the blob is there.
    pub fn contains(&self, digest: &Digest) -> bool {
        self.path(digest).exists()
    }

    /// Opens a blob.
    ///
    /// # Errors
    /// When it is not there.
    pub fn read(&self, digest: &Digest) -> Result<File, LayersError> {
        let path = self.path(digest);
        File::open(&path).map_err(LayersError::io("open", &path))
    }

    /// Reads and parses a JSON blob.
    ///
    /// # Errors
    /// When it is not there, too large, or not of this type.
    pub fn read_json<T: DeserializeOwned>(&self, digest: &Digest) -> Result<T, LayersError> {
        let mut bytes = Vec::new();
        let path = self.path(digest);
        self.read(digest)?.take(MAX_DOCUMENT + 1).read_to_end(&mut bytes).map_err(LayersError::io("read", &path))?;
        if bytes.len() as u64 > MAX_DOCUMENT {
            return Err(LayersError::damaged(digest.to_string(), "the document is too large"));
        }
        serde_json::from_slice(&bytes).map_err(|e| LayersError::damaged(digest.to_string(), e))
    }

    /// Starts a new blob; it becomes visible with [`Ingest::commit`] and leaves nothing behind without it.
    ///
    /// # Errors
    /// When no file can be made.
    pub fn ingest(&self) -> Result<Ingest, LayersError> {
        let file = tempfile::Builder::new()
            .prefix(atomic::UNFINISHED)
            .tempfile_in(&self.blobs)
            .map_err(LayersError::io("create a file in", &self.blobs))?;
        Ok(Ingest { store: self.clone(), file, hasher: Sha256::new(), size: 0 })
    }

    /// Stores a JSON document and gives its digest and size.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write_json<T: Serialize>(&self, document: &T) -> Result<(Digest, u64), LayersError> {
        self.json(document)?.commit(None)
    }

    /// As [`ContentStore::write_json`], for a document that only the next blob leads to.
    pub(crate) fn add_json<T: Serialize>(&self, document: &T) -> Result<(Digest, u64), LayersError> {
        self.json(document)?.add(None)
    }

    fn json<T: Serialize>(&self, document: &T) -> Result<Ingest, LayersError> {
        let bytes = serde_json::to_vec(document).map_err(|e| LayersError::damaged("document", e))?;
        let mut ingest = self.ingest()?;
        ingest.write_all(&bytes).map_err(LayersError::io("write", &self.blobs))?;
        Ok(ingest)
    }

    /// Removes a blob; one that is not there is fine.
    ///
    /// # Errors
    /// When it cannot be removed.
    pub fn remove(&self, digest: &Digest) -> Result<(), LayersError> {
        atomic::remove(&self.path(digest))
    }

    /// The digests of all blobs.
    ///
    /// # Errors
    /// When the directory cannot be read.
    pub fn digests(&self) -> Result<BTreeSet<Digest>, LayersError> {
        digest_names(&self.blobs)
    }

    pub(crate) fn blobs_directory(&self) -> &Path {
        &self.blobs
    }
}

/// Names of the form of a digest in a directory; all others are unfinished or foreign.
pub(crate) fn digest_names(directory: &Path) -> Result<BTreeSet<Digest>, LayersError> {
    let entries = fs::read_dir(directory).map_err(LayersError::io("read", directory))?;
    Ok(entries.flatten().filter_map(|e| Digest::from_hex(e.file_name().to_str()?)).collect())
}

/// A blob that is being written.
pub struct Ingest {
    store: ContentStore,
    file: tempfile::NamedTempFile,
    hasher: Sha256,
    size: u64,
}

impl Ingest {
    /// Checks the digest, if one was announced, and publishes the blob durably.
    ///
    /// # Errors
    /// [`LayersError::DigestMismatch`], or when the blob cannot be written.
    pub fn commit(self, expected: Option<&Digest>) -> Result<(Digest, u64), LayersError> {
        let parent = self.store.blobs.clone();
        let (digest, size) = self.add(expected)?;
        atomic::sync(&parent)?;
        Ok((digest, size))
    }

    /// As [`Ingest::commit`], for a blob that only the next one leads to: its bytes are durable, and its name is when the next one's
    /// is.
    pub(crate) fn add(self, expected: Option<&Digest>) -> Result<(Digest, u64), LayersError> {
        let hex = casement_nt::digest::hex(&self.hasher.finalize());
        let digest = Digest::from_hex(&hex).ok_or_else(|| LayersError::BadDigest(hex.clone()))?;
        if let Some(expected) = expected.filter(|e| **e != digest) {
            return Err(LayersError::DigestMismatch { expected: expected.to_string(), found: digest.to_string() });
        }
        if !self.store.contains(&digest) {
            atomic::rename(self.file, &self.store.path(&digest))?;
        }
        Ok((digest, self.size))
    }
}

impl Write for Ingest {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let n = self.file.write(bytes)?;
        self.hasher.update(&bytes[..n]);
        self.size += n as u64;
        Ok(n)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.file.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_blob_is_there_whole_or_not_at_all() {
        let root = tempfile::tempdir().unwrap();
        let store = ContentStore::open(root.path()).unwrap();
        let digest = Digest::of(b"hello");

        let mut dropped = store.ingest().unwrap();
        dropped.write_all(b"hello").unwrap();
        drop(dropped);
        let mut wrong = store.ingest().unwrap();
        wrong.write_all(b"hullo").unwrap();
        assert!(matches!(wrong.commit(Some(&digest)), Err(LayersError::DigestMismatch { .. })));
        assert_eq!(fs::read_dir(store.blobs_directory()).unwrap().count(), 0);

        let mut right = store.ingest().unwrap();
        right.write_all(b"hello").unwrap();
        assert_eq!(right.commit(Some(&digest)).unwrap(), (digest.clone(), 5));
        let mut text = String::new();
        store.read(&digest).unwrap().read_to_string(&mut text).unwrap();
        assert_eq!(text, "hello");
    }
}
