//! The control group trees of a host and which controller is found in which of them.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use rustix::{
    fs::{AtFlags, Mode, RawDir, mkdirat, unlinkat},
    io::Errno,
};

use crate::{
    JobError, JobName,
    directory::{Directory, is},
    limits::online_processors,
    mountinfo,
};

/// Directory below each tree that holds the jobs when nothing else is said.
const DEFAULT_PARENT: &str = "casement";

/// Version of the kernel's control group interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Version {
    /// One tree for each controller or set of controllers.
    V1,
    /// One tree for all.
    V2,
}

/// What a tree can do for a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Controller {
    /// Memory limit and accounting, out-of-memory kills.
    Memory,
    /// Processor quota and weight.
    Cpu,
    /// Processor time used. Every version 2 tree has it.
    CpuAccounting,
    /// Limit on the number of processes.
    Processes,
    /// Freezing. Every version 2 tree has it.
    Freezer,
    /// Accounting of block devices.
    Io,
}

impl Controller {
    /// All of them.
    pub const ALL: [Self; 6] = [Self::Memory, Self::Cpu, Self::CpuAccounting, Self::Processes, Self::Freezer, Self::Io];

    /// The controller of a version 1 mount option or of a line of `/proc/cgroups`.
    pub(crate) fn of_version1(name: &[u8]) -> Option<Self> {
        Self::ALL.into_iter().find(|controller| controller.version1_name().as_bytes() == name)
    }

    fn version1_name(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Cpu => "cpu",
            Self::CpuAccounting => "cpuacct",
            Self::Processes => "pids",
            Self::Freezer => "freezer",
            Self::Io => "blkio",
        }
    }

    /// The name in `cgroup.controllers`; `None` for what needs no controller in version 2.
    fn version2_name(self) -> Option<&'static str> {
        match self {
            Self::Memory => Some("memory"),
            Self::Cpu => Some("cpu"),
            Self::Processes => Some("pids"),
            Self::Io => Some("io"),
            Self::CpuAccounting | Self::Freezer => None,
        }
    }
}

impl std::fmt::Display for Controller {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(self.version1_name())
    }
}

/// A controller that a host or a job does without.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    /// Which one.
    pub controller: Controller,
    /// Why, in words for the user.
    pub reason: String,
}

/// Where a tree is and what it is, given instead of detected.
#[derive(Clone, Debug)]
pub struct TreeSpec {
    /// Directory of the tree.
    pub path: PathBuf,
    /// Version of its interface.
    pub version: Version,
    /// Version 1: its controllers. Version 2: not used, the tree's `cgroup.controllers` says.
    pub controllers: Vec<Controller>,
    /// Files, with their content, that a new directory gets, for a tree in an ordinary file system that stands in
    /// for the kernel's in tests. Empty for the kernel's own, which fills new directories itself.
    pub seed: Vec<(String, String)>,
}

/// A control group tree of the host.
#[derive(Debug)]
pub struct Tree {
    pub(crate) root: Directory,
    version: Version,
    controllers: Vec<Controller>,
    seed: Vec<(String, String)>,
}

impl Tree {
    fn open(spec: TreeSpec) -> Result<Self, JobError> {
        let root = Directory::open(&spec.path)?;
        let controllers = match spec.version {
            Version::V1 => spec.controllers,
            Version::V2 => {
                let listed = root.read_if_there("cgroup.controllers")?.unwrap_or_default();
                let on = |name| listed.split_ascii_whitespace().any(|word| word == name);
                Controller::ALL.into_iter().filter(|c| c.version2_name().is_none_or(on)).collect()
            }
        };
        Ok(Self { root, version: spec.version, controllers, seed: spec.seed })
    }

    /// Mount point.
    pub fn path(&self) -> &Path {
        self.root.path()
    }

    /// Version of the interface.
    pub fn version(&self) -> Version {
        self.version
    }

    /// What the tree can do.
    pub fn controllers(&self) -> &[Controller] {
        &self.controllers
    }

    fn has(&self, controller: Controller) -> bool {
        self.controllers.contains(&controller)
    }

    /// Makes a directory below the root of the tree.
    pub(crate) fn make(&self, relative: &str) -> rustix::io::Result<()> {
        mkdirat(self.root.fd(), relative, Mode::from_raw_mode(0o755))?;
        for (file, content) in &self.seed {
            let path = self.path().join(relative).join(file);
            std::fs::write(path, content).map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::IO))?;
        }
        Ok(())
    }

    /// Removes a directory below the root of the tree.
    pub(crate) fn remove(&self, relative: &str) -> rustix::io::Result<()> {
        for (file, _) in &self.seed {
            let _ = unlinkat(self.root.fd(), format!("{relative}/{file}"), AtFlags::empty());
        }
        unlinkat(self.root.fd(), relative, AtFlags::REMOVEDIR)
    }

    /// Makes the parent directory of the jobs and, in version 2, hands the controllers down to it.
    fn prepare(&self, parent: &str) -> Result<(), JobError> {
        let mut relative = String::new();
        self.hand_down(&self.root)?;
        for component in parent.split('/') {
            if !relative.is_empty() {
                relative.push('/');
            }
            relative.push_str(component);
            match self.make(&relative) {
                Ok(()) | Err(Errno::EXIST) => {}
                Err(error) => return Err(JobError::io("make", self.path().join(&relative))(error)),
            }
            if let Some(directory) = self.root.below(&relative)? {
                self.hand_down(&directory)?;
            }
        }
        Ok(())
    }

    /// Enables the controllers for the children of a version 2 directory. A controller that cannot be enabled is
    /// not an error here: the job finds that its files are not there and reports the controller as missing.
    fn hand_down(&self, directory: &Directory) -> Result<(), JobError> {
        if self.version == Version::V1 {
            return Ok(());
        }
        let enabled = directory.read_if_there("cgroup.subtree_control")?.unwrap_or_default();
        let is_on = |name: &str| enabled.split_ascii_whitespace().any(|word| word == name);
        for name in self.controllers.iter().filter_map(|controller| controller.version2_name()) {
            if is_on(name) {
                continue;
            }
            if let Err(error) = directory.write("cgroup.subtree_control", &format!("+{name}")) {
                let reason = std::error::Error::source(&error).map(ToString::to_string);
                tracing::warn!(controller = name, directory = %directory.path().display(), reason, "controller cannot be enabled");
            }
        }
        Ok(())
    }
}

/// The control group trees that jobs are made in. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Hierarchy {
    trees: Arc<[Tree]>,
    parent: Arc<str>,
    missing: Arc<[Missing]>,
    processors: u32,
}

impl Hierarchy {
    /// Finds the trees of this host in `/proc/self/mountinfo` and `/proc/cgroups`.
    ///
    /// # Errors
    /// [`JobError::NoHierarchy`] when none is mounted, [`JobError::Io`] when one cannot be opened.
    pub fn detect() -> Result<Self, JobError> {
        Self::detect_where(|_| true)
    }

    /// Like [`Hierarchy::detect`] with the trees of one version only: how a host without the other would work.
    ///
    /// # Errors
    /// As [`Hierarchy::detect`].
    pub fn detect_only(version: Version) -> Result<Self, JobError> {
        Self::detect_where(|found| found == version)
    }

    fn detect_where(wanted: impl Fn(Version) -> bool) -> Result<Self, JobError> {
        let file = "/proc/self/mountinfo";
        let text = std::fs::read(file).map_err(JobError::io("read", file))?;
        let mounts = mountinfo::cgroup_mounts(&text);
        let reachable = mounts.into_iter().filter(|mount| wanted(mount.version) && reachable(mount));
        let specs = reachable.map(|mount| TreeSpec {
            path: mount.path,
            version: mount.version,
            controllers: mount.controllers,
            seed: Vec::new(),
        });
        let kernel = std::fs::read_to_string("/proc/cgroups").unwrap_or_default();
        Self::from_specs(specs.collect(), |controller| {
            if mountinfo::enabled_in_kernel(&kernel, controller.version1_name()) {
                "the kernel has it, but no mounted tree offers it".to_owned()
            } else {
                "the kernel does not have it or it is switched off at boot".to_owned()
            }
        })
    }

    /// Uses the given trees and no others.
    ///
    /// # Errors
    /// As [`Hierarchy::detect`].
    pub fn at(specs: Vec<TreeSpec>) -> Result<Self, JobError> {
        Self::from_specs(specs, |_| "no given tree offers it".to_owned())
    }

    fn from_specs(specs: Vec<TreeSpec>, why: impl Fn(Controller) -> String) -> Result<Self, JobError> {
        let trees: Vec<Tree> = specs.into_iter().map(Tree::open).collect::<Result<_, _>>()?;
        let trees = drop_useless(trees);
        if trees.is_empty() {
            return Err(JobError::NoHierarchy);
        }
        let missing = Controller::ALL
            .into_iter()
            .filter(|controller| !trees.iter().any(|tree| tree.has(*controller)))
            .map(|controller| Missing { controller, reason: why(controller) })
            .collect();
        Ok(Self { trees: trees.into(), parent: DEFAULT_PARENT.into(), missing, processors: online_processors() })
    }

    /// Puts the jobs below another directory, `a/b` for example, instead of `casement`.
    ///
    /// # Errors
    /// [`JobError::InvalidName`] when a component is not a valid [`JobName`].
    pub fn with_parent(mut self, parent: &str) -> Result<Self, JobError> {
        for component in parent.split('/') {
            JobName::new(component)?;
        }
        self.parent = parent.into();
        Ok(self)
    }

    /// The trees in use.
    pub fn trees(&self) -> &[Tree] {
        &self.trees
    }

    /// Controllers that no tree offers.
    pub fn missing(&self) -> &[Missing] {
        &self.missing
    }

    /// The tree that offers a controller.
    pub fn tree_of(&self, controller: Controller) -> Option<&Tree> {
        self.trees.iter().find(|tree| tree.has(controller))
    }

    /// Processors that are online, what [`crate::CpuRate::Maximum`] is a part of.
    pub(crate) fn processors(&self) -> u32 {
        self.processors
    }

    /// The path of a job below the root of each tree.
    pub(crate) fn relative(&self, name: &JobName) -> String {
        format!("{}/{name}", self.parent)
    }

    pub(crate) fn prepare(&self, tree: &Tree) -> Result<(), JobError> {
        tree.prepare(&self.parent)
    }

    /// Names of all jobs that are there, in any tree, in order: what a crash may have left.
    ///
    /// # Errors
    /// [`JobError::Io`] when a directory cannot be read.
    pub fn jobs(&self) -> Result<Vec<JobName>, JobError> {
        let mut names = Vec::new();
        for tree in self.trees.iter() {
            let Some(parent) = tree.root.below(&self.parent)? else {
                continue;
            };
            let mut buffer = Vec::with_capacity(8192);
            let mut entries = RawDir::new(parent.fd(), buffer.spare_capacity_mut());
            while let Some(entry) = entries.next() {
                let entry = entry.map_err(JobError::io("list", parent.path()))?;
                if entry.file_type() == rustix::fs::FileType::Directory {
                    let name = entry.file_name().to_str().ok().and_then(|name| JobName::new(name).ok());
                    names.extend(name);
                }
            }
        }
        names.sort();
        names.dedup();
        Ok(names)
    }

    /// Removes the directory that held the jobs from every tree. A directory with jobs in it stays.
    ///
    /// # Errors
    /// [`JobError::Teardown`] with everything that went wrong.
    pub fn remove_parent(&self) -> Result<(), JobError> {
        let mut errors = Vec::new();
        for tree in self.trees.iter() {
            let mut relative: &str = &self.parent;
            loop {
                match tree.remove(relative) {
                    Ok(()) | Err(Errno::NOENT) => {}
                    Err(Errno::BUSY | Errno::NOTEMPTY) => break,
                    Err(error) => {
                        let error = JobError::io("remove", tree.path().join(relative))(error);
                        if !is(&error, Errno::ROFS) {
                            errors.push(error);
                        }
                        break;
                    }
                }
                match relative.rsplit_once('/') {
                    Some((above, _)) => relative = above,
                    None => break,
                }
            }
        }
        if errors.is_empty() { Ok(()) } else { Err(JobError::Teardown { name: self.parent.to_string(), errors }) }
    }
}

/// Whether the mount point still leads to the tree: something else may be mounted on it or above it.
fn reachable(mount: &mountinfo::CgroupMount) -> bool {
    /// `CGROUP_SUPER_MAGIC` and `CGROUP2_SUPER_MAGIC` of `linux/magic.h`.
    const MAGIC: [u64; 2] = [0x0027_e0eb, 0x6367_7270];
    let found = rustix::fs::statfs(&mount.path).map(|found| found.f_type as u64);
    let reachable = found.is_ok_and(|kind| kind == MAGIC[usize::from(mount.version == Version::V2)]);
    if !reachable {
        tracing::warn!(path = %mount.path.display(), "a mounted control group tree cannot be reached");
    }
    reachable
}

/// Leaves out trees that add nothing: each tree costs a directory for every job. A version 2 tree freezes and counts
/// processor time better than version 1 trees that do only that.
fn drop_useless(trees: Vec<Tree>) -> Vec<Tree> {
    let unified = trees.iter().any(|tree| tree.version == Version::V2);
    let adds =
        |controller: &Controller| !unified || !matches!(controller, Controller::Freezer | Controller::CpuAccounting);
    let mut kept: Vec<Tree> =
        trees.into_iter().filter(|tree| tree.version == Version::V2 || tree.controllers.iter().any(adds)).collect();
    // The version 2 tree goes first: it answers for what both versions offer.
    kept.sort_by_key(|tree| tree.version == Version::V1);
    kept
}
