//! Images out of OCI layout directories.

use crate::images::{Layer, Recipe, noise};
use crate::setting::Setting;
use casement_layers::Digest;
use casement_registry::Event;
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
