//! Packs a staged layer into blobs and describes it as an OCI image.

use super::gzip::GzipMembers;
use super::{Flavour, TIME};
use crate::digest::Digest;
use crate::error::LayersError;
use crate::image;
use crate::oci::{CONFIG, Config, ContainerConfig, Descriptor, History, LAYER_GZIP, Manifest, RootFs};
use crate::store::Store;
use casement_layer_tar::{LayerPath, LayerWriter, Metadata, NtTime};
use casement_nt::{Progress, WindowsBuild};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// A packed layer.
pub struct Packed {
    /// The gzip blob.
    pub blob: Descriptor,
    /// Digest of the tar archive.
    pub diff_id: Digest,
    /// Bytes of its files.
    pub size: u64,
}

/// Writes `layer` (a directory with `Files/` and `Hives/`) into the content store. The same files give the same blob.
pub fn pack(store: &Store, layer: &Path, progress: &dyn Progress) -> Result<Packed, LayersError> {
    let mut entries = Vec::new();
    let mut size = 0;
    walk(layer, Path::new(""), &mut entries, &mut size)?;
    let gzip = GzipMembers::new(store.content().ingest()?);
    let mut writer = LayerWriter::new(Hashing { inner: gzip, hasher: Sha256::new() });
    let time = NtTime::from_seconds(TIME);
    let mut done = 0;
    for (relative, length) in entries {
        let name = relative.to_str().ok_or_else(|| LayersError::damaged("layer", "a name is not UTF-8"))?;
        let path = LayerPath::new(name)?;
        match length {
            None => writer.directory(&path, &Metadata::directory(time))?,
            Some(length) => {
                let on_disk = layer.join(&relative);
                let file = File::open(&on_disk).map_err(LayersError::io("open", &on_disk))?;
                writer.file(&path, &Metadata::file(time), length, file)?;
                done += length;
                progress.report("packing the image", done as f64 / size.max(1) as f64);
            }
        }
    }
    let written = |e| LayersError::io("write", &store.root().join("content"))(e);
    let Hashing { inner, hasher } = writer.finish()?;
    let ingest = inner.finish().map_err(written)?;
    let hex = casement_nt::digest::hex(&hasher.finalize());
    let diff_id = Digest::from_hex(&hex).ok_or(LayersError::BadDigest(hex))?;
    let (digest, packed_size) = ingest.commit(None)?;
    Ok(Packed { blob: Descriptor::new(LAYER_GZIP, digest, packed_size), diff_id, size })
}

/// Directories (`None`) and files with their lengths, in an order that depends on their names only.
fn walk(
    top: &Path,
    relative: &Path,
    entries: &mut Vec<(PathBuf, Option<u64>)>,
    size: &mut u64,
) -> Result<(), LayersError> {
    let directory = top.join(relative);
    let mut names = fs::read_dir(&directory)
        .and_then(|entries| entries.map(|e| e.map(|e| e.file_name())).collect::<io::Result<Vec<_>>>())
        .map_err(LayersError::io("read", &directory))?;
    names.sort();
    for name in names {
        let relative = relative.join(name);
        let path = top.join(&relative);
        let metadata = fs::symlink_metadata(&path).map_err(LayersError::io("read", &path))?;
        if metadata.is_dir() {
            entries.push((relative.clone(), None));
            walk(top, &relative, entries, size)?;
        } else if metadata.is_file() {
            *size += metadata.len();
            entries.push((relative, Some(metadata.len())));
        }
    }
    Ok(())
}

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
    };
    let (digest, size) = store.content().write_json(&config)?;
    let config = Descriptor::new(CONFIG, digest, size);
    Ok(image::manifest(config, vec![packed.blob.clone()], annotations))
}

struct Hashing<W> {
    inner: W,
    hasher: Sha256,
}

impl<W: Write> Write for Hashing<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let n = self.inner.write(bytes)?;
        self.hasher.update(&bytes[..n]);
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}
