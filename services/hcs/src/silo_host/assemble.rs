//! From a compute system document to a running silo: job, file tree, volume, mapped directories, agent.

use crate::error::ComputeError;
use crate::limits::job_limits;
use crate::spec::{SiloSpec, file};
use casement_job::{Hierarchy, Job, JobError, JobLimits, JobName, Started};
use casement_layers::volume::UnionMount;
use casement_layers::volume::mount::Durability;
use casement_nt::path::NtPath;
use casement_schema::container::{Container, MappedDirectory};
use casement_schema::storage::Storage;
use casement_silo::launch::c_strings;
use casement_silo::root::{Tree, shared_directory};
use casement_silo::{IdRange, Launch, Silo, SiloError};
use rustix::fd::{BorrowedFd, OwnedFd};
use std::fs::File;
use std::path::{Path, PathBuf};

/// Bytes that temporary files of a silo may take when the container has no memory limit.
const TEMPORARY_BYTES: u64 = 1 << 30;

/// A silo with its job.
pub struct Assembled {
    /// The silo.
    pub silo: Silo,
    /// The root of its volume `C:`, with the mapped directories.
    pub volume: OwnedFd,
    /// Its job.
    pub job: Job,
    /// What could not be limited, for the user.
    pub missing_limits: Vec<String>,
}

/// Makes the job and the silo of `spec`; `directory` is the compute system's own.
///
/// The silo's first programs share one processor with this process: they wait for each other all the time, and
/// waking another processor costs more than the work. [`release_processors`] ends that.
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
        Ok((silo, volume)) => {
            let missing_limits = job.missing().iter().map(|m| format!("{:?}: {}", m.controller, m.reason)).collect();
            Ok(Assembled { silo, volume, job, missing_limits })
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
) -> Result<(Silo, OwnedFd), ComputeError> {
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
    let volume = tree.assemble()?;
    let durability = if spec.settings.discard { Durability::Discarded } else { Durability::Kept };
    let mapped = &container.mapped_directories;
    let volume = mount_volume(storage, mapped, ids, &directory.join(file::STAGE), &volume, durability)?;
    let host_name = container
        .guest_os
        .as_ref()
        .map(|g| g.host_name.clone())
        .filter(|n| !n.is_empty())
        .unwrap_or_else(|| spec.id.chars().take(12).collect());
    let arguments = c_strings(&["casement-agent"])?;
    let arguments: Vec<_> = arguments.iter().map(|a| a.as_c_str()).collect();
    let launch = Launch {
        root: &root,
        ids,
        host_name: &host_name,
        agent: std::os::fd::AsFd::as_fd(&agent_file),
        arguments: &arguments,
        bridge,
        cgroup: job.version2_directory(),
    };
    let started = if job.version2_directory().is_some() { Started::InVersion2 } else { Started::Outside };
    let entrance = job.entrance(started)?;
    let silo = launch.start(move || {
        share_processor();
        entrance.enter().map_err(|e| SiloError::new("assign", "the silo to its job", std::io::Error::other(e)))
    })?;
    Ok((silo, volume))
}

/// Mounts volume `C:` with its mapped directories on `target`, by way of the directory `stage`, and opens its root.
pub fn mount_volume(
    storage: &Storage,
    mapped: &[MappedDirectory],
    ids: IdRange,
    stage: &Path,
    target: &Path,
    durability: Durability,
) -> Result<OwnedFd, ComputeError> {
    let layers: Vec<PathBuf> = storage.layers.iter().map(|l| PathBuf::from(&l.path)).collect();
    UnionMount::new(&layers, Path::new(&storage.path)).mount(stage, target, ids, durability)?;
    for mapped in mapped {
        let inside = NtPath::parse(&mapped.container_path)
            .map_err(|e| ComputeError::invalid_document("MappedDirectories.ContainerPath", &e.to_string()))?;
        let view = shared_directory(Path::new(&mapped.host_path), ids, mapped.read_only)?;
        UnionMount::map_directory(target, inside.components(), view, ids)?;
    }
    let flags = rustix::fs::OFlags::PATH | rustix::fs::OFlags::DIRECTORY | rustix::fs::OFlags::CLOEXEC;
    rustix::fs::open(target, flags, rustix::fs::Mode::empty())
        .map_err(|e| SiloError::new("open", "volume C:", e).into())
}

/// Keeps this process on the processor that it runs on, which is its parent's. Only speed depends on it.
fn share_processor() {
    let mut set = rustix::thread::CpuSet::new();
    set.set(rustix::thread::sched_getcpu());
    let _ = rustix::thread::sched_setaffinity(None, &set);
}

/// Lets all processes of the job run on every processor.
pub fn release_processors(job: &Job) {
    let Ok(all) = rustix::thread::sched_getaffinity(None) else { return };
    let processes = job.processes().unwrap_or_default();
    for pid in processes {
        let threads = std::fs::read_dir(format!("/proc/{pid}/task"));
        for thread in threads.into_iter().flatten().flatten() {
            let id = thread.file_name().to_str().and_then(|n| n.parse().ok());
            if let Some(id) = id.and_then(rustix::process::Pid::from_raw) {
                // A thread may have ended meanwhile.
                let _ = rustix::thread::sched_setaffinity(Some(id), &all);
            }
        }
    }
}
