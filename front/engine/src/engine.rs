//! The engine: containers by name, made of images, run by the compute service, remembered by the store.

use std::collections::{BTreeMap, VecDeque};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use casement_hns::NetworkService;
use casement_registry::{HostBuild, build_number, compatibility};
use casement_schema::Guid;
use rustix::fs::{FlockOperation, flock};
use tracing::{info, info_span, warn};

use crate::clock::{Clock, HostClock};
use crate::compute::{Blueprint, ComputeService, ImageStore, System};
use crate::container::{Container, ContainerSettings, State, Status, time_text};
use crate::document;
use crate::entry::{Entry, Live};
use crate::error::{Error, ErrorKind, Result};
use crate::events::Events;
use crate::exec::Execs;
use crate::id::ContainerId;
use crate::image::ImageSummary;
use crate::model::LogConfig;
use crate::networks::attachment::{Attachments, Opened, SHARED, wanted};
use crate::networks::part::Networks;
use crate::networks::{NAT, NetworkPart};
use crate::restart::Backoff;
use crate::rules;
use crate::store::Store;
use crate::{log_options, mounts};

/// The database file under the root.
pub const DATABASE_FILE: &str = "casement.redb";
/// The lock file under the root: one daemon at a time.
pub const LOCK_FILE: &str = "daemon.lock";
/// Containers whose end is remembered after their automatic removal, for clients that ask late.
const REMEMBERED_ENDS: usize = 1_024;

/// What [`Engine::until`] waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum WaitCondition {
    /// The container does not run.
    NotRunning,
    /// The container ends once more, or for the first time; or it is removed.
    NextExit,
    /// The container is removed.
    Removed,
}

impl WaitCondition {
    /// Whether it holds for a container that had ended `ends` times when the wait began.
    fn holds(self, live: &Live, ends: u64) -> bool {
        match self {
            // Between two runs of one that is restarted it does not run either.
            Self::NotRunning => !live.is_active() || live.ends != ends,
            Self::NextExit => live.gone || live.ends != ends,
            Self::Removed => live.gone,
        }
    }
}

/// The engine. One per root, shared by all threads of the daemon.
pub struct Engine {
    pub(crate) store: Store,
    pub(crate) compute: Box<dyn ComputeService>,
    pub(crate) images: Box<dyn ImageStore>,
    pub(crate) networks: Networks,
    pub(crate) clock: Box<dyn Clock>,
    entries: Mutex<BTreeMap<ContainerId, Arc<Entry>>>,
    /// The last states of containers that were removed automatically, oldest first.
    ends: Mutex<VecDeque<(ContainerId, State)>>,
    events: Events,
    pub(crate) execs: Execs,
    /// Held while an image is removed: what its containers say stays true meanwhile for the others who remove.
    image_removal: Mutex<()>,
    /// Held by those who make and remove volumes, and until a container that uses some is known.
    pub(crate) volumes: Mutex<()>,
    pub(crate) root: PathBuf,
    /// The log of containers that do not say.
    log_default: OnceLock<LogConfig>,
    /// The Windows host whose rules decide which images start; unset: any image does.
    strict_host: OnceLock<HostBuild>,
    host_cpus: u32,
    /// Keeps other daemons out as long as it is open.
    _lock: File,
}

impl Engine {
    /// Opens the engine on its root directory: takes the lock, reads the records and brings them in line with what is really there.
    ///
    /// # Errors
    /// [`Error::RootInUse`] when another daemon has it, or what kept it from opening.
    pub fn open(
        root: &Path,
        compute: Box<dyn ComputeService>,
        images: Box<dyn ImageStore>,
        networks: impl Fn() -> Result<NetworkPart> + Send + Sync + 'static,
    ) -> Result<Arc<Self>> {
        let clock = HostClock::start().map_err(|error| Error::io("cannot start the clock", error))?;
        Self::open_with_clock(root, compute, images, networks, Box::new(clock))
    }

    /// As [`Engine::open`], with another clock.
    ///
    /// # Errors
    /// As there.
    pub fn open_with_clock(
        root: &Path,
        compute: Box<dyn ComputeService>,
        images: Box<dyn ImageStore>,
        networks: impl Fn() -> Result<NetworkPart> + Send + Sync + 'static,
        clock: Box<dyn Clock>,
    ) -> Result<Arc<Self>> {
        let lock = lock_root(root)?;
        let store = Store::open(&root.join(DATABASE_FILE))?;
        let host_cpus =
            std::thread::available_parallelism().map_or(1, |count| u32::try_from(count.get()).unwrap_or(u32::MAX));
        let engine = Arc::new(Self {
            store,
            compute,
            images,
            networks: Networks::open(Box::new(networks))?,
            clock,
            entries: Mutex::default(),
            ends: Mutex::default(),
            events: Events::default(),
            execs: Execs::default(),
            image_removal: Mutex::default(),
            volumes: Mutex::default(),
            root: root.to_owned(),
            log_default: OnceLock::new(),
            strict_host: OnceLock::new(),
            host_cpus,
            _lock: lock,
        });
        engine.rejoin_networks()?;
        engine.reconcile()?;
        engine.reconcile_volumes()?;
        engine.sweep_builds();
        Ok(engine)
    }

    /// Checks the settings of a new container and puts in what holds when nothing is said. Returns warnings for the user.
    ///
    /// # Errors
    /// [`Error::InvalidParameter`], [`Error::NotImplemented`].
    pub fn settle(&self, settings: &mut ContainerSettings) -> Result<Vec<String>> {
        let (log, default) = (&mut settings.host_config.log_config, self.log_default());
        let kind = default.kind;
        if log.kind.is_empty() {
            log.kind.clone_from(&kind);
        }
        if log.kind == kind {
            for (name, value) in default.config {
                log.config.entry(name).or_insert(value);
            }
        }
        let mut warnings = rules::settle(settings, self.host_cpus)?;
        self.check_links(settings.host_config.links.as_deref().unwrap_or_default())?;
        if settings.host_config.network_mode == NAT {
            self.need_networks();
        }
        if let (Err(reason), NAT) = (self.networks.service(), settings.host_config.network_mode.as_str()) {
            warnings.push(format!("The container has loopback only: {reason}"));
        }
        Ok(warnings)
    }

    /// Sets the log of containers that do not say. Only the first call counts.
    pub fn set_log_default(&self, log: LogConfig) {
        let _ = self.log_default.set(log);
    }

    /// The log of containers that do not say.
    #[must_use]
    pub fn log_default(&self) -> LogConfig {
        let plain = || LogConfig { kind: log_options::DEFAULT.to_owned(), ..LogConfig::default() };
        self.log_default.get().cloned().unwrap_or_else(plain)
    }

    /// Creates a container without starting it.
    ///
    /// # Errors
    /// Whatever kept it from being created; nothing is left then.
    pub fn create(&self, settings: &ContainerSettings) -> Result<Container> {
        let entry = self.prepare(settings)?;
        let _turn = entry.operation();
        let created = |container: &mut Container| container.state.status = Status::Created;
        self.update_then(&entry, created, |container| self.tell(container, "create"))?;
        Ok(entry.container())
    }

    /// Starts a container that does not run.
    ///
    /// # Errors
    /// [`Error::AlreadyRunning`], or whatever kept it from starting.
    pub fn start(self: &Arc<Self>, key: &str) -> Result<Container> {
        let entry = self.find(key)?;
        let _turn = entry.operation();
        self.start_in_turn(&entry)?;
        Ok(entry.container())
    }

    /// As [`Engine::start`], for a caller who holds the container's turn.
    pub(crate) fn start_in_turn(self: &Arc<Self>, entry: &Arc<Entry>) -> Result<()> {
        let before = {
            let live = entry.live();
            match live.container.state.status {
                _ if live.gone => return Err(Error::NoSuchContainer(entry.id.to_string())),
                Status::Running | Status::Restarting => return Err(Error::AlreadyRunning(entry.id.clone())),
                Status::Paused => {
                    return Err(Error::Conflict("cannot start a paused container, try unpause instead".to_owned()));
                }
                Status::Removing | Status::Dead => {
                    return Err(Error::Conflict("container is marked for removal and cannot be started".to_owned()));
                }
                status => status,
            }
        };
        self.update(entry, |container| {
            container.state.status = Status::Starting;
            container.restart_count = 0;
            container.manually_stopped = false;
        })?;
        entry.live().backoff = Backoff::default();
        self.launch(entry, before)
    }

    /// From now on only those images start that a Windows host of this build starts.
    pub fn require_host(&self, host: HostBuild) {
        let _ = self.strict_host.set(host);
    }

    /// What HCS checks on such a host.
    fn check_host(&self, container: &Container) -> Result<()> {
        let Some(host) = self.strict_host.get() else { return Ok(()) };
        let version = self.images.resolve(&container.image_id)?.os_version;
        match build_number(&version) {
            Some(build) if !compatibility::runs(*host, build) => Err(Error::Compute(format!(
                "hcs::CreateComputeSystem {}: {} (0xc0370101): the image is for {version}, the host is {host}",
                container.id,
                compatibility::MISMATCH
            ))),
            _ => Ok(()),
        }
    }

    /// Every container that a caller may know of, in the order of their creation, newest first.
    #[must_use]
    pub fn list(&self) -> Vec<Container> {
        let entries: Vec<_> = self.entries().values().cloned().collect();
        let shown = |entry: Arc<Entry>| {
            let live = entry.live();
            (!live.gone && live.container.state.status != Status::Creating).then(|| live.container.clone())
        };
        let mut containers: Vec<_> = entries.into_iter().filter_map(shown).collect();
        containers.sort_by(|one, other| other.created.cmp(&one.created));
        containers
    }

    /// Every container, those that are just being created included.
    pub(crate) fn every_container(&self) -> Vec<Container> {
        let entries: Vec<_> = self.entries().values().cloned().collect();
        entries.iter().map(|entry| entry.container()).collect()
    }

    /// Waits for its turn among removals of images.
    pub(crate) fn image_removals(&self) -> MutexGuard<'_, ()> {
        self.image_removal.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The container of this name, id or unique id prefix.
    ///
    /// # Errors
    /// [`Error::NoSuchContainer`], [`Error::AmbiguousPrefix`].
    pub fn inspect(&self, key: &str) -> Result<Container> {
        Ok(self.find(key)?.container())
    }

    /// The directory of a container's compute system, with its log and its silo host's socket.
    #[must_use]
    pub fn directory(&self, container: &Container) -> PathBuf {
        self.compute.directory(&container.id)
    }

    /// Waits for a container and returns its state, in two steps: what happens after the first one is not missed. One that was removed
    /// automatically a while ago is still known by its full id.
    ///
    /// # Errors
    /// [`Error::NoSuchContainer`] when it does not exist.
    pub fn until(&self, key: &str, condition: WaitCondition) -> Result<impl Future<Output = State> + Send + use<>> {
        let (entry, remembered) = match self.find(key) {
            Ok(entry) => (Some(entry), None),
            Err(error) => (None, Some(self.remembered_end(key).ok_or(error)?)),
        };
        let ends = entry.as_ref().map(|entry| entry.live().ends);
        Ok(async move {
            let (Some(entry), Some(ends)) = (entry, ends) else { return remembered.unwrap_or_default() };
            entry.until(|live| condition.holds(live, ends)).await;
            entry.live().state_since(ends)
        })
    }

    /// CPUs of this host.
    pub(crate) fn host_cpus(&self) -> u32 {
        self.host_cpus
    }

    /// What happened and happens.
    #[must_use]
    pub fn events(&self) -> &Events {
        &self.events
    }

    /// The image that a name as people type it stands for.
    ///
    /// # Errors
    /// [`Error::NoSuchImage`], or that the store is damaged.
    pub fn image(&self, reference: &str) -> Result<casement_layers::Image> {
        self.images.resolve(reference)
    }

    /// Every image.
    ///
    /// # Errors
    /// When the layer store is damaged.
    pub fn images(&self) -> Result<Vec<ImageSummary>> {
        self.images.list()
    }

    /// Makes the record and the scratch of a new container. Its state is `Creating`.
    fn prepare(&self, settings: &ContainerSettings) -> Result<Arc<Entry>> {
        let image = self.images.resolve(&settings.config.image)?;
        let size = rules::scratch_size(&settings.host_config)?;
        let id = ContainerId::random()?;
        let _span = info_span!("create", container = id.short()).entered();
        let turn = self.volume_turn();
        let (mounts, made) = self.plan_mounts(settings, &image)?;
        let mut settings = settings.clone();
        rules::settle(&mut settings, self.host_cpus)?;
        self.name_networks(&mut settings);
        let settings = &settings;
        let planned = document::plan(&id, &image, settings, mounts, self.host_cpus);
        let plan = planned.inspect_err(|_| self.forget_volumes(&made))?;
        let inserted = self.store.insert(&id, settings.name.as_ref(), |reservation| {
            Ok(Container {
                id: id.clone(),
                name: reservation.name,
                created: self.now(),
                image: settings.config.image.clone(),
                image_id: image.id.to_string(),
                uid_base: reservation.uid_base,
                config: plan.config,
                host_config: plan.host_config,
                endpoints: settings.endpoints.clone(),
                network: Attachments::default(),
                mounts: plan.mounts,
                state: State::default(),
                restart_count: 0,
                manually_stopped: false,
                document: plan.document,
                process: plan.process,
                of_build: settings.of_build,
            })
        });
        let entry = Entry::new(inserted.inspect_err(|_| self.forget_volumes(&made))?);
        self.entries().insert(id.clone(), entry.clone());
        drop(turn);
        let uid_base = entry.live().container.uid_base;
        match self.images.create_scratch(&id, &image, uid_base, size) {
            Ok(scratch) => {
                document::set_scratch(&mut entry.live().container.document, &scratch);
                Ok(entry)
            }
            Err(error) => {
                let _turn = entry.operation();
                entry.live().with_volumes = true;
                self.discard_quietly(&entry);
                Err(error)
            }
        }
    }

    /// Starts a prepared container. The caller holds its turn. On failure the container falls back to `before`.
    pub(crate) fn launch(self: &Arc<Self>, entry: &Arc<Entry>, before: Status) -> Result<()> {
        let _span = info_span!("start", container = entry.id.short()).entered();
        match self.try_launch(entry) {
            Ok(system) => {
                self.watch(entry, system);
                self.begin_probes(entry);
                info!("started");
                Ok(())
            }
            Err(error) => {
                self.fall_back(entry, before, &error);
                Err(error)
            }
        }
    }

    fn try_launch(&self, entry: &Arc<Entry>) -> Result<Arc<dyn System>> {
        let _volume = entry.sole_volume();
        let container = entry.container();
        rules::check_start(&container)?;
        self.check_host(&container)?;
        let is_wanted = !wanted(&container).is_empty();
        if is_wanted {
            self.need_networks();
        }
        let namespace = (is_wanted && self.networks.service().is_ok()).then(NetworkService::new_id);
        let blueprint = self.blueprint(&container, namespace)?;
        let create = || self.compute.create(&entry.id, &blueprint);
        let (system, opened) = match namespace {
            None => (create(), self.open_networks(&container, None)),
            // Addresses are chosen and written down while the silo is made.
            Some(_) => std::thread::scope(|scope| {
                let opening = scope.spawn(|| self.open_networks(&container, namespace));
                (create(), opening.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            }),
        };
        let opened = opened?;
        let begun = system.and_then(|system| self.begin(entry, &container, system, opened.as_ref()));
        if let (Err(_), Some(opened)) = (&begun, &opened) {
            self.close_networks(&opened.attachments);
        }
        begun
    }

    /// What the compute system of a container is made from.
    fn blueprint(&self, container: &Container, namespace: Option<Guid>) -> Result<Blueprint> {
        let log = log_options::log_settings(container)?;
        let mut document = container.document.clone();
        self.put_networking(container, namespace, &mut document)?;
        mounts::follow_links(&mut document, &container.mounts)?;
        Ok(Blueprint {
            document,
            process: container.process.clone(),
            uid_base: container.uid_base,
            // A console's input does not end with a client, as its end could not be told from a key.
            input_once: container.config.stdin_once && !container.config.tty,
            log,
            discard: container.host_config.auto_remove,
        })
    }

    /// Starts a compute system that was made, with its endpoints.
    fn begin(
        &self,
        entry: &Arc<Entry>,
        container: &Container,
        system: Arc<dyn System>,
        opened: Option<&Opened>,
    ) -> Result<Arc<dyn System>> {
        if let Some(opened) = opened {
            self.enter_networks(container, &system, opened)?;
        }
        for waiting in entry.take_waiting() {
            system.attach(waiting)?;
        }
        system.start()?;
        if !container.of_build {
            system.settle()?;
        }
        let (pid, started_at) = (system.pid(), self.now());
        let late = {
            let mut live = entry.live();
            live.system = Some(system.clone());
            std::mem::take(&mut live.waiting)
        };
        for stdio in late {
            if let Err(error) = system.attach(stdio) {
                warn!(%error, "cannot attach a client");
            }
        }
        let started = |container: &mut Container| {
            let finished_at = std::mem::take(&mut container.state.finished_at);
            let health = Self::health_at_start(container);
            container.network = opened.map(|opened| opened.attachments.clone()).unwrap_or_default();
            container.state =
                State { status: Status::Running, pid, started_at, finished_at, health, ..State::default() };
        };
        self.update_then(entry, started, |container| self.tell(container, "start"))
            .inspect_err(|_| entry.live().system = None)?;
        Ok(system)
    }

    /// Puts the network of a container into its document.
    fn put_networking(
        &self,
        container: &Container,
        namespace: Option<Guid>,
        document: &mut casement_schema::ComputeSystem,
    ) -> Result<()> {
        let networking = document.container.get_or_insert_default().networking.get_or_insert_default();
        networking.allow_unqualified_dns_query = true;
        networking.dns_search_list = container.host_config.dns_search.clone().unwrap_or_default().join(",");
        if let Some(namespace) = namespace {
            networking.namespace = namespace.to_string();
        }
        if let Some(other) = container.host_config.network_mode.strip_prefix(SHARED) {
            let other = self.find(other)?.container();
            if other.state.status != Status::Running {
                return Err(Error::Conflict(format!("cannot join network of a non running container: {}", other.id)));
            }
            networking.network_shared_container_name = other.id.to_string();
        }
        Ok(())
    }

    /// Cleans up after a failed start.
    fn fall_back(&self, entry: &Arc<Entry>, before: Status, error: &Error) {
        if entry.live().container.host_config.auto_remove {
            self.discard_quietly(entry);
            return;
        }
        // Whoever waited for this start sees the end of its streams.
        drop(entry.take_waiting());
        if let Err(leftover) = self.compute.reap(entry.id.as_str()) {
            warn!(error = %leftover, "cannot clean up after a failed start");
        }
        let exit_code = match error.kind() {
            ErrorKind::ProgramNotFound | ErrorKind::CannotExecute => u32::from(error.kind().exit_code()),
            _ => 128,
        };
        let recorded = self.update(entry, |container| {
            container.state.status = before;
            container.state.exit_code = exit_code;
            container.state.error = error.to_string();
        });
        if let Err(error) = recorded {
            warn!(%error, "cannot record a failed start");
        }
        {
            let mut live = entry.live();
            live.ends += 1;
            live.last_end = Some(live.container.state.clone());
        }
        entry.notify();
    }

    /// Removes everything a container has, and last its record. The caller holds its turn.
    pub(crate) fn discard(&self, entry: &Entry) -> Result<()> {
        let id = entry.id.as_str();
        let failures: Vec<String> = [self.compute.remove(id), self.images.remove_scratch(id)]
            .into_iter()
            .filter_map(|result| result.err().map(|error| error.to_string()))
            .collect();
        if !failures.is_empty() {
            let error = Error::Teardown(failures);
            self.update(entry, |container| {
                container.state.status = Status::Dead;
                container.state.error = error.to_string();
            })?;
            return Err(error);
        }
        let container = entry.container();
        if entry.live().with_volumes || container.host_config.auto_remove {
            self.remove_volumes_of(&container);
        }
        self.store.remove(&container)?;
        self.entries().remove(&entry.id);
        {
            let mut live = entry.live();
            live.gone = true;
            live.waiting.clear();
            if live.container.state.status != Status::Creating {
                self.tell(&live.container, "destroy");
            }
        }
        self.execs.forget(&entry.id);
        entry.notify();
        info!(container = entry.id.short(), "removed");
        Ok(())
    }

    /// As [`Engine::discard`], for those who have another error to report.
    pub(crate) fn discard_quietly(&self, entry: &Entry) {
        if let Err(error) = self.discard(entry) {
            warn!(container = entry.id.short(), %error, "cannot remove a container completely");
        }
    }

    /// Changes a record: first in the store, then in memory.
    pub(crate) fn update(&self, entry: &Entry, change: impl FnOnce(&mut Container)) -> Result<()> {
        self.update_then(entry, change, |_| ())
    }

    /// As [`Engine::update`], with something to be done before anyone else sees the change: to tell of it.
    pub(crate) fn update_then(
        &self,
        entry: &Entry,
        change: impl FnOnce(&mut Container),
        then: impl FnOnce(&Container),
    ) -> Result<()> {
        let mut live = entry.live();
        let mut container = live.container.clone();
        change(&mut container);
        self.store.update(&container)?;
        live.container = container;
        then(&live.container);
        drop(live);
        entry.notify();
        Ok(())
    }

    /// The present moment as records have it.
    pub(crate) fn now(&self) -> String {
        time_text(self.clock.now())
    }

    /// Remembers how a container ended that is about to be removed automatically.
    pub(crate) fn remember_end(&self, id: &ContainerId, state: State) {
        let mut ends = self.ends();
        if ends.len() >= REMEMBERED_ENDS {
            ends.pop_front();
        }
        ends.push_back((id.clone(), state));
    }

    fn remembered_end(&self, key: &str) -> Option<State> {
        self.ends().iter().find(|(id, _)| id.as_str() == key).map(|(_, state)| state.clone())
    }

    fn ends(&self) -> MutexGuard<'_, VecDeque<(ContainerId, State)>> {
        self.ends.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn entries(&self) -> MutexGuard<'_, BTreeMap<ContainerId, Arc<Entry>>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The container of this name, full id or unique id prefix, in this order. One that is being created is not to be found.
    pub(crate) fn find(&self, key: &str) -> Result<Arc<Entry>> {
        let entries = self.entries();
        let mut shown = Vec::with_capacity(entries.len());
        let plain = key.strip_prefix('/').unwrap_or(key);
        for entry in entries.values() {
            let live = entry.live();
            if live.gone || live.container.state.status == Status::Creating {
                continue;
            }
            if live.container.name.as_str() == plain {
                return Ok(entry.clone());
            }
            shown.push(entry);
        }
        let mut fitting = shown.into_iter().filter(|entry| !key.is_empty() && entry.id.as_str().starts_with(key));
        match (fitting.next(), fitting.next()) {
            (Some(entry), None) => Ok(entry.clone()),
            (Some(_), Some(_)) => Err(Error::AmbiguousPrefix(key.to_owned())),
            (None, _) => Err(Error::NoSuchContainer(key.to_owned())),
        }
    }
}

/// The live system of a running container.
pub(crate) fn running_system(entry: &Entry) -> Result<Arc<dyn System>> {
    let live = entry.live();
    let running = live.container.state.status == Status::Running;
    live.system.clone().filter(|_| running).ok_or_else(|| Error::NotRunning(entry.id.clone()))
}

fn lock_root(root: &Path) -> Result<File> {
    let path = root.join(LOCK_FILE);
    let failed = |source| Error::io(format!("cannot lock {}", path.display()), source);
    std::fs::create_dir_all(root).map_err(failed)?;
    let file = File::options().create(true).truncate(false).write(true).open(&path).map_err(failed)?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(file),
        Err(rustix::io::Errno::WOULDBLOCK) => Err(Error::RootInUse(root.to_owned())),
        Err(errno) => Err(failed(errno.into())),
    }
}
