//! Takes in images from an archive: an OCI layout, Docker's own form, or both.

use super::documents::{BLOBS, IMAGE_NAME, INDEX, Item, LAYOUT, MANIFEST};
use super::spool::Spool;
use crate::digest::Digest;
use crate::error::LayersError;
use crate::image::{self, chain_ids};
use crate::oci::{self, Config, Descriptor, Index, Manifest};
use crate::reference::Reference;
use crate::store::Store;
use std::collections::BTreeMap;
use std::io::Read;

/// Most images in one archive.
const MAX_IMAGES: usize = 1000;
/// Deepest index in an index.
const MAX_DEPTH: usize = 3;

/// What happens while an archive is taken in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LoadProgress {
    /// So many bytes of a packed layer are unpacked: none, or all.
    Layer {
        /// Chain id of the layer.
        id: Digest,
        /// Bytes that are done.
        current: u64,
        /// Bytes of it.
        total: u64,
    },
    /// A name now belongs to an image of the archive; the one that had it is left without.
    Replaced {
        /// The name.
        name: String,
        /// Id of the image that had it.
        id: Digest,
    },
}

/// An image that was taken in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loaded {
    /// Its id.
    pub id: Digest,
    /// Its names in the archive, with tags.
    pub names: Vec<String>,
}

/// An image of the archive.
struct Found {
    manifest: Manifest,
    names: Vec<String>,
}

impl Store {
    /// Takes in all images of `archive`. Nothing of it is seen before it is whole and every layer was checked against its digest.
    ///
    /// # Errors
    /// [`LayersError::Archived`] for archives without images for Windows, or what is damaged in it. Images before stay.
    pub fn load_images(
        &self,
        archive: impl Read,
        progress: &mut (dyn FnMut(LoadProgress) + Send),
    ) -> Result<Vec<Loaded>, LayersError> {
        let result = {
            let _lock = self.lock_shared()?;
            self.load_all(archive, progress)
        };
        if result.is_err() {
            // Blobs that came with it; nothing depends on it whether they go now or later.
            if let Err(error) = self.collect_garbage() {
                tracing::warn!(%error, "cannot clear away what an archive has left");
            }
        }
        result
    }

    fn load_all(
        &self,
        archive: impl Read,
        progress: &mut (dyn FnMut(LoadProgress) + Send),
    ) -> Result<Vec<Loaded>, LayersError> {
        let spool = Spool::take_in(self, archive)?;
        let found = if spool.contains(MANIFEST) {
            self.by_manifest(&spool)?
        } else if spool.contains(LAYOUT) && spool.contains(INDEX) {
            let index: Index = spool.document(self, INDEX)?;
            let mut found = Vec::new();
            self.by_index(&spool, index, &mut found, 0)?;
            found
        } else if spool.names().any(|name| name.ends_with("/json") || name == "repositories") {
            return Err(LayersError::Archived("Windows does not support legacy loading of images".to_owned()));
        } else {
            return Err(LayersError::Archived(
                "the archive has neither manifest.json nor index.json: it is none of images".to_owned(),
            ));
        };
        if found.is_empty() {
            return Err(LayersError::Archived("the archive has no image for windows/amd64".to_owned()));
        }
        let mut loaded = Vec::new();
        for image in found {
            loaded.push(self.take(image, progress)?);
        }
        Ok(loaded)
    }

    fn take(&self, found: Found, progress: &mut (dyn FnMut(LoadProgress) + Send)) -> Result<Loaded, LayersError> {
        let Found { manifest, names } = found;
        let config: Config = self.content().read_json(&manifest.config.digest)?;
        if config.os != "windows" {
            return Err(LayersError::Archived(format!("cannot load {} image on windows", config.os)));
        }
        if config.architecture != "amd64" {
            let os = format!("{}/{}", config.os, config.architecture);
            return Err(LayersError::WrongPlatform { image: manifest.config.digest.to_string(), os });
        }
        let (layers, diff_ids) = (manifest.layers.len(), config.rootfs.diff_ids.len());
        if layers != diff_ids {
            return Err(LayersError::Archived(format!(
                "invalid manifest, layers length mismatch: expected {layers}, got {diff_ids}"
            )));
        }
        let chain = chain_ids(&config.rootfs.diff_ids);
        self.unpack_missing(&manifest, &config, &mut |at, done| {
            let total = manifest.layers[at].size;
            progress(LoadProgress::Layer { id: chain[at].clone(), current: if done { total } else { 0 }, total });
        })?;
        for name in &names {
            if let Ok(before) = self.resolve(name)
                && before.reference == *name
                && before.id != manifest.config.digest
            {
                progress(LoadProgress::Replaced { name: name.clone(), id: before.id });
            }
        }
        self.publish_keeping(&manifest, &names)?;
        Ok(Loaded { id: manifest.config.digest, names })
    }

    /// The images that `manifest.json` lists. Where the archive is an OCI layout as well, their manifests stay as they are.
    fn by_manifest(&self, spool: &Spool) -> Result<Vec<Found>, LayersError> {
        let items: Vec<Item> = spool.document(self, MANIFEST)?;
        if items.len() > MAX_IMAGES {
            return Err(LayersError::damaged(MANIFEST, format!("more than {MAX_IMAGES} images")));
        }
        let mut manifests = BTreeMap::new();
        if spool.contains(INDEX) {
            let mut known = Vec::new();
            let index: Index = spool.document(self, INDEX)?;
            self.by_index(spool, index, &mut known, 0)?;
            manifests.extend(known.into_iter().map(|found| (found.manifest.config.digest.clone(), found.manifest)));
        }
        let mut found = Vec::new();
        for item in items {
            let (digest, size, _) = spool.blob(self, &item.config)?;
            let names = names(item.repo_tags.unwrap_or_default())?;
            let manifest = match manifests.get(&digest) {
                Some(manifest) => manifest.clone(),
                None => {
                    let mut layers = Vec::new();
                    for layer in item.layers.unwrap_or_default() {
                        let (digest, size, kind) = spool.blob(self, &layer)?;
                        layers.push(Descriptor::new(kind, digest, size));
                    }
                    image::manifest(Descriptor::new(oci::CONFIG, digest, size), layers, BTreeMap::new())
                }
            };
            found.push(Found { manifest, names });
        }
        Ok(found)
    }

    /// The images of an OCI layout; those for other systems, and what is none (attestations), are passed over.
    fn by_index(&self, spool: &Spool, index: Index, found: &mut Vec<Found>, depth: usize) -> Result<(), LayersError> {
        if depth > MAX_DEPTH || found.len() + index.manifests.len() > MAX_IMAGES {
            return Err(LayersError::damaged(INDEX, "too many images, or indexes in indexes"));
        }
        for descriptor in index.manifests {
            let other = descriptor
                .platform
                .as_ref()
                .is_some_and(|platform| platform.os != "windows" || platform.architecture != "amd64");
            let path = format!("{BLOBS}{}", descriptor.digest.hex());
            // Archives may have only some of the systems of an index.
            if other || !spool.contains(&path) {
                continue;
            }
            if descriptor.media_type.contains("index") || descriptor.media_type.contains("manifest.list") {
                self.by_index(spool, spool.document(self, &path)?, found, depth + 1)?;
                continue;
            }
            let manifest: Manifest = spool.document(self, &path)?;
            for part in manifest.layers.iter().chain([&manifest.config]) {
                if !self.content().contains(&part.digest) {
                    return Err(LayersError::Archived(format!("the archive lacks {}", part.digest)));
                }
            }
            let name = descriptor.annotations.get(IMAGE_NAME).cloned();
            let names = names(name.into_iter().collect())?;
            match found.iter_mut().find(|known| known.manifest == manifest) {
                Some(known) => known.names.extend(names),
                None => found.push(Found { manifest, names }),
            }
        }
        Ok(())
    }
}

/// Names as the store has them.
fn names(given: Vec<String>) -> Result<Vec<String>, LayersError> {
    let whole = |name: String| {
        let reference = Reference::parse(&name)?;
        let tag = reference.tag().unwrap_or("latest");
        match reference.digest() {
            Some(_) => Err(LayersError::BadReference(name)),
            None => Ok(format!("{}:{tag}", reference.repository())),
        }
    };
    given.into_iter().map(whole).collect()
}
