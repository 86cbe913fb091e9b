//! Ordinary pulls: what is told, what is fetched, what is kept.

use crate::images::{LIST, Layer, MANIFEST, Recipe, noise};
use crate::server::blob_path;
use crate::setting::Setting;
use casement_registry::{BasePolicy, Credentials, Event, PullRequest, RegistryError, RegistrySettings};
use serde_json::json;

fn layer(seed: u64, length: usize) -> Layer {
    Layer::new(&[("Files/app/noise.bin", &noise(seed, length))], &[])
}

fn recipe<'a>(layers: &'a [Layer], version: &'a str) -> Recipe<'a> {
    Recipe { version, layers, history: &[], settings: json!({ "Cmd": ["app.exe"] }) }
}

#[test]
fn a_pulled_image_has_its_layers_its_name_and_its_digest() {
    let setting = Setting::new();
    let layers = [layer(1, 1000), layer(2, 500_000)];
    let digest = recipe(&layers, "10.0.20348.1").put(&setting.server, "team/app", "v1", &[]);
    let image = setting.pull("team/app:v1").unwrap();
    assert_eq!(image.references, [setting.name("team/app:v1")]);
    assert_eq!(image.repository_digests, [format!("{}@{digest}", setting.name("team/app"))]);
    assert_eq!(image.manifest, digest);
    assert_eq!(std::fs::read(image.layers[0].join("Files/app/noise.bin")).unwrap(), noise(2, 500_000));
    let told = setting.told();
    assert_eq!(told[0], "v1: Pulling from team/app");
    for state in
        ["Pulling fs layer", "Downloading", "Verifying Checksum", "Download complete", "Extracting", "Pull complete"]
    {
        let line = format!("{}: {state}", layers[1].digest().short());
        assert!(told.contains(&line), "{line}: {told:?}");
    }
    let end =
        [format!("Digest: {digest}"), format!("Status: Downloaded newer image for {}", setting.name("team/app:v1"))];
    assert_eq!(told[told.len() - 2..], end);

    // A second time nothing comes over the wire but the documents.
    setting.server.forget();
    setting.pull("team/app:v1").unwrap();
    let told = setting.told();
    assert!(told.last().unwrap().starts_with("Status: Image is up to date for"), "{told:?}");
    assert!(told.contains(&format!("{}: Already exists", layers[0].digest().short())));
    assert_eq!(setting.server.asked(&blob_path("team/app", &layers[1].digest())), []);
    // By its digest it is the same.
    assert_eq!(setting.pull(&format!("team/app@{digest}")).unwrap().manifest, digest);
}

#[test]
fn what_two_images_share_comes_once() {
    let setting = Setting::new();
    let layers = [layer(1, 1000), layer(2, 1000), layer(3, 1000)];
    recipe(&layers[..2], "10.0.20348.1").put(&setting.server, "a", "1", &[]);
    recipe(&[layers[0].clone(), layers[2].clone()], "10.0.20348.1").put(&setting.server, "b", "1", &[]);
    setting.pull("a:1").unwrap();
    setting.pull("b:1").unwrap();
    assert_eq!(setting.server.asked(&blob_path("b", &layers[0].digest())), []);
    assert_eq!(setting.visible().0, 3);
}

#[test]
fn a_broken_connection_is_taken_up_where_it_broke() {
    let setting = Setting::new();
    let layers = [layer(1, 300_000)];
    recipe(&layers, "10.0.20348.1").put(&setting.server, "a", "1", &[]);
    let path = blob_path("a", &layers[0].digest());
    setting.server.change(&path, |page| page.cut = Some(100_000));
    setting.pull("a:1").unwrap();
    let asked = setting.server.asked(&path);
    assert_eq!(asked.len(), 2, "{asked:?}");
    assert_eq!((asked[0].sent, asked[1].range), (100_000, Some(100_000)));
    assert_eq!(asked[1].sent, layers[0].packed.len() - 100_000);
}

#[test]
fn a_pull_that_was_given_up_goes_on_in_another_process_and_shows_nothing_meanwhile() {
    let setting = Setting::new();
    let layers = [layer(1, 300_000)];
    recipe(&layers, "10.0.20348.1").put(&setting.server, "a", "1", &[]);
    let path = blob_path("a", &layers[0].digest());
    setting.server.change(&path, |page| page.cut = Some(100_000));
    let reference = setting.name("a:1").parse_reference();
    let request = PullRequest { reference, credentials: Credentials::default(), policy: None };
    // Whoever asked goes away when the connection breaks.
    let listen = |event: Event| !event.status.starts_with("Retrying");
    assert!(matches!(setting.distribution.pull(&request, &listen), Err(RegistryError::Cancelled)));
    assert_eq!(setting.visible(), (0, 0));
    assert!(setting.store.images().unwrap().is_empty());

    let Setting { directory, server, .. } = setting;
    let next = Setting::on(directory, server, BasePolicy::Substitute, RegistrySettings::default());
    next.server.forget();
    next.pull("a:1").unwrap();
    assert_eq!(next.server.asked(&path)[0].range, Some(100_000));
}

trait ParseReference {
    fn parse_reference(&self) -> casement_layers::Reference;
}

impl ParseReference for String {
    fn parse_reference(&self) -> casement_layers::Reference {
        casement_layers::Reference::parse(self).unwrap()
    }
}

#[test]
fn of_an_index_the_image_for_the_host_is_taken() {
    let setting = Setting::new();
    let mut entries = Vec::new();
    for (seed, version) in [(1, "10.0.17763.5"), (2, "10.0.20348.7"), (3, "10.0.26100.9")] {
        let layers = [layer(seed, 100)];
        let recipe = recipe(&layers, version);
        let digest = recipe.put(&setting.server, "app", "unused", &[]);
        let platform = json!({ "os": "windows", "architecture": "amd64", "os.version": version });
        entries.push(json!({ "mediaType": MANIFEST, "digest": digest, "size": 1, "platform": platform }));
    }
    entries.insert(
        0,
        json!({ "mediaType": MANIFEST, "digest": entries[0]["digest"], "size": 1,
        "platform": { "os": "linux", "architecture": "amd64" } }),
    );
    let list = |entries: &[serde_json::Value]| {
        serde_json::to_vec(&json!({ "schemaVersion": 2, "mediaType": LIST, "manifests": entries })).unwrap()
    };
    let digest = setting.server.manifest("app", "all", LIST, &list(&entries));
    let image = setting.pull("app:all").unwrap();
    assert_eq!(image.os_version, "10.0.20348.7");
    assert_eq!(image.repository_digests, [format!("{}@{digest}", setting.name("app"))]);
    // Any build runs here, unless the rules of Windows are asked for.
    setting.server.manifest("app", "new", LIST, &list(&entries[3..]));
    assert_eq!(setting.pull("app:new").unwrap().os_version, "10.0.26100.9");
    let refused = setting.pull_with("app:new", Some(BasePolicy::Strict)).unwrap_err().to_string();
    assert_eq!(refused, "no matching manifest for windows(10.0.20348)/amd64 in the manifest list entries");
}

#[test]
fn with_strict_a_newer_image_is_refused_in_dockers_words() {
    let setting = Setting::with(BasePolicy::Strict, RegistrySettings::default());
    recipe(&[layer(1, 10)], "10.0.26100.1").put(&setting.server, "app", "1", &[]);
    let refused = setting.pull("app:1").unwrap_err().to_string();
    assert_eq!(refused, "a Windows version 10.0.26100-based image is incompatible with a 10.0.20348 host");
}

#[test]
fn what_is_not_there_is_told_in_dockers_words() {
    let setting = Setting::new();
    let name = setting.name("no/such");
    let text = |rest: &str| setting.pull(rest).unwrap_err().to_string();
    assert_eq!(text("no/such:v1"), format!("manifest for {name}:v1 not found: manifest unknown: manifest unknown"));
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let reference = format!("{nobody}/app:1").parse_reference();
    let request = PullRequest { reference, credentials: Credentials::default(), policy: None };
    let refused = setting.distribution.pull(&request, &|_: Event| true).unwrap_err().to_string();
    assert_eq!(refused, format!("Get \"http://{nobody}/v2/\": dial tcp {nobody}: connect: connection refused"));
}
