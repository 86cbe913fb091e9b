//! Makes an image of another one and a layer on top of it.

use crate::error::LayersError;
use crate::image::{self, Image};
use crate::layer::archive::FileSecurity;
use crate::layer::gzip;
use crate::layer::pack::{self, Packing};
use crate::oci::{CONFIG, Config, ContainerConfig, Descriptor, History, Manifest};
use crate::registry::HIVES;
use crate::store::Store;
use casement_layer_tar::NtTime;
use std::collections::BTreeMap;
use std::path::Path;

/// What an image derived from another gets besides its layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Derived {
    /// How its containers run.
    pub config: ContainerConfig,
    /// How the layer was made, and when; that time is also the image's.
    pub history: History,
    /// Its name, with a tag.
    pub name: String,
}

impl Store {
    /// Adds an image: the layers of `parent` and one more, which `fill` makes in the directory that it gets (`Files/…`).
    /// The same files and settings give the same image.
    ///
    /// # Errors
    /// As [`Store::resolve`] for `parent`, what `fill` fails with, or when something cannot be written. Then nothing is added.
    pub fn derive(
        &self,
        parent: &str,
        derived: Derived,
        fill: impl FnOnce(&Path) -> std::io::Result<()>,
    ) -> Result<Image, LayersError> {
        let parent = self.resolve(parent)?;
        {
            let _lock = self.lock_shared()?;
            let mut manifest: Manifest = self.content().read_json(&parent.manifest)?;
            let mut config: Config = self.content().read_json(&parent.id)?;
            let layer = self.new_layer()?;
            fill(layer.path()).map_err(LayersError::io("fill", layer.path()))?;
            let hives = layer.path().join(HIVES);
            std::fs::create_dir_all(&hives).map_err(LayersError::io("create", &hives))?;
            // What `fill` makes now is as old as the step.
            let created = derived.history.created.as_ref().and_then(|time| time.parse::<jiff::Timestamp>().ok());
            let latest = Some(NtTime::from_seconds(created.map_or(0, jiff::Timestamp::as_second)));
            let packing =
                Packing { below: &parent.layers, latest, file_security: FileSecurity::Written, level: gzip::FAST };
            let packed = pack::pack(self, layer.path(), &packing, &|_: &str, _: f64| {})?;
            config.created.clone_from(&derived.history.created);
            config.config = derived.config;
            config.rootfs.diff_ids.push(packed.diff_id.clone());
            config.history.push(derived.history);
            let (digest, size) = self.content().write_json(&config)?;
            manifest.layers.push(packed.blob);
            let manifest = image::manifest(Descriptor::new(CONFIG, digest, size), manifest.layers, BTreeMap::new());
            self.publish_layer(layer, &packed.diff_id, packed.size)?;
            self.publish(&manifest, std::slice::from_ref(&derived.name))?;
        }
        self.resolve(&derived.name)
    }
}
