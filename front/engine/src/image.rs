//! What listings say of an image.

use casement_layers::Image;
use serde::{Deserialize, Serialize};

/// One line of the list of images.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ImageSummary {
    /// Repository without the tag.
    pub repository: String,
    /// Tag.
    pub tag: String,
    /// Digest of its configuration, `sha256:…`.
    pub id: String,
    /// When it was created, RFC 3339; empty when it does not say.
    pub created: String,
    /// Size of its unpacked layers, in bytes.
    pub size: u64,
    /// Windows version that programs see, such as `10.0.20348.4294`.
    pub os_version: String,
}

impl ImageSummary {
    /// One line for each name of the image.
    #[must_use]
    pub fn of(image: &Image) -> Vec<Self> {
        let line = |reference: &String| {
            let (repository, tag) = reference.rsplit_once(':').unwrap_or((reference, ""));
            Self {
                repository: repository.to_owned(),
                tag: tag.to_owned(),
                id: image.id.to_string(),
                created: image.created.clone().unwrap_or_default(),
                size: image.size,
                os_version: image.os_version.clone(),
            }
        };
        image.references.iter().map(line).collect()
    }
}
