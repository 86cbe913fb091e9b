//! The workshop of the builder on this host: images of the layer store, containers of the engine.

use std::fs::{self, File};
use std::io::Read;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use casement_builder::{
    BuildError, Cancel, Downloaded, ErrorKind as BuildErrorKind, Event, Mount, MountSource, Output, Request, Snapshot,
    Step, Workshop,
};
use casement_layers::volume::{VolumePath, VolumeTree};
use casement_layers::{AfterCommit, CommitOptions, Image, LayersError, Listing, Store};
use casement_registry::Distance;
use casement_silo::error_chain;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use sha2::{Digest as _, Sha256};
use tracing::warn;

use super::cache::CachedStep;
use super::output_text::Text;
use super::outside::Outside;
use crate::container::{ContainerSettings, now};
use crate::engine::Engine;
use crate::error::{Error, ErrorKind, Result};
use crate::model::{Config, HostConfig, LogConfig, Mount as EngineMount, MountType, Words};
use crate::signal::Signal;

/// Directory below the root for what builds have on the disk while they run.
const WORK: &str = "builds";
/// Directory below the root for caches of `RUN --mount=type=cache`.
const CACHES: &str = "build-caches";
/// Where secrets are kept while a step runs: memory, which no disk gets to see.
const MEMORY: &str = "/dev/shm";
/// Bytes of output that are shown at once.
const PIECE: usize = 32 << 10;
/// How long the rest of a line may take to be shown with its beginning. Programs write the end of a line on its own.
const REST_OF_LINE: Timespec = Timespec { tv_sec: 0, tv_nsec: 20_000_000 };
/// How long a container that was told to end may take until its end is recorded.
const END_PATIENCE: Duration = Duration::from_secs(120);

/// The workshop.
pub struct HostWorkshop {
    engine: Arc<Engine>,
    store: Store,
    outside: Outside,
}

impl HostWorkshop {
    /// The workshop of an engine, with these ways out.
    ///
    /// # Errors
    /// When the layer store cannot be opened.
    pub fn open(engine: &Arc<Engine>, outside: Outside) -> Result<Self> {
        let store = Store::open(&engine.root).map_err(|error| Error::Layers(error_chain(&error)))?;
        Ok(Self { engine: engine.clone(), store, outside })
    }

    /// For a Dockerfile that was fetched from there.
    #[must_use]
    pub fn fetched_from(self, distance: Distance) -> Self {
        Self { outside: self.outside.fetched_from(distance), ..self }
    }

    fn image(&self, snapshot: &Snapshot) -> Result<Image, BuildError> {
        let found = self.store.step_image(&snapshot.manifest).map_err(layers)?;
        found.ok_or_else(|| BuildError::internal(format!("No such image: {}", snapshot.id)))
    }
}

fn snapshot(image: &Image) -> Snapshot {
    Snapshot { id: image.id.clone(), manifest: image.manifest.clone(), config: image.config.clone() }
}

/// Whether an image was named by its id, which no registry has.
fn is_id(name: &str, image: &Image) -> bool {
    image.id.hex().starts_with(name.strip_prefix("sha256:").unwrap_or(name))
}

fn layers(error: LayersError) -> BuildError {
    BuildError::internal(error_chain(&error))
}

/// An error of the engine as one of a build.
fn engine(error: Error) -> BuildError {
    let kind = match error.kind() {
        ErrorKind::InvalidParameter => BuildErrorKind::Invalid,
        ErrorKind::NoSuchImage | ErrorKind::NoSuchContainer | ErrorKind::NotFound => BuildErrorKind::NotFound,
        ErrorKind::NotImplemented => BuildErrorKind::NotImplemented,
        _ => BuildErrorKind::Internal,
    };
    BuildError::new(kind, error.to_string())
}

fn options(step: &Step, scratch: AfterCommit) -> CommitOptions {
    let moment = |text: &str| text.parse::<jiff::Timestamp>().unwrap_or_default();
    CommitOptions {
        config: step.config.clone(),
        listing: Listing::Step,
        created_by: step.created_by.clone(),
        comment: String::new(),
        author: step.author.clone(),
        created: moment(&step.created),
        latest: step.epoch.and_then(|seconds| jiff::Timestamp::from_second(seconds).ok()),
        owner: step.owner.clone(),
        mounted: Vec::new(),
        scratch,
    }
}

impl Workshop for HostWorkshop {
    fn base(&self, name: &str, refresh: bool, output: &dyn Output, cancel: &Cancel) -> Result<Snapshot, BuildError> {
        match self.engine.image(name) {
            Ok(image) if !refresh || is_id(name, &image) => return Ok(snapshot(&image)),
            Err(error) if error.kind() != ErrorKind::NoSuchImage => return Err(engine(error)),
            _ => self.outside.pull(name, output, cancel)?,
        }
        let image = self.engine.image(name).map_err(engine)?;
        self.engine.tell_of_image("pull", &image, name);
        Ok(snapshot(&image))
    }

    fn download(
        &self,
        address: &str,
        into: &Path,
        output: &dyn Output,
        cancel: &Cancel,
    ) -> Result<Downloaded, BuildError> {
        self.outside.download(address, into, output, cancel)
    }

    fn recall(&self, key: &str) -> Option<Snapshot> {
        let step = match self.engine.cached_step(key) {
            Ok(step) => step?,
            Err(error) => {
                warn!(%error, "cannot look into the build cache");
                return None;
            }
        };
        self.store.step_image(&step.manifest).ok().flatten().map(|image| snapshot(&image))
    }

    fn remember(&self, key: &str, what: &str, made: &Snapshot) -> Result<(), BuildError> {
        let step = CachedStep {
            key: key.to_owned(),
            manifest: made.manifest.clone(),
            what: what.chars().take(400).collect(),
            created: now(),
        };
        self.engine.cache_step(&step).map_err(engine)
    }

    fn recall_hash(&self, key: &str) -> Option<String> {
        self.engine.cached_hash(key).ok().flatten()
    }

    fn remember_hash(&self, key: &str, hash: &str) -> Result<(), BuildError> {
        self.engine.cache_hash(key, hash).map_err(engine)
    }

    fn restore(&self, parent: &Snapshot, step: &Step, others: &[String]) -> Option<Snapshot> {
        let parent = self.image(parent).ok()?;
        others.iter().find_map(|name| {
            let other = self.engine.image(name).ok()?;
            let options = options(step, AfterCommit::Kept);
            match self.store.restore_step(&parent, &other, &options) {
                Ok(image) => image.map(|image| snapshot(&image)),
                Err(error) => {
                    warn!(error = %error_chain(&error), image = name, "cannot take a step from another image");
                    None
                }
            }
        })
    }

    fn describe(&self, parent: &Snapshot, step: &Step) -> Result<Snapshot, BuildError> {
        let parent = self.image(parent)?;
        let image = self.store.commit_config(&parent, &options(step, AfterCommit::Kept)).map_err(layers)?;
        Ok(snapshot(&image))
    }

    fn create(&self, request: &Request) -> Result<(String, Vec<String>), BuildError> {
        let mut settings = settings(request);
        let warnings = self.engine.settle(&mut settings).map_err(engine)?;
        let container = self.engine.create(&settings).map_err(engine)?;
        Ok((container.id.to_string(), warnings))
    }

    fn run(&self, container: &str, output: &dyn Output, cancel: &Cancel) -> Result<u32, BuildError> {
        let (_, near) = self.engine.attach(container, false).map_err(engine)?;
        let (ending, id) = (self.engine.clone(), container.to_owned());
        let end = move || drop(ending.kill(&id, Signal::KILL));
        let ended_with_the_build = cancel.on_set(end.clone());
        self.engine.start(container).map_err(engine)?;
        if cancel.is_set() {
            end();
        }
        std::thread::scope(|scope| {
            let copies = [(near.stdout, false), (near.stderr, true)].map(|(stream, is_error)| {
                let end = end.clone();
                scope.spawn(move || {
                    if let Some(stream) = stream
                        && copy(stream, is_error, output).is_err()
                    {
                        // Nobody looks any more.
                        end();
                    }
                })
            });
            for copy in copies {
                let _ = copy.join();
            }
        });
        let entry = self.engine.find(container).map_err(engine)?;
        if !entry.wait(cancel.is_set().then_some(END_PATIENCE), |live| !live.is_active()) {
            return Err(BuildError::cancelled());
        }
        drop(ended_with_the_build);
        if cancel.is_set() {
            return Err(BuildError::cancelled());
        }
        let state = entry.container().state;
        match state.error.as_str() {
            "" => Ok(state.exit_code),
            error => Err(BuildError::internal(error)),
        }
    }

    fn with_files(
        &self,
        container: &str,
        work: &mut dyn FnMut(&VolumeTree) -> Result<(), BuildError>,
    ) -> Result<(), BuildError> {
        self.engine.with_files(container, |tree| Ok(work(tree))).map_err(engine)?
    }

    fn commit(&self, container: &str, parent: &Snapshot, step: &Step) -> Result<Snapshot, BuildError> {
        let parent = self.image(parent)?;
        let entry = self.engine.find(container).map_err(engine)?;
        // Nobody has its files mounted, and nobody starts it.
        let _sole = entry.sole_volume();
        let scratch = self.store.scratch(container).map_err(layers)?;
        let scratch = scratch.ok_or_else(|| BuildError::internal(format!("container {container} has no files")))?;
        let mounts = entry.container().host_config.mounts.unwrap_or_default();
        let mounted = mounts.iter().filter_map(|mount| VolumePath::parse(&mount.target).ok()).collect();
        let options = CommitOptions { mounted, ..options(step, AfterCommit::Consumed) };
        let image = self.store.commit(&scratch, &parent, &options).map_err(layers)?;
        Ok(snapshot(&image))
    }

    fn remove(&self, container: &str) -> Result<(), BuildError> {
        match self.engine.remove_with_volumes(container, true) {
            Err(Error::NoSuchContainer(_)) => Ok(()),
            other => other.map_err(engine),
        }
    }

    fn cache_directory(&self, name: &str) -> Result<PathBuf, BuildError> {
        let hex = casement_nt::digest::hex(&Sha256::digest(name.as_bytes()));
        let directory = self.engine.root.join(CACHES).join(&hex[..32]);
        private_directory(&directory).map_err(BuildError::io("cannot make a cache directory"))?;
        Ok(directory)
    }

    fn temporary_directory(&self, in_memory: bool) -> Result<tempfile::TempDir, BuildError> {
        let private = fs::Permissions::from_mode(0o700);
        let made = if in_memory {
            let prefix = memory_prefix(&self.engine.root);
            tempfile::Builder::new().prefix(&prefix).permissions(private).tempdir_in(MEMORY)
        } else {
            let parent = self.engine.root.join(WORK);
            private_directory(&parent).and_then(|()| tempfile::Builder::new().prefix("build-").tempdir_in(&parent))
        };
        made.map_err(BuildError::io("cannot make a directory for the build"))
    }

    fn keep(&self, made: &Snapshot, names: &[String]) -> Result<(), BuildError> {
        let mut tagged = Vec::new();
        for name in names {
            let reference = casement_layers::Reference::parse(name)
                .map_err(|_| BuildError::invalid(format!("invalid reference format: {name}")))?;
            tagged.push(format!("{}:{}", reference.repository(), reference.tag().unwrap_or("latest")));
        }
        self.store.keep_step(&made.manifest, &tagged).map_err(layers)?;
        if let Ok(image) = self.image(made) {
            for name in &tagged {
                self.engine.tell_of_image("tag", &image, name);
            }
        }
        Ok(())
    }
}

fn settings(request: &Request) -> ContainerSettings {
    let mounts =
        request.mounts.iter().map(|Mount { target, source: MountSource::Directory(path), read_only }| EngineMount {
            kind: MountType::Bind,
            source: path.display().to_string(),
            target: target.clone(),
            read_only: *read_only,
            ..EngineMount::default()
        });
    let line = match request.command_line.as_str() {
        // It is never started.
        "" => "cmd /S /C exit".to_owned(),
        line => line.to_owned(),
    };
    ContainerSettings {
        config: Config {
            image: request.image.manifest.to_string(),
            user: request.user.clone(),
            working_dir: request.work_directory.clone(),
            env: Some(request.environment.clone()),
            cmd: Some(Words(vec![line])),
            args_escaped: true,
            entrypoint: Some(Words(vec![String::new()])),
            healthcheck: Some(crate::model::Health { test: vec!["NONE".to_owned()], ..Default::default() }),
            ..Config::default()
        },
        host_config: HostConfig {
            memory: request.memory,
            cpu_shares: request.cpu_shares,
            network_mode: if request.network.is_empty() { "default".to_owned() } else { request.network.clone() },
            isolation: request.isolation.clone(),
            extra_hosts: Some(request.extra_hosts.clone()).filter(|hosts| !hosts.is_empty()),
            log_config: LogConfig { kind: "none".to_owned(), ..LogConfig::default() },
            mounts: Some(mounts.collect::<Vec<_>>()).filter(|mounts| !mounts.is_empty()),
            ..HostConfig::default()
        },
        of_build: true,
        ..ContainerSettings::default()
    }
}

/// Shows what a program writes until it writes no more; lines as a whole where they do not take long, as those of its other stream come
/// between. Fails when nobody looks.
fn copy(stream: OwnedFd, is_error: bool, output: &dyn Output) -> Result<(), casement_builder::Gone> {
    let (mut stream, mut text, mut buffer) = (File::from(stream), Text::default(), vec![0; PIECE]);
    let show = |text: String| match text.is_empty() {
        true => Ok(()),
        false => output.show(if is_error { Event::Error(text) } else { Event::Out(text) }),
    };
    let mut line = String::new();
    loop {
        let is_whole = line.is_empty() || line.ends_with('\n') || line.len() > PIECE;
        if is_whole || !is_readable_soon(&stream) {
            show(std::mem::take(&mut line))?;
        }
        match stream.read(&mut buffer) {
            Ok(0) => return show(line + &text.end()),
            Ok(count) => line += &text.piece(&buffer[..count]),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => {
                warn!(%error, "cannot read the output of a step");
                return show(line);
            }
        }
    }
}

/// Whether there is more of a line, or the end of a stream, within [`REST_OF_LINE`].
fn is_readable_soon(stream: &File) -> bool {
    let mut events = [PollFd::new(stream, PollFlags::IN)];
    poll(&mut events, Some(&REST_OF_LINE)).is_ok_and(|ready| ready > 0)
}

/// What names of directories in memory begin with: those of this root alone.
fn memory_prefix(root: &Path) -> String {
    let hex = casement_nt::digest::hex(&Sha256::digest(root.as_os_str().as_encoded_bytes()));
    format!("casement-{}-", &hex[..16])
}

/// A directory that only root goes through.
fn private_directory(path: &Path) -> std::io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path)?;
    // Whoever made it before: it is of this user, or it is not used.
    let metadata = fs::symlink_metadata(path)?;
    let own = std::os::unix::fs::MetadataExt::uid(&metadata) == rustix::process::geteuid().as_raw();
    if metadata.is_dir() && own { Ok(()) } else { Err(std::io::ErrorKind::PermissionDenied.into()) }
}

impl Engine {
    /// Removes what builds of a daemon that was killed have left on disk and in memory.
    pub(crate) fn sweep_builds(&self) {
        let prefix = memory_prefix(&self.root);
        let in_memory = fs::read_dir(MEMORY).into_iter().flatten().flatten().map(|entry| entry.path());
        let left =
            in_memory.filter(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(&prefix)));
        for directory in left.chain([self.root.join(WORK)]) {
            match fs::remove_dir_all(&directory) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    warn!(%error, directory = %directory.display(), "cannot remove what a build left");
                }
                _ => {}
            }
        }
    }

    /// Removes the caches of `RUN --mount=type=cache` and returns the bytes that they took.
    pub(super) fn remove_cache_directories(&self) -> Result<u64> {
        let directory = self.root.join(CACHES);
        let bytes = if directory.is_dir() { crate::size::of_directory(&directory) } else { 0 };
        match fs::remove_dir_all(&directory) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(Error::io(format!("cannot remove {}", directory.display()), error))
            }
            _ => Ok(bytes),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::sync::mpsc::{Sender, channel};

    struct Shown(Sender<Event>);

    impl Output for Shown {
        fn show(&self, event: Event) -> std::result::Result<(), casement_builder::Gone> {
            self.0.send(event).map_err(|_| casement_builder::Gone)
        }
    }

    #[test]
    fn lines_are_whole_and_prompts_are_shown() {
        let (far, mut near) = std::io::pipe().unwrap();
        let (sender, shown) = channel();
        // More than is read at once.
        let line = format!("{}\r\n", "x".repeat(PIECE));
        near.write_all(line.as_bytes()).unwrap();
        let copying = std::thread::spawn(move || copy(far.into(), false, &Shown(sender)));
        assert_eq!(shown.recv().unwrap(), Event::Out(line));
        near.write_all(b"Continue? ").unwrap();
        assert_eq!(shown.recv().unwrap(), Event::Out("Continue? ".to_owned()));
        near.write_all(b"yes").unwrap();
        drop(near);
        copying.join().unwrap().unwrap();
        assert_eq!(shown.try_iter().collect::<Vec<_>>(), [Event::Out("yes".to_owned())]);
    }
}
