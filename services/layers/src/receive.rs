//! Takes in images whose parts come from elsewhere: a registry, a layout directory.

use crate::atomic;
use crate::content::ContentStore;
use crate::digest::Digest;
use crate::error::LayersError;
use crate::image::Image;
use crate::oci::{Config, Manifest};
use crate::store::{Lock, Store};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// Note on the manifest of an image on another base: the digest of the manifest that it came with, which is kept.
pub const ORIGINAL_MANIFEST: &str = "casement.original.manifest";
/// Note on such a manifest: how many layers at the bottom of the original were replaced.
pub const ORIGINAL_LAYERS: &str = "casement.original.base-layers";

/// Label of an image on another base, and of all that is built on it: what was replaced, for `docker image inspect`.
pub const SUBSTITUTED_LABEL: &str = "casement.base.substituted";

/// How long the part of a blob is kept that nobody goes on with.
const KEPT: Duration = Duration::from_secs(7 * 24 * 3600);

/// Images are being taken in: as long as this lives, nothing is removed.
pub struct Receiving {
    store: Store,
    _lock: Lock,
}

/// What an image was before its base was replaced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Original {
    /// Digest of its manifest.
    pub manifest: Digest,
    /// Digest of its config.
    pub config: Digest,
    /// How many layers of it were replaced.
    pub base_layers: usize,
}

impl Store {
    /// Begins to take in images.
    ///
    /// # Errors
    /// When the store cannot be locked.
    pub fn receive(&self) -> Result<Receiving, LayersError> {
        Ok(Receiving { store: self.clone(), _lock: self.lock_shared()? })
    }

    /// The directory in which blobs grow, each under its digits; parts that nobody went on with for a week are removed.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn partial_directory(&self) -> Result<PathBuf, LayersError> {
        let directory = self.root().join("content/partial");
        fs::create_dir_all(&directory).map_err(LayersError::io("create", &directory))?;
        for entry in fs::read_dir(&directory).map_err(LayersError::io("read", &directory))?.flatten() {
            let modified = entry.metadata().and_then(|metadata| metadata.modified()).ok();
            let age = modified.and_then(|time| SystemTime::now().duration_since(time).ok());
            if age.is_some_and(|age| age > KEPT) {
                atomic::remove(&entry.path())?;
            }
        }
        Ok(directory)
    }

    /// What an image was before its base was replaced; `None` when it was not.
    ///
    /// # Errors
    /// When the store is damaged.
    pub fn original(&self, image: &Image) -> Result<Option<Original>, LayersError> {
        let manifest: Manifest = self.content().read_json(&image.manifest)?;
        Ok(Original::of(self.content(), &manifest))
    }
}

impl Original {
    /// What the image of this manifest was. Anyone can write the notes: they count if the manifest is here, and has the layers of this
    /// one on top of those that were replaced.
    pub(crate) fn of(content: &ContentStore, manifest: &Manifest) -> Option<Self> {
        let digest = Digest::parse(manifest.annotations.get(ORIGINAL_MANIFEST)?).ok()?;
        let base_layers: usize = manifest.annotations.get(ORIGINAL_LAYERS)?.parse().ok()?;
        let original: Manifest = content.read_json(&digest).ok()?;
        let digests =
            |manifest: &Manifest| manifest.layers.iter().map(|layer| layer.digest.clone()).collect::<Vec<_>>();
        let kept = digests(&original).split_off(base_layers.min(original.layers.len()));
        let fits = base_layers <= original.layers.len() && digests(manifest).ends_with(&kept);
        fits.then_some(Self { manifest: digest, config: original.config.digest, base_layers })
    }
}

impl Receiving {
    /// Takes a file in the directory of [`Store::partial_directory`], whose digest was checked, among the blobs.
    ///
    /// # Errors
    /// When neither the file nor the blob is there.
    pub fn adopt(&self, file: &Path, digest: &Digest) -> Result<(), LayersError> {
        let path = self.store.content().path(digest);
        match fs::rename(file, &path) {
            Err(_) if path.exists() => Ok(()),
            Err(error) => Err(LayersError::io("rename", file)(error)),
            Ok(()) => atomic::sync_parent(&path),
        }
    }

    /// Stores a document as it is.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn put(&self, bytes: &[u8]) -> Result<Digest, LayersError> {
        let mut ingest = self.store.content().ingest()?;
        let blobs = self.store.content().blobs_directory();
        std::io::Write::write_all(&mut ingest, bytes).map_err(LayersError::io("write", blobs))?;
        Ok(ingest.commit(None)?.0)
    }

    /// Unpacks the layers of a stored manifest that are not unpacked yet, some at a time; `watch` hears the number of each such layer,
    /// counted from the base, before it is unpacked and when it is done.
    ///
    /// # Errors
    /// When a layer is refused; those below it stay until they are collected.
    pub fn unpack(&self, manifest: &Digest, watch: &mut (dyn FnMut(usize, bool) + Send)) -> Result<(), LayersError> {
        let manifest: Manifest = self.store.content().read_json(manifest)?;
        let config: Config = self.store.content().read_json(&manifest.config.digest)?;
        if config.rootfs.diff_ids.len() != manifest.layers.len() {
            return Err(LayersError::damaged("the image", "layers and diff ids differ in number"));
        }
        self.store.unpack_missing(&manifest, &config, watch)
    }

    /// Gives a stored and unpacked image a name with a tag, if there is one, and remembers that the registry has it as
    /// `repository@digest`. An image that had the name before stays, if need be without one.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn publish(&self, manifest: &Digest, name: Option<&str>, origin: Option<&str>) -> Result<(), LayersError> {
        self.store.publish_received(manifest, name, origin)
    }
}
