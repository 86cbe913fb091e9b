//! A pull, from a name to an image that containers can be made of.

use crate::bases::{self, Base};
use crate::client::{Access, Client};
use crate::distribution::Distribution;
use crate::documents::{Blob, Manifest, RawManifest};
use crate::error::RegistryError;
use crate::layout::Layout;
use crate::name::Repository;
use crate::platform::{HostBuild, Newer, build_number, choose};
use crate::progress::{Event, Reporter, tell};
use crate::settings::{BasePolicy, Credentials};
use crate::substitute;
use casement_layers::{Digest, Reference};
use serde_json::Value;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// Layers that come at once.
const AT_ONCE: usize = 3;
/// How often what was there and has been removed meanwhile is fetched again.
const ROUNDS: usize = 3;

/// What is wished for.
#[derive(Clone, Debug)]
pub struct PullRequest {
    /// The image, with its tag or digest.
    pub reference: Reference,
    /// Who asks.
    pub credentials: Credentials,
    /// What becomes of Microsoft's base; `None`: what the daemon does.
    pub policy: Option<BasePolicy>,
}

/// Where an image comes from.
pub(crate) enum Source {
    Registry(Box<Client>),
    Layout(Layout),
}

/// An image as its source has it, before anything large was fetched.
struct Found {
    /// What the tag or digest leads to: an index, or the manifest.
    top: Digest,
    raw: RawManifest,
    manifest: Manifest,
    config_bytes: Vec<u8>,
    config: Value,
}

/// What a layer is called in what is told of it.
pub fn label(digest: &Digest) -> String {
    digest.short().to_owned()
}

impl Distribution {
    /// Pulls an image and gives the digest of what its name leads to.
    ///
    /// # Errors
    /// [`RegistryError`] in Docker's words. What was fetched is kept for the next time; nothing of it is visible.
    pub fn pull(&self, request: &PullRequest, reporter: &dyn Reporter) -> Result<(), RegistryError> {
        let reference = &request.reference;
        let policy = request.policy.unwrap_or(self.policy);
        let repository = Repository::of(reference)?;
        let wanted = reference.digest().or(reference.tag()).unwrap_or("latest").to_owned();
        if reference.base_name().is_some() && policy != BasePolicy::Fetch {
            return self.own_base(reference, &wanted, reporter);
        }
        let (source, found) = self.find(&repository, &wanted, &request.credentials, policy)?;
        tell(reporter, Event::about(&wanted, format!("Pulling from {}", repository.path)))?;
        let name = reference.digest().is_none().then(|| format!("{}:{wanted}", repository.familiar));
        let origin = format!("{}@{}", repository.familiar, found.top);
        let shown = name.clone().unwrap_or_else(|| origin.clone());
        let before = self.store.resolve(&shown).ok().map(|image| image.manifest);
        let top = found.top.clone();
        let image = self.take(&source, found, policy, name.as_deref(), Some(&origin), reporter)?;
        tell(reporter, Event::message(format!("Digest: {top}")))?;
        let status = if before == Some(image) { "Image is up to date for" } else { "Downloaded newer image for" };
        tell(reporter, Event::message(format!("Status: {status} {shown}")))
    }

    /// Takes an image out of a layout directory and gives it `name`, which carries its tag.
    ///
    /// # Errors
    /// [`RegistryError`].
    pub fn import_layout(
        &self,
        directory: &std::path::Path,
        tag: Option<&str>,
        name: &str,
        policy: Option<BasePolicy>,
        reporter: &dyn Reporter,
    ) -> Result<(), RegistryError> {
        let policy = policy.unwrap_or(self.policy);
        let layout = Layout::open(directory)?;
        let top = layout.manifest(tag)?;
        let source = Source::Layout(layout);
        let found = self.look(&source, top, policy)?;
        let digest = found.top.clone();
        tell(reporter, Event::message(format!("Importing from {}", directory.display())))?;
        self.take(&source, found, policy, Some(name), None, reporter)?;
        tell(reporter, Event::message(format!("Digest: {digest}")))?;
        tell(reporter, Event::message(format!("Status: Imported {name}")))
    }

    /// The tags of a repository.
    ///
    /// # Errors
    /// [`RegistryError`].
    pub fn tags(&self, reference: &Reference, credentials: &Credentials) -> Result<Vec<String>, RegistryError> {
        self.on_mirrors_first(&Repository::of(reference)?, credentials, |repository, credentials| {
            Client::open(&self.transport, repository, Access::Pull, credentials)?.tags()
        })
    }

    /// What a name leads to, without pulling it: the document, and the systems that it is for.
    ///
    /// # Errors
    /// [`RegistryError`].
    pub fn describe(
        &self,
        reference: &Reference,
        credentials: &Credentials,
    ) -> Result<(RawManifest, Vec<Value>), RegistryError> {
        let client = Client::open(&self.transport, Repository::of(reference)?, Access::Pull, credentials.clone())?;
        let raw = client.manifest(reference.digest().or(reference.tag()).unwrap_or("latest"))?;
        let platforms = if raw.is_index() {
            let entries = raw.index()?.into_iter().filter_map(|entry| entry.platform);
            entries.map(|platform| serde_json::json!(platform)).collect()
        } else {
            let source = Source::Registry(Box::new(client));
            let config: Value = self.config(&source, &raw.manifest()?.config)?.1;
            let mut platform = serde_json::Map::new();
            for name in ["architecture", "os", "os.version", "variant"] {
                if let Some(value) = config.get(name) {
                    platform.insert(name.to_owned(), value.clone());
                }
            }
            vec![Value::Object(platform)]
        };
        Ok((raw, platforms))
    }

    /// A base image: ours, which is made here.
    fn own_base(&self, reference: &Reference, tag: &str, reporter: &dyn Reporter) -> Result<(), RegistryError> {
        let base = reference.base_name().unwrap_or_default();
        let known = tag.parse::<casement_nt::version::Tag>();
        let build = known.as_ref().ok().map(|tag| tag.build()).or_else(|| {
            let number = build_number(tag)?;
            casement_nt::WindowsBuild::from_number(number)
        });
        let (Ok(flavour), Some(build)) = (base.parse(), build) else {
            return Err(RegistryError::Base(format!(
                "cannot pull {reference}: Casement makes the base images itself, with the tags 1809, ltsc2019, ltsc2022 and ltsc2025 (`casement base build {base}`); to fetch Microsoft's, which do not run here, use `casement pull --base-policy=fetch {reference}`"
            )));
        };
        tell(reporter, Event::about(tag, format!("Pulling from windows/{base}")))?;
        let before = self.store.resolve(&reference.to_string()).ok();
        let image = self.bases.base(flavour, build, reporter)?;
        let shown = format!("{}:{tag}", reference.repository());
        if known.is_err() {
            let receiving = self.store.receive()?;
            receiving.publish(&image.manifest, Some(&shown), None)?;
        }
        tell(reporter, Event::message(format!("Digest: {}", image.manifest)))?;
        let same = before.is_some_and(|before| before.manifest == image.manifest);
        let status = if same { "Image is up to date for" } else { "Made by Casement in place of Microsoft's:" };
        tell(reporter, Event::message(format!("Status: {status} {shown}")))
    }

    /// Looks an image up.
    fn find(
        &self,
        repository: &Repository,
        wanted: &str,
        credentials: &Credentials,
        policy: BasePolicy,
    ) -> Result<(Source, Found), RegistryError> {
        self.on_mirrors_first(repository, credentials, |repository, credentials| {
            let client = Client::open(&self.transport, repository, Access::Pull, credentials)?;
            let top = client.manifest(wanted)?;
            let source = Source::Registry(Box::new(client));
            let found = self.look(&source, top, policy)?;
            Ok((source, found))
        })
    }

    /// Asks the mirrors first if there are any, then the registry that a name leads to.
    fn on_mirrors_first<T>(
        &self,
        repository: &Repository,
        credentials: &Credentials,
        ask: impl Fn(Repository, Credentials) -> Result<T, RegistryError>,
    ) -> Result<T, RegistryError> {
        if repository.is_hub() {
            for mirror in &self.mirrors {
                // A mirror is never shown the account of the registry.
                match ask(repository.on(mirror), Credentials::default()) {
                    Ok(found) => return Ok(found),
                    Err(error) => tracing::warn!(%error, mirror, "a mirror does not have an image"),
                }
            }
        }
        ask(repository.clone(), credentials.clone())
    }

    /// From what a name leads to, to the manifest and config of one image.
    fn look(&self, source: &Source, top: RawManifest, policy: BasePolicy) -> Result<Found, RegistryError> {
        let newer = if policy == BasePolicy::Strict { Newer::Refused } else { Newer::Last };
        let digest = top.digest.clone();
        let raw = match top.is_index() {
            false => top,
            true => {
                let chosen = choose(&top.index()?, self.host, newer)?.digest.clone();
                let raw = match source {
                    Source::Registry(client) => client.manifest(&chosen.to_string())?,
                    Source::Layout(layout) => layout.by_digest(&chosen)?,
                };
                if raw.is_index() {
                    return Err(RegistryError::refused(format!("index {chosen}"), "it is inside another index"));
                }
                raw
            }
        };
        let manifest = raw.manifest()?;
        let (config_bytes, config) = self.config(source, &manifest.config)?;
        check(&config, self.host, newer)?;
        Ok(Found { top: digest, raw, manifest, config_bytes, config })
    }

    fn config(&self, source: &Source, blob: &Blob) -> Result<(Vec<u8>, Value), RegistryError> {
        let bytes = match source {
            Source::Layout(layout) => layout.document(&blob.digest)?,
            Source::Registry(client) => {
                let mut answer = client.blob(&blob.digest, 0)?;
                let broke = |error: std::io::Error| RegistryError::refused(format!("config {}", blob.digest), error);
                let limit = usize::try_from(blob.size).unwrap_or(0).min(crate::documents::MAX_DOCUMENT);
                let bytes = answer.whole(limit).map_err(broke)?;
                if Digest::of(&bytes) != blob.digest {
                    return Err(RegistryError::Verification(blob.digest.to_string()));
                }
                bytes
            }
        };
        let value = serde_json::from_slice(&bytes)
            .map_err(|error| RegistryError::refused(format!("config {}", blob.digest), error))?;
        Ok((bytes, value))
    }

    /// Fetches what is missing of an image, unpacks it and gives it its name. Gives the digest of its manifest here.
    fn take(
        &self,
        source: &Source,
        found: Found,
        policy: BasePolicy,
        name: Option<&str>,
        origin: Option<&str>,
        reporter: &dyn Reporter,
    ) -> Result<Digest, RegistryError> {
        let base = if policy == BasePolicy::Fetch { None } else { bases::recognise(&found.manifest, &found.config) };
        let rewritten = match &base {
            None => None,
            Some(base) => Some(self.substitute(&found, base, reporter)?),
        };
        let first = base.as_ref().map_or(0, |base| base.layers);
        let layers = &found.manifest.layers[first..];
        for layer in layers {
            tell(reporter, Event::about(label(&layer.digest), "Pulling fs layer"))?;
        }
        for _ in 0..ROUNDS {
            self.fetch(source, layers, reporter)?;
            let receiving = self.store.receive()?;
            for layer in layers {
                if !self.store.content().contains(&layer.digest) {
                    let path = self.downloads.path(&layer.digest);
                    if !path.exists() {
                        continue;
                    }
                    receiving.adopt(&path, &layer.digest)?;
                }
            }
            // Whoever removed an image meanwhile may have taken blobs with it that were there before.
            let mut needed = layers.iter().map(|layer| &layer.digest).chain(rewritten.iter().flat_map(|r| &r.1));
            if !needed.all(|digest| self.store.content().contains(digest)) {
                continue;
            }
            receiving.put(&found.config_bytes)?;
            let mut manifest = receiving.put(&found.raw.bytes)?;
            if let Some((rewritten, _)) = &rewritten {
                receiving.put(&rewritten.config)?;
                manifest = receiving.put(&rewritten.manifest)?;
            }
            self.unpack(&receiving, &manifest, layers, reporter)?;
            receiving.publish(&manifest, name, origin)?;
            return Ok(manifest);
        }
        Err(RegistryError::refused("the pull", "other images are being removed all the time; try again"))
    }

    /// The documents of the image on our base, and the blobs of ours that it needs.
    fn substitute(
        &self,
        found: &Found,
        base: &Base,
        reporter: &dyn Reporter,
    ) -> Result<(substitute::Rewritten, Vec<Digest>), RegistryError> {
        let release = base.release();
        for layer in &found.manifest.layers[..base.layers] {
            tell(reporter, Event::about(label(&layer.digest), "Replaced by Casement's base"))?;
        }
        let text = format!(
            "Base {} {} is replaced by Casement's {}:{}",
            base.flavour,
            base.version,
            base.flavour,
            release.tags()[0]
        );
        tell(reporter, Event::message(text))?;
        let ours = self.bases.base(base.flavour, release, reporter)?;
        let rewritten = substitute::rewrite(&self.store, &found.raw, &found.manifest, &found.config, base, &ours)?;
        let own: casement_layers::oci::Manifest = self.store.content().read_json(&ours.manifest)?;
        Ok((rewritten, own.layers.into_iter().map(|layer| layer.digest).collect()))
    }

    /// Brings the layers that are not here, some at a time.
    fn fetch(&self, source: &Source, layers: &[Blob], reporter: &dyn Reporter) -> Result<(), RegistryError> {
        let next = AtomicUsize::new(0);
        let stop = AtomicBool::new(false);
        let failure = Mutex::new(None);
        let heard = |event: Event| !stop.load(Ordering::Relaxed) && reporter.report(event);
        let work = || {
            while let Some(layer) = layers.get(next.fetch_add(1, Ordering::Relaxed)) {
                if let Err(error) = self.fetch_one(source, layer, &heard) {
                    stop.store(true, Ordering::Relaxed);
                    let mut failure = failure.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                    failure.get_or_insert(error);
                    return;
                }
            }
        };
        std::thread::scope(|scope| {
            for _ in 0..AT_ONCE.min(layers.len()) {
                scope.spawn(work);
            }
        });
        match failure.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner) {
            Some(error) => Err(error),
            None => Ok(()),
        }
    }

    fn fetch_one(&self, source: &Source, layer: &Blob, reporter: &dyn Reporter) -> Result<(), RegistryError> {
        let label = label(&layer.digest);
        if self.store.content().contains(&layer.digest) {
            return tell(reporter, Event::about(label, "Already exists"));
        }
        match source {
            Source::Registry(client) => self.downloads.fetch(client, &self.foreign, layer, &label, reporter),
            Source::Layout(layout) => {
                let path: PathBuf = self.downloads.path(&layer.digest);
                layout.copy(layer, &path)?;
                tell(reporter, Event::about(label, "Download complete"))
            }
        }
    }

    fn unpack(
        &self,
        receiving: &casement_layers::Receiving,
        manifest: &Digest,
        layers: &[Blob],
        reporter: &dyn Reporter,
    ) -> Result<(), RegistryError> {
        let count: casement_layers::oci::Manifest = self.store.content().read_json(manifest)?;
        let first = count.layers.len() - layers.len();
        let tell_of = |index: usize, event: &dyn Fn(&Blob) -> Event| {
            if let Some(layer) = index.checked_sub(first).and_then(|index| layers.get(index)) {
                reporter.report(event(layer));
            }
        };
        let complete = |layer: &Blob| Event::about(label(&layer.digest), "Pull complete");
        let mut told = std::collections::BTreeSet::new();
        receiving.unpack(manifest, &mut |index, done| {
            if done {
                told.insert(index);
                tell_of(index, &complete);
            } else {
                tell_of(index, &|layer| Event::progress(label(&layer.digest), "Extracting", layer.size, layer.size));
            }
        })?;
        (0..count.layers.len()).filter(|index| !told.contains(index)).for_each(|index| tell_of(index, &complete));
        Ok(())
    }
}

/// Whether an image can be here at all.
fn check(config: &Value, host: HostBuild, newer: Newer) -> Result<(), RegistryError> {
    let text = |name: &str| config.get(name).and_then(Value::as_str).unwrap_or_default();
    if text("os") != "windows" {
        let os: String = text("os").chars().filter(|c| !c.is_control()).take(60).collect();
        return Err(RegistryError::WrongSystem(os));
    }
    if text("architecture") != "amd64" {
        return Err(RegistryError::NoMatch(format!("windows({host})/amd64")));
    }
    let build = build_number(text("os.version"));
    if newer == Newer::Refused && build.is_some_and(|build| build > host.0) {
        let image = HostBuild(build.unwrap_or(0)).to_string();
        return Err(RegistryError::TooNew { image, host: host.to_string() });
    }
    Ok(())
}
