//! Every defect is found by the rule that it breaks, and sound images break none.

use crate::compose::{Image, Layer, base, base_hives, delta, open, packed};
use casement_hive::{Hive, Name, Tree, Value};
use casement_image_view::check::{Report, check};
use casement_image_view::rule::{Rule, Severity};
use serde_json::json;
use std::collections::BTreeSet;
use tar::EntryType;

fn checked(image: &Image) -> Report {
    check(open(image.layout(|_| {}).path())).unwrap()
}

fn ids(report: &Report) -> BTreeSet<&'static str> {
    report.findings.list.iter().map(|finding| finding.rule.id()).collect()
}

/// The rules that a change of an image with nothing wrong breaks.
fn of_layers(layers: Vec<Layer>) -> BTreeSet<&'static str> {
    ids(&checked(&Image::new(layers.into_iter().map(Layer::finish).collect())))
}

fn of_base(change: impl FnOnce(Layer) -> Layer) -> BTreeSet<&'static str> {
    of_layers(vec![change(base())])
}

fn of_upper(change: impl FnOnce(Layer) -> Layer) -> BTreeSet<&'static str> {
    of_layers(vec![base().directory("Files/App").file("Files/App/old.txt", b"x"), change(Layer::new())])
}

fn of_config(change: impl FnOnce(&mut serde_json::Value)) -> BTreeSet<&'static str> {
    let mut image = Image::new(vec![base().finish()]);
    change(&mut image.config);
    ids(&checked(&image))
}

#[test]
fn a_sound_image_breaks_no_rule() {
    let upper = Layer::new()
        .directory("Files/App")
        .file("Files/App/new.txt", b"x")
        .file("Files/App/.wh.OLD.txt", b"")
        .hard_link("Files/App/same.txt", "Files/App/new.txt")
        .junction("Files/App/windows", "C:\\Windows")
        .link("Files/App/relative", "..\\Windows");
    let base = base().directory("Files/App").file("Files/App/old.txt", b"x");
    let image = Image::new(vec![base.finish(), upper.finish()]);
    let report = checked(&image);
    assert!(report.findings.is_empty(), "{:?}", report.findings);
    assert_eq!((report.worst(), report.layers), (None, 2));
    // Also as an archive, and each layer by itself.
    assert!(check(open(image.archive().path())).unwrap().findings.is_empty());
    for layer in &image.layers {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), packed(layer)).unwrap();
        let report = check(open(file.path())).unwrap();
        assert!(report.findings.is_empty(), "{:?}", report.findings);
    }
}

#[test]
fn what_builders_for_linux_write_is_explained() {
    // COPY of buildkit before it knew Windows, kaniko, and hand-made archives.
    let layer = Layer::bare().entry("app/", EntryType::Directory, "", b"", &[]).plain("app/main.exe", b"MZ");
    let image = Image::new(vec![base().finish(), layer.finish()]);
    assert_eq!(ids(&checked(&image)), BTreeSet::from(["files-missing", "hives-missing", "top-level"]));
    // What ko and crane did until they were told: Files without Hives, and no metadata.
    let layer = Layer::bare()
        .entry("Files/", EntryType::Directory, "", b"", &[])
        .entry("Files/app/", EntryType::Directory, "", b"", &[])
        .plain("Files/app/main.exe", b"MZ");
    let report = checked(&Image::new(vec![base().finish(), layer.finish()]));
    assert_eq!(ids(&report), BTreeSet::from(["hives-missing", "attributes-missing", "security-missing"]));
    let inherited = Layer::new().directory("Files/app").entry(
        "Files/app/x",
        EntryType::Regular,
        "",
        b"",
        &[("MSWINDOWS.fileattr", "32")],
    );
    assert!(checked(&Image::new(vec![base().finish(), inherited.finish()])).findings.is_empty());
    let hives = report.explained().find(|finding| finding.rule == "hives-missing").unwrap();
    assert_eq!((hives.severity, hives.object), (Severity::Error, "layer 1"));
    assert!(hives.remedy.contains("Hives"));
    // An overlay of Linux.
    assert_eq!(of_upper(|layer| layer.plain("Files/.wh..wh..opq", b"")), BTreeSet::from(["whiteout-opaque"]));
}

#[test]
fn the_config_is_checked() {
    for (rule, change) in [
        ("os-missing", (|config| drop(config.as_object_mut().unwrap().remove("os"))) as fn(&mut serde_json::Value)),
        ("os-wrong", |config| config["os"] = json!("linux")),
        ("architecture", |config| config["architecture"] = json!("386")),
        ("os-version-missing", |config| config["os.version"] = json!("")),
        ("os-version-malformed", |config| config["os.version"] = json!("ltsc2022")),
        ("os-version-malformed", |config| config["os.version"] = json!("10.0.20348")),
        ("os-version-unknown", |config| config["os.version"] = json!("10.0.12345.1")),
        ("command-missing", |config| config["config"] = json!({})),
        ("variables-twice", |config| config["config"]["Env"] = json!(["Path=a", "PATH=b"])),
        ("history-count", |config| config["history"] = json!([{}, {}, { "empty_layer": true }])),
        ("created-malformed", |config| config["created"] = json!("yesterday")),
        ("created-malformed", |config| config["history"] = json!([{ "created": 5 }])),
        ("base-substituted", |config| {
            config["config"]["Labels"] = json!({ "casement.base.substituted": "nanoserver 10.0.20348.1 (urls)" });
        }),
        ("layer-count", |config| config["rootfs"] = json!({ "diff_ids": [] })),
        ("diff-id", |config| config["rootfs"] = json!({ "diff_ids": [format!("sha256:{}", "0".repeat(64))] })),
    ] {
        assert_eq!(of_config(change), BTreeSet::from([rule]), "{rule}");
    }
    assert!(of_config(|config| config["history"] = json!([{}, { "empty_layer": true }])).is_empty());
}

#[test]
fn the_manifest_and_its_blobs_are_checked() {
    let image = Image::new(vec![base().finish()]);
    let of_manifest = |change: &dyn Fn(&mut serde_json::Value)| ids(&check(open(image.layout(change).path())).unwrap());
    assert_eq!(of_manifest(&|manifest| manifest["layers"][0]["size"] = json!(7)), BTreeSet::from(["blob-size"]));
    assert_eq!(of_manifest(&|manifest| manifest["config"]["size"] = json!(7)), BTreeSet::from(["blob-size"]));
    assert_eq!(
        of_manifest(&|manifest| manifest["mediaType"] = json!("text/plain")),
        BTreeSet::from(["manifest-media-type"])
    );
    for (media_type, rule) in [
        ("application/octet-stream", "layer-media-type"),
        ("application/vnd.oci.image.layer.v1.tar", "layer-media-type"),
        ("application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", "foreign-layer"),
    ] {
        let change = |manifest: &mut serde_json::Value| manifest["layers"][0]["mediaType"] = json!(media_type);
        assert_eq!(of_manifest(&change), BTreeSet::from([rule]), "{media_type}");
    }
    // Blobs that are not what their names say.
    let layout = image.layout(|_| {});
    let digest = open(layout.path()).layers[0].descriptor.as_ref().unwrap().digest.replace("sha256:", "blobs/sha256/");
    let mut bytes = std::fs::read(layout.path().join(&digest)).unwrap();
    bytes.push(0);
    std::fs::write(layout.path().join(&digest), &bytes).unwrap();
    assert_eq!(ids(&check(open(layout.path())).unwrap()), BTreeSet::from(["blob-digest", "blob-size"]));
    let half = bytes.len() / 2;
    std::fs::write(layout.path().join(&digest), &bytes[..half]).unwrap();
    assert!(ids(&check(open(layout.path())).unwrap()).contains("archive-damaged"));
    std::fs::remove_file(layout.path().join(&digest)).unwrap();
    assert_eq!(ids(&check(open(layout.path())).unwrap()), BTreeSet::from(["blob-missing"]));
}

#[test]
fn an_index_that_says_otherwise_is_found() {
    let layout = Image::new(vec![base().finish()]).layout(|_| {});
    let path = layout.path().join("index.json");
    let mut index: serde_json::Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    index["manifests"][0]["platform"] =
        json!({ "os": "windows", "architecture": "amd64", "os.version": "10.0.17763.1" });
    std::fs::write(&path, index.to_string()).unwrap();
    assert_eq!(ids(&check(open(layout.path())).unwrap()), BTreeSet::from(["platform-differs"]));
}

#[test]
fn names_are_checked() {
    for (rule, name) in [
        ("name-escapes", "Files/../../etc/passwd"),
        ("name-escapes", "/Files/x"),
        ("name-escapes", "C:/x"),
        ("name-refused", "Files/a?b"),
        ("name-refused", "Files/a\\b"),
        ("name-of-device", "Files/aux.txt"),
        ("name-of-device", "Files/dot."),
        ("top-level", "etc/passwd"),
        ("parent-missing", "Files/no/x"),
    ] {
        assert_eq!(of_base(|layer| layer.file(name, b"x")), BTreeSet::from([rule]), "{name}");
    }
    assert_eq!(of_base(|layer| layer.file("Files/a", b"").file("Files/A", b"")), BTreeSet::from(["case-collision"]));
    assert_eq!(of_base(|layer| layer.file("Files/a", b"").file("Files/a", b"")), BTreeSet::from(["entry-twice"]));
    let two = of_base(|layer| layer.directory("Files/Dir").file("Files/Dir/a", b"").file("Files/DIR/b", b""));
    assert_eq!(two, BTreeSet::from(["case-collision"]));
}

#[test]
fn records_and_types_are_checked() {
    let with = |records: &[(&str, &str)]| {
        let all: Vec<(&str, &str)> = [("MSWINDOWS.fileattr", "32"), ("MSWINDOWS.rawsd", crate::compose::SECURITY)]
            .into_iter()
            .filter(|(key, _)| records.iter().all(|(other, _)| other != key))
            .chain(records.iter().copied())
            .collect();
        of_base(|layer| layer.entry("Files/x", EntryType::Regular, "", b"x", &all))
    };
    // A record that does not parse takes the others of its entry with it.
    for (rule, key, value) in [
        ("record-damaged", "MSWINDOWS.fileattr", "0x20"),
        ("record-damaged", "LIBARCHIVE.creationtime", "now"),
        ("security-malformed", "MSWINDOWS.rawsd", "!!!"),
        ("security-malformed", "MSWINDOWS.rawsd", "AQAEgA=="),
    ] {
        assert!(with(&[(key, value)]).contains(rule), "{key}={value}");
    }
    assert_eq!(with(&[("MSWINDOWS.fileattr", "16")]), BTreeSet::from(["attributes-wrong"]));
    assert_eq!(with(&[("mtime", "-99999999999")]), BTreeSet::from(["time-range"]));
    assert_eq!(with(&[("mtime", "0")]), BTreeSet::from(["time-zero"]));
    let pipe = of_base(|layer| layer.entry("Files/pipe", EntryType::Fifo, "", b"", &[]));
    assert_eq!(pipe, BTreeSet::from(["entry-type"]));
    assert_eq!(of_base(|layer| layer.file("Files/no:stream", b"x")), BTreeSet::from(["stream-orphan"]));
}

#[test]
fn whiteouts_are_checked() {
    assert_eq!(of_base(|layer| layer.file("Files/.wh.x", b"")), BTreeSet::from(["whiteout-in-base"]));
    let app = |name: &'static str| of_upper(move |layer| layer.directory("Files/App").file(name, b""));
    assert!(app("Files/App/.wh.OLD.TXT").is_empty());
    assert_eq!(app("Files/App/.wh.typo.txt"), BTreeSet::from(["whiteout-of-nothing"]));
    assert_eq!(app("Hives/.wh.Software_Base"), BTreeSet::from(["whiteout-place"]));
    let both = of_upper(|layer| {
        layer.directory("Files/App").file("Files/App/.wh.old.txt", b"").file("Files/App/old.txt", b"y")
    });
    assert_eq!(both, BTreeSet::from(["whiteout-and-entry"]));
}

#[test]
fn links_are_checked() {
    let link = |target: &'static str| of_base(move |layer| layer.link("Files/link", target));
    assert!(link("Windows").is_empty());
    assert_eq!(link("..\\..\\x"), BTreeSet::from(["link-leaves"]));
    assert_eq!(link("D:\\x"), BTreeSet::from(["link-leaves"]));
    assert_eq!(link("/usr/bin/env"), BTreeSet::from(["link-of-unix"]));
    assert_eq!(link("C:\\later"), BTreeSet::from(["link-nowhere"]));
    assert_eq!(link("LINK"), BTreeSet::from(["link-loop"]));
    assert_eq!(of_base(|layer| layer.junction("Files/j", "Windows")), BTreeSet::from(["link-leaves"]));
    assert_eq!(of_base(|layer| layer.hard_link("Files/a", "Files/no")), BTreeSet::from(["hard-link-nowhere"]));
    assert_eq!(of_base(|layer| layer.hard_link("Files/a", "Files/Windows")), BTreeSet::from(["hard-link-kind"]));
    assert_eq!(of_base(|layer| layer.hard_link("Hives/a", "Files/Windows")), BTreeSet::from(["hard-link-place"]));
    let forward = of_base(|layer| layer.hard_link("Files/a", "Files/b").file("Files/b", b"x"));
    assert_eq!(forward, BTreeSet::from(["hard-link-forward", "hard-link-nowhere"]));
    assert!(of_upper(|layer| layer.hard_link("Files/a", "Files/App/OLD.txt")).is_empty());
}

#[test]
fn hives_are_checked() {
    let hive = |tree: Tree| Hive::new(tree, "SOFTWARE").write().unwrap();
    let with_value = || {
        let mut tree = Tree::new("ROOT");
        tree.create("X").set_value(Name::from("v"), Value::dword(1));
        tree
    };
    let change = delta(&Tree::new("ROOT"), &with_value());
    assert!(of_upper(|layer| layer.file("Hives/Software_Delta", &change)).is_empty());
    assert_eq!(of_base(|layer| layer.file("Hives/Software_Delta", &change)), BTreeSet::from(["delta-in-base"]));
    assert_eq!(
        of_upper(|layer| layer.file("Hives/Software_Base", &hive(with_value()))),
        BTreeSet::from(["base-in-upper"])
    );
    assert_eq!(
        of_upper(|layer| layer.file("Hives/Software_Delta", &hive(with_value()))),
        BTreeSet::from(["delta-not-layered"])
    );
    assert_eq!(of_upper(|layer| layer.file("Hives/Software_Delta", b"no hive")), BTreeSet::from(["hive-damaged"]));
    assert_eq!(of_upper(|layer| layer.file("Hives/notes.txt", b"x")), BTreeSet::from(["hive-unknown"]));
    assert!(of_upper(|layer| layer.file("Hives/system.reg", b"WINE REGISTRY Version 2\n")).is_empty());
    let mut dirty = change.clone();
    dirty[4] ^= 1;
    // The checksum of the base block is right, its numbers differ.
    let sum = dirty[..508].chunks_exact(4).fold(0u32, |sum, word| sum ^ u32::from_le_bytes(word.try_into().unwrap()));
    dirty[508..512].copy_from_slice(&sum.to_le_bytes());
    assert_eq!(of_upper(|layer| layer.file("Hives/Software_Delta", &dirty)), BTreeSet::from(["hive-dirty"]));

    let without_hives = Layer::new().directory("UtilityVM");
    assert_eq!(of_layers(vec![without_hives]), BTreeSet::from(["base-hive-missing"]));
    let orphan =
        of_layers(vec![Layer::new().directory("UtilityVM"), Layer::new().file("Hives/Software_Delta", &change)]);
    assert_eq!(orphan, BTreeSet::from(["base-hive-missing", "delta-without-base"]));
    let without_machine = base_hives(Layer::new(), |_| {});
    assert_eq!(of_layers(vec![without_machine]), BTreeSet::from(["utility-vm-missing"]));
}

#[test]
fn the_worst_comes_first_and_many_of_one_kind_are_counted() {
    let mut layer = Layer::new();
    for number in 0..50 {
        layer = layer.file(&format!("Files/.wh.none{number}"), b"");
    }
    let layer = layer.file("Files/a?", b"");
    let report = checked(&Image::new(vec![base().finish(), layer.finish()]));
    assert_eq!(report.findings.list[0].rule, Rule::NameRefused);
    assert_eq!(report.findings.list.len(), 21);
    assert_eq!(report.findings.more.get(&Rule::WhiteoutOfNothing), Some(&30));
    assert_eq!(report.worst(), Some(Severity::Error));
}
