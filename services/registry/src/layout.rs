//! Images from an OCI layout directory (OCI image specification, image layout): `oci:DIR` or `oci:DIR:TAG`.

use crate::documents::{Blob, Entry, MAX_DOCUMENT, MAX_INDEX, RawManifest};
use crate::error::RegistryError;
use casement_layers::Digest;
use rustix::fs::{Mode, OFlags, ResolveFlags};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::path::Path;

/// How a reference to a layout begins.
pub const PREFIX: &str = "oci:";
/// Directory and tag of `DIR[:TAG]`, what follows [`PREFIX`].
pub fn directory_and_tag(text: &str) -> (&str, Option<&str>) {
    text.rsplit_once(':').map_or((text, None), |(directory, tag)| (directory, Some(tag)))
}

/// Note that names an image of a layout.
pub(crate) const NAME: &str = "org.opencontainers.image.ref.name";

/// A layout directory that is open; nothing outside of it is read.
#[derive(Debug)]
pub struct Layout {
    directory: OwnedFd,
    shown: String,
}

impl Layout {
    /// Opens a directory.
    ///
    /// # Errors
    /// [`RegistryError::Layout`] when it is none.
    pub fn open(path: &Path) -> Result<Self, RegistryError> {
        let shown = path.display().to_string();
        let bad = |why: String| RegistryError::Layout(format!("{shown} is not an OCI layout directory: {why}"));
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let directory = rustix::fs::open(path, flags, Mode::empty()).map_err(|error| bad(error.to_string()))?;
        let layout = Self { directory, shown: shown.clone() };
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Version {
            image_layout_version: String,
        }
        let bytes = layout.read("oci-layout", 4096).map_err(|error| bad(error.to_string()))?;
        let version: Version = serde_json::from_slice(&bytes).map_err(|error| bad(error.to_string()))?;
        match version.image_layout_version.starts_with("1.") {
            true => Ok(layout),
            false => Err(bad(format!("its version is {}", version.image_layout_version))),
        }
    }

    /// The manifest or index with this tag, or the only one.
    ///
    /// # Errors
    /// [`RegistryError::Layout`].
    pub fn manifest(&self, tag: Option<&str>) -> Result<RawManifest, RegistryError> {
        #[derive(Deserialize)]
        struct Index {
            manifests: Vec<Item>,
        }
        #[derive(Deserialize)]
        struct Item {
            #[serde(flatten)]
            entry: Entry,
            #[serde(default)]
            annotations: BTreeMap<String, String>,
        }
        let bad = |why: &str| RegistryError::Layout(format!("{}: {why}", self.shown));
        let bytes = self.read("index.json", MAX_DOCUMENT).map_err(|error| bad(&error.to_string()))?;
        let mut index: Index = serde_json::from_slice(&bytes).map_err(|error| bad(&error.to_string()))?;
        index.manifests.truncate(MAX_INDEX);
        let name = |item: &Item| item.annotations.get(NAME).cloned().unwrap_or_default();
        let names = index.manifests.iter().map(name).collect::<Vec<_>>().join(" ");
        let mut fitting = index.manifests.into_iter().filter(|item| tag.is_none_or(|tag| name(item) == tag));
        match (fitting.next(), fitting.next()) {
            (Some(item), None) => self.by_digest(&item.entry.digest),
            (None, _) => Err(bad(&format!("there is no such image; its tags are: {names}"))),
            _ => Err(bad(&format!("it has several images; name one of its tags: {names}"))),
        }
    }

    /// The manifest or index with this digest.
    ///
    /// # Errors
    /// When it is not there, or not what its digest says.
    pub fn by_digest(&self, digest: &Digest) -> Result<RawManifest, RegistryError> {
        let bytes = self.document(digest)?;
        RawManifest::new(None, bytes)
    }

    /// A small blob.
    ///
    /// # Errors
    /// When it is not there, too large, or not what its digest says.
    pub fn document(&self, digest: &Digest) -> Result<Vec<u8>, RegistryError> {
        let bytes = self.read(&blob_path(digest), MAX_DOCUMENT).map_err(|error| self.missing(digest, error))?;
        match Digest::of(&bytes) == *digest {
            true => Ok(bytes),
            false => Err(RegistryError::Verification(digest.to_string())),
        }
    }

    /// Copies a blob to `path`.
    ///
    /// # Errors
    /// When it is not there, or not what its digest says; then nothing is left at `path`.
    pub fn copy(&self, blob: &Blob, path: &Path) -> Result<(), RegistryError> {
        let mut from = self.file(&blob_path(&blob.digest)).map_err(|error| self.missing(&blob.digest, error))?;
        let mut to = File::create(path).map_err(RegistryError::io("create", path))?;
        let mut hasher = Sha256::new();
        let mut buffer = vec![0; 1 << 20];
        let mut size = 0u64;
        loop {
            let count = from.read(&mut buffer).map_err(|error| self.missing(&blob.digest, error))?;
            size += count as u64;
            if count == 0 || size > blob.size {
                break;
            }
            hasher.update(&buffer[..count]);
            to.write_all(&buffer[..count]).map_err(RegistryError::io("write", path))?;
        }
        if size != blob.size || casement_nt::digest::hex(&hasher.finalize()) != blob.digest.hex() {
            std::fs::remove_file(path).map_err(RegistryError::io("remove", path))?;
            return Err(RegistryError::Verification(blob.digest.to_string()));
        }
        to.sync_all().map_err(RegistryError::io("write", path))
    }

    fn missing(&self, digest: &Digest, error: std::io::Error) -> RegistryError {
        RegistryError::Layout(format!("{}: blob {digest}: {error}", self.shown))
    }

    fn read(&self, path: &str, limit: usize) -> std::io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.file(path)?.take(limit as u64 + 1).read_to_end(&mut bytes)?;
        if bytes.len() > limit {
            return Err(std::io::Error::other(format!("it is larger than {limit} bytes")));
        }
        Ok(bytes)
    }

    /// A regular file below the directory; no link is followed, and nothing else is waited for.
    fn file(&self, path: &str) -> std::io::Result<File> {
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
        let file = File::from(rustix::fs::openat2(&self.directory, path, flags, Mode::empty(), resolve)?);
        match file.metadata()?.is_file() {
            true => Ok(file),
            false => Err(std::io::Error::other("it is no file")),
        }
    }
}

fn blob_path(digest: &Digest) -> String {
    format!("blobs/sha256/{}", digest.hex())
}
