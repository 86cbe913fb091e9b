//! The record of a container: what was asked for, what was made of it, and how it stands.

use std::collections::BTreeMap;

use casement_schema::ComputeSystem;
use casement_schema::process::ProcessParameters;
use serde::{Deserialize, Serialize};

use crate::id::ContainerId;
use crate::name::ContainerName;
use crate::volume::Bind;

/// The timestamp of something that has not happened, as the Docker API writes it.
pub const NEVER: &str = "0001-01-01T00:00:00Z";

/// Exit code reported for a container whose silo host was killed: 128 + SIGKILL, as Docker reports it.
pub const EXIT_CODE_LOST: u32 = 137;

/// What a caller asks for when it creates a container.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default, deny_unknown_fields)]
pub struct ContainerSettings {
    /// Image reference as typed.
    pub image: String,
    /// Name; one is generated when absent.
    pub name: Option<ContainerName>,
    /// Command and arguments; empty means the image's `Cmd`.
    pub command: Vec<String>,
    /// Entry point in place of the image's. `Some([""])` removes the image's entry point.
    pub entrypoint: Option<Vec<String>>,
    /// Variables `NAME=value` laid over the image's; names are case-insensitive, the last one wins.
    pub env: Vec<String>,
    /// Working directory in the container.
    pub working_dir: Option<String>,
    /// User in the container.
    pub user: Option<String>,
    /// Whether the main process has a console.
    pub tty: bool,
    /// Height and width of the console in characters; only with `tty`.
    pub console_size: Option<(u16, u16)>,
    /// Whether standard input stays open for a client.
    pub open_stdin: bool,
    /// Host name; the short id when absent.
    pub hostname: Option<String>,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// Memory limit in bytes.
    pub memory: Option<u64>,
    /// CPU limit in billionths of a CPU.
    pub nano_cpus: Option<u64>,
    /// Host directories shown in the container.
    pub binds: Vec<Bind>,
    /// Whether the container is removed when it has ended.
    pub auto_remove: bool,
}

/// A container as the store keeps it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Container {
    /// Id.
    pub id: ContainerId,
    /// Name.
    pub name: ContainerName,
    /// When it was created, RFC 3339.
    pub created: String,
    /// Image reference as typed.
    pub image: String,
    /// Digest of the image it was made from.
    pub image_id: String,
    /// First uid and gid of its user-namespace range.
    pub uid_base: u32,
    /// Configuration of the container.
    pub config: Config,
    /// What it takes from the host.
    pub host_config: HostConfig,
    /// How it stands.
    pub state: State,
    /// The document that the compute system is created from.
    pub document: ComputeSystem,
    /// The parameters of its main process.
    pub process: ProcessParameters,
}

/// Configuration of a container, with the image's values merged in.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Config {
    /// Host name in the container.
    pub hostname: String,
    /// User of the main process.
    pub user: String,
    /// Variables of the main process, `NAME=value`.
    pub env: Vec<String>,
    /// Working directory of the main process.
    pub working_dir: String,
    /// Whether the main process has a console.
    pub tty: bool,
    /// Whether standard input stays open for a client.
    pub open_stdin: bool,
    /// Entry point in effect.
    pub entrypoint: Vec<String>,
    /// Command in effect.
    pub cmd: Vec<String>,
    /// Labels.
    pub labels: BTreeMap<String, String>,
}

/// What a container takes from the host.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct HostConfig {
    /// Memory limit in bytes; 0 means none.
    pub memory: u64,
    /// CPU limit in billionths of a CPU; 0 means none.
    pub nano_cpus: u64,
    /// Host directories shown in the container.
    pub binds: Vec<Bind>,
    /// Whether the container is removed when it has ended.
    pub auto_remove: bool,
}

/// The states of a container.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Being created (or created and started in one go); nobody was told that it exists.
    #[default]
    Creating,
    /// Created and never run.
    Created,
    /// Being started.
    Starting,
    /// Running.
    Running,
    /// Ended.
    Exited,
    /// Being removed.
    Removing,
    /// Could not be removed completely; removing it again tries again.
    Dead,
}

impl Status {
    /// The name that listings and `inspect` show.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Creating => "creating",
            Self::Created => "created",
            Self::Starting => "starting",
            Self::Running => "running",
            Self::Exited => "exited",
            Self::Removing => "removing",
            Self::Dead => "dead",
        }
    }
}

/// How a container stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct State {
    /// The state.
    pub status: Status,
    /// Process id of the silo host on this host; 0 when not running.
    pub pid: u32,
    /// Exit code of the main process, all 32 bits.
    pub exit_code: u32,
    /// Whether the memory limit ended it.
    #[serde(rename = "OOMKilled")]
    pub oom_killed: bool,
    /// Why it could not start or ended out of order; empty otherwise.
    pub error: String,
    /// When it was last started, RFC 3339.
    pub started_at: String,
    /// When it last ended, RFC 3339.
    pub finished_at: String,
}

impl Default for State {
    fn default() -> Self {
        Self {
            status: Status::default(),
            pid: 0,
            exit_code: 0,
            oom_killed: false,
            error: String::new(),
            started_at: NEVER.to_owned(),
            finished_at: NEVER.to_owned(),
        }
    }
}

impl Container {
    /// The program and its arguments: entry point, then command.
    #[must_use]
    pub fn command(&self) -> Vec<&str> {
        let entrypoint = match self.config.entrypoint.as_slice() {
            [only] if only.is_empty() => &[],
            all => all,
        };
        entrypoint.iter().chain(&self.config.cmd).map(String::as_str).collect()
    }

    /// Whether the container was ever started.
    #[must_use]
    pub fn was_started(&self) -> bool {
        self.state.started_at != NEVER
    }
}

/// The current time, RFC 3339 in UTC, always with nine digits of seconds: such texts sort by time.
#[must_use]
pub fn now() -> String {
    format!("{:.9}", jiff::Timestamp::now())
}
