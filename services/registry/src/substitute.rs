//! Puts Casement's base in the place of Microsoft's: a config and a manifest of the image's own, which are as consistent as any.

use crate::bases::{Base, OWN_LABEL};
use crate::documents::{Manifest, RawManifest};
use crate::error::RegistryError;
use casement_layers::oci::{self, CONFIG, Descriptor, MANIFEST};
use casement_layers::{Digest, Image, ORIGINAL_LAYERS, ORIGINAL_MANIFEST, SUBSTITUTED_LABEL, Store};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// The documents of an image on another base.
#[derive(Debug)]
pub struct Rewritten {
    /// The config.
    pub config: Vec<u8>,
    /// The manifest.
    pub manifest: Vec<u8>,
}

/// The image on `ours` instead of `base`. The application's layers, settings and history stay; the version is that of `ours`.
///
/// # Errors
/// When the documents contradict each other, or ours cannot be read.
pub fn rewrite(
    store: &Store,
    original: &RawManifest,
    manifest: &Manifest,
    config: &Value,
    base: &Base,
    ours: &Image,
) -> Result<Rewritten, RegistryError> {
    let bad = |why: &str| RegistryError::refused(format!("the config of {}", original.digest), why);
    let own_config = store.config_document(ours)?;
    let own_manifest: oci::Manifest = store.content().read_json(&ours.manifest)?;
    let mut config = config.clone();

    let diff_ids = config["rootfs"]["diff_ids"].as_array().ok_or_else(|| bad("it has no diff ids"))?;
    if diff_ids.len() != manifest.layers.len() {
        return Err(bad("layers and diff ids differ in number"));
    }
    let mut chain: Vec<Value> = ours.diff_ids.iter().map(|id| json!(id)).collect();
    chain.extend(diff_ids[base.layers..].iter().cloned());
    config["rootfs"]["diff_ids"] = json!(chain);

    let steps = config["history"].as_array().cloned().unwrap_or_default();
    let mut history = own_config["history"].as_array().cloned().unwrap_or_default();
    history.extend(steps.into_iter().skip(base.steps));
    config["history"] = json!(history);

    let document = config.as_object_mut().ok_or_else(|| bad("it is no object"))?;
    document.insert("os.version".to_owned(), json!(ours.os_version));
    // Asks the host for what Wine has or has not, whatever the image says.
    document.remove("os.features");
    let settings = document.entry("config").or_insert_with(|| json!({}));
    if settings.get("Labels").is_none_or(Value::is_null) {
        settings["Labels"] = json!({});
    }
    settings["Labels"][SUBSTITUTED_LABEL] =
        json!(format!("{} {} ({})", base.flavour, base.version, base.evidence.as_str()));
    settings["Labels"][OWN_LABEL] = json!(base.flavour.as_str());

    let encode = |value: &Value| serde_json::to_vec(value).map_err(|error| bad(&error.to_string()));
    let config = encode(&config)?;
    let mut layers = own_manifest.layers;
    layers.extend(manifest.layers[base.layers..].iter().map(crate::documents::Blob::descriptor));
    let written = oci::Manifest {
        schema_version: 2,
        media_type: Some(MANIFEST.to_owned()),
        config: Descriptor::new(CONFIG, Digest::of(&config), config.len() as u64),
        layers,
        annotations: BTreeMap::from([
            (ORIGINAL_MANIFEST.to_owned(), original.digest.to_string()),
            (ORIGINAL_LAYERS.to_owned(), base.layers.to_string()),
        ]),
    };
    let manifest = serde_json::to_vec(&written).map_err(|error| bad(&error.to_string()))?;
    Ok(Rewritten { config, manifest })
}
