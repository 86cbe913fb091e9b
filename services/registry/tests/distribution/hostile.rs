//! What a registry may not do to the daemon (attacks L7, L8 and L9).

use crate::images::{LIST, Layer, MANIFEST, Recipe, noise};
use crate::server::{Page, Server, blob_path};
use crate::setting::Setting;
use casement_registry::RegistrySettings;
use serde_json::json;

fn app(layers: &[Layer]) -> Recipe<'_> {
    Recipe { version: "10.0.20348.1", layers, history: &[], settings: json!({}) }
}

fn layer() -> Layer {
    Layer::new(&[("Files/a.bin", &noise(5, 50_000))], &[])
}

fn refusal(setting: &Setting, rest: &str) -> String {
    let text = setting.pull(rest).unwrap_err().to_string();
    assert_eq!(setting.visible().0, 0, "a layer is visible after: {text}");
    assert!(setting.store.images().unwrap().is_empty(), "an image is visible after: {text}");
    text
}

#[test]
fn a_blob_that_is_not_what_its_digest_says_is_thrown_away() {
    let setting = Setting::new();
    let layers = [layer()];
    app(&layers).put(&setting.server, "a", "1", &[]);
    let path = blob_path("a", &layers[0].digest());
    setting.server.change(&path, |page| *page.body.last_mut().unwrap() ^= 1);
    let text = refusal(&setting, "a:1");
    assert_eq!(text, format!("filesystem layer verification failed for digest {}", layers[0].digest()));
    // Nothing of it is gone on with.
    setting.server.change(&path, |page| *page.body.last_mut().unwrap() ^= 1);
    setting.server.forget();
    setting.pull("a:1").unwrap();
    assert_eq!(setting.server.asked(&path)[0].range, None);
}

#[test]
fn a_blob_that_is_larger_than_announced_is_broken_off() {
    let setting = Setting::new();
    let small = layer().claiming(1000);
    app(&[small]).put(&setting.server, "a", "1", &[]);
    assert!(refusal(&setting, "a:1").contains("verification failed"));
}

#[test]
fn a_layer_that_is_not_what_its_diff_id_says_is_not_shown() {
    let setting = Setting::new();
    let mut wrong = layer();
    wrong.diff_id = casement_layers::Digest::of(b"something else");
    app(&[wrong]).put(&setting.server, "a", "1", &[]);
    assert!(refusal(&setting, "a:1").contains("arrived damaged"));
}

#[test]
fn a_manifest_that_is_not_what_its_digest_says_is_refused() {
    let setting = Setting::new();
    let layers = [layer()];
    let digest = app(&layers).put(&setting.server, "a", "1", &[]);
    setting.server.change(&format!("/v2/a/manifests/{digest}"), |page| page.body.push(b' '));
    assert!(refusal(&setting, &format!("a@{digest}")).contains("manifest verification failed"));
}

#[test]
fn documents_have_a_largest_size() {
    let setting = Setting::new();
    setting.server.manifest("a", "big", MANIFEST, &vec![b' '; (4 << 20) + 1]);
    assert!(refusal(&setting, "a:big").contains("larger than 4194304 bytes"));
    let config = json!({ "mediaType": "x", "digest": casement_layers::Digest::of(b""), "size": 1u64 << 40 });
    let manifest = json!({ "schemaVersion": 2, "config": config, "layers": [] });
    setting.server.manifest("a", "config", MANIFEST, &serde_json::to_vec(&manifest).unwrap());
    assert!(refusal(&setting, "a:config").contains("its config is larger than"));
    let mut many = manifest.clone();
    many["config"]["size"] = json!(1);
    many["layers"] = json!(vec![config.clone(); 257]);
    setting.server.manifest("a", "many", MANIFEST, &serde_json::to_vec(&many).unwrap());
    assert!(refusal(&setting, "a:many").contains("more than 256 layers"));
    many["layers"] = json!([config]);
    setting.server.manifest("a", "huge", MANIFEST, &serde_json::to_vec(&many).unwrap());
    assert!(refusal(&setting, "a:huge").contains("a layer is larger than"));
}

#[test]
fn an_index_inside_an_index_is_not_followed() {
    let setting = Setting::new();
    let platform = json!({ "os": "windows", "architecture": "amd64", "os.version": "10.0.20348.1" });
    let index = |media_type: &str, digest: &str| {
        let entry = json!({ "mediaType": media_type, "digest": digest, "size": 1, "platform": platform });
        serde_json::to_vec(&json!({ "schemaVersion": 2, "mediaType": LIST, "manifests": [entry] })).unwrap()
    };
    let some = casement_layers::Digest::of(b"x").to_string();
    let inner = setting.server.manifest("a", "inner", LIST, &index(MANIFEST, &some)).to_string();
    // Whether the outer one says so or lies about it.
    for (tag, claimed) in [("honest", LIST), ("lying", MANIFEST)] {
        setting.server.manifest("a", tag, LIST, &index(claimed, &inner));
        assert!(refusal(&setting, &format!("a:{tag}")).contains("inside another index"), "{tag}");
    }
}

#[test]
fn images_for_other_systems_and_old_schemas_are_refused() {
    let setting = Setting::new();
    let layers = [layer()];
    let recipe = app(&layers);
    let config = String::from_utf8(recipe.config()).unwrap().replace("\"windows\"", "\"linux\"");
    let digest = setting.server.blob("a", config.as_bytes());
    let mut manifest: serde_json::Value = serde_json::from_slice(&recipe.manifest()).unwrap();
    manifest["config"]["digest"] = json!(digest);
    manifest["config"]["size"] = json!(config.len());
    setting.server.manifest("a", "linux", MANIFEST, &serde_json::to_vec(&manifest).unwrap());
    assert_eq!(
        refusal(&setting, "a:linux"),
        "image operating system \"linux\" cannot be used on this platform: operating system is not supported"
    );
    setting.server.manifest("a", "old", MANIFEST, br#"{"schemaVersion":1,"name":"a","fsLayers":[]}"#);
    assert!(refusal(&setting, "a:old").contains("schema 1 support has been removed"));
    setting.server.manifest("a", "both", MANIFEST, br#"{"schemaVersion":2,"layers":[],"manifests":[]}"#);
    assert!(refusal(&setting, "a:both").contains("both images and layers"));
    setting.server.manifest("a", "junk", MANIFEST, b"[[[[");
    assert!(refusal(&setting, "a:junk").contains("is refused"));
}

#[test]
fn foreign_layers_come_from_public_places_over_https_only() {
    let inner = Server::start();
    let secret = inner.blob("secret", b"secret");
    let setting = Setting::new();
    let inside = inner.host();
    for (tag, url, why) in [
        ("file", "file:///etc/shadow".to_owned(), "https only"),
        ("http", format!("http://{inside}{}", blob_path("secret", &secret)), "https only"),
        ("here", format!("https://{inside}/x"), "an address that a registry may not send anyone to"),
        ("name", "https://localhost/x".to_owned(), "an address that a registry may not send anyone to"),
        ("meta", "https://169.254.169.254/latest".to_owned(), "an address that a registry may not send anyone to"),
        (
            "mapped",
            "https://[::ffff:169.254.169.254]/x".to_owned(),
            "an address that a registry may not send anyone to",
        ),
        ("decimal", "https://2130706433/x".to_owned(), "an address that a registry may not send anyone to"),
        ("private", "https://10.0.0.1/x".to_owned(), "an address that a registry may not send anyone to"),
    ] {
        let layers = [layer().at(&[&url])];
        app(&layers).put(&setting.server, "a", tag, &[0]);
        let text = refusal(&setting, &format!("a:{tag}"));
        assert!(text.contains(why), "{tag}: {text}");
    }
    assert_eq!(inner.asked(&blob_path("secret", &secret)), []);
}

#[test]
fn a_foreign_layer_that_the_registry_has_is_taken_from_it() {
    let setting = Setting::new();
    let layers = [layer().at(&["https://169.254.169.254/x"])];
    app(&layers).put(&setting.server, "a", "1", &[]);
    setting.pull("a:1").unwrap();
}

#[test]
fn a_redirect_is_followed_a_few_times_and_leads_to_no_file() {
    let setting = Setting::with(Default::default(), RegistrySettings::default());
    let layers = [layer()];
    app(&layers).put(&setting.server, "a", "1", &[]);
    let path = blob_path("a", &layers[0].digest());
    let redirect = |to: &str| Page {
        status: 307,
        headers: vec![("Location".to_owned(), to.to_owned())],
        body: Vec::new(),
        cut: None,
    };
    let page = Page::new("x", layers[0].packed.clone());
    for to in ["file:///etc/shadow", "gopher://127.0.0.1/", "http://169.254.169.254/x", path.as_str()] {
        setting.server.put(&path, redirect(to));
        let text = refusal(&setting, "a:1");
        let known = ["refusing to be led to", "redirects", "may not send anyone to"];
        assert!(known.iter().any(|known| text.contains(known)), "{to}: {text}");
    }
    setting.server.put(&path, redirect("/elsewhere"));
    setting.server.put("/elsewhere", page);
    setting.pull("a:1").unwrap();
}
