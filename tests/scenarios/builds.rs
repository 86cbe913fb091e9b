//! The runtime and the base images: made once, the same each time, and as small as promised.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use casement_tests::Host;
use serde_json::Value;

/// Largest nanoserver, unpacked, in bytes.
const NANOSERVER_UNPACKED: u64 = 60_000_000;
/// Largest nanoserver, compressed, in bytes.
const NANOSERVER_COMPRESSED: u64 = 12_000_000;

fn blob(host: &Host, digest: &str) -> PathBuf {
    let (algorithm, hash) = digest.split_once(':').unwrap_or_else(|| panic!("no digest: {digest}"));
    host.root().join("content/blobs").join(algorithm).join(hash)
}

fn json(path: &Path) -> Value {
    let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Manifest and configuration of an image.
fn image(host: &Host, name: &str) -> (Value, Value) {
    let names = json(&host.root().join("images.json"));
    let digest = names["images"][name].as_str().unwrap_or_else(|| panic!("no {name} in {names}"));
    let manifest = json(&blob(host, digest));
    let config = json(&blob(host, manifest["config"]["digest"].as_str().expect("a digest")));
    (manifest, config)
}

fn size_of_tree(directory: &Path) -> u64 {
    let entries = fs::read_dir(directory).unwrap_or_else(|error| panic!("{}: {error}", directory.display()));
    entries
        .flatten()
        .map(|entry| {
            let metadata = entry.path().symlink_metadata().expect("metadata");
            if metadata.is_dir() { size_of_tree(&entry.path()) } else { metadata.len() }
        })
        .sum()
}

#[test]
fn nanoserver_is_as_small_as_promised() {
    let host = Host::without_daemon();
    for tag in ["1809", "ltsc2022", "ltsc2025"] {
        let (manifest, config) = image(&host, &format!("nanoserver:{tag}"));
        let layers = manifest["layers"].as_array().expect("layers");
        let compressed: u64 = layers.iter().filter_map(|layer| layer["size"].as_u64()).sum();
        assert!(compressed > 1_000_000 && compressed <= NANOSERVER_COMPRESSED, "{tag}: {compressed} bytes compressed");
        let directories = config["rootfs"]["diff_ids"].as_array().expect("diff ids").iter().map(|id| {
            let hash = id.as_str().and_then(|id| id.strip_prefix("sha256:")).expect("a digest");
            host.root().join("layers").join(hash)
        });
        let unpacked: u64 = directories.map(|directory| size_of_tree(&directory)).sum();
        assert!(unpacked > 1_000_000 && unpacked <= NANOSERVER_UNPACKED, "{tag}: {unpacked} bytes unpacked");
    }
}

#[test]
fn base_images_are_windows_images() {
    let host = Host::without_daemon();
    for (tag, version) in [("1809", "10.0.17763."), ("ltsc2022", "10.0.20348."), ("ltsc2025", "10.0.26100.")] {
        let (manifest, config) = image(&host, &format!("nanoserver:{tag}"));
        assert_eq!(manifest["schemaVersion"], 2);
        assert_eq!(config["os"], "windows");
        assert_eq!(config["architecture"], "amd64");
        assert!(config["os.version"].as_str().is_some_and(|text| text.starts_with(version)), "{config}");
        assert_eq!(config["config"]["Cmd"], serde_json::json!([r"c:\windows\system32\cmd.exe"]));
        assert_eq!(config["config"]["User"], "ContainerUser");
        assert_eq!(config["rootfs"]["type"], "layers");
    }
}

#[test]
fn what_is_up_to_date_is_not_built_again() {
    let host = Host::without_daemon();
    let state = || {
        let names = fs::read_to_string(host.root().join("images.json")).expect("images");
        let inode = |name: &str| fs::metadata(host.root().join(name)).expect("metadata").ino();
        (
            names,
            inode("runtimes/current"),
            inode("layers"),
            fs::read_dir(host.root().join("layers")).expect("layers").count(),
        )
    };
    let before = state();
    let _ = host.casement(["runtime", "build"]).succeeded();
    let built = host.casement(["base", "build", "nanoserver", "--tag", "ltsc2022"]).succeeded();
    let (manifest, _) = image(&host, "nanoserver:ltsc2022");
    assert!(built.stdout.starts_with("nanoserver:ltsc2022"), "{built}");
    assert!(manifest["config"]["digest"].as_str().is_some());
    assert!(!built.stderr.contains("packing"), "{built}");
    assert_eq!(state(), before);
}

#[test]
fn an_image_that_is_built_again_is_the_same_image() {
    let host = Host::without_daemon();
    let names = json(&host.root().join("images.json"));
    let before = names["images"]["nanoserver:ltsc2022"].as_str().expect("a digest").to_owned();
    for name in ["layers", "content"] {
        fs::remove_dir_all(host.root().join(name)).expect("remove");
    }
    fs::remove_file(host.root().join("images.json")).expect("remove");
    let built = host.casement(["base", "build", "nanoserver", "--tag", "ltsc2022"]).succeeded();
    assert!(built.stderr.contains("packing"), "it was really built: {built}");
    let names = json(&host.root().join("images.json"));
    assert_eq!(names["images"]["nanoserver:ltsc2022"], *before);
}
