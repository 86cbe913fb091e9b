//! Manifests and indexes as registries send them, in Docker's and OCI's media types, with their limits.

use crate::error::RegistryError;
use casement_layers::oci::{INDEX, MANIFEST};
use casement_layers::{Digest, oci};
use serde::Deserialize;
use std::collections::BTreeMap;

/// Largest manifest, index or config, in bytes.
pub const MAX_DOCUMENT: usize = 4 << 20;
/// Most layers of an image. Windows itself mounts no more than 127.
pub const MAX_LAYERS: usize = 256;
/// Most images of an index.
pub const MAX_INDEX: usize = 1024;
/// Largest packed layer, in bytes.
pub const MAX_LAYER: u64 = 256 << 30;

/// Docker's manifest.
pub const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
/// Docker's index.
pub const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
/// What is asked for when a manifest is fetched.
pub const ACCEPT: &str = "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.list.v2+json, application/vnd.docker.distribution.manifest.v2+json";

/// A document as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawManifest {
    /// Its media type.
    pub media_type: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// Their digest.
    pub digest: Digest,
}

impl RawManifest {
    /// A document whose type is the one that it names itself, or else the one it came with.
    pub fn new(media_type: Option<&str>, bytes: Vec<u8>) -> Result<Self, RegistryError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Head {
            schema_version: Option<u32>,
            media_type: Option<String>,
            manifests: Option<serde::de::IgnoredAny>,
            layers: Option<serde::de::IgnoredAny>,
        }
        let digest = Digest::of(&bytes);
        let head: Head = serde_json::from_slice(&bytes)
            .map_err(|error| RegistryError::refused(format!("manifest {digest}"), error))?;
        if head.schema_version == Some(1) {
            return Err(RegistryError::refused(
                format!("manifest {digest}"),
                "Docker Image Format v1 and Docker Image manifest version 2, schema 1 support has been removed",
            ));
        }
        // A document must not be both, or registries and clients take it for different images.
        if head.manifests.is_some() && head.layers.is_some() {
            return Err(RegistryError::refused(format!("manifest {digest}"), "it has both images and layers"));
        }
        let plain = media_type.and_then(|text| text.split(';').next()).map(str::trim);
        let media_type = head.media_type.as_deref().or(plain.filter(|text| is_known(text)));
        let media_type = match media_type {
            Some(text) => text.to_owned(),
            None if head.manifests.is_some() => INDEX.to_owned(),
            None => MANIFEST.to_owned(),
        };
        if !is_known(&media_type) {
            let why = format!("mediaType {media_type} is no image");
            return Err(RegistryError::refused(format!("manifest {digest}"), why));
        }
        Ok(Self { media_type, bytes, digest })
    }

    /// Whether it lists images.
    pub fn is_index(&self) -> bool {
        matches!(self.media_type.as_str(), INDEX | DOCKER_LIST)
    }

    /// The images that it lists.
    pub fn index(&self) -> Result<Vec<Entry>, RegistryError> {
        #[derive(Deserialize)]
        struct Index {
            manifests: Vec<Entry>,
        }
        let index: Index = self.parse()?;
        if index.manifests.len() > MAX_INDEX {
            return Err(self.refused(format!("it lists more than {MAX_INDEX} images")));
        }
        Ok(index.manifests)
    }

    /// The parts of the image.
    pub fn manifest(&self) -> Result<Manifest, RegistryError> {
        let manifest: Manifest = self.parse()?;
        if manifest.layers.len() > MAX_LAYERS {
            return Err(self.refused(format!("it has more than {MAX_LAYERS} layers")));
        }
        if manifest.config.size > MAX_DOCUMENT as u64 {
            return Err(self.refused(format!("its config is larger than {MAX_DOCUMENT} bytes")));
        }
        if manifest.layers.iter().any(|layer| layer.size > MAX_LAYER) {
            return Err(self.refused(format!("a layer is larger than {MAX_LAYER} bytes")));
        }
        Ok(manifest)
    }

    fn parse<'a, T: Deserialize<'a>>(&'a self) -> Result<T, RegistryError> {
        serde_json::from_slice(&self.bytes).map_err(|error| self.refused(error))
    }

    fn refused(&self, why: impl ToString) -> RegistryError {
        RegistryError::refused(format!("manifest {}", self.digest), why)
    }
}

fn is_known(media_type: &str) -> bool {
    matches!(media_type, MANIFEST | INDEX | DOCKER_MANIFEST | DOCKER_LIST)
}

/// One image of an index.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    /// Type of the document.
    #[serde(default)]
    pub media_type: String,
    /// Digest of the document.
    pub digest: Digest,
    /// Size of the document in bytes.
    #[serde(default)]
    pub size: u64,
    /// What it is for.
    #[serde(default)]
    pub platform: Option<oci::Platform>,
}

/// The parts of an image.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Manifest {
    /// The config.
    pub config: Blob,
    /// The layers, base first.
    pub layers: Vec<Blob>,
    /// Free notes.
    #[serde(default)]
    pub annotations: BTreeMap<String, String>,
}

/// A blob as a manifest names it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Blob {
    /// Type of the blob.
    pub media_type: String,
    /// Digest of the blob.
    pub digest: Digest,
    /// Size of the blob in bytes.
    pub size: u64,
    /// Where else it may be fetched (foreign layers).
    #[serde(default)]
    pub urls: Vec<String>,
}

impl Blob {
    /// Whether whoever made it does not let registries have it.
    pub fn is_foreign(&self) -> bool {
        self.media_type.contains("foreign") || self.media_type.contains("nondistributable")
    }

    /// The same as a descriptor of an OCI manifest.
    pub fn descriptor(&self) -> oci::Descriptor {
        let media_type = match self.media_type.as_str() {
            text if text.ends_with("gzip") => oci::LAYER_GZIP,
            text if text.ends_with("zstd") => oci::LAYER_ZSTD,
            _ => oci::LAYER_TAR,
        };
        oci::Descriptor::new(media_type, self.digest.clone(), self.size)
    }
}
