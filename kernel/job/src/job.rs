//! A job: the control groups of one name in all trees.

use std::os::fd::BorrowedFd;

use rustix::io::Errno;

use crate::{
    Controller, Hierarchy, JobError, JobLimits, JobName, Missing, Version, directory::Directory, version1, version2,
};

/// A job object. Dropping it leaves the control groups as they are: [`Job::destroy`] removes them.
#[derive(Debug)]
pub struct Job {
    name: JobName,
    hierarchy: Hierarchy,
    /// One for each tree of the hierarchy, in its order; `None` where the tree has no group of this name.
    directories: Vec<Option<Directory>>,
    missing: Vec<Missing>,
}

impl Job {
    /// Makes a job with limits. Either all of it is made or none.
    ///
    /// Controllers the host lacks are reported by [`Job::missing`] and as a `tracing` warning, and limits that need
    /// them are not applied.
    ///
    /// # Errors
    /// [`JobError::InvalidLimit`], [`JobError::Exists`] when any tree has a group of that name, [`JobError::Io`]
    /// when a group cannot be made or refuses a limit.
    pub fn create(hierarchy: &Hierarchy, name: &JobName, limits: &JobLimits) -> Result<Self, JobError> {
        limits.validate()?;
        let mut job = Self {
            name: name.clone(),
            hierarchy: hierarchy.clone(),
            directories: Vec::with_capacity(hierarchy.trees().len()),
            missing: hierarchy.missing().to_vec(),
        };
        let made = job.make_directories().and_then(|()| job.update(limits));
        if let Err(error) = made {
            // Only what was made here: a job that was there before under this name is not ours to remove.
            if let Err(teardown) = job.remove_first(job.directories.len()) {
                tracing::warn!(job = %name, %teardown, "a job that could not be made left something");
            }
            return Err(error);
        }
        for missing in &job.missing {
            tracing::warn!(job = %name, controller = %missing.controller, reason = missing.reason, "job without a controller");
        }
        Ok(job)
    }

    fn make_directories(&mut self) -> Result<(), JobError> {
        let relative = self.hierarchy.relative(&self.name);
        for tree in self.hierarchy.trees() {
            // In version 2 the controllers must be on in the parent before the group is of use.
            if tree.version() == Version::V2 {
                self.hierarchy.prepare(tree)?;
            }
            let mut made = tree.make(&relative);
            if made == Err(Errno::NOENT) {
                self.hierarchy.prepare(tree)?;
                made = tree.make(&relative);
            }
            match made {
                Ok(()) => self.directories.push(None),
                Err(Errno::EXIST) => return Err(JobError::Exists(self.name.to_string())),
                Err(error) => return Err(JobError::io("make", tree.path().join(&relative))(error)),
            }
            let opened = tree.root.below(&relative)?;
            if let Some(last) = self.directories.last_mut() {
                *last = opened;
            }
        }
        Ok(())
    }

    /// Opens a job that is there, also one that only some trees hold.
    ///
    /// # Errors
    /// [`JobError::NotFound`] when no tree holds it, [`JobError::Io`].
    pub fn open(hierarchy: &Hierarchy, name: &JobName) -> Result<Self, JobError> {
        let relative = hierarchy.relative(name);
        let directories: Vec<_> =
            hierarchy.trees().iter().map(|tree| tree.root.below(&relative)).collect::<Result<_, _>>()?;
        if directories.iter().all(Option::is_none) {
            return Err(JobError::NotFound(name.to_string()));
        }
        let missing = hierarchy.missing().to_vec();
        Ok(Self { name: name.clone(), hierarchy: hierarchy.clone(), directories, missing })
    }

    /// The name.
    pub fn name(&self) -> &JobName {
        &self.name
    }

    /// Controllers the job does without, and why.
    pub fn missing(&self) -> &[Missing] {
        &self.missing
    }

    /// The version 2 directory, if the host has one: for `clone3` with `CLONE_INTO_CGROUP`, which starts a process
    /// inside it and spares the move.
    pub fn version2_directory(&self) -> Option<BorrowedFd<'_>> {
        self.places().find(|(_, version)| *version == Version::V2).map(|(directory, _)| directory.fd())
    }

    /// Moves a process with all its threads into the job. Its later children are in the job from their start.
    ///
    /// The kernel takes 10 to 30 ms for it: a new process gets in quicker by [`Job::entrance`].
    ///
    /// # Errors
    /// [`JobError::Io`] with the first tree that refuses; the process may be in some trees then.
    pub fn assign(&self, pid: u32) -> Result<(), JobError> {
        let pid = pid.to_string();
        self.places().try_for_each(|(directory, _)| directory.write("cgroup.procs", &pid))
    }

    /// Sets all limits anew.
    ///
    /// # Errors
    /// [`JobError::InvalidLimit`], or [`JobError::Io`] when the kernel refuses one, for example a memory limit below
    /// what is in use and cannot be reclaimed.
    pub fn update(&mut self, limits: &JobLimits) -> Result<(), JobError> {
        limits.validate()?;
        let mut absent = Vec::new();
        let mut note = |controller, there: bool| {
            if !there {
                absent.push(controller);
            }
        };
        if let Some((directory, version)) = self.place(Controller::Memory) {
            let there = match version {
                Version::V1 => version1::set_memory(directory, limits.memory)?,
                Version::V2 => version2::set_memory(directory, limits.memory)?,
            };
            note(Controller::Memory, there);
        }
        if let Some((directory, version)) = self.place(Controller::Cpu) {
            let quota = limits.cpu.map(|rate| rate.quota_microseconds(self.hierarchy.processors()));
            let weight = limits.weight.unwrap_or(DEFAULT_WEIGHT);
            let (quota, weight) = match version {
                Version::V1 => (version1::set_quota(directory, quota)?, version1::set_weight(directory, weight)?),
                Version::V2 => (version2::set_quota(directory, quota)?, version2::set_weight(directory, weight)?),
            };
            note(Controller::Cpu, quota && weight);
        }
        if let Some((directory, _)) = self.place(Controller::Processes) {
            let there = directory.write_if_there("pids.max", &limits.processes.to_string())?;
            note(Controller::Processes, there);
        }
        if let Some(limit) = &limits.io {
            let set = match self.place(Controller::Io) {
                Some((directory, Version::V1)) => version1::set_io(directory, limit)?,
                Some((directory, Version::V2)) => version2::set_io(directory, limit)?,
                None => false,
            };
            if !set {
                let (action, needed) = ("limit the disk traffic of", "blkio (version 1) or io (version 2)");
                return Err(JobError::Unsupported { name: self.name.to_string(), action, needed });
            }
        }
        for controller in absent {
            if !self.missing.iter().any(|missing| missing.controller == controller) {
                let reason = "its files are not in the control group of the job".to_owned();
                self.missing.push(Missing { controller, reason });
            }
        }
        Ok(())
    }

    /// Process identifiers in the job, as seen from the caller's process namespace.
    ///
    /// # Errors
    /// [`JobError::Io`].
    pub fn processes(&self) -> Result<Vec<u32>, JobError> {
        let mut pids = Vec::new();
        for (directory, _) in self.places() {
            let text = directory.read_if_there("cgroup.procs")?;
            pids.extend(text.iter().flat_map(|text| text.lines()).filter_map(parse_pid));
        }
        pids.sort_unstable();
        pids.dedup();
        Ok(pids)
    }

    /// The directory and version that answer for a controller.
    pub(crate) fn place(&self, controller: Controller) -> Option<(&Directory, Version)> {
        let with_tree = self.hierarchy.trees().iter().zip(&self.directories);
        with_tree
            .filter(|(tree, _)| tree.controllers().contains(&controller))
            .find_map(|(tree, directory)| Some((directory.as_ref()?, tree.version())))
    }

    /// All directories of the job.
    pub(crate) fn places(&self) -> impl Iterator<Item = (&Directory, Version)> {
        let with_tree = self.hierarchy.trees().iter().zip(&self.directories);
        with_tree.filter_map(|(tree, directory)| Some((directory.as_ref()?, tree.version())))
    }

    pub(crate) fn hierarchy(&self) -> &Hierarchy {
        &self.hierarchy
    }
}

/// `Processor.Weight` when nothing is said.
const DEFAULT_WEIGHT: u32 = 100;

/// 0 stands for a process outside the reader's process namespace.
fn parse_pid(line: &str) -> Option<u32> {
    line.trim().parse().ok().filter(|&pid| pid != 0)
}
