//! Knows Microsoft's base layers in an application image.
//!
//! All that is known of them is in the tables here; `docs/base-images.md` explains them. Nothing has to be fetched to tell them.

use crate::documents::{Blob, Manifest};
use crate::platform::build_number;
use casement_layers::{Flavour, Reference};
use casement_nt::version::WindowsBuild;
use serde_json::Value;
use url::Url;

/// How the steps begin that Microsoft's own history has for the layers of a base.
const BASE_STEPS: [&str; 2] = ["apply image ", "install update "];
/// Hosts that Microsoft gives base layers out from.
const HOSTS: [&str; 3] = ["mcr.microsoft.com", "go.microsoft.com", "winlayers.blob.core.windows.net"];
/// Notes with which builders write down what an image was built on.
const BASE_NAME: &str = "org.opencontainers.image.base.name";
/// Label of Casement's own base images, which stay what they are.
pub const OWN_LABEL: &str = "casement.base";

/// Packed sizes of all base layers together, in bytes: up to which size it is which flavour. Nano Server has been below 130 MB since
/// version 1709; Server Core between 1.2 and 2.6 GB; larger are the images with everything, of which there is `windows` up to Server
/// 2019 and `server` from Server 2022 on.
const SIZES: [(u64, Flavour); 2] = [(400_000_000, Flavour::NanoServer), (2_700_000_000, Flavour::ServerCore)];
/// From this build on, the image with everything is called `server`.
const FIRST_SERVER: u32 = 20348;

/// By what the base was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Evidence {
    /// A note of the builder names it.
    Note,
    /// The places of foreign layers have its name.
    Places,
    /// The steps of its history, and the size of its layers.
    History,
}

impl Evidence {
    /// As `docker image inspect` says it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Note => "annotation",
            Self::Places => "urls",
            Self::History => "history",
        }
    }
}

/// Microsoft's base in an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Base {
    /// Which.
    pub flavour: Flavour,
    /// Its version as the image tells it: `10.0.17763.1339`.
    pub version: String,
    /// How many layers at the bottom are its own.
    pub layers: usize,
    /// How many steps at the beginning of the history are its own.
    pub steps: usize,
    /// By what it was told.
    pub evidence: Evidence,
}

impl Base {
    /// The release of ours that takes its place: the same build, else the next newer one, else the newest.
    pub fn release(&self) -> WindowsBuild {
        let build = build_number(&self.version).unwrap_or(0);
        let newest = WindowsBuild::ALL[WindowsBuild::ALL.len() - 1];
        WindowsBuild::ALL.into_iter().find(|known| known.number() >= build).unwrap_or(newest)
    }
}

/// Microsoft's base in an image; `None` when there is none, or nothing that tells where it ends.
pub fn recognise(manifest: &Manifest, config: &Value) -> Option<Base> {
    let labels = &config["config"]["Labels"];
    if labels.get(OWN_LABEL).is_some() {
        return None;
    }
    let version = config.get("os.version").and_then(Value::as_str)?.to_owned();
    let build = build_number(&version)?;
    let steps = base_steps(config);
    let foreign = manifest.layers.iter().take_while(|layer| is_microsofts(layer)).count();
    let layers = steps.max(foreign);
    if layers == 0 || layers > manifest.layers.len() {
        return None;
    }
    let own = &manifest.layers[..layers];
    let noted =
        manifest.annotations.get(BASE_NAME).map(String::as_str).or(labels.get(BASE_NAME).and_then(Value::as_str));
    let (flavour, evidence) = if let Some(flavour) = noted.and_then(flavour_of_name) {
        (flavour, Evidence::Note)
    } else if let Some(flavour) = own.iter().flat_map(|layer| &layer.urls).find_map(|url| flavour_of_place(url)) {
        (flavour, Evidence::Places)
    } else {
        (flavour_of_size(own, build), Evidence::History)
    };
    Some(Base { flavour, version, layers, steps, evidence })
}

/// Steps at the beginning of the history that are Microsoft's, each with a layer.
fn base_steps(config: &Value) -> usize {
    let steps = config["history"].as_array().map(Vec::as_slice).unwrap_or_default();
    let is_base = |step: &&Value| {
        let text = step.get("created_by").and_then(Value::as_str).unwrap_or_default().to_ascii_lowercase();
        let empty = step.get("empty_layer").and_then(Value::as_bool).unwrap_or_default();
        !empty && BASE_STEPS.iter().any(|begin| text.starts_with(begin))
    };
    steps.iter().take_while(is_base).count()
}

fn is_microsofts(layer: &Blob) -> bool {
    let host = |url: &String| Url::parse(url).ok()?.host_str().map(|host| HOSTS.contains(&host));
    layer.urls.iter().any(|url| host(url) == Some(true))
}

fn flavour_of_name(name: &str) -> Option<Flavour> {
    let base = Reference::parse(name).ok()?.base_name()?;
    name.starts_with("mcr.microsoft.com/").then(|| base.parse().ok()).flatten()
}

/// `https://mcr.microsoft.com/v2/windows/servercore/blobs/sha256:…`
fn flavour_of_place(url: &str) -> Option<Flavour> {
    let url = Url::parse(url).ok()?;
    let (repository, _) = url.path().strip_prefix("/v2/")?.split_once("/blobs/")?;
    flavour_of_name(&format!("mcr.microsoft.com/{repository}"))
}

fn flavour_of_size(layers: &[Blob], build: u32) -> Flavour {
    let size = layers.iter().fold(0u64, |sum, layer| sum.saturating_add(layer.size));
    let whole = if build >= FIRST_SERVER { Flavour::Server } else { Flavour::Windows };
    SIZES.into_iter().find(|(limit, _)| size <= *limit).map_or(whole, |(_, flavour)| flavour)
}

#[cfg(test)]
mod tests {
    use super::*;
    use casement_layers::Digest;
    use serde_json::json;
    use std::collections::BTreeMap;

    fn image(version: &str, sizes: &[u64], steps: &[&str]) -> (Manifest, Value) {
        let blob = |size: &u64| Blob {
            media_type: "application/vnd.docker.image.rootfs.diff.tar.gzip".to_owned(),
            digest: Digest::of(&size.to_le_bytes()),
            size: *size,
            urls: Vec::new(),
        };
        let config = Blob { media_type: String::new(), digest: Digest::of(b"c"), size: 1, urls: Vec::new() };
        let history: Vec<Value> = steps.iter().map(|step| json!({ "created_by": step })).collect();
        let manifest = Manifest { config, layers: sizes.iter().map(blob).collect(), annotations: BTreeMap::new() };
        (manifest, json!({ "os": "windows", "os.version": version, "config": {}, "history": history }))
    }

    #[test]
    fn flavours_are_told_by_history_and_size() {
        let apply = "Apply image 10.0.17763.1";
        let update = "Install update 10.0.17763.1339";
        for (version, sizes, steps, flavour, layers, build) in [
            ("10.0.17763.1339", &[101_000_000, 9][..], &[apply, "cmd /S /C x"][..], Flavour::NanoServer, 1, 17763),
            ("10.0.17763.1339", &[1_500_000_000, 440_000_000, 9], &[apply, update, "x"], Flavour::ServerCore, 2, 17763),
            (
                "10.0.20348.1",
                &[1_250_000_000, 270_000_000, 9],
                &["Apply image 21H2", "Install update 21H2", "x"],
                Flavour::ServerCore,
                2,
                20348,
            ),
            ("10.0.17763.1", &[3_680_000_000, 900_000_000, 9], &[apply, update, "x"], Flavour::Windows, 2, 17763),
            ("10.0.20348.1", &[3_130_000_000, 900_000_000, 9], &[apply, update, "x"], Flavour::Server, 2, 20348),
            ("10.0.19041.1", &[101_000_000, 9], &[apply, "x"], Flavour::NanoServer, 1, 20348),
            ("10.0.26200.1", &[101_000_000, 9], &[apply, "x"], Flavour::NanoServer, 1, 26100),
        ] {
            let (manifest, config) = image(version, sizes, steps);
            let base = recognise(&manifest, &config).unwrap();
            assert_eq!(
                (base.flavour, base.layers, base.release().number()),
                (flavour, layers, build),
                "{version} {steps:?}"
            );
            assert_eq!(base.evidence, Evidence::History);
        }
    }

    #[test]
    fn places_and_notes_tell_more_than_sizes() {
        let (mut manifest, config) = image("10.0.17763.1", &[5, 6, 7], &["RUN a", "RUN b", "RUN c"]);
        assert_eq!(recognise(&manifest, &config), None);
        let place = |name: &str| vec![format!("https://mcr.microsoft.com/v2/windows/{name}/blobs/sha256:0")];
        manifest.layers[0].urls = place("servercore");
        manifest.layers[1].urls = place("servercore");
        let base = recognise(&manifest, &config).unwrap();
        assert_eq!((base.flavour, base.layers, base.evidence), (Flavour::ServerCore, 2, Evidence::Places));
        manifest.annotations.insert(BASE_NAME.to_owned(), "mcr.microsoft.com/windows/nanoserver:1809".to_owned());
        assert_eq!(recognise(&manifest, &config).unwrap().flavour, Flavour::NanoServer);
        manifest.annotations.insert(BASE_NAME.to_owned(), "evil.example/windows/nanoserver:1809".to_owned());
        assert_eq!(recognise(&manifest, &config).unwrap().flavour, Flavour::ServerCore);
    }

    #[test]
    fn casements_own_images_and_those_without_version_stay() {
        let (manifest, mut config) = image("10.0.17763.1", &[5, 6], &["Apply image x", "y"]);
        config["config"]["Labels"] = json!({ OWN_LABEL: "nanoserver" });
        assert_eq!(recognise(&manifest, &config), None);
        let (manifest, mut config) = image("10.0.17763.1", &[5], &["Apply image x"]);
        config.as_object_mut().unwrap().remove("os.version");
        assert_eq!(recognise(&manifest, &config), None);
        // A history that claims more layers than there are.
        let (manifest, config) = image("10.0.17763.1", &[5], &["Apply image x", "Install update y"]);
        assert_eq!(recognise(&manifest, &config), None);
    }
}
