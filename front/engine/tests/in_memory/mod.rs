//! A compute service and an image store that live in memory and outlive the engine.

#![allow(dead_code, reason = "each test binary uses its own part")]

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use casement_engine::clock::{Clock, Work};
use casement_engine::compute::{Blueprint, ComputeService, Exit, ImageStore, Stdio, System};
use casement_engine::engine::WaitCondition;
use casement_engine::error::Result;
use casement_engine::image::ImageSummary;
use casement_engine::model::Config;
use casement_engine::{Container, ContainerId, ContainerSettings, Engine, Error, State};
use casement_hcs::Volume;
use casement_layers::{
    CommitOptions, Digest, Exporting, Image, ImageConfig, Import, LoadProgress, Loaded, Removed, Saving,
};
use casement_schema::container::Container as ContainerDocument;
use casement_schema::process::ProcessParameters;
use casement_schema::properties::ProcessDetails;
use casement_schema::statistics::Statistics;

/// A clock that stands still until it is told to go on.
#[derive(Default)]
pub struct FakeClock {
    passed: Mutex<Duration>,
    set: Mutex<Vec<(Duration, Work)>>,
    changed: Condvar,
}

impl FakeClock {
    /// Lets time pass, and does on this thread what is due. Returns how many works were done.
    pub fn advance(&self, by: Duration) -> usize {
        let now = {
            let mut passed = self.passed.lock().unwrap();
            *passed += by;
            *passed
        };
        let mut done = 0;
        loop {
            let due = {
                let mut set = self.set.lock().unwrap();
                let next = set
                    .iter()
                    .enumerate()
                    .filter(|(_, (moment, _))| *moment <= now)
                    .min_by_key(|(_, (moment, _))| *moment);
                next.map(|(index, _)| index).map(|index| set.remove(index).1)
            };
            let Some(work) = due else { return done };
            work();
            done += 1;
        }
    }

    /// Waits until something is to be done later, and returns how much later.
    pub fn next(&self) -> Duration {
        let set = self.set.lock().unwrap();
        let set = self.changed.wait_while(set, |set| set.is_empty()).unwrap();
        let passed = *self.passed.lock().unwrap();
        set.iter().map(|(moment, _)| moment.saturating_sub(passed)).min().unwrap()
    }

    /// Whether nothing is to be done later.
    pub fn is_idle(&self) -> bool {
        self.set.lock().unwrap().is_empty()
    }
}

/// What engines see of a clock that outlives them.
struct ClockFace(Arc<World>);

impl Clock for ClockFace {
    fn now(&self) -> jiff::Timestamp {
        self.0.now()
    }

    fn after(&self, delay: Duration, work: Work) {
        let moment = *self.0.clock.passed.lock().unwrap() + delay;
        self.0.clock.set.lock().unwrap().push((moment, work));
        self.0.clock.changed.notify_all();
    }
}

/// What the kernel would hold: it stays when an engine is dropped.
#[derive(Default)]
pub struct World {
    pub systems: Mutex<BTreeMap<String, Arc<FakeSystem>>>,
    pub directories: Mutex<BTreeSet<String>>,
    exits: Mutex<BTreeMap<String, Exit>>,
    pub scratches: Mutex<BTreeSet<String>>,
    pub clock: FakeClock,
    /// Errors that the next operations meet, by operation.
    failures: Mutex<BTreeMap<&'static str, String>>,
}

impl World {
    pub fn fail_next(&self, operation: &'static str) {
        self.failures.lock().unwrap().insert(operation, format!("{operation} fails"));
    }

    fn failing(&self, operation: &'static str) -> Result<()> {
        match self.failures.lock().unwrap().remove(operation) {
            Some(message) if operation == "start" => Err(Error::ProgramNotFound(message)),
            Some(message) => Err(Error::Compute(message)),
            None => Ok(()),
        }
    }

    pub fn now(&self) -> jiff::Timestamp {
        let start: jiff::Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        start + *self.clock.passed.lock().unwrap()
    }

    pub fn leftovers(&self) -> usize {
        self.systems.lock().unwrap().len()
            + self.directories.lock().unwrap().len()
            + self.scratches.lock().unwrap().len()
    }

    pub fn system(&self, id: &ContainerId) -> Arc<FakeSystem> {
        self.systems.lock().unwrap()[id.as_str()].clone()
    }
}

#[derive(Default)]
enum Life {
    #[default]
    Alive,
    Ended(Exit),
    Lost,
}

pub struct FakeSystem {
    id: String,
    world: Arc<World>,
    life: Mutex<Life>,
    changed: Condvar,
    pub obeys: Mutex<bool>,
    pub paused: Mutex<bool>,
    pub limits: Mutex<Option<ContainerDocument>>,
    pub kept: Mutex<bool>,
    /// The exit code and output of further processes, which end at once; without it they run as long as the system.
    pub answers: Mutex<Option<(u32, &'static str)>>,
}

impl FakeSystem {
    pub fn end(&self, exit_code: u32) {
        let finished_at = self.world.now().to_string();
        let exit = Exit { exit_code, oom_killed: false, finished_at, error: None };
        self.world.exits.lock().unwrap().insert(self.id.clone(), exit.clone());
        self.world.systems.lock().unwrap().remove(&self.id);
        *self.life.lock().unwrap() = Life::Ended(exit);
        self.changed.notify_all();
    }

    pub fn lose(&self) {
        self.world.systems.lock().unwrap().remove(&self.id);
        *self.life.lock().unwrap() = Life::Lost;
        self.changed.notify_all();
    }
}

/// Process ids from here on are exit codes, of further processes that have ended at once.
const FIRST_ANSWER: u32 = 1_000;

struct Handle(Arc<FakeSystem>);

impl System for Handle {
    fn pid(&self) -> u32 {
        42
    }
    fn attach(&self, _stdio: Stdio) -> Result<()> {
        Ok(())
    }
    fn start(&self) -> Result<()> {
        self.0.world.failing("start")
    }
    fn settle(&self) -> Result<()> {
        Ok(())
    }
    fn keep(&self) -> Result<()> {
        *self.0.kept.lock().unwrap() = true;
        Ok(())
    }
    fn execute(&self, _process: &ProcessParameters, stdio: Stdio) -> Result<u32> {
        self.0.world.failing("execute")?;
        if let Some((exit_code, output)) = *self.0.answers.lock().unwrap() {
            let written =
                stdio.stdout.map(|end| std::io::Write::write_all(&mut std::fs::File::from(end), output.as_bytes()));
            written.transpose().unwrap();
            return Ok(FIRST_ANSWER + exit_code);
        }
        Ok(7)
    }
    fn end_process(&self, _process: u32) -> Result<()> {
        Ok(())
    }
    fn wait_process(&self, process: u32) -> Result<u32> {
        if process >= FIRST_ANSWER {
            return Ok(process - FIRST_ANSWER);
        }
        let mut life = self.0.life.lock().unwrap();
        while matches!(*life, Life::Alive) {
            life = self.0.changed.wait(life).unwrap();
        }
        Ok(0xC000_013A)
    }
    fn resize(&self, _process: Option<u32>, _height: u16, _width: u16) -> Result<()> {
        Ok(())
    }
    fn wait(&self) -> Option<Exit> {
        let mut life = self.0.life.lock().unwrap();
        loop {
            match &*life {
                Life::Alive => life = self.0.changed.wait(life).unwrap(),
                Life::Ended(exit) => return Some(exit.clone()),
                Life::Lost => return None,
            }
        }
    }
    fn shutdown(&self) -> Result<()> {
        if *self.0.obeys.lock().unwrap() {
            self.0.end(0);
        }
        Ok(())
    }
    fn terminate(&self) -> Result<()> {
        self.0.end(1);
        Ok(())
    }
    fn pause(&self) -> Result<()> {
        *self.0.paused.lock().unwrap() = true;
        Ok(())
    }
    fn resume(&self) -> Result<()> {
        *self.0.paused.lock().unwrap() = false;
        Ok(())
    }
    fn network_namespace(&self) -> Result<std::os::fd::OwnedFd> {
        Err(Error::Unavailable("nothing here has a network".to_owned()))
    }
    fn set_resolver(&self, _resolver: &casement_hcs::Resolver) -> Result<()> {
        Ok(())
    }
    fn is_paused(&self) -> Result<bool> {
        Ok(*self.0.paused.lock().unwrap())
    }
    fn statistics(&self) -> Result<Statistics> {
        Ok(Statistics::default())
    }
    fn processes(&self) -> Result<Vec<ProcessDetails>> {
        Ok(Vec::new())
    }
    fn limit(&self, limits: &ContainerDocument) -> Result<()> {
        self.0.world.failing("limit")?;
        *self.0.limits.lock().unwrap() = Some(limits.clone());
        Ok(())
    }
}

pub struct FakeCompute(pub Arc<World>);

impl ComputeService for FakeCompute {
    fn create(&self, id: &ContainerId, blueprint: &Blueprint) -> Result<Arc<dyn System>> {
        assert!(!blueprint.document.container.as_ref().unwrap().storage.as_ref().unwrap().path.is_empty());
        self.0.failing("create")?;
        let system = Arc::new(FakeSystem {
            id: id.to_string(),
            world: self.0.clone(),
            life: Mutex::default(),
            changed: Condvar::new(),
            obeys: Mutex::new(true),
            paused: Mutex::default(),
            limits: Mutex::default(),
            kept: Mutex::default(),
            answers: Mutex::default(),
        });
        self.0.exits.lock().unwrap().remove(id.as_str());
        self.0.directories.lock().unwrap().insert(id.to_string());
        self.0.systems.lock().unwrap().insert(id.to_string(), system.clone());
        Ok(Arc::new(Handle(system)))
    }
    fn open(&self, id: &ContainerId) -> Option<Arc<dyn System>> {
        let systems = self.0.systems.lock().unwrap();
        systems.get(id.as_str()).map(|system| Arc::new(Handle(system.clone())) as Arc<dyn System>)
    }
    fn last_exit(&self, id: &ContainerId) -> Option<Exit> {
        self.0.exits.lock().unwrap().get(id.as_str()).cloned()
    }
    fn list(&self) -> Result<Vec<String>> {
        Ok(self.0.directories.lock().unwrap().iter().cloned().collect())
    }
    fn directory(&self, id: &ContainerId) -> PathBuf {
        Path::new("/nowhere").join(id.as_str())
    }
    fn reap(&self, id: &str) -> Result<()> {
        self.0.systems.lock().unwrap().remove(id);
        Ok(())
    }
    fn open_volume(&self, container: &Container) -> Result<Volume> {
        Err(Error::Compute(format!("{} has no files", container.id)))
    }
    fn remove(&self, id: &str) -> Result<()> {
        self.reap(id)?;
        self.0.failing("remove")?;
        self.0.directories.lock().unwrap().remove(id);
        Ok(())
    }
}

pub struct FakeImages(pub Arc<World>);

impl ImageStore for FakeImages {
    fn resolve(&self, reference: &str) -> Result<Image> {
        if reference != "nanoserver" {
            return Err(Error::NoSuchImage(reference.to_owned()));
        }
        let config = ImageConfig { cmd: vec!["cmd.exe".to_owned()], ..ImageConfig::default() };
        Ok(Image {
            reference: reference.to_owned(),
            references: Vec::new(),
            repository_digests: Vec::new(),
            id: Digest::of(b"config"),
            manifest: Digest::of(b"manifest"),
            os_version: String::new(),
            config,
            layers: vec!["/layer".into()],
            diff_ids: Vec::new(),
            created: None,
            size: 0,
            packed_size: 0,
        })
    }
    fn list(&self) -> Result<Vec<ImageSummary>> {
        Ok(Vec::new())
    }
    fn all(&self) -> Result<Vec<Image>> {
        Ok(Vec::new())
    }
    fn config_document(&self, _image: &Image) -> Result<serde_json::Value> {
        Ok(serde_json::Value::Null)
    }
    fn layer_sizes(&self, _image: &Image) -> Vec<(Digest, u64)> {
        Vec::new()
    }
    fn left_out(&self, _image: &Image) -> Vec<String> {
        Vec::new()
    }
    fn all_layers_size(&self) -> Result<u64> {
        Ok(0)
    }
    fn tag(&self, reference: &str, _new: &str) -> Result<String> {
        Err(Error::NoSuchImage(reference.to_owned()))
    }
    fn untag(&self, name: &str) -> Result<()> {
        Err(Error::NoSuchImage(name.to_owned()))
    }
    fn delete(&self, image: &Image) -> Result<Removed> {
        Err(Error::NoSuchImage(image.reference.clone()))
    }
    fn commit(
        &self,
        id: &ContainerId,
        _changes: Option<&OwnedFd>,
        _parent: &Image,
        _options: &CommitOptions,
    ) -> Result<Image> {
        Err(Error::NoSuchContainer(id.to_string()))
    }
    fn exporting(&self, _id: &ContainerId, _changes: Option<&OwnedFd>, _layers: &[PathBuf]) -> Result<Exporting> {
        Err(Error::Layers("there is no store".to_owned()))
    }
    fn import(&self, _archive: &mut dyn Read, _import: &Import) -> Result<Image> {
        Err(Error::Layers("there is no store".to_owned()))
    }
    fn saving(&self, _names: &[String]) -> Result<Saving> {
        Err(Error::Layers("there is no store".to_owned()))
    }
    fn load(&self, _archive: &mut dyn Read, _progress: &mut (dyn FnMut(LoadProgress) + Send)) -> Result<Vec<Loaded>> {
        Err(Error::Layers("there is no store".to_owned()))
    }
    fn create_scratch(&self, id: &ContainerId, _image: &Image, _uid_base: u32, _size: Option<u64>) -> Result<PathBuf> {
        self.0.failing("scratch")?;
        self.0.scratches.lock().unwrap().insert(id.to_string());
        Ok(Path::new("/scratches").join(id.as_str()))
    }
    fn remove_scratch(&self, id: &str) -> Result<()> {
        self.0.scratches.lock().unwrap().remove(id);
        Ok(())
    }
    fn scratches(&self) -> Result<Vec<String>> {
        Ok(self.0.scratches.lock().unwrap().iter().cloned().collect())
    }
}

pub struct Bench {
    pub root: tempfile::TempDir,
    pub world: Arc<World>,
}

impl Bench {
    pub fn new() -> Self {
        Self { root: tempfile::tempdir().unwrap(), world: Arc::default() }
    }

    pub fn open(&self) -> Arc<Engine> {
        self.open_at(self.root.path())
    }

    /// Opens an engine on another root, in the same world.
    pub fn open_at(&self, root: &Path) -> Arc<Engine> {
        let world = || self.world.clone();
        let (compute, images) = (Box::new(FakeCompute(world())), Box::new(FakeImages(world())));
        Engine::open_with_clock(
            root,
            compute,
            images,
            || Ok(Err("nothing here has a network".to_owned())),
            Box::new(ClockFace(world())),
        )
        .unwrap()
    }

    /// What the store looks like to a daemon that starts after this one was killed: nothing of the old one's memory is left.
    pub fn reopen_after_kill(&self, engine: Arc<Engine>) -> Arc<Engine> {
        // The threads of a killed daemon are gone at once; here they keep the old engine, so its files are copied from under it.
        let copy = self.root.path().join("copy");
        std::fs::create_dir_all(&copy).unwrap();
        std::fs::copy(self.root.path().join("casement.redb"), copy.join("casement.redb")).unwrap();
        std::mem::forget(engine);
        // The alarms of a killed daemon are gone too.
        self.world.clock.set.lock().unwrap().clear();
        self.open_at(&copy)
    }
}

pub fn settings(name: &str) -> ContainerSettings {
    ContainerSettings {
        config: Config { image: "nanoserver".to_owned(), ..Config::default() },
        name: Some(name.parse().unwrap()),
        ..ContainerSettings::default()
    }
}

pub fn run(engine: &Arc<Engine>, settings: &ContainerSettings) -> Result<Container> {
    let container = engine.create(settings)?;
    engine.start(container.id.as_str())
}

pub fn until(engine: &Engine, key: &str, condition: WaitCondition) -> State {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(engine.until(key, condition).unwrap())
}
