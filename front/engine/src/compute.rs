//! What the engine needs of the compute service and of the layer store, as traits, so that its logic is tested without a kernel.

use std::io::Read;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::Arc;

use casement_hcs::{LogSettings, Resolver, Volume};
use casement_layers::{CommitOptions, Digest, Exporting, Image, Import, LoadProgress, Loaded, Removed, Saving};
use casement_schema::ComputeSystem;
use casement_schema::container::Container as ContainerDocument;
use casement_schema::process::ProcessParameters;
use casement_schema::properties::ProcessDetails;
use casement_schema::statistics::Statistics;

use crate::container::{Container, State};
use crate::error::Result;
use crate::id::ContainerId;
use crate::image::ImageSummary;

/// Pipe ends for the streams of a process. An absent one is closed (input) or goes to the log only (outputs).
#[derive(Debug, Default)]
pub struct Stdio {
    /// Read end: what the process reads.
    pub stdin: Option<OwnedFd>,
    /// Write end for standard output, and for everything when the process has a console.
    pub stdout: Option<OwnedFd>,
    /// Write end for standard error.
    pub stderr: Option<OwnedFd>,
}

/// How a compute system ended, as its silo host recorded it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exit {
    /// Exit code of the first process, all 32 bits.
    pub exit_code: u32,
    /// Whether the memory limit ended it.
    pub oom_killed: bool,
    /// When, RFC 3339.
    pub finished_at: String,
    /// Why, when it ended out of order.
    pub error: Option<String>,
}

/// What a compute system is created from.
#[derive(Clone, Debug, PartialEq)]
pub struct Blueprint {
    /// The v2 document.
    pub document: ComputeSystem,
    /// Its first process; the system ends with it.
    pub process: ProcessParameters,
    /// First uid and gid of its user-namespace range.
    pub uid_base: u32,
    /// Whether the input of its first process ends with the first client that ends its own.
    pub input_once: bool,
    /// How the output of its first process is kept; `None`: not at all.
    pub log: Option<LogSettings>,
    /// Whether its scratch is thrown away at the end, so that the registry need not be saved.
    pub discard: bool,
}

/// A live compute system.
pub trait System: Send + Sync {
    /// Process id of its silo host.
    fn pid(&self) -> u32;
    /// Gives the first process its streams. Before [`System::start`].
    ///
    /// # Errors
    /// When the silo host is gone or refuses.
    fn attach(&self, stdio: Stdio) -> Result<()>;
    /// Starts the silo and its first process.
    ///
    /// # Errors
    /// [`crate::Error::ProgramNotFound`], [`crate::Error::CannotExecute`], or what else kept it from starting.
    fn start(&self) -> Result<()>;
    /// From now on it outlives the daemon.
    ///
    /// # Errors
    /// When the silo host is gone.
    fn settle(&self) -> Result<()>;
    /// Ends a further process.
    ///
    /// # Errors
    /// When the process or the silo host is gone.
    fn end_process(&self, process: u32) -> Result<()>;
    /// Its scratch is used again after its end, although it was to be discarded.
    ///
    /// # Errors
    /// When the silo host is gone.
    fn keep(&self) -> Result<()>;
    /// Starts a further process with these streams; returns its id.
    ///
    /// # Errors
    /// [`crate::Error::ProgramNotFound`], [`crate::Error::CannotExecute`], or what else kept it from starting.
    fn execute(&self, process: &ProcessParameters, stdio: Stdio) -> Result<u32>;
    /// Waits for the end of a further process and returns its exit code.
    ///
    /// # Errors
    /// When the silo host is gone.
    fn wait_process(&self, process: u32) -> Result<u32>;
    /// Sets the size of the console of a process, or of the first one (`None`).
    ///
    /// # Errors
    /// When the process is gone, has no console, or the silo host is gone.
    fn resize(&self, process: Option<u32>, height: u16, width: u16) -> Result<()>;
    /// Waits until it has ended. `None`: its silo host was lost, and with it the exit code.
    fn wait(&self) -> Option<Exit>;
    /// Asks its programs to end: a shutdown event.
    ///
    /// # Errors
    /// When the silo host is gone or refuses.
    fn shutdown(&self) -> Result<()>;
    /// Ends it now.
    ///
    /// # Errors
    /// When the silo host is gone or refuses.
    fn terminate(&self) -> Result<()>;
    /// Holds all its programs.
    ///
    /// # Errors
    /// When the host cannot, or the silo host is gone or refuses.
    fn pause(&self) -> Result<()>;
    /// Lets its programs go on.
    ///
    /// # Errors
    /// When the silo host is gone or refuses.
    fn resume(&self) -> Result<()>;
    /// Whether its programs are held.
    ///
    /// # Errors
    /// When the silo host is gone.
    fn is_paused(&self) -> Result<bool>;
    /// What it uses.
    ///
    /// # Errors
    /// When the silo host is gone, or the job cannot be asked.
    fn statistics(&self) -> Result<Statistics>;
    /// Its programs.
    ///
    /// # Errors
    /// When the silo host is gone, or the silo cannot be asked.
    fn processes(&self) -> Result<Vec<ProcessDetails>>;
    /// The network namespace of its silo.
    ///
    /// # Errors
    /// When the silo could not be made, or its silo host is gone.
    fn network_namespace(&self) -> Result<OwnedFd>;
    /// Says how its programs resolve names.
    ///
    /// # Errors
    /// When the silo host is gone.
    fn set_resolver(&self, resolver: &Resolver) -> Result<()>;
    /// Replaces its limits by those of this document.
    ///
    /// # Errors
    /// When the kernel refuses one, or the silo host is gone.
    fn limit(&self, limits: &ContainerDocument) -> Result<()>;
}

/// The compute service.
pub trait ComputeService: Send + Sync {
    /// Creates a compute system with its silo host. Until it has settled, it ends with the daemon.
    ///
    /// # Errors
    /// When the host lacks something, or the system exists.
    fn create(&self, id: &ContainerId, blueprint: &Blueprint) -> Result<Arc<dyn System>>;
    /// The live system of this id, if it has one.
    fn open(&self, id: &ContainerId) -> Option<Arc<dyn System>>;
    /// How the system of this id ended last, if its silo host could record it.
    fn last_exit(&self, id: &ContainerId) -> Option<Exit>;
    /// Ids with anything left on this host: a directory, a silo host, a job.
    ///
    /// # Errors
    /// When they cannot be listed.
    fn list(&self) -> Result<Vec<String>>;
    /// The directory of the compute system: log, exit record and socket.
    fn directory(&self, id: &ContainerId) -> PathBuf;
    /// Ends whatever is left of the system's processes and job. The directory with log and exit record stays.
    ///
    /// # Errors
    /// Everything that could not be cleaned up.
    fn reap(&self, id: &str) -> Result<()>;
    /// Volume `C:` of this container, which runs or is kept from starting.
    ///
    /// # Errors
    /// When it cannot be mounted.
    fn open_volume(&self, container: &Container) -> Result<Volume>;
    /// As [`ComputeService::reap`], and removes the directory.
    ///
    /// # Errors
    /// Everything that could not be cleaned up.
    fn remove(&self, id: &str) -> Result<()>;
}

/// The layer store, as far as the engine uses it.
pub trait ImageStore: Send + Sync {
    /// The image that a name as people type it stands for.
    ///
    /// # Errors
    /// [`crate::Error::NoSuchImage`], or that the store is damaged.
    fn resolve(&self, reference: &str) -> Result<Image>;
    /// Every image.
    ///
    /// # Errors
    /// When the store is damaged.
    fn list(&self) -> Result<Vec<ImageSummary>>;
    /// Every image with all its parts.
    ///
    /// # Errors
    /// When the store is damaged.
    fn all(&self) -> Result<Vec<Image>>;
    /// The configuration of an image as it stands in its blob.
    ///
    /// # Errors
    /// When the store is damaged.
    fn config_document(&self, image: &Image) -> Result<serde_json::Value>;
    /// Bytes of each unpacked layer of an image, base first.
    fn layer_sizes(&self, image: &Image) -> Vec<(Digest, u64)>;
    /// Names in the layers of an image that were left out, as its substituted base does not have the files.
    fn left_out(&self, image: &Image) -> Vec<String>;
    /// Bytes of all unpacked layers.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn all_layers_size(&self) -> Result<u64>;
    /// Gives an image one more name and returns it with its tag.
    ///
    /// # Errors
    /// As [`ImageStore::resolve`], or that the new name is none.
    fn tag(&self, reference: &str, new: &str) -> Result<String>;
    /// Takes exactly this name away; the image stays.
    ///
    /// # Errors
    /// When the store cannot be written.
    fn untag(&self, name: &str) -> Result<()>;
    /// Removes an image with all its names, and the layers that nothing needs any more.
    ///
    /// # Errors
    /// When something could not be removed.
    fn delete(&self, image: &Image) -> Result<Removed>;
    /// Makes an image of the changes in the scratch of a container that does not run. `changes` is the directory that has them, if they
    /// are on a disk of their own.
    ///
    /// # Errors
    /// When something of it cannot be in an image, or cannot be written.
    fn commit(
        &self,
        id: &ContainerId,
        changes: Option<&OwnedFd>,
        parent: &Image,
        options: &CommitOptions,
    ) -> Result<Image>;
    /// Gets ready to write the container `id`, with its image's layers, as an archive. `changes` is the directory that has its changed
    /// files, if they are on a disk of their own.
    ///
    /// # Errors
    /// When its registry or its files cannot be read.
    fn exporting(&self, id: &ContainerId, changes: Option<&OwnedFd>, layers: &[PathBuf]) -> Result<Exporting>;
    /// Makes an image of one layer out of an archive.
    ///
    /// # Errors
    /// When the archive is no layer.
    fn import(&self, archive: &mut dyn Read, import: &Import) -> Result<Image>;
    /// Finds images to write as an archive.
    ///
    /// # Errors
    /// As [`ImageStore::resolve`].
    fn saving(&self, names: &[String]) -> Result<Saving>;
    /// Takes in the images of an archive.
    ///
    /// # Errors
    /// When it has none, or is damaged; nothing of it is left then.
    fn load(&self, archive: &mut dyn Read, progress: &mut (dyn FnMut(LoadProgress) + Send)) -> Result<Vec<Loaded>>;
    /// Makes the scratch of a container, with `size` bytes for its changes if that is given, and returns its directory.
    ///
    /// # Errors
    /// When it cannot be made; nothing is left then.
    fn create_scratch(&self, id: &ContainerId, image: &Image, uid_base: u32, size: Option<u64>) -> Result<PathBuf>;
    /// Removes a scratch; one that does not exist is removed already.
    ///
    /// # Errors
    /// Everything that could not be removed.
    fn remove_scratch(&self, id: &str) -> Result<()>;
    /// Ids with a scratch.
    ///
    /// # Errors
    /// When they cannot be listed.
    fn scratches(&self) -> Result<Vec<String>>;
}

impl Exit {
    /// Lays this end over a container's state.
    pub fn record(&self, state: &mut State) {
        state.exit_code = self.exit_code;
        state.oom_killed = self.oom_killed;
        state.finished_at.clone_from(&self.finished_at);
        state.error = self.error.clone().unwrap_or_default();
    }
}
