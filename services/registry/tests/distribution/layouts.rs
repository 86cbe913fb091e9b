//! Images out of OCI layout directories.

use crate::images::{Layer, Recipe, noise};
use crate::setting::Setting;
use casement_layers::{Digest, Reference};
use casement_registry::{Event, RegistryError};
use serde_json::json;
use std::path::Path;

fn layout(directory: &Path, recipe: &Recipe<'_>) -> Digest {
    let blobs = directory.join("blobs/sha256");
    std::fs::create_dir_all(&blobs).unwrap();
    let put = |bytes: &[u8]| {
        let digest = Digest::of(bytes);
        std::fs::write(blobs.join(digest.hex()), bytes).unwrap();
        digest
    };
    put(&recipe.config());
    recipe.layers.iter().for_each(|layer| drop(put(&layer.packed)));
    let manifest = recipe.manifest();
    let digest = put(&manifest);
    let notes = json!({ "org.opencontainers.image.ref.name": "v1" });
    let entry =
        json!({ "mediaType": crate::images::MANIFEST, "digest": digest, "size": manifest.len(), "annotations": notes });
    std::fs::write(directory.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).unwrap();
    let index = json!({ "schemaVersion": 2, "manifests": [entry] });
    std::fs::write(directory.join("index.json"), serde_json::to_vec(&index).unwrap()).unwrap();
    digest
}

#[test]
fn an_image_of_a_layout_gets_the_name_that_it_is_given() {
    let setting = Setting::new();
    let place = tempfile::tempdir().unwrap();
    let layers = [Layer::new(&[("Files/a.bin", &noise(9, 10_000))], &[])];
    let recipe = Recipe { version: "10.0.20348.1", layers: &layers, history: &[], settings: json!({}) };
    let digest = layout(place.path(), &recipe);
    let import = |tag: Option<&str>| {
        setting.distribution.import_layout(place.path(), tag, "local/app:1", None, &|_: Event| true)
    };
    let text = import(Some("v2")).unwrap_err().to_string();
    assert!(text.contains("there is no such image; its tags are: v1"), "{text}");
    import(Some("v1")).unwrap();
    let image = setting.store.resolve("local/app:1").unwrap();
    assert_eq!((image.manifest, image.repository_digests), (digest, vec![]));
    assert_eq!(std::fs::read(image.layers[0].join("Files/a.bin")).unwrap(), noise(9, 10_000));
}

#[test]
fn nothing_outside_of_a_layout_is_read_and_nothing_wrong_is_taken() {
    let setting = Setting::new();
    let place = tempfile::tempdir().unwrap();
    let layers = [Layer::new(&[("Files/a.bin", &noise(9, 10_000))], &[])];
    let recipe = Recipe { version: "10.0.20348.1", layers: &layers, history: &[], settings: json!({}) };
    layout(place.path(), &recipe);
    let import = || {
        let done = setting.distribution.import_layout(place.path(), None, "local/app:1", None, &|_: Event| true);
        done.unwrap_err().to_string()
    };
    let blob = place.path().join("blobs/sha256").join(layers[0].digest().hex());
    std::fs::write(&blob, noise(8, layers[0].packed.len())).unwrap();
    assert!(import().contains("verification failed"));
    let outside = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(outside.path(), &layers[0].packed).unwrap();
    std::fs::remove_file(&blob).unwrap();
    std::os::unix::fs::symlink(outside.path(), &blob).unwrap();
    let text = import();
    assert!(text.contains("symbolic link") || text.contains("os error 40"), "{text}");
    assert_eq!(setting.visible().0, 0);
}

/// Pushes an image of the store into a layout directory, and tells what was told.
fn push(setting: &Setting, name: &str, directory: &Path, tag: Option<&str>) -> Result<Vec<String>, RegistryError> {
    let told = std::sync::Mutex::new(Vec::new());
    let listen = |event: Event| {
        told.lock().unwrap().push(event.status);
        true
    };
    let reference = Reference::parse(name).unwrap();
    setting.distribution.push_to_layout(&reference, directory, tag, &listen)?;
    Ok(told.into_inner().unwrap())
}

#[test]
fn a_layout_takes_images_and_gives_them_back() {
    let setting = Setting::new();
    let place = tempfile::tempdir().unwrap();
    let layers = [Layer::new(&[("Files/a.bin", &noise(9, 10_000))], &[])];
    let recipe = Recipe { version: "10.0.20348.1", layers: &layers, history: &[], settings: json!({}) };
    let digest = recipe.put(&setting.server, "app", "1", &[]);
    setting.pull("app:1").unwrap();
    let name = setting.name("app:1");

    // A writer that was killed leaves what nobody sees.
    std::fs::write(place.path().join(".unfinished"), "half a file").unwrap();
    let told = push(&setting, &name, place.path(), None).unwrap();
    assert!(told.contains(&"Pushed".to_owned()), "{told:?}");
    assert!(told.contains(&format!("1: digest: {digest} size: {}", recipe.manifest().len())), "{told:?}");
    let told = push(&setting, &name, place.path(), Some("again")).unwrap();
    assert!(told.contains(&"Layer already exists".to_owned()), "{told:?}");
    let index = |place: &Path| -> serde_json::Value {
        serde_json::from_slice(&std::fs::read(place.join("index.json")).unwrap()).unwrap()
    };
    let listed = index(place.path());
    assert_eq!(listed["manifests"].as_array().unwrap().len(), 2, "{listed}");
    let platform = json!({ "architecture": "amd64", "os": "windows", "os.version": "10.0.20348.1" });
    assert_eq!(listed["manifests"][0]["platform"], platform);

    // Another image takes the tag over; what others listed stays.
    let layers = [Layer::new(&[("Files/b.bin", &noise(3, 10_000))], &[])];
    let second = Recipe { layers: &layers, ..recipe }.put(&setting.server, "app", "2", &[]);
    setting.pull("app:2").unwrap();
    push(&setting, &setting.name("app:2"), place.path(), Some("1")).unwrap();
    let listed = index(place.path());
    let entry = |tag: &str| {
        let all = listed["manifests"].as_array().unwrap();
        let name = |entry: &serde_json::Value| entry["annotations"]["org.opencontainers.image.ref.name"] == tag;
        let mut found = all.iter().filter(|entry| name(entry)).map(|entry| entry["digest"].clone());
        (found.next(), found.next())
    };
    assert_eq!(entry("1"), (Some(json!(second)), None));
    assert_eq!(entry("again"), (Some(json!(digest)), None));

    let other = Setting::new();
    other.distribution.import_layout(place.path(), Some("again"), "local/app:1", None, &|_: Event| true).unwrap();
    let image = other.store.resolve("local/app:1").unwrap();
    assert_eq!(image.manifest, digest);
    assert_eq!(std::fs::read(image.layers[0].join("Files/a.bin")).unwrap(), noise(9, 10_000));
    assert!(!place.path().join(".unfinished").exists() && !place.path().join("blobs/sha256/.unfinished").exists());
}

#[test]
fn no_image_goes_into_what_is_no_layout_or_leads_out_of_it() {
    let setting = Setting::new();
    let layers = [Layer::new(&[("Files/a.bin", &noise(9, 100))], &[])];
    let recipe = Recipe { version: "10.0.20348.1", layers: &layers, history: &[], settings: json!({}) };
    recipe.put(&setting.server, "app", "1", &[]);
    setting.pull("app:1").unwrap();
    let name = setting.name("app:1");
    let refused = |place: &Path| push(&setting, &name, place, None).unwrap_err().to_string();

    let place = tempfile::tempdir().unwrap();
    std::fs::write(place.path().join("mine.txt"), "mine").unwrap();
    let text = refused(place.path());
    assert!(text.contains("is neither an OCI layout directory nor empty"), "{text}");
    assert_eq!(std::fs::read_dir(place.path()).unwrap().count(), 1);

    let (place, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    std::fs::write(place.path().join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).unwrap();
    std::os::unix::fs::symlink(outside.path(), place.path().join("blobs")).unwrap();
    refused(place.path());
    assert_eq!(std::fs::read_dir(outside.path()).unwrap().count(), 0);

    let place = tempfile::tempdir().unwrap();
    push(&setting, &name, place.path(), None).unwrap();
    std::fs::write(place.path().join("index.json"), "[]").unwrap();
    let text = refused(place.path());
    assert!(text.contains("it lists no images"), "{text}");
}

#[test]
fn a_layout_gets_an_image_on_another_base_as_it_came_or_not_at_all() {
    let setting = Setting::new();
    setting.add_base("nanoserver", 20348, "10.0.20348.4294");
    let urls: &[&str] = &["https://mcr.microsoft.com/v2/windows/nanoserver/blobs/sha256:0"];
    for (tag, urls) in [("foreign", urls), ("plain", &[])] {
        let base = Layer::new(&[("Files/Windows/base.txt", b"theirs")], &[]).claiming(101_000_000).at(urls);
        let layers = [base, Layer::new(&[("Files/app/app.exe", b"app")], &[])];
        let history = ["Apply image 10.0.20348.1", "cmd /S /C copy app"];
        let recipe = Recipe { version: "10.0.20348.1", layers: &layers, history: &history, settings: json!({}) };
        let digest = recipe.put(&setting.server, "app", tag, &[0]);
        setting.pull(&format!("app:{tag}")).unwrap();
        let place = tempfile::tempdir().unwrap();
        let done = push(&setting, &setting.name(&format!("app:{tag}")), place.path(), None);
        if tag == "plain" {
            let text = done.unwrap_err().to_string();
            assert!(text.contains("which was replaced and never fetched"), "{text}");
            assert!(!place.path().join("index.json").exists());
            continue;
        }
        assert!(done.unwrap().contains(&"Skipped foreign layer".to_owned()));
        let index = std::fs::read_to_string(place.path().join("index.json")).unwrap();
        assert!(index.contains(&digest.to_string()), "{index}");
        assert!(place.path().join("blobs/sha256").join(digest.hex()).exists());
        assert!(!place.path().join("blobs/sha256").join(layers[0].digest().hex()).exists());
    }
}
