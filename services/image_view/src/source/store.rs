//! Images of the store. Nothing is unpacked, and nothing is asked of a daemon.

use super::{Blob, Document, Source, assemble};
use crate::error::ViewError;
use crate::index::IndexCache;
use casement_layers::{Digest, Store};

/// Finds an image by its name or id.
pub fn open(store: &Store, text: &str) -> Result<Source, ViewError> {
    let (name, manifest) = store.locate(text)?;
    let find = |digest: &str| match Digest::parse(digest) {
        Ok(digest) if store.content().contains(&digest) => Blob::open(&store.content().path(&digest)).map(Some),
        _ => Ok(None),
    };
    let document = match find(&manifest.to_string())? {
        Some(blob) => Document::read(&blob, &manifest.to_string(), None)?,
        None => return Err(ViewError::damaged(&name, "its manifest is not there")),
    };
    let mut source = assemble(name, "store", document, None, &find)?;
    for layer in &mut source.layers {
        // What is in the store was checked on its way in.
        layer.checked_blob = layer.descriptor.as_ref().and_then(|descriptor| Digest::parse(&descriptor.digest).ok());
        let directory = layer.diff_id.as_ref().map(|diff_id| store.layer_directory(diff_id));
        layer.unpacked = directory.filter(|directory| directory.is_dir());
    }
    source.cache = Some(IndexCache::of(store.root()));
    Ok(source)
}
