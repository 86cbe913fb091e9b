//! Writes images as an archive.

use super::documents::{BLOBS, IMAGE_NAME, INDEX, Item, LAYOUT, LAYOUT_TEXT, MANIFEST, REF_NAME, index};
use crate::digest::Digest;
use crate::error::LayersError;
use crate::image::Image;
use crate::oci::{self, Descriptor, Manifest};
use crate::reference::Reference;
use crate::store::{Lock, Store};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read, Write};
use std::path::Path;
use tar::{EntryType, Header};

/// Docker's own registry, in whole names.
const HUB: &str = "docker.io/";

/// Images that are to be written. While it lives, nothing of the store is removed.
pub struct Saving {
    store: Store,
    images: Vec<(Image, Vec<String>)>,
    _lock: Lock,
}

impl Store {
    /// Finds the images of these names, to save them. An id, or a name with a digest, saves the image without a name; a name
    /// without a tag saves all tags that there are of it.
    ///
    /// # Errors
    /// As [`Store::resolve`].
    pub fn saving(&self, names: &[String]) -> Result<Saving, LayersError> {
        // Unpacking, which finding an image may come to, takes the same lock.
        let mut images: Vec<(Image, Vec<String>)> = Vec::new();
        for name in names {
            for (image, tag) in self.images_of(name)? {
                match images.iter_mut().find(|(known, _)| known.manifest == image.manifest) {
                    Some((_, tags)) => tags.extend(tag),
                    None => images.push((image, tag.into_iter().collect())),
                }
            }
        }
        for (_, tags) in &mut images {
            tags.sort();
            tags.dedup();
        }
        let lock = self.lock_shared()?;
        Ok(Saving { store: self.clone(), images, _lock: lock })
    }

    fn images_of(&self, name: &str) -> Result<Vec<(Image, Option<String>)>, LayersError> {
        let image = self.resolve(name)?;
        let Ok(reference) = Reference::parse(name) else { return Ok(vec![(image, None)]) };
        let is_id = Digest::parse(name).is_ok() || image.id.hex().starts_with(name);
        if is_id || reference.digest().is_some() || !image.references.contains(&image.reference) {
            return Ok(vec![(image, None)]);
        }
        // What the user typed, with the tag that it stands for.
        let found = Reference::parse(&image.reference)?;
        let tag = found.tag().unwrap_or("latest").to_owned();
        let typed = format!("{}:{tag}", reference.repository());
        let name = if image.references.contains(&typed) { typed } else { image.reference.clone() };
        if reference.tag().is_some() || reference.base_name().is_some() {
            return Ok(vec![(image, Some(name))]);
        }
        let prefix = format!("{}:", reference.repository());
        let mut all = Vec::new();
        for image in self.images()? {
            for name in image.references.clone().into_iter().filter(|name| name.starts_with(&prefix)) {
                all.push((image.clone(), Some(name)));
            }
        }
        Ok(all)
    }
}

impl Saving {
    /// Writes the archive. The same images give the same bytes.
    ///
    /// # Errors
    /// When a blob cannot be read, or `out` not written.
    pub fn write(&self, out: impl Write) -> Result<(), LayersError> {
        let mut writer = Writer { tar: tar::Builder::new(out), written: BTreeSet::new() };
        writer.directory("blobs/")?;
        writer.directory(BLOBS)?;
        let (mut items, mut descriptors) = (Vec::new(), Vec::new());
        for (image, tags) in &self.images {
            let content = self.store.content();
            let manifest: Manifest = content.read_json(&image.manifest)?;
            let parts = manifest.layers.iter().chain([&manifest.config]).map(|part| &part.digest);
            for digest in parts.chain([&image.manifest]) {
                writer.blob(&self.store, digest)?;
            }
            // What a push of it pushes.
            if let Some(original) = self.store.original(image)? {
                writer.blob(&self.store, &original.manifest)?;
                writer.blob(&self.store, &original.config)?;
            }
            let path = |digest: &Digest| format!("{BLOBS}{}", digest.hex());
            items.push(Item {
                config: path(&manifest.config.digest),
                repo_tags: Some(tags.clone()).filter(|tags| !tags.is_empty()),
                layers: Some(manifest.layers.iter().map(|layer| path(&layer.digest)).collect()),
            });
            let size = content.path(&image.manifest).metadata().map_or(0, |metadata| metadata.len());
            let plain = Descriptor {
                platform: Some(oci::Platform {
                    architecture: "amd64".to_owned(),
                    os: "windows".to_owned(),
                    os_version: Some(image.os_version.clone()).filter(|version| !version.is_empty()),
                }),
                ..Descriptor::new(oci::MANIFEST, image.manifest.clone(), size)
            };
            let named = |name: &String| Descriptor { annotations: notes(name), ..plain.clone() };
            match tags.is_empty() {
                true => descriptors.push(plain.clone()),
                false => descriptors.extend(tags.iter().map(named)),
            }
        }
        writer.document(INDEX, &index(descriptors))?;
        writer.document(MANIFEST, &items)?;
        writer.bytes(LAYOUT, LAYOUT_TEXT.as_bytes())?;
        let mut out = writer.tar.into_inner().map_err(written)?;
        out.flush().map_err(written)
    }

    /// The images with the names that they are saved under.
    pub fn images(&self) -> &[(Image, Vec<String>)] {
        &self.images
    }
}

/// The notes of a name with its tag.
fn notes(name: &str) -> BTreeMap<String, String> {
    let first = name.split('/').next().unwrap_or_default();
    let has_registry = name.contains('/') && (first.contains(['.', ':']) || first == "localhost");
    let whole = match (has_registry, name.contains('/')) {
        (true, _) => name.to_owned(),
        (false, true) => format!("{HUB}{name}"),
        (false, false) => format!("{HUB}library/{name}"),
    };
    let tag = name.rsplit(':').next().unwrap_or("latest").to_owned();
    BTreeMap::from([(IMAGE_NAME.to_owned(), whole), (REF_NAME.to_owned(), tag)])
}

struct Writer<W: Write> {
    tar: tar::Builder<W>,
    written: BTreeSet<Digest>,
}

impl<W: Write> Writer<W> {
    fn blob(&mut self, store: &Store, digest: &Digest) -> Result<(), LayersError> {
        if !self.written.insert(digest.clone()) {
            return Ok(());
        }
        let file = store.content().read(digest)?;
        let path = store.content().path(digest);
        let size = file.metadata().map_err(LayersError::io("read", &path))?.len();
        self.entry(&format!("{BLOBS}{}", digest.hex()), EntryType::Regular, size, file)
    }

    fn document<T: serde::Serialize>(&mut self, name: &str, document: &T) -> Result<(), LayersError> {
        let bytes = serde_json::to_vec(document).map_err(|e| LayersError::damaged(name, e))?;
        self.bytes(name, &bytes)
    }

    fn bytes(&mut self, name: &str, bytes: &[u8]) -> Result<(), LayersError> {
        self.entry(name, EntryType::Regular, bytes.len() as u64, bytes)
    }

    fn directory(&mut self, name: &str) -> Result<(), LayersError> {
        self.entry(name, EntryType::Directory, 0, io::empty())
    }

    fn entry(&mut self, name: &str, kind: EntryType, size: u64, content: impl Read) -> Result<(), LayersError> {
        // The GNU form says sizes above 8 GB.
        let mut header = Header::new_gnu();
        header.set_path(name).map_err(written)?;
        header.set_entry_type(kind);
        header.set_mode(if kind == EntryType::Directory { 0o755 } else { 0o644 });
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(0);
        header.set_size(size);
        header.set_cksum();
        self.tar.append(&header, content.take(size)).map_err(written)
    }
}

fn written(error: io::Error) -> LayersError {
    LayersError::io("write", Path::new("the archive of images"))(error)
}
