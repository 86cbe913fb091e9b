//! Images: the names of manifests (`images.json`), and what a manifest leads to.

use crate::atomic;
use crate::digest::Digest;
use crate::error::LayersError;
use crate::layer::side_by_side::{SideBySide, Watch};
use crate::layer::{self, BaseLayers};
use crate::oci::{Config, Descriptor, MANIFEST, Manifest};
use crate::receive::{Original, SUBSTITUTED_LABEL};
use crate::reference::Reference;
use crate::store::Store;
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
    /// Where registries have it, `repository@sha256:…`, as far as it came from them or went to them.
    pub repository_digests: Vec<String>,
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

/// What [`Store::delete`] took away.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Removed {
    /// Names that are gone.
    pub untagged: Vec<String>,
    /// Chain ids of the layers that are gone, top first.
    pub layers: Vec<Digest>,
    /// Bytes that the layers took.
    pub freed: u64,
}

/// `images.json`
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Names {
    version: u32,
    pub(crate) images: BTreeMap<String, Digest>,
    /// Manifests that lost their last name and are kept all the same.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub(crate) nameless: BTreeSet<Digest>,
    /// Manifests of what steps of builds came to: kept, found by their ids, and not listed.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub(crate) steps: BTreeSet<Digest>,
    /// `repository@sha256:…` of a registry, and the manifest that stands for it here.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) digests: BTreeMap<String, Digest>,
}

impl Names {
    fn of(&self, manifest: &Digest) -> Vec<String> {
        self.images.iter().filter(|(_, m)| *m == manifest).map(|(n, _)| n.clone()).collect()
    }

    fn digests_of(&self, manifest: &Digest) -> Vec<String> {
        self.digests.iter().filter(|(_, m)| *m == manifest).map(|(n, _)| n.clone()).collect()
    }

    /// Every image with one of its names, or with its manifest's digest when it has none; steps of builds last.
    fn all(&self) -> impl Iterator<Item = (String, &Digest)> {
        self.listed().chain(self.steps.iter().map(|manifest| (manifest.to_string(), manifest)))
    }

    /// The images that people see.
    fn listed(&self) -> impl Iterator<Item = (String, &Digest)> {
        let named = self.images.iter().map(|(name, manifest)| (name.clone(), manifest));
        named.chain(self.nameless.iter().map(|manifest| (manifest.to_string(), manifest)))
    }

    /// Gives `manifest` a name. The image that had it before is kept without one if it was its last.
    pub(crate) fn put(&mut self, name: String, manifest: Digest) {
        self.nameless.remove(&manifest);
        if let Some(before) = self.images.insert(name, manifest)
            && !self.images.values().any(|other| *other == before)
        {
            self.nameless.insert(before);
        }
    }
}

impl Store {
    /// All images, each once, in the order of their names; those without a name last.
    ///
    /// # Errors
    /// When the store is damaged.
    pub fn images(&self) -> Result<Vec<Image>, LayersError> {
        let names = self.names()?;
        let mut seen = BTreeSet::new();
        let mut images = Vec::new();
        for (name, manifest) in names.listed() {
            if seen.insert(manifest) {
                images.push(self.load(&name, manifest, &names)?);
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

    /// Finds an image as [`Store::resolve`] does and gives its name and the digest of its manifest. It is not looked into, so
    /// that images for other systems and those whose layers are missing are found, too.
    ///
    /// # Errors
    /// [`LayersError::NoSuchImage`], [`LayersError::AmbiguousId`], or when the store is damaged.
    pub fn locate(&self, text: &str) -> Result<(String, Digest), LayersError> {
        self.find(text, &self.names()?)
    }

    fn find(&self, text: &str, names: &Names) -> Result<(String, Digest), LayersError> {
        if let Ok(digest) = Digest::parse(text) {
            return self.find_id(text, digest.hex(), names)?.ok_or_else(|| no_such_image(text, names));
        }
        let reference = Reference::parse(text)?;
        if let Some(digest) = reference.digest() {
            let known = reference.repositories().into_iter().map(|repository| format!("{repository}@{digest}"));
            if let Some((name, manifest)) = known.into_iter().find_map(|name| names.digests.get_key_value(&name)) {
                let name = names.of(manifest).into_iter().next().unwrap_or_else(|| name.clone());
                return Ok((name, manifest.clone()));
            }
        }
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
        // A whole digest is mostly that of a manifest, and no other document need be read then.
        if let Some(named) = names.all().find(|(_, digest)| digest.hex() == hex) {
            return Ok(Some((named.0, named.1.clone())));
        }
        let mut found: Option<(String, Digest)> = None;
        for (name, digest) in names.all() {
            let manifest: Manifest = self.content().read_json(digest)?;
            let is_it = manifest.config.digest.hex().starts_with(hex);
            match &found {
                Some((_, other)) if is_it && other != digest => {
                    return Err(LayersError::AmbiguousId(text.to_owned()));
                }
                None if is_it => found = Some((name, digest.clone())),
                _ => {}
            }
        }
        Ok(found)
    }

    pub(crate) fn load(&self, name: &str, manifest_digest: &Digest, names: &Names) -> Result<Image, LayersError> {
        let manifest: Manifest = self.content().read_json(manifest_digest)?;
        let config: Config = self.content().read_json(&manifest.config.digest)?;
        if config.os != "windows" || config.architecture != "amd64" {
            let os = format!("{}/{}", config.os, config.architecture);
            return Err(LayersError::WrongPlatform { image: name.to_owned(), os });
        }
        if config.rootfs.diff_ids.len() != manifest.layers.len() {
            return Err(LayersError::damaged(format!("image {name}"), "layers and diff ids differ in number"));
        }
        let chain = chain_ids(&config.rootfs.diff_ids);
        let layers = config.rootfs.diff_ids.iter().zip(&chain).rev();
        let layers: Vec<PathBuf> = layers.map(|(diff_id, chain)| self.layer_in_chain(diff_id, chain)).collect();
        Ok(Image {
            reference: name.to_owned(),
            references: names.of(manifest_digest),
            repository_digests: names.digests_of(manifest_digest),
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

    /// The configuration of an image as it stands in its blob: everything that whoever made the image wrote.
    ///
    /// # Errors
    /// When the store is damaged.
    pub fn config_document(&self, image: &Image) -> Result<serde_json::Value, LayersError> {
        self.content().read_json(&image.id)
    }

    /// Bytes of each unpacked layer of an image, base first, as recorded when it was made.
    pub fn layer_sizes(&self, image: &Image) -> Vec<(Digest, u64)> {
        let sizes = image.layers.iter().rev().map(|layer| layer::recorded_size(layer));
        image.diff_ids.iter().cloned().zip(sizes).collect()
    }

    /// Further names, in the layers of an image, of files that its substituted base does not have: they were left out.
    pub fn left_out(&self, image: &Image) -> Vec<String> {
        image.layers.iter().flat_map(|layer| layer::left_out(layer)).collect()
    }

    /// Bytes of all unpacked layers.
    ///
    /// # Errors
    /// When the directory of layers cannot be read.
    pub fn all_layers_size(&self) -> Result<u64, LayersError> {
        let layers = self.unpacked_layers()?;
        Ok(layers.iter().map(|diff_id| layer::recorded_size(&self.layer_directory(diff_id))).sum())
    }

    /// Gives the image `text` one more name and returns it with its tag. An image that had the name before stays, if need be
    /// without a name.
    ///
    /// # Errors
    /// As [`Store::resolve`], or [`LayersError::BadReference`] for the new name.
    pub fn tag(&self, text: &str, new: &str) -> Result<String, LayersError> {
        let _lock = self.lock_exclusive()?;
        let _names_lock = self.lock_names()?;
        let mut names = self.names()?;
        let (_, manifest) = self.find(text, &names)?;
        let reference = Reference::parse(new)?;
        if reference.digest().is_some() {
            return Err(LayersError::BadReference(new.to_owned()));
        }
        let name = format!("{}:{}", reference.repository(), reference.tag().unwrap_or("latest"));
        names.put(name.clone(), manifest);
        self.write_names(&names)?;
        Ok(name)
    }

    /// Publishes a manifest under `new_names`, which carry their tags. The caller holds the shared lock.
    pub(crate) fn publish(&self, manifest: &Manifest, new_names: &[String]) -> Result<Digest, LayersError> {
        let (digest, _) = self.content().write_json(manifest)?;
        let _names_lock = self.lock_names()?;
        let mut names = self.names()?;
        names.nameless.remove(&digest);
        for name in new_names {
            names.images.insert(name.clone(), digest.clone());
        }
        self.write_names(&names)?;
        Ok(digest)
    }

    /// Publishes a manifest under `new_names`, which carry their tags; images that had them before stay, if need be without a name.
    /// Without any name the image itself is kept without one. The caller holds the shared lock.
    pub(crate) fn publish_keeping(&self, manifest: &Manifest, new_names: &[String]) -> Result<Digest, LayersError> {
        let (digest, _) = self.content().write_json(manifest)?;
        let _names_lock = self.lock_names()?;
        let mut names = self.names()?;
        for name in new_names {
            names.put(name.clone(), digest.clone());
        }
        if names.of(&digest).is_empty() {
            names.nameless.insert(digest.clone());
        }
        self.write_names(&names)?;
        Ok(digest)
    }

    /// Publishes the manifest of a step: it is kept and not listed, unless it is already. The caller holds the shared lock.
    pub(crate) fn publish_step(&self, manifest: &Manifest) -> Result<Digest, LayersError> {
        let (digest, _) = self.content().write_json(manifest)?;
        let _names_lock = self.lock_names()?;
        let mut names = self.names()?;
        if names.steps.insert(digest.clone()) {
            self.write_names(&names)?;
        }
        Ok(digest)
    }

    /// See [`crate::receive::Receiving::publish`].
    pub(crate) fn publish_received(
        &self,
        manifest: &Digest,
        name: Option<&str>,
        origin: Option<&str>,
    ) -> Result<(), LayersError> {
        let _names_lock = self.lock_names()?;
        let mut names = self.names()?;
        if let Some(origin) = origin {
            names.digests.insert(origin.to_owned(), manifest.clone());
        }
        match name {
            Some(name) => names.put(name.to_owned(), manifest.clone()),
            None if names.of(manifest).is_empty() => drop(names.nameless.insert(manifest.clone())),
            None => {}
        }
        self.write_names(&names)
    }

    /// Takes exactly this name away. The image stays, if need be without a name. False when there is no such name.
    ///
    /// # Errors
    /// When the store is damaged or cannot be written.
    pub fn untag(&self, name: &str) -> Result<bool, LayersError> {
        let _names_lock = self.lock_names()?;
        let mut names = self.names()?;
        let Some(manifest) = names.images.remove(name) else { return Ok(false) };
        if !names.images.values().any(|other| *other == manifest) {
            names.nameless.insert(manifest);
        }
        self.write_names(&names)?;
        Ok(true)
    }

    /// Removes an image with all its names, and then what nothing needs any more. Layers of containers stay until these go. If
    /// this process is killed in between, the next removal goes on with it.
    ///
    /// # Errors
    /// When the store is damaged or something cannot be removed.
    pub fn delete(&self, image: &Image) -> Result<Removed, LayersError> {
        let _lock = self.lock_exclusive()?;
        let _names_lock = self.lock_names()?;
        let mut names = self.names()?;
        let untagged = names.of(&image.manifest);
        names.images.retain(|_, manifest| *manifest != image.manifest);
        names.nameless.remove(&image.manifest);
        names.steps.remove(&image.manifest);
        names.digests.retain(|_, manifest| *manifest != image.manifest);
        self.write_names(&names)?;
        let sizes = self.layer_sizes(image).into_iter().rev();
        let mut chain = chain_ids(&image.diff_ids);
        chain.reverse();
        let all: Vec<(Digest, u64, &PathBuf)> =
            chain.into_iter().zip(sizes).zip(&image.layers).map(|((id, (_, size)), path)| (id, size, path)).collect();
        self.collect(&names)?;
        let gone = all.into_iter().filter(|(_, _, path)| !path.is_dir());
        let (layers, sizes): (Vec<Digest>, Vec<u64>) = gone.map(|(id, size, _)| (id, size)).unzip();
        Ok(Removed { untagged, layers, freed: sizes.iter().sum() })
    }

    /// Removes all blobs and layers that no image and no container needs.
    ///
    /// # Errors
    /// When the store is damaged or something cannot be removed; nothing in use is touched.
    pub fn collect_garbage(&self) -> Result<(), LayersError> {
        let _lock = self.lock_exclusive()?;
        self.collect(&self.names()?)
    }

    pub(crate) fn collect(&self, names: &Names) -> Result<(), LayersError> {
        let mut blobs = BTreeSet::new();
        // Layers are named by their diff ids or their chain ids.
        let mut layers = BTreeSet::new();
        let mut chains = BTreeSet::new();
        let mut needs = |diff_ids: Vec<Digest>| {
            let chain = chain_ids(&diff_ids);
            // The registry of an image is kept for the highest layer that has part of it.
            chains.extend(chain.iter().cloned());
            layers.extend(chain);
            layers.extend(diff_ids);
        };
        self.layers_of_containers()?.into_iter().for_each(&mut needs);
        for (_, digest) in names.all() {
            let manifest: Manifest = self.content().read_json(digest)?;
            let config: Config = self.content().read_json(&manifest.config.digest)?;
            if let Some(original) = Original::of(self.content(), &manifest) {
                blobs.extend([original.config, original.manifest]);
            }
            blobs.extend([digest.clone(), manifest.config.digest]);
            blobs.extend(manifest.layers.into_iter().map(|l| l.digest));
            needs(config.rootfs.diff_ids);
        }
        for blob in self.content().digests()?.difference(&blobs) {
            self.content().remove(blob)?;
        }
        for layer in self.unpacked_layers()?.difference(&layers) {
            self.remove_layer(layer)?;
        }
        self.remove_registries_but(&chains)
    }

    fn unpack_layers(&self, manifest: &Digest) -> Result<(), LayersError> {
        let _lock = self.lock_shared()?;
        let manifest: Manifest = self.content().read_json(manifest)?;
        let config: Config = self.content().read_json(&manifest.config.digest)?;
        self.unpack_missing(&manifest, &config, &mut |_, _| {})
    }

    /// Unpacks the layers of an image that are not yet, and tells `watch`. The caller holds the shared lock.
    pub(crate) fn unpack_missing<'a>(
        &'a self,
        manifest: &'a Manifest,
        config: &'a Config,
        watch: &'a mut Watch<'a>,
    ) -> Result<(), LayersError> {
        // What is built on an image on our base has the label, too.
        let base = match config.config.labels.contains_key(SUBSTITUTED_LABEL) {
            true => BaseLayers::Substituted,
            false => BaseLayers::Original,
        };
        SideBySide::new(self, (&manifest.layers, &config.rootfs.diff_ids), base, watch).unpack()
    }

    pub(crate) fn names(&self) -> Result<Names, LayersError> {
        let path = self.root().join("images.json");
        match std::fs::read(&path) {
            Ok(bytes) => {
                serde_json::from_slice(&bytes).map_err(|e| LayersError::damaged(path.display().to_string(), e))
            }
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(Names { version: 1, ..Names::default() }),
            Err(e) => Err(LayersError::io("read", &path)(e)),
        }
    }

    pub(crate) fn write_names(&self, names: &Names) -> Result<(), LayersError> {
        let text = serde_json::to_vec_pretty(names).map_err(|e| LayersError::damaged("images.json", e))?;
        atomic::write(&self.root().join("images.json"), &text)
    }
}

/// The chain ids of layers, base first: what stands for a layer and all below it (OCI image specification, layer chain id).
pub(crate) fn chain_ids(diff_ids: &[Digest]) -> Vec<Digest> {
    let mut chain: Vec<Digest> = Vec::with_capacity(diff_ids.len());
    for diff_id in diff_ids {
        chain.push(match chain.last() {
            Some(below) => Digest::of(format!("{below} {diff_id}").as_bytes()),
            None => diff_id.clone(),
        });
    }
    chain
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
