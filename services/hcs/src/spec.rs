//! What a silo host is told, and what it leaves behind.

use casement_schema::compute_system::ComputeSystem;
use casement_schema::container::MappedDirectory;
use casement_schema::process::ProcessParameters;
use casement_schema::properties::ExitType;
use casement_schema::storage::Storage;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

/// Files in the directory of a compute system.
pub mod file {
    /// [`super::SiloSpec`] as JSON.
    pub const SPEC: &str = "spec.json";
    /// Locked by the silo host for as long as it lives.
    pub const LOCK: &str = "lock";
    /// The silo host's socket.
    pub const SOCKET: &str = "host.sock";
    /// What the silo host has to say.
    pub const HOST_LOG: &str = "host.log";
    /// The main process's output, one JSON entry a line.
    pub const LOG: &str = "log.json";
    /// [`super::ContainerExit`] as JSON; appears when the container has ended.
    pub const EXIT: &str = "exit.json";
    /// Where the silo's tree is mounted, in the silo host's own mount namespace.
    pub const ROOT: &str = "rootfs";
}

/// How the platform runs one compute system: what the document does not say.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct SiloSettings {
    /// The Wine runtime's tree on the host.
    pub runtime: PathBuf,
    /// First host id of the silo's range of 65,536.
    pub uid_base: u32,
    /// How the main process's output is kept; `None`: not at all.
    pub log: Option<LogSettings>,
    /// The container is removed when it ends: its changes need not be saved.
    pub discard: bool,
    /// Whether the main process's input ends with the first client that ends its own; else it stays open for others.
    pub input_once: bool,
    /// Most processes (Linux tasks) of the container.
    pub processes: u32,
    /// The main process: the container ends with it.
    pub init_process: ProcessParameters,
}

/// How the main process's output is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct LogSettings {
    /// Bytes from which on a file counts as full.
    pub max_bytes: Option<u64>,
    /// Most files, with the one that is written; at least one.
    pub max_files: u32,
    /// What every entry carries.
    pub attributes: BTreeMap<String, String>,
}

impl Default for LogSettings {
    fn default() -> Self {
        Self { max_bytes: None, max_files: 1, attributes: BTreeMap::new() }
    }
}

/// The whole specification of a silo host.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct SiloSpec {
    /// Id of the compute system.
    pub id: String,
    /// Its v2 document.
    pub document: ComputeSystem,
    /// Platform settings.
    pub settings: SiloSettings,
}

/// A volume `C:` without a compute system.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct VolumeSpec {
    /// Layers and scratch.
    pub storage: Storage,
    /// Directories of the host in it.
    pub mapped_directories: Vec<MappedDirectory>,
    /// First host id of the container's range.
    pub uid_base: u32,
}

/// The end of a container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ContainerExit {
    /// Exit code of the main process, 32 bits.
    pub exit_code: u32,
    /// Whether the kernel ended a process of the container for want of memory.
    #[serde(rename = "OOMKilled")]
    pub oom_killed: bool,
    /// When, RFC 3339.
    pub finished_at: String,
    /// How.
    pub exit_type: ExitType,
    /// What went wrong, if anything did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// Writes `value` as JSON so that readers see all of it or none.
pub fn write_json<T: Serialize>(path: &Path, value: &T) -> io::Result<()> {
    let partial = path.with_extension("partial");
    std::fs::write(&partial, serde_json::to_vec(value)?)?;
    std::fs::rename(&partial, path)
}

/// Reads what [`write_json`] wrote.
pub fn read_json<T: for<'a> Deserialize<'a>>(path: &Path) -> io::Result<T> {
    Ok(serde_json::from_slice(&std::fs::read(path)?)?)
}
