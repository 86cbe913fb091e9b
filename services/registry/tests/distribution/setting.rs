//! A store, and the ways into it.

use crate::images::{Layer, Recipe, noise};
use crate::server::Server;
use casement_layers::{Flavour, Image, Reference, Store};
use casement_nt::WindowsBuild;
use casement_registry::{
    BasePolicy, BaseSource, Credentials, Distribution, Event, HostBuild, PullRequest, RegistryError, RegistrySettings,
    Reporter,
};
use serde_json::json;
use std::sync::Mutex;
use tempfile::TempDir;
use tokio::runtime::Runtime;

/// A store with a way to a registry.
pub struct Setting {
    pub directory: TempDir,
    pub server: Server,
    pub store: Store,
    pub distribution: Distribution,
    pub told: Mutex<Vec<String>>,
    _runtime: Runtime,
}

/// Base images that lie in the store under `ours/FLAVOUR:BUILD`.
struct Stored(Store);

impl BaseSource for Stored {
    fn base(&self, flavour: Flavour, build: WindowsBuild, _: &dyn Reporter) -> Result<Image, RegistryError> {
        let name = format!("ours/{flavour}:{}", build.number());
        self.0.resolve(&name).map_err(|_| RegistryError::Base(format!("{name} is not here: casement base build")))
    }
}

impl Setting {
    pub fn new() -> Self {
        Self::with(BasePolicy::Substitute, RegistrySettings::default())
    }

    pub fn with(policy: BasePolicy, settings: RegistrySettings) -> Self {
        let directory = tempfile::tempdir().unwrap();
        Self::on(directory, Server::start(), policy, settings)
    }

    pub fn on(directory: TempDir, server: Server, policy: BasePolicy, settings: RegistrySettings) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let store = Store::open(directory.path()).unwrap();
        let bases = Box::new(Stored(store.clone()));
        let handle = runtime.handle().clone();
        let distribution =
            Distribution::new(store.clone(), handle, &settings, bases, policy, HostBuild(20348)).unwrap();
        Self { directory, server, store, distribution, told: Mutex::default(), _runtime: runtime }
    }

    /// The name of an image of the server.
    pub fn name(&self, rest: &str) -> String {
        format!("{}/{rest}", self.server.host())
    }

    pub fn pull(&self, rest: &str) -> Result<Image, RegistryError> {
        self.pull_with(rest, None)
    }

    pub fn pull_with(&self, rest: &str, policy: Option<BasePolicy>) -> Result<Image, RegistryError> {
        let name = self.name(rest);
        let reference = Reference::parse(&name).unwrap();
        let request = PullRequest { reference, credentials: Credentials::default(), policy };
        let listen = |event: Event| {
            let id = if event.id.is_empty() { String::new() } else { format!("{}: ", event.id) };
            self.told.lock().unwrap().push(format!("{id}{}", event.status));
            true
        };
        self.distribution.pull(&request, &listen)?;
        Ok(self.store.resolve(&name).unwrap())
    }

    pub fn told(&self) -> Vec<String> {
        std::mem::take(&mut self.told.lock().unwrap())
    }

    /// Names of unpacked layers and of blobs.
    pub fn visible(&self) -> (usize, usize) {
        let count = |path: &str| {
            let entries = std::fs::read_dir(self.directory.path().join(path)).unwrap().flatten();
            entries.filter(|entry| !entry.file_name().to_string_lossy().starts_with('.')).count()
        };
        (count("layers"), count("content/blobs/sha256"))
    }

    /// Adds a base image of ours with this content of `Files/Windows/base.txt`.
    pub fn add_base(&self, flavour: &str, build: u32, version: &str) -> Image {
        let text = format!("{flavour} {build}");
        let files: [(&str, &[u8]); 2] =
            [("Files/Windows/base.txt", text.as_bytes()), ("Files/Windows/System32/ours.dll", &noise(7, 100))];
        let recipe = Recipe {
            version,
            layers: &[Layer::new(&files, &[])],
            history: &[&format!("casement base build {flavour}")],
            settings: json!({ "Labels": { "casement.base": flavour }, "Cmd": ["cmd"] }),
        };
        let repository = format!("ours/{flavour}");
        recipe.put(&self.server, &repository, &build.to_string(), &[]);
        self.pull_with(&format!("{repository}:{build}"), None).unwrap();
        self.store.tag(&self.name(&format!("{repository}:{build}")), &format!("{repository}:{build}")).unwrap();
        self.told();
        self.store.resolve(&format!("{repository}:{build}")).unwrap()
    }
}
