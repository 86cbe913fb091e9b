//! Describes the layer of a base image as an OCI image.

use super::{Flavour, TIME};
use crate::error::LayersError;
use crate::image;
use crate::layer::pack::Packed;
use crate::oci::{CONFIG, Config, ContainerConfig, Descriptor, History, Manifest, RootFs};
use crate::store::Store;
use casement_nt::WindowsBuild;
use std::collections::BTreeMap;

/// Writes the image's config and makes its manifest.
pub fn describe(
    store: &Store,
    packed: &Packed,
    flavour: Flavour,
    build: WindowsBuild,
    annotations: BTreeMap<String, String>,
) -> Result<Manifest, LayersError> {
    let created = jiff::Timestamp::from_second(TIME).map(|t| t.to_string()).ok();
    let labels = [("casement.base".to_owned(), flavour.to_string())];
    let config = Config {
        created: created.clone(),
        architecture: "amd64".to_owned(),
        os: "windows".to_owned(),
        os_version: Some(build.os_version()),
        author: None,
        config: ContainerConfig {
            user: flavour.user().to_owned(),
            cmd: vec![r"c:\windows\system32\cmd.exe".to_owned()],
            labels: labels.into(),
            ..ContainerConfig::default()
        },
        rootfs: RootFs { kind: "layers".to_owned(), diff_ids: vec![packed.diff_id.clone()] },
        history: vec![History {
            created,
            created_by: Some(format!("casement base build {flavour} --tag {}", build.tags()[0])),
            ..History::default()
        }],
        others: BTreeMap::new(),
    };
    let (digest, size) = store.content().write_json(&config)?;
    let config = Descriptor::new(CONFIG, digest, size);
    Ok(image::manifest(config, vec![packed.blob.clone()], annotations))
}
