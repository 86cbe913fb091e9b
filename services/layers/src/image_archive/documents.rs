//! The documents of such an archive besides manifests and configurations.

use crate::oci::{Descriptor, Index};
use serde::{Deserialize, Serialize};

/// Docker's list of images.
pub(super) const MANIFEST: &str = "manifest.json";
/// The list of images of an OCI layout (OCI image specification, "Image Layout").
pub(super) const INDEX: &str = "index.json";
/// Marks an OCI layout.
pub(super) const LAYOUT: &str = "oci-layout";
/// The file that marks one says this.
pub(super) const LAYOUT_TEXT: &str = r#"{"imageLayoutVersion":"1.0.0"}"#;
/// Where blobs are.
pub(super) const BLOBS: &str = "blobs/sha256/";
/// Note in the index: the whole name of an image, with its registry.
pub(super) const IMAGE_NAME: &str = "io.containerd.image.name";
/// Note in the index: its tag.
pub(super) const REF_NAME: &str = "org.opencontainers.image.ref.name";

/// One image in [`MANIFEST`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Item {
    /// Path of the configuration.
    pub(super) config: String,
    /// Names.
    #[serde(default)]
    pub(super) repo_tags: Option<Vec<String>>,
    /// Paths of the layers, base first.
    #[serde(default)]
    pub(super) layers: Option<Vec<String>>,
}

/// The index of images.
pub(super) fn index(manifests: Vec<Descriptor>) -> Index {
    Index { schema_version: 2, media_type: Some(crate::oci::INDEX.to_owned()), manifests }
}
