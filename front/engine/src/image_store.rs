//! The engine's images: the layer store of this host.

use std::io::Read;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use casement_layers::{
    CommitOptions, Digest, Exporting, Image, Import, LayersError, LoadProgress, Loaded, Removed, Saving, Store,
};
use casement_silo::{IdRange, error_chain};
use tracing::warn;

use crate::compute::ImageStore;
use crate::error::{Error, Result};
use crate::id::ContainerId;
use crate::image::ImageSummary;

/// The layer store below one root.
pub struct HostImages {
    store: Store,
}

impl HostImages {
    /// Opens the store and clears away what killed processes left unfinished in it.
    ///
    /// # Errors
    /// When the store cannot be opened.
    pub fn open(root: &Path) -> Result<Self> {
        let store = Store::open(root).map_err(failed)?;
        if let Err(error) = store.sweep() {
            warn!(error = %error_chain(&error), "cannot clear away what is unfinished in the layer store");
        }
        Ok(Self { store })
    }
}

impl ImageStore for HostImages {
    fn resolve(&self, reference: &str) -> Result<Image> {
        self.store.resolve(reference).map_err(failed)
    }

    fn list(&self) -> Result<Vec<ImageSummary>> {
        let images = self.store.images().map_err(failed)?;
        Ok(images.iter().flat_map(ImageSummary::of).collect())
    }

    fn all(&self) -> Result<Vec<Image>> {
        self.store.images().map_err(failed)
    }

    fn config_document(&self, image: &Image) -> Result<serde_json::Value> {
        self.store.config_document(image).map_err(failed)
    }

    fn layer_sizes(&self, image: &Image) -> Vec<(Digest, u64)> {
        self.store.layer_sizes(image)
    }

    fn left_out(&self, image: &Image) -> Vec<String> {
        self.store.left_out(image)
    }

    fn all_layers_size(&self) -> Result<u64> {
        self.store.all_layers_size().map_err(failed)
    }

    fn tag(&self, reference: &str, new: &str) -> Result<String> {
        self.store.tag(reference, new).map_err(failed)
    }

    fn untag(&self, name: &str) -> Result<()> {
        self.store.untag(name).map(drop).map_err(failed)
    }

    fn delete(&self, image: &Image) -> Result<Removed> {
        self.store.delete(image).map_err(failed)
    }

    fn commit(
        &self,
        id: &ContainerId,
        changes: Option<&OwnedFd>,
        parent: &Image,
        options: &CommitOptions,
    ) -> Result<Image> {
        let scratch = self.store.scratch(id.as_str()).map_err(failed)?;
        let scratch = scratch.ok_or_else(|| Error::Layers(format!("container {id} has no scratch")))?;
        let image = match changes {
            Some(changes) => self.store.commit_changes(&scratch, changes, parent, options),
            None => self.store.commit(&scratch, parent, options),
        };
        image.map_err(failed)
    }

    fn exporting(&self, id: &ContainerId, changes: Option<&OwnedFd>, layers: &[PathBuf]) -> Result<Exporting> {
        let scratch = self.store.scratch(id.as_str()).map_err(failed)?;
        let scratch = scratch.ok_or_else(|| Error::Layers(format!("container {id} has no scratch")))?;
        let changes = changes.map(OwnedFd::try_clone).transpose();
        let changes =
            changes.map_err(|source| Error::io(format!("cannot open the files of container {id}"), source))?;
        scratch.exporting(changes, layers).map_err(failed)
    }

    fn import(&self, archive: &mut dyn Read, import: &Import) -> Result<Image> {
        self.store.import(archive, import).map_err(failed)
    }

    fn saving(&self, names: &[String]) -> Result<Saving> {
        self.store.saving(names).map_err(failed)
    }

    fn load(&self, archive: &mut dyn Read, progress: &mut (dyn FnMut(LoadProgress) + Send)) -> Result<Vec<Loaded>> {
        self.store.load_images(archive, progress).map_err(failed)
    }

    fn create_scratch(&self, id: &ContainerId, image: &Image, uid_base: u32, size: Option<u64>) -> Result<PathBuf> {
        let range = IdRange::new(uid_base)
            .ok_or_else(|| Error::Layers(format!("user-namespace range {uid_base:#x} holds ids of the host")))?;
        let (id, owner) = (id.as_str(), range.program());
        let scratch = match size {
            Some(size) => self.store.create_sized_scratch(id, image, owner, size),
            None => self.store.create_scratch(id, image, owner),
        };
        let scratch = scratch.map_err(failed)?;
        Ok(scratch.directory().to_owned())
    }

    fn remove_scratch(&self, id: &str) -> Result<()> {
        self.store.remove_scratch(id).map_err(failed)
    }

    fn scratches(&self) -> Result<Vec<String>> {
        self.store.scratches().map_err(failed)
    }
}

fn failed(error: LayersError) -> Error {
    match error {
        LayersError::NoSuchImage(name, hint) => Error::NoSuchImage(format!("{}{hint}", with_tag(&name))),

        LayersError::BadReference(_) | LayersError::AmbiguousId(_) | LayersError::DiskSize(_) => {
            Error::InvalidParameter(error.to_string())
        }
        other => Error::Layers(error_chain(&other)),
    }
}

/// A name as Docker repeats it: with the tag that it stands for.
fn with_tag(name: &str) -> String {
    let last = name.rsplit('/').next().unwrap_or_default();
    if last.contains([':', '@']) { name.to_owned() } else { format!("{name}:latest") }
}
