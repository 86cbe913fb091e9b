//! A push: what the registry lacks of an image, and its manifest.

use crate::client::{Access, Client};
use crate::distribution::Distribution;
use crate::documents::{Blob, RawManifest};
use crate::error::RegistryError;
use crate::name::Repository;
use crate::progress::{Event, Pushed, Reporter, tell};
use crate::pull::label;
use crate::settings::Credentials;
use casement_layers::{Image, Reference};

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
        let name = format!("{}:{tag}", repository.familiar);
        let image = self.store.resolve(&name).map_err(|_| RegistryError::NothingToPush(repository.familiar.clone()))?;
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
        tell(reporter, Event::message(format!("{tag}: digest: {digest} size: {size}")))?;
        let pushed = Some(Pushed { tag, digest: digest.to_string(), size });
        tell(reporter, Event { pushed, ..Event::message("") })
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
        Err(RegistryError::CannotPush(format!(
            "cannot push {name}: {} does not have layer {} of its original base, which was replaced and never fetched; push to a registry that has it, or pull the image with --base-policy=fetch first",
            client.repository().host,
            blob.digest
        )))
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
