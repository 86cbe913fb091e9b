//! Makes an image of one layer out of an archive of it (`docker import`).

use crate::error::LayersError;
use crate::image::{self, Image, ImageConfig};
use crate::layer::{Beneath, unpack};
use crate::oci::{self, CONFIG, Config, Descriptor, History, RootFs};
use crate::registry::hives_of;
use crate::store::Store;
use crate::zstd;
use casement_hive::{Name, Value};
use casement_nt::hives::Mount;
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::io::{self, Read};
use std::path::Path;

/// The key with the version of Windows, in the hive `SOFTWARE`.
const VERSION: &str = r"Microsoft\Windows NT\CurrentVersion";

/// What an imported image is besides its layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Import {
    /// How its containers run.
    pub config: ImageConfig,
    /// Its names, with tags.
    pub names: Vec<String>,
    /// A remark, for the history.
    pub comment: String,
    /// When it was made.
    pub created: Timestamp,
}

impl Store {
    /// Makes an image of `archive`, a layer of Windows (`Files/…`, for a bootable image also `Hives/…`), packed with gzip or zstd or not.
    ///
    /// # Errors
    /// When the archive is no such layer, or something cannot be written. Then nothing is added.
    pub fn import(&self, mut archive: impl Read, import: &Import) -> Result<Image, LayersError> {
        let result = self.import_layer(&mut archive, import);
        match result {
            Ok(digest) => self.resolve(&digest.to_string()),
            Err(e) => {
                if let Err(error) = self.collect_garbage() {
                    tracing::warn!(%error, "cannot clear away what an archive has left");
                }
                Err(e)
            }
        }
    }

    fn import_layer(&self, archive: &mut impl Read, import: &Import) -> Result<crate::Digest, LayersError> {
        let _lock = self.lock_shared()?;
        let mut ingest = self.content().ingest()?;
        let mut start = [0; zstd::MAGIC.len()];
        let mut filled = 0;
        let unreadable = |e| LayersError::io("read", Path::new("the archive"))(e);
        while filled < start.len() {
            match archive.read(&mut start[filled..]).map_err(unreadable)? {
                0 => break,
                count => filled += count,
            }
        }
        io::copy(&mut start[..filled].chain(archive), &mut ingest).map_err(unreadable)?;
        let (digest, size) = ingest.commit(None)?;
        let kind = oci::layer_type(&start[..filled]);
        let layer = self.new_layer()?;
        let unpacked = unpack(self.content().read(&digest)?, layer.path(), Beneath::NOTHING)?;
        let diff_id = crate::Digest::from_hex(&unpacked.diff_id)
            .ok_or_else(|| LayersError::BadDigest(unpacked.diff_id.clone()))?;
        let published = self.publish_layer(layer, &diff_id, unpacked.size)?;
        let created = Some(import.created.to_string());
        let config = Config {
            created: created.clone(),
            architecture: "amd64".to_owned(),
            os: "windows".to_owned(),
            os_version: version_of(&published)?,
            author: None,
            config: import.config.clone(),
            rootfs: RootFs { kind: "layers".to_owned(), diff_ids: vec![diff_id] },
            history: vec![History {
                created,
                comment: Some(import.comment.clone()).filter(|comment| !comment.is_empty()),
                ..History::default()
            }],
            others: BTreeMap::new(),
        };
        let (id, length) = self.content().write_json(&config)?;
        let layers = vec![Descriptor::new(kind, digest, size)];
        let manifest = image::manifest(Descriptor::new(CONFIG, id, length), layers, BTreeMap::new());
        self.publish_keeping(&manifest, &import.names)
    }
}

/// The Windows version that the registry of a base layer states: `10.0.20348.4294`.
fn version_of(layer: &Path) -> Result<Option<String>, LayersError> {
    let Some(hives) = hives_of(&[layer.to_owned()])? else { return Ok(None) };
    let Some(key) = hives.get(Mount::Software).key(VERSION) else { return Ok(None) };
    let value = |name: &str| key.value(&Name::from(name));
    let number = |name: &str| value(name).and_then(Value::as_dword);
    let build = value("CurrentBuildNumber").and_then(Value::as_string);
    let build = build.filter(|text| (1..=6).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit()));
    Ok(build.map(|build| {
        let (major, minor) = (number("CurrentMajorVersionNumber"), number("CurrentMinorVersionNumber"));
        format!("{}.{}.{build}.{}", major.unwrap_or(10), minor.unwrap_or(0), number("UBR").unwrap_or(0))
    }))
}
