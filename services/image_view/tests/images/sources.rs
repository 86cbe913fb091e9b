//! Every place that images come from.

use crate::compose::{Image, Layer, base, open, packed};
use casement_image_view::{ImageView, Space, ViewError, ViewPath, source};
use serde_json::json;
use std::path::Path;

fn image() -> Image {
    Image::new(vec![base().file("Files/x", b"base").finish(), Layer::new().file("Files/y", b"upper").finish()])
}

fn has(path: &Path, names: &[&str]) {
    let view = ImageView::of(open(path)).unwrap();
    for name in names {
        view.find(&ViewPath::parse(name, Space::Volume).unwrap()).unwrap();
    }
}

fn refused(text: &str) -> String {
    match source::open(text, Path::new("/nonexistent")).and_then(ImageView::of) {
        Err(error) => error.to_string(),
        Ok(_) => panic!("{text} was opened"),
    }
}

#[test]
fn layouts_archives_and_layers_are_told_apart() {
    let layout = image().layout(|_| {});
    has(layout.path(), &["x", "y"]);
    let archive = image().archive();
    has(archive.path(), &["x", "y"]);
    let zipped = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(zipped.path(), packed(&std::fs::read(archive.path()).unwrap())).unwrap();
    has(zipped.path(), &["x", "y"]);
    for bytes in [image().layers[0].clone(), packed(&image().layers[0])] {
        let layer = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(layer.path(), bytes).unwrap();
        has(layer.path(), &["x"]);
    }
    // A layout in an archive, as newer versions of docker save write it.
    let mut tar = tar::Builder::new(tempfile::NamedTempFile::new().unwrap());
    tar.append_dir_all(".", layout.path()).unwrap();
    has(tar.into_inner().unwrap().path(), &["x", "y"]);
}

#[test]
fn one_of_several_images_is_chosen_by_its_name() {
    let (first, second) = (image().layout(|_| {}), image());
    let mut other = second;
    other.config["os.version"] = json!("10.0.17763.5458");
    let other = other.layout(|_| {});
    let index = |path: &Path| -> serde_json::Value {
        serde_json::from_slice(&std::fs::read(path.join("index.json")).unwrap()).unwrap()
    };
    let mut both = index(first.path());
    both["manifests"][0]["annotations"] = json!({ "org.opencontainers.image.ref.name": "new" });
    let mut old = index(other.path())["manifests"][0].clone();
    old["platform"] = json!({ "os": "windows", "architecture": "amd64", "os.version": "10.0.17763.5458" });
    both["manifests"].as_array_mut().unwrap().push(old);
    for blob in std::fs::read_dir(other.path().join("blobs/sha256")).unwrap().flatten() {
        std::fs::copy(blob.path(), first.path().join("blobs/sha256").join(blob.file_name())).unwrap();
    }
    std::fs::write(first.path().join("index.json"), both.to_string()).unwrap();

    let path = first.path().to_str().unwrap();
    let message = refused(path);
    assert!(
        message.contains("2 images") && message.contains("new") && message.contains("10.0.17763.5458"),
        "{message}"
    );
    let version = |text: &str| {
        let source = source::open(text, Path::new("/nonexistent")).unwrap();
        source.config_text("os.version").unwrap().to_owned()
    };
    assert_eq!(version(&format!("{path}:new")), "10.0.20348.2700");
    assert_eq!(version(&format!("oci:{path}:10.0.17763.5458")), "10.0.17763.5458");
    assert!(refused(&format!("{path}:other")).contains("no image \"other\""));
}

#[test]
fn images_that_cannot_run_here_are_opened_all_the_same() {
    let mut image = image();
    image.config["os.version"] = json!("10.0.99999.1");
    image.config["architecture"] = json!("arm64");
    has(image.layout(|_| {}).path(), &["x", "y"]);
}

#[test]
fn images_of_linux_and_what_is_no_image_are_refused_clearly() {
    let mut image = image();
    image.config["os"] = json!("linux");
    let layout = image.layout(|_| {});
    let message = refused(layout.path().to_str().unwrap());
    assert!(message.contains("is for linux/amd64, not for windows"), "{message}");
    assert!(refused("no-such-image").contains("no such image: no-such-image"));
    assert!(refused("/no/such/path").contains("/no/such/path"));
    let empty = tempfile::tempdir().unwrap();
    assert!(refused(empty.path().to_str().unwrap()).contains("no index.json"));
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), b"no archive").unwrap();
    let _ = refused(file.path().to_str().unwrap());
}

#[test]
fn layers_that_are_not_here_are_told_with_what_fetches_them() {
    let image = image();
    let layout = image.layout(|_| {});
    let source = open(layout.path());
    let blob = |number: usize| {
        let digest = &source.layers[number].descriptor.as_ref().unwrap().digest;
        layout.path().join(digest.replace("sha256:", "blobs/sha256/"))
    };
    std::fs::remove_file(blob(0)).unwrap();
    let view = ImageView::of(open(layout.path())).unwrap();
    assert_eq!(view.missing(), [0]);
    view.find(&ViewPath::parse("y", Space::Volume).unwrap()).unwrap();
    let message = view.find(&ViewPath::parse("x", Space::Volume).unwrap()).unwrap_err().to_string();
    assert!(message.contains("layer 0") && message.contains("casement pull --base-policy=fetch"), "{message}");
    assert!(matches!(view.index(0), Err(ViewError::LayerNotHere { .. })));
    std::fs::remove_file(blob(1)).unwrap();
    assert!(matches!(ImageView::of(open(layout.path())), Err(ViewError::LayerNotHere { .. })));
}

#[test]
fn blobs_of_a_layout_lead_nowhere_else() {
    let layout = image().layout(|_| {});
    let digest = open(layout.path()).layers[1].descriptor.as_ref().unwrap().digest.replace("sha256:", "blobs/sha256/");
    let blob = layout.path().join(digest);
    let outside = tempfile::NamedTempFile::new().unwrap();
    std::fs::copy(&blob, outside.path()).unwrap();
    std::fs::remove_file(&blob).unwrap();
    std::os::unix::fs::symlink(outside.path(), &blob).unwrap();
    assert!(source::open(layout.path().to_str().unwrap(), Path::new("/nonexistent")).is_err());
}
