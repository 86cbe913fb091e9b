//! Images in the shape of Microsoft's: layers, configs and manifests that the tests put together.

use crate::server::Server;
use casement_layer_tar::{Entry, Kind, LayerPath, LayerWriter, Metadata, NtTime};
use casement_layers::Digest;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};
use std::io::Write;

pub const MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
pub const LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
const LAYER: &str = "application/vnd.docker.image.rootfs.diff.tar.gzip";
const FOREIGN: &str = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip";

/// A packed layer.
#[derive(Clone, Debug)]
pub struct Layer {
    pub packed: Vec<u8>,
    pub diff_id: Digest,
    /// What the manifest says of its size, if not the truth.
    pub claimed: Option<u64>,
    /// Places of a foreign layer.
    pub urls: Vec<String>,
}

impl Layer {
    /// A layer with these files, and hard links (name, target).
    pub fn new(files: &[(&str, &[u8])], links: &[(&str, &str)]) -> Self {
        let time = NtTime::from_seconds(1_600_000_000);
        let mut writer = LayerWriter::new(Vec::new());
        let mut made = std::collections::BTreeSet::new();
        for (name, bytes) in files {
            for (at, _) in name.match_indices('/') {
                if made.insert(name[..at].to_owned()) {
                    writer.directory(&LayerPath::new(&name[..at]).unwrap(), &Metadata::directory(time)).unwrap();
                }
            }
            let size = bytes.len() as u64;
            writer.file(&LayerPath::new(name).unwrap(), &Metadata::file(time), size, *bytes).unwrap();
        }
        for (name, target) in links {
            let entry = Entry {
                path: LayerPath::new(name).unwrap(),
                kind: Kind::HardLink(LayerPath::new(target).unwrap()),
                metadata: Metadata::file(time),
            };
            writer.entry(&entry, std::io::empty()).unwrap();
        }
        Self::of_tar(&writer.finish().unwrap())
    }

    pub fn of_tar(tar: &[u8]) -> Self {
        let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
        gzip.write_all(tar).unwrap();
        Self { packed: gzip.finish().unwrap(), diff_id: Digest::of(tar), claimed: None, urls: Vec::new() }
    }

    pub fn claiming(mut self, size: u64) -> Self {
        self.claimed = Some(size);
        self
    }

    pub fn at(mut self, urls: &[&str]) -> Self {
        self.urls = urls.iter().map(ToString::to_string).collect();
        self
    }

    pub fn digest(&self) -> Digest {
        Digest::of(&self.packed)
    }

    fn descriptor(&self) -> Value {
        let mut descriptor = json!({
            "mediaType": if self.urls.is_empty() { LAYER } else { FOREIGN },
            "digest": self.digest(),
            "size": self.claimed.unwrap_or(self.packed.len() as u64),
        });
        if !self.urls.is_empty() {
            descriptor["urls"] = json!(self.urls);
        }
        descriptor
    }
}

/// Bytes that no packing makes small, the same for the same seed.
pub fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed * 2 + 1;
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    };
    std::iter::repeat_with(next).take(length).collect()
}

/// An image to be.
pub struct Recipe<'a> {
    pub version: &'a str,
    pub layers: &'a [Layer],
    pub history: &'a [&'a str],
    pub settings: Value,
}

impl Recipe<'_> {
    pub fn config(&self) -> Vec<u8> {
        let history: Vec<Value> =
            self.history.iter().map(|step| json!({ "created": "2020-01-01T00:00:00Z", "created_by": step })).collect();
        let diff_ids: Vec<&Digest> = self.layers.iter().map(|layer| &layer.diff_id).collect();
        let config = json!({
            "architecture": "amd64", "os": "windows", "os.version": self.version, "created": "2020-01-01T00:00:00Z",
            "config": self.settings, "history": history, "rootfs": { "type": "layers", "diff_ids": diff_ids },
        });
        serde_json::to_vec(&config).unwrap()
    }

    pub fn manifest(&self) -> Vec<u8> {
        let config = self.config();
        let layers: Vec<Value> = self.layers.iter().map(Layer::descriptor).collect();
        let manifest = json!({
            "schemaVersion": 2, "mediaType": MANIFEST, "layers": layers,
            "config": {
                "mediaType": "application/vnd.docker.container.image.v1+json",
                "digest": Digest::of(&config), "size": config.len(),
            },
        });
        serde_json::to_vec(&manifest).unwrap()
    }

    /// Puts everything but the layers at these positions into a registry; gives the digest of the manifest.
    pub fn put(&self, server: &Server, repository: &str, tag: &str, missing: &[usize]) -> Digest {
        server.blob(repository, &self.config());
        for (index, layer) in self.layers.iter().enumerate() {
            if !missing.contains(&index) {
                server.blob(repository, &layer.packed);
            }
        }
        server.manifest(repository, tag, MANIFEST, &self.manifest())
    }
}
