//! Images composed by the tests: layers with any entries, and the layouts and archives that carry them.

use casement_hive::{Hive, Times, Tree, diff};
use casement_image_view::{ImageView, Source, source};
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::io::Write;
use std::path::{Path, PathBuf};
use tar::{Builder, EntryType, Header};
use tempfile::TempDir;

/// `O:BAG:BAD:(A;;FA;;;SY)` in base64.
pub const SECURITY: &str =
    "AQAEgBQAAAAkAAAAAAAAADQAAAABAgAAAAAABSAAAAAgAgAAAQIAAAAAAAUgAAAAIAIAAAIAHAABAAAAAAAUAP8BHwABAQAAAAAABRIAAAA=";
/// Time of all entries.
const TIME: u64 = 1_700_000_000;

/// A layer's archive in the making.
pub struct Layer {
    tar: Builder<Vec<u8>>,
}

impl Layer {
    /// With the directories that every layer has.
    pub fn new() -> Self {
        Self::bare().directory("Files").directory("Hives")
    }

    /// Without any entry.
    pub fn bare() -> Self {
        Self { tar: Builder::new(Vec::new()) }
    }

    /// Any entry.
    pub fn entry(mut self, name: &str, kind: EntryType, link: &str, content: &[u8], records: &[(&str, &str)]) -> Self {
        let long = name.len() > 100 || !name.is_ascii();
        let mut all: Vec<(&str, &[u8])> = records.iter().map(|(key, value)| (*key, value.as_bytes())).collect();
        if long {
            all.push(("path", name.as_bytes()));
        }
        self.tar.append_pax_extensions(all).unwrap();
        let mut header = Header::new_ustar();
        let short: Vec<u8> = name.bytes().take(100).collect();
        header.as_old_mut().name[..short.len()].copy_from_slice(&short);
        header.as_old_mut().linkname[..link.len()].copy_from_slice(link.as_bytes());
        header.set_entry_type(kind);
        header.set_mode(0o644);
        header.set_mtime(TIME);
        header.set_size(content.len() as u64);
        header.set_cksum();
        self.tar.append(&header, content).unwrap();
        self
    }

    /// A directory as Windows writes it.
    pub fn directory(self, name: &str) -> Self {
        self.entry(
            &format!("{name}/"),
            EntryType::Directory,
            "",
            b"",
            &[("MSWINDOWS.fileattr", "16"), ("MSWINDOWS.rawsd", SECURITY)],
        )
    }

    /// A file as Windows writes it.
    pub fn file(self, name: &str, content: &[u8]) -> Self {
        self.entry(
            name,
            EntryType::Regular,
            "",
            content,
            &[("MSWINDOWS.fileattr", "32"), ("MSWINDOWS.rawsd", SECURITY)],
        )
    }

    /// A file as builders for Linux write it.
    pub fn plain(self, name: &str, content: &[u8]) -> Self {
        self.entry(name, EntryType::Regular, "", content, &[])
    }

    /// A symbolic link.
    pub fn link(self, name: &str, target: &str) -> Self {
        self.entry(
            name,
            EntryType::Symlink,
            target,
            b"",
            &[("MSWINDOWS.fileattr", "1024"), ("MSWINDOWS.rawsd", SECURITY)],
        )
    }

    /// A junction.
    pub fn junction(self, name: &str, target: &str) -> Self {
        let records = [("MSWINDOWS.fileattr", "1040"), ("MSWINDOWS.mountpoint", "1"), ("MSWINDOWS.rawsd", SECURITY)];
        self.entry(name, EntryType::Symlink, target, b"", &records)
    }

    /// One more name of a file.
    pub fn hard_link(self, name: &str, target: &str) -> Self {
        self.entry(name, EntryType::Link, target, b"", &[])
    }

    /// The archive.
    pub fn finish(self) -> Vec<u8> {
        self.tar.into_inner().unwrap()
    }
}

/// An image in the making.
pub struct Image {
    /// Archives of its layers, base first.
    pub layers: Vec<Vec<u8>>,
    /// Its config, into which the diff ids are put.
    pub config: Value,
}

impl Image {
    /// An image of 20348 with these layers.
    pub fn new(layers: Vec<Vec<u8>>) -> Self {
        let config = json!({
            "architecture": "amd64", "os": "windows", "os.version": "10.0.20348.2700", "created": "2024-01-01T00:00:00Z",
            "config": { "Cmd": ["cmd"] },
        });
        Self { layers, config }
    }

    /// An OCI layout; `change` sees the manifest before it is written.
    pub fn layout(&self, change: impl Fn(&mut Value)) -> TempDir {
        let directory = tempfile::tempdir().unwrap();
        let blobs = directory.path().join("blobs/sha256");
        std::fs::create_dir_all(&blobs).unwrap();
        let put = |bytes: &[u8], media_type: &str| {
            std::fs::write(blobs.join(hex(bytes)), bytes).unwrap();
            json!({ "mediaType": media_type, "digest": digest(bytes), "size": bytes.len() })
        };
        let layers: Vec<Value> = self
            .layers
            .iter()
            .map(|layer| put(&packed(layer), "application/vnd.oci.image.layer.v1.tar+gzip"))
            .collect();
        let config = put(&self.config_bytes(), "application/vnd.oci.image.config.v1+json");
        let media_type = "application/vnd.oci.image.manifest.v1+json";
        let mut manifest = json!({ "schemaVersion": 2, "mediaType": media_type, "config": config, "layers": layers });
        change(&mut manifest);
        let manifest = put(&serde_json::to_vec(&manifest).unwrap(), media_type);
        let index = json!({ "schemaVersion": 2, "manifests": [manifest] });
        std::fs::write(directory.path().join("index.json"), serde_json::to_vec(&index).unwrap()).unwrap();
        directory
    }

    /// An archive as older versions of `docker save` write it.
    pub fn archive(&self) -> tempfile::NamedTempFile {
        let mut tar = Builder::new(tempfile::NamedTempFile::new().unwrap());
        let mut put = |name: &str, bytes: &[u8]| {
            let mut header = Header::new_ustar();
            header.set_size(bytes.len() as u64);
            header.set_mode(0o644);
            tar.append_data(&mut header, name, bytes).unwrap();
        };
        let config = self.config_bytes();
        let config_name = format!("{}.json", hex(&config));
        put(&config_name, &config);
        let names: Vec<String> = (0..self.layers.len()).map(|number| format!("l{number}/layer.tar")).collect();
        for (name, layer) in names.iter().zip(&self.layers) {
            put(name, layer);
        }
        let manifest = json!([{ "Config": config_name, "RepoTags": ["app:v1"], "Layers": names }]);
        put("manifest.json", &serde_json::to_vec(&manifest).unwrap());
        tar.into_inner().unwrap()
    }

    fn config_bytes(&self) -> Vec<u8> {
        let mut config = self.config.clone();
        if config.get("rootfs").is_none() {
            let diff_ids: Vec<String> = self.layers.iter().map(|layer| digest(layer)).collect();
            config["rootfs"] = json!({ "type": "layers", "diff_ids": diff_ids });
        }
        serde_json::to_vec(&config).unwrap()
    }
}

/// A directory with no store in it.
fn nowhere() -> PathBuf {
    PathBuf::from("/nonexistent")
}

/// Finds what a path names.
pub fn open(path: &Path) -> Source {
    source::open(path.to_str().unwrap(), &nowhere()).unwrap()
}

/// Opens the image of these layers.
pub fn view(layers: Vec<Vec<u8>>) -> ImageView {
    ImageView::of(open(Image::new(layers).layout(|_| {}).path())).unwrap()
}

/// All five base hives, with `change` made to the one of `HKLM\Software`.
pub fn base_hives(mut layer: Layer, change: impl FnOnce(&mut Tree)) -> Layer {
    let mut software = Tree::new("ROOT");
    change(&mut software);
    for name in ["DefaultUser", "Sam", "Security", "System"] {
        layer = layer.file(&format!("Hives/{name}_Base"), &Hive::new(Tree::new("ROOT"), name).write().unwrap());
    }
    layer.file("Hives/Software_Base", &Hive::new(software, "SOFTWARE").write().unwrap())
}

/// What has to be laid over `old` to give `new`.
pub fn delta(old: &Tree, new: &Tree) -> Vec<u8> {
    Hive::new(diff(old, new, Times::Ignored), "SOFTWARE").write().unwrap()
}

/// A base layer with nothing wrong.
pub fn base() -> Layer {
    base_hives(Layer::new().directory("Files/Windows").directory("UtilityVM"), |_| {})
}

/// Packed as gzip.
pub fn packed(bytes: &[u8]) -> Vec<u8> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    packed.write_all(bytes).unwrap();
    packed.finish().unwrap()
}

fn hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn digest(bytes: &[u8]) -> String {
    format!("sha256:{}", hex(bytes))
}
