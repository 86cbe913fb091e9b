//! Base substitution, with images in the shape of Microsoft's.

use crate::images::{Layer, Recipe, noise};
use crate::server::blob_path;
use crate::setting::Setting;
use casement_registry::{BasePolicy, SUBSTITUTED_LABEL};
use serde_json::json;

/// A layer that is never there.
fn base_layer(seed: u64, size: u64) -> Layer {
    Layer::new(&[("Files/Windows/System32/ntoskrnl.exe", &noise(seed, 64))], &[]).claiming(size)
}

fn app_layer(links: &[(&str, &str)]) -> Layer {
    Layer::new(&[("Files/app/app.exe", b"app")], links)
}

#[test]
fn a_nanoserver_image_gets_our_base_and_only_its_own_layers_are_fetched() {
    for (version, build, ours) in
        [("10.0.17763.1339", 17763, "10.0.17763.7919"), ("10.0.20348.1", 20348, "10.0.20348.4294")]
    {
        let setting = Setting::new();
        let base = setting.add_base("nanoserver", build, ours);
        let layers = [base_layer(1, 101_000_000), app_layer(&[])];
        let history = ["Apply image 10.0.17763.1", "cmd /S /C copy app"];
        let settings = json!({ "Cmd": ["app.exe"], "User": "ContainerUser", "Unknown": { "kept": true } });
        let recipe = Recipe { version, layers: &layers, history: &history, settings };
        let digest = recipe.put(&setting.server, "app", "1", &[0]);
        let image = setting.pull("app:1").unwrap();

        assert_eq!(setting.server.asked(&blob_path("app", &layers[0].digest())), [], "the base was asked for");
        assert_eq!(image.os_version, ours);
        assert_eq!(image.diff_ids, [base.diff_ids[0].clone(), layers[1].diff_id.clone()]);
        assert_eq!(image.layers[1], base.layers[0]);
        let text = std::fs::read_to_string(image.layers[1].join("Files/Windows/base.txt")).unwrap();
        assert_eq!(text, format!("nanoserver {build}"));
        let said = &image.config.labels[SUBSTITUTED_LABEL];
        assert_eq!(said, &format!("nanoserver {version} (history)"));
        let document = setting.store.config_document(&image).unwrap();
        assert_eq!(document["config"]["Unknown"]["kept"], true);
        assert_eq!(document["history"].as_array().unwrap().len(), 2);
        assert_eq!(document["history"][0]["created_by"], "casement base build nanoserver");
        // The digest of the registry is remembered, and what it stands for is kept.
        assert_eq!(image.repository_digests, [format!("{}@{digest}", setting.name("app"))]);
        setting.store.collect_garbage().unwrap();
        let original = setting.store.original(&image).unwrap().unwrap();
        assert_eq!((original.manifest.clone(), original.base_layers), (digest, 1));
        assert!(setting.store.content().contains(&original.manifest));
    }
}

#[test]
fn a_servercore_image_has_two_base_layers_and_foreign_ones_name_their_flavour() {
    let setting = Setting::new();
    setting.add_base("servercore", 17763, "10.0.17763.7919");
    let place = "https://mcr.microsoft.com/v2/windows/servercore/blobs/sha256:0";
    let layers = [base_layer(1, 900).at(&[place]), base_layer(2, 90).at(&[place]), app_layer(&[])];
    let history = ["Apply image 10.0.17763.1", "Install update 10.0.17763.1339", "x"];
    let recipe = Recipe { version: "10.0.17763.1339", layers: &layers, history: &history, settings: json!({}) };
    recipe.put(&setting.server, "app", "1", &[0, 1]);
    let image = setting.pull("app:1").unwrap();
    assert_eq!(image.layers.len(), 2);
    assert_eq!(image.config.labels[SUBSTITUTED_LABEL], "servercore 10.0.17763.1339 (urls)");
    let told = setting.told();
    assert!(told.iter().any(|line| line.contains("is replaced by Casement's servercore")), "{told:?}");
}

#[test]
fn hard_links_into_the_base_lead_into_ours() {
    let setting = Setting::new();
    setting.add_base("nanoserver", 20348, "10.0.20348.4294");
    let links = [("Files/app/base.txt", "Files/Windows/base.txt")];
    let layers = [base_layer(1, 101_000_000), app_layer(&links)];
    let recipe =
        Recipe { version: "10.0.20348.1", layers: &layers, history: &["Apply image 1", "x"], settings: json!({}) };
    recipe.put(&setting.server, "app", "1", &[0]);
    let image = setting.pull("app:1").unwrap();
    let text = std::fs::read_to_string(image.layers[0].join("Files/app/base.txt")).unwrap();
    assert_eq!(text, "nanoserver 20348");
}

#[test]
fn without_our_base_the_pull_says_how_to_make_it_and_fetches_nothing() {
    let setting = Setting::new();
    let layers = [base_layer(1, 101_000_000), app_layer(&[])];
    let recipe =
        Recipe { version: "10.0.20348.1", layers: &layers, history: &["Apply image 1", "x"], settings: json!({}) };
    recipe.put(&setting.server, "app", "1", &[0]);
    let text = setting.pull("app:1").unwrap_err().to_string();
    assert!(text.contains("casement base build"), "{text}");
    assert_eq!(setting.server.asked(&blob_path("app", &layers[1].digest())), []);
}

#[test]
fn with_fetch_the_image_comes_as_it_is() {
    let setting = Setting::new();
    let whole = Layer::new(&[("Files/Windows/System32/ntoskrnl.exe", &noise(1, 64))], &[]);
    let layers = [whole, app_layer(&[])];
    let recipe =
        Recipe { version: "10.0.20348.1", layers: &layers, history: &["Apply image 1", "x"], settings: json!({}) };
    let digest = recipe.put(&setting.server, "app", "1", &[]);
    let image = setting.pull_with("app:1", Some(BasePolicy::Fetch)).unwrap();
    assert_eq!(image.manifest, digest);
    assert_eq!(setting.store.original(&image).unwrap(), None);
}
