//! The record of a container: what was asked for, what was made of it, and how it stands.

use std::collections::BTreeMap;
use std::time::Duration;

use casement_schema::ComputeSystem;
use casement_schema::process::ProcessParameters;
use serde::{Deserialize, Serialize};

use crate::health::HealthState;
use crate::id::ContainerId;
use crate::model::{Config, HostConfig, MountPoint, Words};
use crate::name::ContainerName;
use crate::networks::attachment::Attachments;

/// The timestamp of something that has not happened, as the Docker API writes it.
pub const NEVER: &str = "0001-01-01T00:00:00Z";

/// Exit code reported for a container whose silo host was killed: 128 + SIGKILL, as Docker reports it.
pub const EXIT_CODE_LOST: u32 = 137;

/// What a caller asks for when it creates a container.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default, deny_unknown_fields)]
pub struct ContainerSettings {
    /// Name; one is generated when absent.
    pub name: Option<ContainerName>,
    /// What it runs.
    pub config: Config,
    /// What it takes from the host.
    pub host_config: HostConfig,
    /// `EndpointsConfig`: networks it joins, by name, as they were asked for.
    pub endpoints: BTreeMap<String, serde_json::Value>,
    /// Whether it is the container of a build's step.
    #[serde(skip)]
    pub of_build: bool,
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
    /// What it runs, with the image's values merged in.
    pub config: Config,
    /// What it takes from the host.
    pub host_config: HostConfig,
    /// `EndpointsConfig` as it was asked for.
    pub endpoints: BTreeMap<String, serde_json::Value>,
    /// Where it is in networks while it runs.
    #[serde(default)]
    pub network: Attachments,
    /// What is mounted in it.
    pub mounts: Vec<MountPoint>,
    /// How it stands.
    pub state: State,
    /// How often its restart policy has started it since a person did.
    pub restart_count: u32,
    /// Whether a person ended it, rather than itself.
    pub manually_stopped: bool,
    /// The document that the compute system is created from.
    pub document: ComputeSystem,
    /// The parameters of its main process.
    pub process: ProcessParameters,
    /// Whether it is the container of a build's step, which is for nothing once the daemon that builds is gone: it ends with the
    /// daemon, and the next one removes it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub of_build: bool,
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
    /// Ended, and about to be started again by its restart policy.
    Restarting,
    /// Running, with its programs held.
    Paused,
    /// Could not be removed completely; removing it again tries again.
    Dead,
}

impl Status {
    /// Whether the container runs or is on its way to.
    #[must_use]
    pub fn is_active(self) -> bool {
        matches!(self, Self::Creating | Self::Starting | Self::Running | Self::Paused | Self::Restarting)
    }

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
            Self::Restarting => "restarting",
            Self::Paused => "paused",
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
    /// How well it is, if it has a health check.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub health: Option<HealthState>,
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
            health: None,
        }
    }
}

impl State {
    /// How long the present run has taken; zero if there was none or the clock went backwards.
    #[must_use]
    pub fn runs_for(&self, now: jiff::Timestamp) -> Duration {
        let started = self.started_at.parse::<jiff::Timestamp>().unwrap_or(now);
        Duration::try_from(now.duration_since(started)).unwrap_or_default()
    }

    /// How long the last run took; zero if there was none or the clock went backwards.
    #[must_use]
    pub fn ran_for(&self) -> Duration {
        let moment = |text: &str| text.parse::<jiff::Timestamp>().ok();
        let (Some(from), Some(to)) = (moment(&self.started_at), moment(&self.finished_at)) else {
            return Duration::ZERO;
        };
        Duration::try_from(to.duration_since(from)).unwrap_or_default()
    }
}

impl Container {
    /// The program and its arguments: entry point, then command.
    #[must_use]
    pub fn command(&self) -> Vec<&str> {
        fn words(words: &Option<Words>) -> impl Iterator<Item = &str> {
            words.iter().flat_map(|words| words.iter().map(String::as_str))
        }
        let mut command: Vec<&str> = words(&self.config.entrypoint).collect();
        if command.first().is_some_and(|first| first.is_empty()) {
            command.clear();
        }
        command.extend(words(&self.config.cmd));
        command
    }

    /// A record that nothing is remarkable about.
    #[cfg(test)]
    pub(crate) fn sample(id: ContainerId, name: ContainerName, uid_base: u32) -> Self {
        Self {
            id,
            name,
            created: now(),
            image: "nanoserver".to_owned(),
            image_id: String::new(),
            uid_base,
            config: Config::default(),
            host_config: HostConfig::default(),
            endpoints: BTreeMap::new(),
            network: Attachments::default(),
            mounts: Vec::new(),
            state: State::default(),
            restart_count: 0,
            manually_stopped: false,
            document: ComputeSystem::default(),
            process: ProcessParameters::default(),
            of_build: false,
        }
    }

    /// Whether the container was ever started.
    #[must_use]
    pub fn was_started(&self) -> bool {
        self.state.started_at != NEVER
    }
}

/// The present moment as records have it.
#[must_use]
pub fn now() -> String {
    time_text(jiff::Timestamp::now())
}

/// A moment as records have it: RFC 3339 in UTC, always with nine digits of seconds; such texts sort by time.
#[must_use]
pub fn time_text(moment: jiff::Timestamp) -> String {
    format!("{moment:.9}")
}
