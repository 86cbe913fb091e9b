//! Where images come from: the store, an OCI layout, an archive of `docker save`, a layer by itself.

mod archive;
mod blob;
mod choose;
mod descriptor;
mod layout;
mod store;

pub use blob::{Blob, skip};
pub use descriptor::{Descriptor, Document};

use crate::error::ViewError;
use crate::index::IndexCache;
use casement_layers::{Digest, LayersError, SUBSTITUTED_LABEL, Store};
use serde_json::Value;
use std::path::{Path, PathBuf};

/// Most layers of an image (Docker's limit is 127).
pub const MAX_LAYERS: usize = 250;
/// Largest document, in bytes.
pub const MAX_DOCUMENT: u64 = 8 << 20;

/// An image that was found, as far as it is there.
#[derive(Debug)]
pub struct Source {
    /// How it was named.
    pub name: String,
    /// Where it was found, in words.
    pub origin: &'static str,
    /// Its manifest; a layer by itself and old archives have none.
    pub manifest: Option<Document>,
    /// Its config; a layer by itself has none.
    pub config: Option<Document>,
    /// How an index describes it.
    pub described: Option<Descriptor>,
    /// Its layers, base first.
    pub layers: Vec<LayerSource>,
    /// Where indices of its layers are kept.
    pub cache: Option<IndexCache>,
}

/// One layer of it.
#[derive(Debug, Clone)]
pub struct LayerSource {
    /// The digest of its unpacked archive, as the config says.
    pub diff_id: Option<Digest>,
    /// Its descriptor in the manifest.
    pub descriptor: Option<Descriptor>,
    /// Its archive, if it is here.
    pub blob: Option<Blob>,
    /// The digest of the blob, where the store has checked it.
    pub checked_blob: Option<Digest>,
    /// The unpacked layer, if it is here.
    pub unpacked: Option<PathBuf>,
}

impl LayerSource {
    /// Whether anything of it is here.
    pub fn is_here(&self) -> bool {
        self.blob.is_some() || self.unpacked.is_some()
    }

    /// What names it in messages.
    pub fn digest(&self) -> String {
        let stated = self.descriptor.as_ref().map(|descriptor| descriptor.digest.clone());
        stated.or_else(|| self.diff_id.as_ref().map(ToString::to_string)).unwrap_or_else(|| "of no name".to_owned())
    }
}

/// Opens the image of this name at a path.
type Open = fn(&Path, Option<&str>) -> Result<Source, ViewError>;

/// What stands before a path to say what is there.
const FORMS: [(&str, Open); 3] =
    [("oci:", layout::open), ("docker-archive:", archive::open_image), ("layer:", archive::open_layer)];

/// Whether `text` looks like a path or says that it is one, so that it names no image of a store.
pub fn is_path(text: &str) -> bool {
    FORMS.iter().any(|(prefix, _)| text.starts_with(prefix)) || text.starts_with(['/', '.', '~'])
}

/// Finds the image that `text` names: `NAME[:TAG]` or an id in the store under `root`; `oci:DIR[:NAME]`, `docker-archive:FILE[:NAME]`
/// and `layer:FILE`, as skopeo has them; or the path of any of these. A path that does not look like one (`/x`, `./x`) is one
/// if the store has no image of that name.
///
/// # Errors
/// When there is no such image, it cannot be read, or there are several.
pub fn open(text: &str, root: &Path) -> Result<Source, ViewError> {
    for (prefix, open) in FORMS {
        if let Some(rest) = text.strip_prefix(prefix) {
            let (path, name) = choose::path_and_name(rest);
            return open(&path, name.as_deref());
        }
    }
    if is_path(text) {
        return open_path(text);
    }
    let in_store = match root.join("images.json").exists() {
        true => store::open(&Store::open(root)?, text),
        // Whoever only looks makes no store.
        false => Err(ViewError::Store(LayersError::NoSuchImage(text.to_owned(), no_store(root)))),
    };
    match in_store {
        Err(ViewError::Store(LayersError::NoSuchImage(..) | LayersError::BadReference(_)))
            if choose::path_and_name(text).0.exists() =>
        {
            open_path(text)
        }
        other => other,
    }
}

fn no_store(root: &Path) -> String {
    format!(" (there is no store in {}; a file or directory is named by its path)", root.display())
}

fn open_path(text: &str) -> Result<Source, ViewError> {
    let (path, name) = choose::path_and_name(text);
    let metadata = std::fs::metadata(&path).map_err(ViewError::io("open", path.display()))?;
    match metadata.is_dir() {
        true => layout::open(&path, name.as_deref()),
        false => archive::open(&path, name.as_deref()),
    }
}

impl Source {
    /// The system and architecture, as `windows/amd64`; `?` for what is not stated.
    pub fn platform(&self) -> String {
        format!("{}/{}", self.config_text("os").unwrap_or("?"), self.config_text("architecture").unwrap_or("?"))
    }

    /// A text of the config.
    pub fn config_text(&self, field: &str) -> Option<&str> {
        self.config.as_ref()?.value.get(field)?.as_str()
    }

    /// The base of Microsoft's that Casement's is in the place of, as the config says: flavour, version, and how it was told.
    pub fn substituted(&self) -> Option<&str> {
        self.config.as_ref()?.value.get("config")?.get("Labels")?.get(SUBSTITUTED_LABEL)?.as_str()
    }

    /// Refuses images for other systems. A layer by itself says nothing of a system.
    ///
    /// # Errors
    /// [`ViewError::NotWindows`]
    pub fn require_windows(&self) -> Result<(), ViewError> {
        match self.config_text("os") {
            Some("windows") => Ok(()),
            None if self.config.is_none() => Ok(()),
            _ => Err(ViewError::NotWindows { image: self.name.clone(), os: self.platform() }),
        }
    }

    /// The diff ids that the config names, base first; what is no SHA-256 digest is `None`.
    pub fn diff_ids(&self) -> Vec<Option<Digest>> {
        let ids = self.config.as_ref().and_then(|config| config.value.pointer("/rootfs/diff_ids"));
        let ids = ids.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        ids.iter().take(MAX_LAYERS).map(|id| Digest::parse(id.as_str()?).ok()).collect()
    }

    /// The error for a layer that is not here.
    pub fn not_here(&self, number: usize) -> ViewError {
        let digest = self.layers.get(number).map(LayerSource::digest).unwrap_or_default();
        ViewError::LayerNotHere { image: self.name.clone(), number, digest }
    }
}

/// Puts together manifest, config and where the blobs are. `find` gives a blob by its digest.
fn assemble(
    name: String,
    origin: &'static str,
    manifest: Document,
    described: Option<Descriptor>,
    find: &dyn Fn(&str) -> Result<Option<Blob>, ViewError>,
) -> Result<Source, ViewError> {
    let config = Descriptor::parse(manifest.value.get("config").unwrap_or(&Value::Null));
    let config = match find(&config.digest)? {
        Some(blob) => Some(Document::read(&blob, &config.digest, Some(config.clone()))?),
        None => return Err(ViewError::damaged(&name, format!("its config {} is not there", config.digest))),
    };
    let listed = manifest.value.get("layers").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    if listed.len() > MAX_LAYERS {
        return Err(ViewError::TooLarge { what: name, limit: format!("it has more than {MAX_LAYERS} layers") });
    }
    let mut source = Source { name, origin, manifest: None, config, described, layers: Vec::new(), cache: None };
    let diff_ids = source.diff_ids();
    for (number, layer) in listed.iter().enumerate() {
        let descriptor = Descriptor::parse(layer);
        let blob = find(&descriptor.digest)?;
        let diff_id = diff_ids.get(number).cloned().flatten();
        source.layers.push(LayerSource {
            diff_id,
            descriptor: Some(descriptor),
            blob,
            checked_blob: None,
            unpacked: None,
        });
    }
    source.manifest = Some(manifest);
    Ok(source)
}
