//! Images: the names of manifests (`images.json`), and what a manifest leads to.

use crate::digest::Digest;
use crate::error::LayersError;
use crate::oci::{Config, Descriptor, MANIFEST, Manifest};
use crate::reference::Reference;
use crate::store::Store;
use crate::{atomic, layer};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

pub use crate::oci::ContainerConfig as ImageConfig;

/// An image that containers can be made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// The name under which it was found, with its tag.
    pub reference: String,
    /// All names of this image.
    pub references: Vec<String>,
    /// Digest of its config: the image id.
    pub id: Digest,
    /// Digest of its manifest.
    pub manifest: Digest,
    /// The Windows version that its programs see, such as `10.0.20348.4294`.
    pub os_version: String,
    /// How containers of it run.
    pub config: ImageConfig,
    /// The unpacked layers, top first, base last; each holds `Files/`.
    pub layers: Vec<PathBuf>,
    /// Digests of the unpacked layers, base first.
    pub diff_ids: Vec<Digest>,
    /// Time of creation (RFC 3339).
    pub created: Option<String>,
    /// Bytes of the unpacked layers.
    pub size: u64,
    /// Bytes of the packed layers.
    pub packed_size: u64,
}

/// What [`Store::remove`] took away.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Removed {
    /// Names that are gone.
    pub untagged: Vec<String>,
    /// Ids of images that are gone.
    pub deleted: Vec<Digest>,
}

/// `images.json`
#[derive(Debug, Default, Serialize, Deserialize)]
struct Names {
    version: u32,
    images: BTreeMap<String, Digest>,
}

impl Names {
    fn of(&self, manifest: &Digest) -> Vec<String> {
        self.images.iter().filter(|(_, m)| *m == manifest).map(|(n, _)| n.clone()).collect()
    }
}

impl Store {
    /// All images that have a name, each once, in the order of their names.
    ///
    /// # Errors
    /// When the store is damaged.
    pub fn images(&self) -> Result<Vec<Image>, LayersError> {
        let names = self.names()?;
        let mut seen = BTreeSet::new();
        let mut images = Vec::new();
        for (name, manifest) in &names.images {
            if seen.insert(manifest) {
                images.push(self.load(name, manifest, &names)?);
            }
        }
        Ok(images)
    }

    /// Finds an image by name, by digest (`name@sha256:…`), by id (`sha256:…`) or by the beginning of an id. Its layers
    /// are unpacked when they are not.
    ///
    /// # Errors
    /// [`LayersError::NoSuchImage`], [`LayersError::AmbiguousId`], or when the store is damaged.
    pub fn resolve(&self, text: &str) -> Result<Image, LayersError> {
        let names = self.names()?;
        let (name, manifest) = self.find(text, &names)?;
        let image = self.load(&name, &manifest, &names)?;
        if image.layers.iter().any(|layer| !layer.is_dir()) {
            self.unpack_layers(&manifest)?;
            return self.load(&name, &manifest, &names);
        }
        Ok(image)
    }

    fn find(&self, text: &str, names: &Names) -> Result<(String, Digest), LayersError> {
        if let Ok(digest) = Digest::parse(text) {
            return self.find_id(text, digest.hex(), names)?.ok_or_else(|| no_such_image(text, names));
        }
        let reference = Reference::parse(text)?;
        for tag in reference.tags() {
            for repository in reference.repositories() {
                let name = format!("{repository}:{tag}");
                match (names.images.get(&name), reference.digest()) {
                    (Some(manifest), None) => return Ok((name, manifest.clone())),
                    (Some(manifest), Some(wanted)) if manifest.to_string() == wanted => {
                        return Ok((name, manifest.clone()));
                    }
                    _ => {}
                }
            }
        }
        let id_like = text.len() >= 4 && text.bytes().all(|b| b.is_ascii_hexdigit());
        let by_id = if id_like { self.find_id(text, text, names)? } else { None };
        by_id.ok_or_else(|| no_such_image(text, names))
    }

    fn find_id(&self, text: &str, hex: &str, names: &Names) -> Result<Option<(String, Digest)>, LayersError> {
        let mut found: Option<(String, Digest)> = None;
        for (name, digest) in &names.images {
            let manifest: Manifest = self.content().read_json(digest)?;
            let is_it = manifest.config.digest.hex().starts_with(hex) || digest.hex() == hex;
            match &found {
                Some((_, other)) if is_it && other != digest => {
                    return Err(LayersError::AmbiguousId(text.to_owned()));
                }
                None if is_it => found = Some((name.clone(), digest.clone())),
                _ => {}
            }
        }
        Ok(found)
    }

    fn load(&self, name: &str, manifest_digest: &Digest, names: &Names) -> Result<Image, LayersError> {
        let manifest: Manifest = self.content().read_json(manifest_digest)?;
        let config: Config = self.content().read_json(&manifest.config.digest)?;
        if config.os != "windows" || config.architecture != "amd64" {
            let os = format!("{}/{}", config.os, config.architecture);
            return Err(LayersError::WrongPlatform { image: name.to_owned(), os });
        }
        if config.rootfs.diff_ids.len() != manifest.layers.len() {
            return Err(LayersError::damaged(format!("image {name}"), "layers and diff ids differ in number"));
        }
        let layers: Vec<PathBuf> = config.rootfs.diff_ids.iter().rev().map(|d| self.layer_directory(d)).collect();
        Ok(Image {
            reference: name.to_owned(),
            references: names.of(manifest_digest),
            id: manifest.config.digest,
            manifest: manifest_digest.clone(),
            os_version: config.os_version.unwrap_or_default(),
            config: config.config,
            size: layers.iter().map(|l| layer::recorded_size(l)).sum(),
            layers,
            diff_ids: config.rootfs.diff_ids,
            created: config.created,
            packed_size: manifest.layers.iter().map(|l| l.size).sum(),
        })
    }

    /// Notes on the manifest of the image with exactly this name; `None` when there is no such image.
    pub(crate) fn annotations(&self, name: &str) -> Result<Option<BTreeMap<String, String>>, LayersError> {
        match self.names()?.images.get(name) {
            Some(digest) => {
                let manifest: Manifest = self.content().read_json(digest)?;
                Ok(Some(manifest.annotations))
            }
            None => Ok(None),
        }
    }

    /// Gives the image `text` one more name. An image that had the name before keeps its others.
    ///
    /// # Errors
    /// As [`Store::resolve`], or [`LayersError::BadReference`] for the new name.
    pub fn tag(&self, text: &str, new: &str) -> Result<(), LayersError> {
        let _lock = self.lock_exclusive()?;
        let mut names = self.names()?;
        let (_, manifest) = self.find(text, &names)?;
        let reference = Reference::parse(new)?;
        let tag = reference.tag().unwrap_or("latest");
        names.images.insert(format!("{}:{tag}", reference.repository()), manifest);
        self.write_names(&names)
    }

    /// Publishes a manifest under `new_names`, which carry their tags. The caller holds the shared lock.
    pub(crate) fn publish(&self, manifest: &Manifest, new_names: &[String]) -> Result<Digest, LayersError> {
        let (digest, _) = self.content().write_json(manifest)?;
        let _names_lock = self.lock_names()?;
        let mut names = self.names()?;
        for name in new_names {
            names.images.insert(name.clone(), digest.clone());
        }
        self.write_names(&names)?;
        Ok(digest)
    }

    /// Takes a name away; with the last name goes the image. By id, all its names go.
    ///
    /// # Errors
    /// [`LayersError::InUse`] when a container needs the image and this is its last name.
    pub fn remove(&self, text: &str) -> Result<Removed, LayersError> {
        let _lock = self.lock_exclusive()?;
        let _names_lock = self.lock_names()?;
        let mut names = self.names()?;
        let (name, manifest_digest) = self.find(text, &names)?;
        let all = names.of(&manifest_digest);
        let by_id = Reference::parse(text)
            .map_or(true, |r| !r.repositories().iter().any(|r| name.starts_with(&format!("{r}:"))));
        let untagged = if by_id { all.clone() } else { vec![name.clone()] };
        let manifest: Manifest = self.content().read_json(&manifest_digest)?;
        let last = untagged.len() == all.len();
        if last && let Some(container) = self.container_of(&manifest.config.digest)? {
            return Err(LayersError::InUse { image: name, container });
        }
        names.images.retain(|n, _| !untagged.contains(n));
        self.write_names(&names)?;
        let mut removed = Removed { untagged, deleted: Vec::new() };
        if last {
            removed.deleted.push(manifest.config.digest.clone());
            self.collect(&names)?;
        }
        Ok(removed)
    }

    /// Removes all blobs and layers that no image with a name and no container needs.
    ///
    /// # Errors
    /// When the store is damaged or something cannot be removed; nothing in use is touched.
    pub fn collect_garbage(&self) -> Result<(), LayersError> {
        let _lock = self.lock_exclusive()?;
        self.collect(&self.names()?)
    }

    fn collect(&self, names: &Names) -> Result<(), LayersError> {
        let mut blobs = BTreeSet::new();
        let mut layers = self.layers_of_containers()?;
        for digest in names.images.values() {
            let manifest: Manifest = self.content().read_json(digest)?;
            let config: Config = self.content().read_json(&manifest.config.digest)?;
            blobs.extend([digest.clone(), manifest.config.digest]);
            blobs.extend(manifest.layers.into_iter().map(|l| l.digest));
            layers.extend(config.rootfs.diff_ids);
        }
        for blob in self.content().digests()?.difference(&blobs) {
            self.content().remove(blob)?;
        }
        for layer in self.unpacked_layers()?.difference(&layers) {
            self.remove_layer(layer)?;
        }
        Ok(())
    }

    fn unpack_layers(&self, manifest: &Digest) -> Result<(), LayersError> {
        let _lock = self.lock_shared()?;
        let manifest: Manifest = self.content().read_json(manifest)?;
        let config: Config = self.content().read_json(&manifest.config.digest)?;
        for (descriptor, diff_id) in manifest.layers.iter().zip(&config.rootfs.diff_ids) {
            if !self.layer_directory(diff_id).is_dir() {
                self.unpack_layer(descriptor, diff_id)?;
            }
        }
        Ok(())
    }

    fn names(&self) -> Result<Names, LayersError> {
        let path = self.root().join("images.json");
        match std::fs::read(&path) {
            Ok(bytes) => {
                serde_json::from_slice(&bytes).map_err(|e| LayersError::damaged(path.display().to_string(), e))
            }
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(Names { version: 1, ..Names::default() }),
            Err(e) => Err(LayersError::io("read", &path)(e)),
        }
    }

    fn write_names(&self, names: &Names) -> Result<(), LayersError> {
        let text = serde_json::to_vec_pretty(names).map_err(|e| LayersError::damaged("images.json", e))?;
        atomic::write(&self.root().join("images.json"), &text)
    }
}

/// A manifest of this config and these layers, base first.
pub(crate) fn manifest(config: Descriptor, layers: Vec<Descriptor>, annotations: BTreeMap<String, String>) -> Manifest {
    Manifest { schema_version: 2, media_type: Some(MANIFEST.to_owned()), config, layers, annotations }
}

fn no_such_image(text: &str, names: &Names) -> LayersError {
    let reference = Reference::parse(text).ok();
    let hint = match reference.as_ref().and_then(Reference::base_name) {
        Some(base) => {
            let option = match reference.as_ref().and_then(Reference::tag) {
                Some(tag) => format!(" --tag {tag}"),
                None => String::new(),
            };
            format!(" (build it with `casement base build {base}{option}`)")
        }
        None if names.images.is_empty() => " (there are no images yet: `casement base build nanoserver`)".to_owned(),
        None => String::new(),
    };
    LayersError::NoSuchImage(text.to_owned(), hint)
}
