//! Names of images, and the removal of images by Docker's rules.

use std::collections::BTreeMap;

use casement_layers::{Digest, Image, Reference};
use serde::Serialize;

use crate::container::Container;
use crate::engine::Engine;
use crate::error::{Error, Result};

/// One line of what a removal tells.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub enum Deletion {
    /// A name that is gone.
    Untagged(String),
    /// The id of an image, or the chain id of a layer, that is gone.
    Deleted(String),
}

/// What a removal came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Deletions {
    /// What is gone, in order.
    pub lines: Vec<Deletion>,
    /// Bytes that layers took.
    pub freed: u64,
}

impl Engine {
    /// Every image with all its parts.
    ///
    /// # Errors
    /// When the layer store is damaged.
    pub fn all_images(&self) -> Result<Vec<Image>> {
        self.images.all()
    }

    /// The configuration of an image as it stands in its blob.
    ///
    /// # Errors
    /// When the layer store is damaged.
    pub fn image_document(&self, image: &Image) -> Result<serde_json::Value> {
        self.images.config_document(image)
    }

    /// Bytes of each unpacked layer of an image, base first.
    #[must_use]
    pub fn image_layers(&self, image: &Image) -> Vec<(Digest, u64)> {
        self.images.layer_sizes(image)
    }

    /// Names in the layers of an image that were left out, as its substituted base does not have the files.
    #[must_use]
    pub fn left_out(&self, image: &Image) -> Vec<String> {
        self.images.left_out(image)
    }

    /// Bytes of all unpacked layers.
    ///
    /// # Errors
    /// When the layer store cannot be read.
    pub fn layers_size(&self) -> Result<u64> {
        self.images.all_layers_size()
    }

    /// Gives an image one more name.
    ///
    /// # Errors
    /// [`Error::NoSuchImage`], or [`Error::InvalidParameter`] when the name is none.
    pub fn tag_image(&self, reference: &str, repository: &str, tag: &str) -> Result<()> {
        if repository.contains('@') {
            return Err(Error::InvalidParameter("refusing to create a tag with a digest reference".to_owned()));
        }
        let new = if tag.is_empty() { repository.to_owned() } else { format!("{repository}:{tag}") };
        Reference::parse(&new).map_err(|_| Error::InvalidParameter("invalid reference format".to_owned()))?;
        let image = self.images.resolve(reference)?;
        let name = self.images.tag(reference, &new)?;
        self.tell_of_image("tag", &image, &name);
        Ok(())
    }

    /// Takes a name of an image away, and the image with its last name. By id, an image goes with all its names.
    ///
    /// # Errors
    /// [`Error::NoSuchImage`], or [`Error::Conflict`] in Docker's words while containers or other names need it; `force` overrides
    /// all but running containers.
    pub fn remove_image(&self, reference: &str, force: bool) -> Result<Deletions> {
        let _turn = self.image_removals();
        let image = self.images.resolve(reference)?;
        let using: Vec<Container> =
            self.every_container().into_iter().filter(|container| container.image_id == image.id.to_string()).collect();
        let mut done = Deletions::default();
        let mut removed_name = false;
        if is_id(reference, &image) {
            if in_one_repository(&image) {
                check(&image, &using, force, true)?;
            }
        } else {
            if !force
                && in_one_repository(&image)
                && let Some(container) = using.first()
            {
                return Err(Error::Conflict(format!(
                    "conflict: unable to remove repository reference \"{}\" (must force) - container {} is using its referenced image {}",
                    image.reference,
                    container.id.short(),
                    image.id.short()
                )));
            }
            self.images.untag(&image.reference)?;
            self.tell_of_image("untag", &image, &image.id.to_string());
            done.lines.push(Deletion::Untagged(image.reference.clone()));
            if image.references.len() > 1 {
                return Ok(done);
            }
            removed_name = true;
        }
        let left = self.images.all()?.into_iter().find(|left| left.manifest == image.manifest);
        let left = left.ok_or_else(|| Error::NoSuchImage(reference.to_owned()))?;
        if let Err(conflict) = check(&left, &using, force, false) {
            // The name is gone; that the image has to stay for a container is no failure then.
            return if removed_name && !using.is_empty() { Ok(done) } else { Err(conflict) };
        }
        self.delete_image(&left, &mut done)?;
        Ok(done)
    }

    /// Removes the images that no container needs and that `chosen` admits: those without a name, and with `all` the others too.
    ///
    /// # Errors
    /// When the layer store is damaged.
    pub fn prune_images(&self, all: bool, chosen: impl Fn(&Image) -> bool) -> Result<Deletions> {
        let _turn = self.image_removals();
        let used: Vec<String> = self.every_container().into_iter().map(|container| container.image_id).collect();
        let mut done = Deletions::default();
        for image in self.images.all()? {
            if (all || image.references.is_empty()) && !used.contains(&image.id.to_string()) && chosen(&image) {
                self.delete_image(&image, &mut done)?;
            }
        }
        let attributes = [("reclaimed".to_owned(), done.freed.to_string())].into();
        self.events().publish("image", "prune", "", attributes);
        Ok(done)
    }

    fn delete_image(&self, image: &Image, done: &mut Deletions) -> Result<()> {
        let removed = self.images.delete(image)?;
        let id = image.id.to_string();
        for name in removed.untagged {
            self.tell_of_image("untag", image, &id);
            done.lines.push(Deletion::Untagged(name));
        }
        self.tell_of_image("delete", image, &id);
        done.lines.push(Deletion::Deleted(id));
        done.lines.extend(removed.layers.iter().map(|layer| Deletion::Deleted(layer.to_string())));
        done.freed += removed.freed;
        Ok(())
    }

    /// Tells listeners what happened to an image.
    pub(crate) fn tell_of_image(&self, action: &str, image: &Image, name: &str) {
        let mut attributes: BTreeMap<String, String> = image.config.labels.clone();
        attributes.insert("name".to_owned(), name.to_owned());
        self.events().publish("image", action, &image.id.to_string(), attributes);
    }
}

/// Whether someone has named an image by its id, or the beginning of it, or by the digest of its manifest.
fn is_id(text: &str, image: &Image) -> bool {
    let hex = text.strip_prefix("sha256:").unwrap_or(text);
    image.id.hex().starts_with(hex) || image.manifest.hex() == hex
}

/// Whether all names of an image are one name, or there are none.
fn in_one_repository(image: &Image) -> bool {
    image.references.len() <= 1
}

/// What forbids the removal of an image, in Docker's words.
fn check(image: &Image, using: &[Container], force: bool, but_names: bool) -> Result<()> {
    let conflict = |advice: &str, why: String| {
        Error::Conflict(format!("conflict: unable to delete {} ({advice}) - {why}", image.id.short()))
    };
    let (running, stopped): (Vec<_>, Vec<_>) = using.iter().partition(|container| container.state.status.is_active());
    if let Some(container) = running.first() {
        let why = format!("image is being used by running container {}", container.id.short());
        return Err(conflict("cannot be forced", why));
    }
    if force {
        return Ok(());
    }
    if !but_names && image.references.len() > 1 {
        return Err(conflict("must be forced", "image is referenced in multiple repositories".to_owned()));
    }
    match stopped.first() {
        Some(container) => {
            let why = format!("image is being used by stopped container {}", container.id.short());
            Err(conflict("must be forced", why))
        }
        None => Ok(()),
    }
}
