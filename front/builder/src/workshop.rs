//! What a build needs of the engine, as a trait: images, containers, and the making of images of them.

use crate::cancel::Cancel;
use crate::error::Result;
use crate::output::Output;
use casement_layers::volume::VolumeTree;
use casement_layers::{Digest, ImageConfig};
use std::path::{Path, PathBuf};

/// An image that a step ended with or begins with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// Its id.
    pub id: Digest,
    /// Digest of its manifest.
    pub manifest: Digest,
    /// How its containers run.
    pub config: ImageConfig,
}

/// What a step adds to an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// How containers of the new image run.
    pub config: ImageConfig,
    /// The command, for the history.
    pub created_by: String,
    /// `MAINTAINER`
    pub author: String,
    /// When, RFC 3339.
    pub created: String,
    /// No file of the step is younger than this: seconds since 1970.
    pub epoch: Option<i64>,
    /// The SID of the owner of files that the step makes; `None` means the usual one.
    pub owner: Option<String>,
}

/// A container for a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Its image.
    pub image: Snapshot,
    /// The whole command line.
    pub command_line: String,
    /// `NAME=value`, all of them.
    pub environment: Vec<String>,
    /// Account; empty means the default.
    pub user: String,
    /// Directory.
    pub work_directory: String,
    /// Memory limit in bytes; 0 means none.
    pub memory: i64,
    /// Processor weight; 0 means unset.
    pub cpu_shares: i64,
    /// Network; empty means the default.
    pub network: String,
    /// Isolation; empty means the default.
    pub isolation: String,
    /// Lines of the hosts file.
    pub extra_hosts: Vec<String>,
    /// What is mounted.
    pub mounts: Vec<Mount>,
}

/// A directory that a step sees and no image gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mount {
    /// Where, as an absolute path on drive C.
    pub target: String,
    /// What.
    pub source: MountSource,
    /// Whether the step may not write to it.
    pub read_only: bool,
}

/// Where a mounted directory comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MountSource {
    /// A directory of the host.
    Directory(PathBuf),
}

/// What is known of a file that was fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Downloaded {
    /// When it was changed, in seconds since 1970.
    pub modified: Option<i64>,
}

/// The engine, as the builder uses it.
pub trait Workshop: Send + Sync {
    /// The image of this name, pulled if it is missing, or in any case if `refresh` says so.
    ///
    /// # Errors
    /// When there is none, it cannot be pulled, or the build was given up.
    fn base(&self, name: &str, refresh: bool, output: &dyn Output, cancel: &Cancel) -> Result<Snapshot>;

    /// Fetches the file at an address of the web into a new file.
    ///
    /// # Errors
    /// When it cannot be fetched, or may not be, or the build was given up.
    fn download(&self, address: &str, into: &Path, output: &dyn Output, cancel: &Cancel) -> Result<Downloaded>;

    /// The image that the step with this key came to, if it is still there.
    fn recall(&self, key: &str) -> Option<Snapshot>;

    /// Remembers what the step with this key came to. `what` describes it for people.
    ///
    /// # Errors
    /// When it cannot be written.
    fn remember(&self, key: &str, what: &str, snapshot: &Snapshot) -> Result<()>;

    /// The hash that was remembered under this key.
    fn recall_hash(&self, key: &str) -> Option<String>;

    /// Remembers a hash that takes long to compute.
    ///
    /// # Errors
    /// When it cannot be written.
    fn remember_hash(&self, key: &str, hash: &str) -> Result<()>;

    /// The image that a step from `parent` on came to in one of these other images, if their histories are the same up to there.
    fn restore(&self, parent: &Snapshot, step: &Step, others: &[String]) -> Option<Snapshot>;

    /// An image with the files of another one.
    ///
    /// # Errors
    /// When it cannot be written.
    fn describe(&self, parent: &Snapshot, step: &Step) -> Result<Snapshot>;

    /// Makes a container and returns its id, with warnings for the client.
    ///
    /// # Errors
    /// When it cannot be made; nothing is left then.
    fn create(&self, request: &Request) -> Result<(String, Vec<String>)>;

    /// Runs a container to its end and returns the exit code. Its output is shown. When the build is given up, it is ended.
    ///
    /// # Errors
    /// When it cannot be started, or the build was given up.
    fn run(&self, container: &str, output: &dyn Output, cancel: &Cancel) -> Result<u32>;

    /// Does something with the files of a container that does not run.
    ///
    /// # Errors
    /// When they cannot be reached, or what `work` failed with.
    fn with_files(&self, container: &str, work: &mut dyn FnMut(&VolumeTree) -> Result<()>) -> Result<()>;

    /// An image of what a container has changed.
    ///
    /// # Errors
    /// When it cannot be made; nothing is left then.
    fn commit(&self, container: &str, parent: &Snapshot, step: &Step) -> Result<Snapshot>;

    /// Removes a container.
    ///
    /// # Errors
    /// What could not be removed.
    fn remove(&self, container: &str) -> Result<()>;

    /// The directory of a cache that steps share by its name, made if it is missing.
    ///
    /// # Errors
    /// When it cannot be made.
    fn cache_directory(&self, name: &str) -> Result<PathBuf>;

    /// An empty directory that goes with the value, on the file system of the store or, if `in_memory` says so, on none.
    ///
    /// # Errors
    /// When it cannot be made.
    fn temporary_directory(&self, in_memory: bool) -> Result<tempfile::TempDir>;

    /// Keeps a finished image, under these names or without one.
    ///
    /// # Errors
    /// When a name is none, or cannot be written.
    fn keep(&self, snapshot: &Snapshot, names: &[String]) -> Result<()>;
}
