//! A push: what the registry or the layout directory lacks of an image, and its manifest.

use crate::client::{Access, Client};
use crate::distribution::Distribution;
use crate::documents::{Blob, RawManifest};
use crate::error::RegistryError;
use crate::layout_writer::LayoutWriter;
use crate::name::Repository;
use crate::progress::{Event, Pushed, Reporter, tell};
use crate::pull::label;
use crate::settings::Credentials;
use casement_layers::oci::{Config, Descriptor, Platform};
use casement_layers::{Image, Reference};
use std::path::Path;

/// Blobs that are uploaded, and where they may be taken from.
struct Cargo {
    raw: RawManifest,
    /// Digests of blobs that are not here: the layers of a base that was replaced.
    absent: Vec<Blob>,
    present: Vec<Blob>,
}

impl Distribution {
    /// Pushes an image under a name with a tag.
    ///
    /// An image whose base was replaced goes out as it came: with its original manifest, for which the registry must have or get by
    /// mounting the base layers that were never here.
    ///
    /// # Errors
    /// [`RegistryError`] in Docker's words.
    pub fn push(
        &self,
        reference: &Reference,
        credentials: &Credentials,
        reporter: &dyn Reporter,
    ) -> Result<(), RegistryError> {
        let repository = Repository::of(reference)?;
        let tag = reference.tag().unwrap_or("latest").to_owned();
        let (name, image) = self.named(&repository, &tag)?;
        let client = Client::open(&self.transport, repository, Access::Push, credentials.clone())?;
        let cargo = self.cargo(&image)?;
        for blob in cargo.present.iter().chain(&cargo.absent) {
            tell(reporter, Event::about(label(&blob.digest), "Preparing"))?;
        }
        for blob in &cargo.absent {
            self.leave(&client, &image, &name, blob, reporter)?;
        }
        for blob in &cargo.present {
            self.send(&client, &image, blob, reporter)?;
        }
        let config = cargo.raw.manifest()?.config;
        if !client.has_blob(&config.digest)? {
            client.upload(&config.digest, &self.store.content().path(&config.digest), config.size, &mut |_| true)?;
        }
        let (digest, size) = (cargo.raw.digest.clone(), cargo.raw.bytes.len() as u64);
        client.put_manifest(&tag, &cargo.raw.media_type, cargo.raw.bytes)?;
        let origin = format!("{}@{digest}", client.repository().familiar);
        self.store.receive()?.publish(&image.manifest, Some(&name), Some(&origin))?;
        tell_end(reporter, tag, &digest.to_string(), size)
    }

    /// Adds an image to a layout directory, or makes an empty directory one; there it is listed under `listed`, or else under its own tag.
    ///
    /// An image whose base was replaced goes out as it came, too: what was never here must be there already, or be foreign.
    ///
    /// # Errors
    /// [`RegistryError`]. An image that could not be written whole is not listed.
    pub fn push_to_layout(
        &self,
        reference: &Reference,
        directory: &Path,
        listed: Option<&str>,
        reporter: &dyn Reporter,
    ) -> Result<(), RegistryError> {
        let repository = Repository::of(reference)?;
        let (name, image) = self.named(&repository, reference.tag().unwrap_or("latest"))?;
        let tag = listed.or(reference.tag()).unwrap_or("latest");
        // Nothing of the image is removed meanwhile.
        let _receiving = self.store.receive()?;
        let Cargo { raw, absent, present } = self.cargo(&image)?;
        let layout = LayoutWriter::open(directory)?;
        for blob in &absent {
            let label = label(&blob.digest);
            if blob.is_foreign() {
                tell(reporter, Event::about(label, "Skipped foreign layer"))?;
            } else if layout.has(&blob.digest, blob.size) {
                tell(reporter, Event::about(label, "Layer already exists"))?;
            } else {
                return Err(never_fetched(&name, &directory.display().to_string(), blob));
            }
        }
        let content = self.store.content();
        for blob in &present {
            let label = label(&blob.digest);
            if layout.has(&blob.digest, blob.size) {
                tell(reporter, Event::about(label, "Layer already exists"))?;
                continue;
            }
            tell(reporter, Event::progress(label.clone(), "Pushing", 0, blob.size))?;
            layout.add(&blob.digest, blob.size, content.read(&blob.digest)?)?;
            tell(reporter, Event::about(label, "Pushed"))?;
        }
        let config_blob = raw.manifest()?.config;
        layout.add(&config_blob.digest, config_blob.size, content.read(&config_blob.digest)?)?;
        let config: Config = content.read_json(&config_blob.digest)?;
        let size = raw.bytes.len() as u64;
        layout.add(&raw.digest, size, raw.bytes.as_slice())?;
        let platform = Platform { architecture: config.architecture, os: config.os, os_version: config.os_version };
        let descriptor = Descriptor::new(&raw.media_type, raw.digest.clone(), size);
        layout.list(Descriptor { platform: Some(platform), ..descriptor }, tag)?;
        tell_end(reporter, tag.to_owned(), &raw.digest.to_string(), size)
    }

    /// The whole name of an image that is to be pushed, and the image.
    fn named(&self, repository: &Repository, tag: &str) -> Result<(String, Image), RegistryError> {
        let name = format!("{}:{tag}", repository.familiar);
        let missing = |_| RegistryError::NothingToPush(repository.familiar.clone());
        let image = self.store.resolve(&name).map_err(missing)?;
        Ok((name, image))
    }

    /// What is to be at the registry.
    fn cargo(&self, image: &Image) -> Result<Cargo, RegistryError> {
        let original = self.store.original(image)?;
        let digest = original.as_ref().map_or(&image.manifest, |original| &original.manifest);
        let mut bytes = Vec::new();
        let path = self.store.content().path(digest);
        std::io::Read::read_to_end(&mut self.store.content().read(digest)?, &mut bytes)
            .map_err(RegistryError::io("read", &path))?;
        let raw = RawManifest::new(None, bytes)?;
        let layers = raw.manifest()?.layers;
        let count = original.map_or(0, |original| original.base_layers.min(layers.len()));
        let (absent, present) = layers.split_at(count);
        Ok(Cargo { raw, absent: absent.to_vec(), present: present.to_vec() })
    }

    /// A layer of a base that was replaced.
    fn leave(
        &self,
        client: &Client,
        image: &Image,
        name: &str,
        blob: &Blob,
        reporter: &dyn Reporter,
    ) -> Result<(), RegistryError> {
        let label = label(&blob.digest);
        if blob.is_foreign() {
            return tell(reporter, Event::about(label, "Skipped foreign layer"));
        }
        if client.has_blob(&blob.digest)? {
            return tell(reporter, Event::about(label, "Layer already exists"));
        }
        if let Some(from) = self.mount(client, image, blob)? {
            return tell(reporter, Event::about(label, format!("Mounted from {from}")));
        }
        Err(never_fetched(name, &client.repository().host, blob))
    }

    fn send(&self, client: &Client, image: &Image, blob: &Blob, reporter: &dyn Reporter) -> Result<(), RegistryError> {
        let label = label(&blob.digest);
        if client.has_blob(&blob.digest)? {
            return tell(reporter, Event::about(label, "Layer already exists"));
        }
        if let Some(from) = self.mount(client, image, blob)? {
            return tell(reporter, Event::about(label, format!("Mounted from {from}")));
        }
        let path = self.store.content().path(&blob.digest);
        let mut told = 0;
        let watch = &mut |sent: u64| {
            let news = sent != told;
            told = sent;
            !news || reporter.report(Event::progress(label.clone(), "Pushing", sent, blob.size))
        };
        client.upload(&blob.digest, &path, blob.size, watch)?;
        tell(reporter, Event::about(label, "Pushed"))
    }

    /// Takes a blob over from another repository of the same registry that the image came from or went to.
    fn mount(&self, client: &Client, image: &Image, blob: &Blob) -> Result<Option<String>, RegistryError> {
        let here = client.repository();
        for origin in &image.repository_digests {
            let Ok(reference) = Reference::parse(origin) else { continue };
            let from = Repository::of(&reference)?;
            if from.host == here.host && from.path != here.path && client.mount(&blob.digest, &from.path)? {
                return Ok(Some(from.path));
            }
        }
        Ok(None)
    }
}

fn never_fetched(name: &str, target: &str, blob: &Blob) -> RegistryError {
    RegistryError::CannotPush(format!(
        "cannot push {name}: {target} does not have layer {} of its original base, which was replaced and never fetched; push to one that has it, or pull the image with --base-policy=fetch first",
        blob.digest
    ))
}

fn tell_end(reporter: &dyn Reporter, tag: String, digest: &str, size: u64) -> Result<(), RegistryError> {
    tell(reporter, Event::message(format!("{tag}: digest: {digest} size: {size}")))?;
    let pushed = Some(Pushed { tag, digest: digest.to_owned(), size });
    tell(reporter, Event { pushed, ..Event::message("") })
}
