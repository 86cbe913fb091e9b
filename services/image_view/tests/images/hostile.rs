//! Hostile images: errors or findings, no panic, no memory by stated sizes, nothing outside.

use crate::compose::{Image, Layer, base, base_hives, open, packed};
use casement_image_view::check::check;
use casement_image_view::extract::{Style, extract};
use casement_image_view::{ImageView, Registry, source};
use serde_json::json;
use std::io::{Read, Write};
use std::path::Path;
use tar::EntryType;

/// Does everything that can be done with what a path names; whether it fails does not matter.
fn everything(path: &Path) {
    let text = path.to_str().unwrap();
    let nowhere = Path::new("/nonexistent");
    if let Ok(source) = source::open(text, nowhere) {
        let _ = check(source);
    }
    if let Ok(view) = source::open(text, nowhere).and_then(ImageView::of) {
        for id in view.tree.walk(0) {
            let _ = view.describe(id);
        }
        let _ = Registry::of(&view);
        let directory = tempfile::tempdir().unwrap();
        let _ = extract(&view, 0, &directory.path().join("out"), Style::Windows);
    }
}

fn written(bytes: &[u8]) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), bytes).unwrap();
    file
}

#[test]
fn cut_and_flipped_layers_never_panic() {
    let layer = base_hives(Layer::new(), |_| {}).link("Files/l", "..\\x").file("Files/a:b", b"x").finish();
    for end in (0..layer.len()).step_by(3001) {
        everything(written(&layer[..end]).path());
    }
    let mut random = fastrand::Rng::with_seed(7);
    for _ in 0..60 {
        let mut flipped = layer.clone();
        for _ in 0..8 {
            let at = random.usize(..flipped.len());
            flipped[at] ^= 1 << random.u8(..8);
        }
        everything(written(&flipped).path());
        everything(written(&packed(&flipped)).path());
    }
    let whole = packed(&layer);
    for _ in 0..40 {
        let mut flipped = whole.clone();
        let at = random.usize(..flipped.len());
        flipped[at] ^= 1 << random.u8(..8);
        everything(written(&flipped).path());
    }
}

#[test]
fn cut_and_flipped_archives_of_images_never_panic() {
    let image = Image::new(vec![base().finish(), Layer::new().file("Files/x", b"x").finish()]);
    let archive = std::fs::read(image.archive().path()).unwrap();
    let mut random = fastrand::Rng::with_seed(11);
    for _ in 0..40 {
        let mut flipped = archive.clone();
        for _ in 0..20 {
            let at = random.usize(..flipped.len());
            flipped[at] ^= 1 << random.u8(..8);
        }
        flipped.truncate(random.usize(flipped.len() / 2..flipped.len()));
        everything(written(&flipped).path());
    }
}

#[test]
fn documents_of_any_shape_are_taken() {
    for config in [
        json!([]),
        json!({}),
        json!({ "os": 5, "rootfs": { "diff_ids": {} } }),
        json!({ "config": { "Env": [5, null] }, "history": 7 }),
    ] {
        let mut image = Image::new(vec![base().finish()]);
        image.config = if config.is_array() { json!({ "rootfs": config }) } else { config };
        everything(image.layout(|_| {}).path());
    }
    for change in [
        (|manifest| manifest["layers"] = json!({ "digest": "sha256:../../../../etc/passwd" }))
            as fn(&mut serde_json::Value),
        |manifest| manifest["layers"][0]["digest"] = json!("sha256:../../../../etc/passwd"),
        |manifest| manifest["layers"][0]["digest"] = json!("sha512:00"),
        |manifest| manifest["config"] = json!("x"),
        |manifest| manifest["layers"][0] = json!(null),
    ] {
        everything(Image::new(vec![base().finish()]).layout(change).path());
    }
    let layout = tempfile::tempdir().unwrap();
    for index in [
        "",
        "[]",
        "null",
        "{\"manifests\": 5}",
        "{\"manifests\": [{}]}",
        "{\"manifests\": [null, {\"digest\": \"x\"}]}",
    ] {
        std::fs::write(layout.path().join("index.json"), index).unwrap();
        everything(layout.path());
    }
}

#[test]
fn an_index_that_holds_itself_ends() {
    // Nested indices can hold each other only by their digests, which nobody can compute; a chain of many can be made.
    let layout = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(layout.path().join("blobs/sha256")).unwrap();
    let index_type = "application/vnd.oci.image.index.v1+json";
    let digest = format!("sha256:{}", "a".repeat(64));
    let index = json!({ "manifests": [{ "mediaType": index_type, "digest": digest }] }).to_string();
    std::fs::write(layout.path().join("index.json"), &index).unwrap();
    std::fs::write(layout.path().join("blobs/sha256").join("a".repeat(64)), &index).unwrap();
    let error = source::open(layout.path().to_str().unwrap(), Path::new("/nonexistent")).unwrap_err();
    assert!(error.to_string().contains("nested"), "{error}");
}

#[test]
fn no_name_of_a_layer_leads_out_of_the_directory() {
    let outside = tempfile::tempdir().unwrap();
    let target = outside.path().join("out/../../caught");
    let mut layer = base();
    for name in [
        "../caught",
        "Files/../../caught",
        "/caught",
        "Files/..\\..\\caught",
        "Files/C:/caught",
        "Files/./../../caught",
    ] {
        layer = layer.file(name, b"x").directory(name).hard_link(name, "Files/Windows").link(name, "/etc");
    }
    layer = layer
        .link("Files/esc", "../..")
        .file("Files/esc/caught", b"x")
        .hard_link("Files/passwd", "../../../../etc/passwd")
        .entry("Files/abs", EntryType::Link, "/etc/passwd", b"", &[]);
    let view = ImageView::of(open(Image::new(vec![layer.finish()]).layout(|_| {}).path())).unwrap();
    let _ = extract(&view, 0, &outside.path().join("out"), Style::Windows).unwrap();
    assert!(!target.exists() && !outside.path().join("caught").exists());
    let names: Vec<_> = std::fs::read_dir(outside.path()).unwrap().flatten().map(|entry| entry.file_name()).collect();
    assert_eq!(names, ["out"]);
    assert!(!outside.path().join("out/Files/passwd").exists());
}

#[test]
fn nothing_in_an_image_moves_a_cursor() {
    let layer = base().file("Files/.wh.\u{7f}x", b"");
    let mut image = Image::new(vec![layer.finish()]);
    image.config["os.version"] = json!("10.0.\u{1b}[2J.1");
    let report = check(open(image.layout(|_| {}).path())).unwrap();
    for finding in &report.findings.list {
        assert!(!finding.object.chars().chain(finding.seen.chars()).any(char::is_control), "{finding:?}");
    }
}

#[test]
fn a_bomb_takes_no_memory() {
    // 192 MB of zeros in less than 1 MB: read in pieces.
    const ZEROS: u64 = 192 << 20;
    let mut header = tar::Header::new_ustar();
    header.set_path("Files/zeros").unwrap();
    header.set_size(ZEROS);
    header.set_cksum();
    let file = tempfile::NamedTempFile::new().unwrap();
    let mut bomb = flate2::write::GzEncoder::new(file.as_file(), flate2::Compression::fast());
    bomb.write_all(header.as_bytes()).unwrap();
    std::io::copy(&mut std::io::repeat(0).take(ZEROS + 1024), &mut bomb).unwrap();
    bomb.finish().unwrap();
    let view = ImageView::of(open(file.path())).unwrap();
    let zeros = view.tree.find(["files", "zeros"]).unwrap();
    assert_eq!(view.describe(zeros).size, Some(ZEROS));
    view.read(zeros, None, &mut std::io::sink()).unwrap();
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    let peak: u64 = peak.trim().trim_end_matches(" kB").parse().unwrap();
    assert!(peak < 128 << 10, "{peak} kB of memory");
}
