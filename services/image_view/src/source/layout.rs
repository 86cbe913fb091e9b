//! OCI layouts: a directory with `index.json` and `blobs/` (OCI image specification, image layout).

use super::descriptor::Descriptor;
use super::{Blob, Document, Source, assemble, choose};
use crate::error::ViewError;
use casement_layers::Digest;
use serde_json::Value;
use std::fs::File;
use std::path::Path;

/// Deepest index in an index.
const MAX_NESTING: usize = 4;
/// Most images in all indices together.
const MAX_IMAGES: usize = 1_000;
const INDEX: &str = "index.json";
/// Media types of an index, OCI's and Docker's.
const INDEX_TYPES: [&str; 2] =
    ["application/vnd.oci.image.index.v1+json", "application/vnd.docker.distribution.manifest.list.v2+json"];

/// Opens the image `wanted` of the layout in `directory`.
pub fn open(directory: &Path, wanted: Option<&str>) -> Result<Source, ViewError> {
    let shown = directory.display().to_string();
    let root = File::open(directory).map_err(ViewError::io("open", &shown))?;
    let files = |name: &str| Blob::beneath(&root, name);
    match files(INDEX)? {
        Some(index) => from_index(&shown, "OCI layout", &index, wanted, &files),
        None => {
            Err(ViewError::NotAnImage { object: shown, why: "it has no index.json, as an OCI layout has".to_owned() })
        }
    }
}

/// Opens the image `wanted` of the layout that consists of `files`, by their names.
pub fn from_index(
    shown: &str,
    origin: &'static str,
    index: &Blob,
    wanted: Option<&str>,
    files: &dyn Fn(&str) -> Result<Option<Blob>, ViewError>,
) -> Result<Source, ViewError> {
    let find = |digest: &str| match Digest::parse(digest) {
        Ok(digest) => files(&format!("blobs/sha256/{}", digest.hex())),
        Err(_) => Ok(None),
    };
    let mut found = Vec::new();
    gather(&Document::read(index, INDEX, None)?, None, &find, 0, &mut found)?;
    let described = choose::one(shown, wanted, found)?;
    let Some(blob) = find(&described.digest)? else {
        return Err(ViewError::damaged(shown, format!("its manifest {} is not there", described.digest)));
    };
    let manifest = Document::read(&blob, &described.digest, Some(described.clone()))?;
    let name = choose::names(&described).into_iter().next().unwrap_or_else(|| shown.to_owned());
    assemble(name, origin, manifest, Some(described), &find)
}

/// Adds the images of an index and of those in it.
fn gather(
    index: &Document,
    outer: Option<&Descriptor>,
    find: &dyn Fn(&str) -> Result<Option<Blob>, ViewError>,
    depth: usize,
    found: &mut Vec<Descriptor>,
) -> Result<(), ViewError> {
    let manifests = index.value.get("manifests").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    for value in manifests {
        let mut descriptor = Descriptor::parse(value);
        if found.len() >= MAX_IMAGES {
            return Err(ViewError::TooLarge {
                what: INDEX.to_owned(),
                limit: format!("more than {MAX_IMAGES} images"),
            });
        }
        // Attestations of BuildKit have no system.
        if descriptor.platform.get("os").and_then(Value::as_str) == Some("unknown") {
            continue;
        }
        // An image in an inner index answers to the name of that.
        if let Some(outer) = outer.filter(|_| descriptor.annotations.is_null()) {
            descriptor.annotations = outer.annotations.clone();
        }
        if !INDEX_TYPES.contains(&descriptor.media_type.as_str()) {
            found.push(descriptor);
            continue;
        }
        if depth >= MAX_NESTING {
            return Err(ViewError::damaged(INDEX, format!("indices are nested more than {MAX_NESTING} deep")));
        }
        if let Some(blob) = find(&descriptor.digest)? {
            let inner = Document::read(&blob, &descriptor.digest, Some(descriptor.clone()))?;
            gather(&inner, Some(&descriptor), find, depth + 1, found)?;
        }
    }
    Ok(())
}
