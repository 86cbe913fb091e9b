//! What the steps of builds came to: images that nobody has named, kept as the cache of further builds.

use crate::commit::CommitOptions;
use crate::digest::Digest;
use crate::error::LayersError;
use crate::image::{self, Image};
use crate::oci::{CONFIG, Config, Descriptor, Manifest};
use crate::store::Store;
use std::collections::{BTreeMap, BTreeSet};

impl Store {
    /// The image with this manifest, if it is still there: a step's or another.
    ///
    /// # Errors
    /// When the store is damaged.
    pub fn step_image(&self, manifest: &Digest) -> Result<Option<Image>, LayersError> {
        let names = self.names()?;
        let known = names.steps.contains(manifest)
            || names.nameless.contains(manifest)
            || names.images.values().any(|named| named == manifest);
        if !known || !self.content().contains(manifest) {
            return Ok(None);
        }
        let image = self.load(&manifest.to_string(), manifest, &names)?;
        match image.layers.iter().all(|layer| layer.is_dir()) {
            true => Ok(Some(image)),
            // Unpacks what is missing.
            false => self.resolve(&manifest.to_string()).map(Some),
        }
    }

    /// Lists the image of a step, under these names, which carry their tags, or without one.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub fn keep_step(&self, manifest: &Digest, new_names: &[String]) -> Result<(), LayersError> {
        let _names_lock = self.lock_names()?;
        let mut names = self.names()?;
        let has_name = names.images.values().any(|named| named == manifest);
        if new_names.is_empty() && !has_name {
            names.nameless.insert(manifest.clone());
        }
        for name in new_names {
            names.put(name.clone(), manifest.clone());
        }
        self.write_names(&names)
    }

    /// Forgets steps, and what nothing needs any more. Returns the bytes that are free now.
    ///
    /// # Errors
    /// When something cannot be removed; nothing in use is touched.
    pub fn forget_steps(&self, manifests: &BTreeSet<Digest>) -> Result<u64, LayersError> {
        let before = self.all_layers_size()?;
        let _lock = self.lock_exclusive()?;
        let _names_lock = self.lock_names()?;
        let mut names = self.names()?;
        names.steps.retain(|step| !manifests.contains(step));
        self.write_names(&names)?;
        self.collect(&names)?;
        Ok(before.saturating_sub(self.all_layers_size()?))
    }

    /// The step after `parent` with these options, taken from `other`, an image that was made of the same steps: what it has of
    /// the history of `parent` and of its layers has to be the same. `None` when it is not.
    ///
    /// # Errors
    /// When the store is damaged or cannot be written.
    pub fn restore_step(
        &self,
        parent: &Image,
        other: &Image,
        options: &CommitOptions,
    ) -> Result<Option<Image>, LayersError> {
        let lock = self.lock_shared()?;
        let mut config: Config = self.content().read_json(&parent.id)?;
        let mut manifest: Manifest = self.content().read_json(&parent.manifest)?;
        let (theirs, their_manifest): (Config, Manifest) =
            (self.content().read_json(&other.id)?, self.content().read_json(&other.manifest)?);
        let same = |(one, other): (&crate::oci::History, &crate::oci::History)| {
            one.created_by == other.created_by && one.empty_layer == other.empty_layer
        };
        let steps = config.history.len();
        let layers = config.rootfs.diff_ids.len();
        let begins = theirs.history.len() > steps
            && config.history.iter().zip(&theirs.history).all(same)
            && theirs.rootfs.diff_ids.starts_with(&config.rootfs.diff_ids);
        let step = theirs.history.get(steps).filter(|step| step.created_by.as_deref() == Some(&options.created_by));
        let (true, Some(step)) = (begins, step) else { return Ok(None) };
        if !step.empty_layer {
            let (Some(diff_id), Some(layer)) = (theirs.rootfs.diff_ids.get(layers), their_manifest.layers.get(layers))
            else {
                return Ok(None);
            };
            config.rootfs.diff_ids.push(diff_id.clone());
            manifest.layers.push(layer.clone());
        }
        config.created.clone_from(&step.created);
        config.config = options.config.clone();
        config.history.push(step.clone());
        let (digest, size) = self.content().write_json(&config)?;
        let manifest = image::manifest(Descriptor::new(CONFIG, digest, size), manifest.layers, BTreeMap::new());
        let digest = self.publish_step(&manifest)?;
        drop(lock);
        self.step_image(&digest)
    }
}
