//! Images that were saved are loaded as the same images, and hostile archives leave nothing behind.

use super::*;
use crate::tests::{archive, publish, store};
use crate::{Digest, LayersError, Store};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::Read;

fn save(store: &Store, names: &[&str]) -> Vec<u8> {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut bytes = Vec::new();
    store.saving(&names).unwrap().write(&mut bytes).unwrap();
    bytes
}

fn load(store: &Store, bytes: &[u8]) -> Result<Vec<Loaded>, LayersError> {
    store.load_images(bytes, &mut |_| {})
}

fn files(archive: &[u8]) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    for entry in tar::Archive::new(archive).entries().unwrap() {
        let mut entry = entry.unwrap();
        let mut content = Vec::new();
        entry.read_to_end(&mut content).unwrap();
        files.insert(entry.path().unwrap().to_str().unwrap().to_owned(), content);
    }
    files
}

fn tar_of<'a>(files: impl IntoIterator<Item = (&'a str, &'a [u8])>) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (name, content) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        builder.append_data(&mut header, name, content).unwrap();
    }
    builder.into_inner().unwrap()
}

fn blobs(store: &Store) -> usize {
    store.content().digests().unwrap().len()
}

#[test]
fn what_is_saved_is_loaded_as_the_same_image() {
    let (_root, from) = store();
    let layers = [archive("base", true), archive("top", false)];
    publish(&from, &["app:1", "registry.example:5000/app:2"], &layers, None);
    publish(&from, &["base:1"], &layers[..1], None);
    let bytes = save(&from, &["app:1", "registry.example:5000/app:2", "base:1"]);
    assert_eq!(bytes, save(&from, &["app:1", "registry.example:5000/app:2", "base:1"]));

    let (_root, to) = store();
    let mut seen = Vec::new();
    let loaded = to.load_images(&bytes[..], &mut |progress| seen.push(progress)).unwrap();
    assert_eq!(loaded.iter().map(|image| image.names.len()).collect::<Vec<_>>(), [2, 1]);
    for name in ["app:1", "registry.example:5000/app:2", "base:1"] {
        let (one, other) = (from.resolve(name).unwrap(), to.resolve(name).unwrap());
        assert_eq!((one.id, one.manifest, one.references), (other.id, other.manifest, other.references));
    }
    let of_layers = |done| {
        let is_it = |progress: &&LoadProgress| matches!(progress, LoadProgress::Layer { current, total, .. } if (*current == *total) == done);
        seen.iter().filter(is_it).count()
    };
    assert_eq!((of_layers(false), of_layers(true)), (2, 2), "the base's layer is only unpacked once");
    assert_eq!(load(&to, &bytes).unwrap(), loaded, "again changes nothing");
    assert_eq!(to.images().unwrap().len(), 2);
}

#[test]
fn archives_are_oci_layouts_with_dockers_list() {
    let (_root, store) = store();
    let id = publish(&store, &["app:1"], &[archive("base", true)], None);
    let files = files(&save(&store, &["app:1"]));
    let document = |name: &str| serde_json::from_slice::<Value>(&files[name]).unwrap();
    let index = document("index.json");
    assert_eq!(document("oci-layout"), json!({"imageLayoutVersion": "1.0.0"}));
    assert_eq!(index["manifests"][0]["annotations"]["io.containerd.image.name"], "docker.io/library/app:1");
    assert_eq!(index["manifests"][0]["platform"]["os"], "windows");
    let manifest = document("manifest.json");
    assert_eq!(manifest[0]["RepoTags"], json!(["app:1"]));
    assert_eq!(manifest[0]["Config"], format!("blobs/sha256/{}", id.hex()));
    for (name, content) in &files {
        if let Some(hex) = name.strip_prefix("blobs/sha256/").filter(|hex| !hex.is_empty()) {
            assert_eq!(Digest::of(content).hex(), hex);
        }
    }
    assert!(files.contains_key(manifest[0]["Layers"][0].as_str().unwrap()));
}

#[test]
fn an_image_saved_by_its_id_is_loaded_without_a_name() {
    let (_root, from) = store();
    let id = publish(&from, &["app:1"], &[archive("base", true)], None);
    for name in [id.to_string(), id.short().to_owned()] {
        let (_root, to) = store();
        assert_eq!(load(&to, &save(&from, &[&name])).unwrap(), [Loaded { id: id.clone(), names: Vec::new() }]);
        assert_eq!(to.resolve(id.short()).unwrap().references.len(), 0);
    }
    assert!(matches!(from.saving(&["none:1".to_owned()]), Err(LayersError::NoSuchImage(..))));
}

#[test]
fn archives_of_older_engines_are_loaded() {
    let (_root, store) = store();
    let layer = archive("base", true);
    let config = json!({
        "os": "windows", "architecture": "amd64", "os.version": "10.0.17763.1", "config": {},
        "rootfs": {"type": "layers", "diff_ids": [Digest::of(&layer)]},
    })
    .to_string();
    let manifest = json!([{"Config": "abc.json", "RepoTags": ["old:1"], "Layers": ["def/layer.tar"]}]).to_string();
    let mut builder = tar::Builder::new(Vec::new());
    let mut add = |name: &str, content: &[u8]| {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        builder.append_data(&mut header, name, content).unwrap();
    };
    add("other/layer.tar", &layer);
    add("abc.json", config.as_bytes());
    add("manifest.json", manifest.as_bytes());
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(tar::EntryType::Symlink);
    header.set_size(0);
    builder.append_link(&mut header, "def/layer.tar", "../other/layer.tar").unwrap();
    let bytes = builder.into_inner().unwrap();
    assert_eq!(load(&store, &bytes).unwrap()[0].names, ["old:1"]);
    let image = store.resolve("old:1").unwrap();
    assert!(image.layers[0].join("Files/dir/base").exists());
}

#[test]
fn a_name_moves_to_the_loaded_image_and_the_old_one_stays() {
    let (_root, from) = store();
    publish(&from, &["app:1"], &[archive("new", true)], None);
    let (_root, to) = store();
    let old = publish(&to, &["app:1"], &[archive("old", true)], None);
    let mut replaced = Vec::new();
    to.load_images(&save(&from, &["app:1"])[..], &mut |progress| {
        if let LoadProgress::Replaced { name, id } = progress {
            replaced.push((name, id));
        }
    })
    .unwrap();
    assert_eq!(replaced, [("app:1".to_owned(), old.clone())]);
    assert_eq!(to.resolve(&old.to_string()).unwrap().references.len(), 0);
}

#[test]
fn attack_l7_and_l9_damaged_and_foreign_archives_are_refused_and_leave_nothing() {
    let (_root, from) = store();
    let id = publish(&from, &["app:1"], &[archive("base", true)], None);
    let good = files(&save(&from, &["app:1"]));
    let (_root, to) = store();
    let refused = |files: &BTreeMap<String, Vec<u8>>| {
        let bytes = tar_of(
            files.iter().filter(|(name, _)| !name.ends_with('/')).map(|(name, content)| (name.as_str(), &content[..])),
        );
        let error = load(&to, &bytes).unwrap_err().to_string();
        assert_eq!((blobs(&to), to.images().unwrap().len()), (0, 0), "{error}");
        assert_eq!(to.unpacked_layers().unwrap().len(), 0);
        error
    };
    // A blob that is not what its name says.
    let mut files = good.clone();
    let layer = files.keys().find(|name| files[*name].starts_with(&[0x1f, 0x8b])).unwrap().clone();
    files.get_mut(&layer).unwrap()[20] ^= 1;
    assert!(refused(&files).contains("arrived damaged"));
    // A missing one.
    let mut files = good.clone();
    files.remove(&layer);
    assert!(refused(&files).contains("lacks"));
    // Another system.
    let document = |text: String| {
        let manifest = json!([{"Config": "c.json", "RepoTags": ["x:1"], "Layers": []}]).to_string();
        BTreeMap::from([("c.json".to_owned(), text.into_bytes()), ("manifest.json".to_owned(), manifest.into_bytes())])
    };
    let config = |os: &str, diff_ids: Value| {
        json!({"os": os, "architecture": "amd64", "config": {}, "rootfs": {"type": "layers", "diff_ids": diff_ids}})
            .to_string()
    };
    assert_eq!(refused(&document(config("linux", json!([])))), "cannot load linux image on windows");
    assert_eq!(
        refused(&document(config("windows", json!([id])))),
        "invalid manifest, layers length mismatch: expected 0, got 1"
    );
    // Documents too large, not JSON, names that are none, paths out of the archive.
    assert!(refused(&document("x".repeat(9 << 20))).contains("too large"));
    assert!(refused(&document("{".to_owned())).contains("damaged"));
    let list = |text: Value| BTreeMap::from([("manifest.json".to_owned(), text.to_string().into_bytes())]);
    assert!(refused(&list(json!([{"Config": "../../../etc/passwd"}]))).contains("it has no ../../../etc/passwd"));
    assert!(refused(&list(json!([]))).contains("no image"));
    // Indexes that contain themselves.
    let digest = Digest::of(b"x");
    let index = json!({"schemaVersion": 2, "manifests": [{"mediaType": "application/vnd.oci.image.index.v1+json", "digest": digest, "size": 1}]});
    let mut nested = index.to_string().into_bytes();
    let mut files = BTreeMap::from([("oci-layout".to_owned(), b"{}".to_vec())]);
    for _ in 0..6 {
        let digest = Digest::of(&nested);
        files.insert(format!("blobs/sha256/{}", digest.hex()), nested);
        nested = json!({"schemaVersion": 2, "manifests": [{"mediaType": "application/vnd.oci.image.index.v1+json", "digest": digest, "size": 1}]}).to_string().into_bytes();
    }
    files.insert("index.json".to_owned(), nested);
    assert!(refused(&files).contains("indexes in indexes"));
    // The oldest form, and no archive of images at all.
    let old = BTreeMap::from([("abc/json".to_owned(), b"{}".to_vec()), ("repositories".to_owned(), b"{}".to_vec())]);
    assert_eq!(refused(&old), "Windows does not support legacy loading of images");
    assert!(refused(&BTreeMap::from([("x".to_owned(), Vec::new())])).contains("neither"));
    assert!(load(&to, b"no archive at all").is_err());
}

#[test]
fn links_of_old_archives_that_go_in_circles_end() {
    let (_root, store) = store();
    let mut builder = tar::Builder::new(Vec::new());
    for (name, target) in [("manifest.json", "a"), ("a", "manifest.json")] {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(tar::EntryType::Symlink);
        header.set_size(0);
        builder.append_link(&mut header, name, target).unwrap();
    }
    assert!(load(&store, &builder.into_inner().unwrap()).is_err());
}
