//! From a compute system document to a running silo: job, file tree, volume, mapped directories, agent.

use crate::error::ComputeError;
use crate::limits::job_limits;
use crate::spec::{SiloSpec, file};
use casement_job::{Hierarchy, Job, JobError, JobLimits, JobName, Started};
use casement_layers::volume::UnionMount;
use casement_layers::volume::mount::{Durability, MappedView, MountedVolume, Serving};
use casement_nt::path::NtPath;
use casement_schema::container::{Container, MappedDirectory};
use casement_schema::storage::Storage;
use casement_silo::launch::c_strings;
use casement_silo::root::{NameFiles, Tree, shared_directory};
use casement_silo::{IdRange, Launch, Silo, SiloError};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::process::Pid;
use std::fs::File;
use std::path::{Path, PathBuf};

/// Bytes that temporary files of a silo may take when the container has no memory limit.
const TEMPORARY_BYTES: u64 = 1 << 30;

/// A silo with its job.
pub struct Assembled {
    /// The silo.
    pub silo: Silo,
    /// Its volume `C:`.
    pub volume: OpenVolume,
    /// The thread that serves the volume.
    pub serving: Serving,
    /// The files of its names.
    pub names: NameFiles,
    /// Its job.
    pub job: Job,
    /// What could not be limited, for the user.
    pub missing_limits: Vec<String>,
}

/// A mounted volume.
pub struct OpenVolume {
    /// Its root, with the mapped directories.
    pub root: OwnedFd,
    /// The directory with its changes, on disk.
    pub changes: OwnedFd,
}

impl OpenVolume {
    /// Opens a volume for [`crate::protocol::OPEN_VOLUME`].
    pub fn of(volume: &MountedVolume) -> Result<Self, ComputeError> {
        let changes =
            volume.changes().try_clone().map_err(|e| SiloError::new("open", "the changes of volume C:", e))?;
        Ok(Self { root: volume.root()?, changes })
    }

    /// The descriptors in the order of the answer.
    pub fn descriptors(self) -> Vec<OwnedFd> {
        vec![self.root, self.changes]
    }

    /// Another one of it.
    pub fn try_clone(&self) -> std::io::Result<Self> {
        Ok(Self { root: self.root.try_clone()?, changes: self.changes.try_clone()? })
    }
}

/// Makes the job and the silo of `spec`; `directory` is the compute system's own.
///
/// The silo's first programs share one processor with the thread that serves their volume: they wait for each other all the
/// time, and waking another processor costs more than the work. [`release_processors`] ends that.
pub fn assemble(
    spec: &SiloSpec,
    directory: &Path,
    agent: &Path,
    bridge: BorrowedFd<'_>,
) -> Result<Assembled, ComputeError> {
    let container =
        spec.document.container.as_ref().ok_or_else(|| {
            ComputeError::invalid_document("Container", "a silo runs documents that have a Container")
        })?;
    let ids = IdRange::new(spec.settings.uid_base)
        .ok_or_else(|| ComputeError::invalid_document("UidBase", "the range holds ids of the host"))?;
    let hierarchy = Hierarchy::detect()?;
    let name = JobName::new(&spec.id)?;
    let limits = job_limits(container, spec.settings.processes)?;
    let job = create_job(&hierarchy, &name, &limits)?;
    match start(spec, container, directory, agent, bridge, ids, &job) {
        Ok((silo, volume, serving, names)) => {
            let missing_limits = job.missing().iter().map(|m| format!("{:?}: {}", m.controller, m.reason)).collect();
            Ok(Assembled { silo, volume, serving, names, job, missing_limits })
        }
        Err(e) => {
            if let Err(left) = job.destroy() {
                tracing::warn!(error = %left, "cannot remove the job of a silo that did not start");
            }
            Err(e)
        }
    }
}

/// Makes the job of this silo. One of its name is that of a silo host which was killed, since a compute system has one
/// silo host at a time (it holds the lock): what is left in it is ended first.
fn create_job(hierarchy: &Hierarchy, name: &JobName, limits: &JobLimits) -> Result<Job, JobError> {
    match Job::create(hierarchy, name, limits) {
        Err(JobError::Exists(_)) => {
            tracing::warn!(job = %name, "a killed silo host left its job: ending it");
            let left = Job::open(hierarchy, name)?;
            left.terminate()?;
            left.destroy()?;
            Job::create(hierarchy, name, limits)
        }
        other => other,
    }
}

fn start(
    spec: &SiloSpec,
    container: &Container,
    directory: &Path,
    agent: &Path,
    bridge: BorrowedFd<'_>,
    ids: IdRange,
    job: &Job,
) -> Result<(Silo, OpenVolume, Serving, NameFiles), ComputeError> {
    let storage =
        container.storage.as_ref().ok_or_else(|| ComputeError::invalid_document("Container.Storage", "missing"))?;
    let scratch = PathBuf::from(&storage.path);
    let agent_file = File::open(agent).map_err(|e| SiloError::new("open", agent.to_string_lossy(), e))?;
    casement_silo::mount::enter_private_namespace()?;
    let root = directory.join(file::ROOT);
    let temporary_bytes = container
        .memory
        .as_ref()
        .filter(|m| m.size_in_mb > 0)
        .map_or(TEMPORARY_BYTES, |m| m.size_in_mb.saturating_mul(1 << 20));
    let tree = Tree {
        runtime: &spec.settings.runtime,
        mount_point: &root,
        prefix: &scratch.join("prefix"),
        ids,
        temporary_bytes,
    };
    let (target, names) = tree.assemble()?;
    let durability = if spec.settings.discard { Durability::Discarded } else { Durability::Kept };
    let volume = mount_volume(storage, &container.mapped_directories, ids, &target, durability)?;
    let opened = OpenVolume::of(&volume)?;
    let host_name = container
        .guest_os
        .as_ref()
        .map(|g| g.host_name.clone())
        .filter(|n| !n.is_empty())
        .unwrap_or_else(|| spec.id.chars().take(12).collect());
    let shared = shared_network(container, directory)?;
    let arguments = c_strings(&["casement-agent"])?;
    let arguments: Vec<_> = arguments.iter().map(|a| a.as_c_str()).collect();
    let launch = Launch {
        root: &root,
        ids,
        host_name: &host_name,
        agent: agent_file.as_fd(),
        arguments: &arguments,
        bridge,
        cgroup: job.version2_directory(),
        network: shared.as_ref().map(AsFd::as_fd),
    };
    let started = if job.version2_directory().is_some() { Started::InVersion2 } else { Started::Outside };
    let entrance = job.entrance(started)?;
    let processor = rustix::thread::sched_getcpu();
    let silo = launch.start(move || {
        stay_on(None, processor);
        entrance.enter().map_err(|e| SiloError::new("assign", "the silo to its job", std::io::Error::other(e)))
    })?;
    // Only now: this was the last clone.
    let serving = volume.serve().inspect_err(|_| silo.end())?;
    stay_on(Some(serving.thread()), processor);
    Ok((silo, opened, serving, names))
}

/// The network namespace of the container whose network this one shares.
fn shared_network(container: &Container, directory: &Path) -> Result<Option<OwnedFd>, ComputeError> {
    let name = container.networking.as_ref().map_or("", |networking| networking.network_shared_container_name.as_str());
    if name.is_empty() {
        return Ok(None);
    }
    // Compute systems are beside each other.
    let valid = JobName::new(name).is_ok();
    let other = directory.parent().filter(|_| valid).map(|parent| parent.join(name));
    let not_found = || ComputeError::SystemNotFound(name.to_owned());
    let stream = crate::service::connect(&other.ok_or_else(not_found)?).map_err(|_| not_found())?;
    let mut client = casement_gcs::Client::new(stream).map_err(|_| not_found())?;
    let request = casement_gcs::payload::RequestBase::new(name);
    let namespace = crate::resolver::open_network(&mut client, &request);
    namespace.map(Some).map_err(|_| not_found())
}

/// Mounts volume `C:` with its mapped directories on `target`.
pub fn mount_volume(
    storage: &Storage,
    mapped: &[MappedDirectory],
    ids: IdRange,
    target: &Path,
    durability: Durability,
) -> Result<MountedVolume, ComputeError> {
    let layers: Vec<PathBuf> = storage.layers.iter().map(|l| PathBuf::from(&l.path)).collect();
    // All of them before any is put in its place: meanwhile this process serves the volume.
    let view = |mapped: &MappedDirectory| {
        let inside = NtPath::parse(&mapped.container_path)
            .map_err(|e| ComputeError::invalid_document("MappedDirectories.ContainerPath", &e.to_string()))?;
        let directory = shared_directory(Path::new(&mapped.host_path), ids, mapped.read_only)?;
        Ok::<_, ComputeError>(MappedView { inside: inside.components().map(str::to_owned).collect(), directory })
    };
    let views = mapped.iter().map(view).collect::<Result<Vec<_>, _>>()?;
    let mut volume = UnionMount::new(&layers, Path::new(&storage.path)).mount(target, ids, durability)?;
    volume.map(views, ids)?;
    Ok(volume)
}

/// Keeps a thread, or this process, on one processor. Only speed depends on it.
fn stay_on(thread: Option<Pid>, processor: usize) {
    let mut set = rustix::thread::CpuSet::new();
    set.set(processor);
    let _ = rustix::thread::sched_setaffinity(thread, &set);
}

/// Lets all processes of the job, and the thread that serves their volume, run on every processor.
pub fn release_processors(job: &Job, serving: &Serving) {
    let Ok(all) = rustix::thread::sched_getaffinity(None) else { return };
    let _ = rustix::thread::sched_setaffinity(Some(serving.thread()), &all);
    let processes = job.processes().unwrap_or_default();
    for pid in processes {
        let threads = std::fs::read_dir(format!("/proc/{pid}/task"));
        for thread in threads.into_iter().flatten().flatten() {
            let id = thread.file_name().to_str().and_then(|n| n.parse().ok());
            if let Some(id) = id.and_then(Pid::from_raw) {
                // A thread may have ended meanwhile.
                let _ = rustix::thread::sched_setaffinity(Some(id), &all);
            }
        }
    }
}
