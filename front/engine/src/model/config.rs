//! `Config`: what a container runs, independent of the host.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};

/// A JSON object without fields: the values of Go's `map[string]struct{}`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Empty {}

/// `Config` of a container or an image.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Config {
    /// Host name in the container; the short id when empty.
    pub hostname: String,
    /// Domain name in the container.
    pub domainname: String,
    /// User of the main process.
    pub user: String,
    /// Whether the client that creates the container attaches to this stream.
    pub attach_stdin: bool,
    /// See [`Config::attach_stdin`].
    pub attach_stdout: bool,
    /// See [`Config::attach_stdin`].
    pub attach_stderr: bool,
    /// Ports, `80/tcp`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub exposed_ports: BTreeMap<String, Empty>,
    /// Whether the main process has a console.
    pub tty: bool,
    /// Whether standard input stays open for clients.
    pub open_stdin: bool,
    /// Whether standard input closes with the first client that leaves.
    pub stdin_once: bool,
    /// Variables of the main process, `NAME=value`.
    pub env: Option<Vec<String>>,
    /// Command, or the arguments of the entry point.
    pub cmd: Option<Words>,
    /// How to tell whether the container is well.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub healthcheck: Option<Health>,
    /// The first word of the command is a piece of command line already.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub args_escaped: bool,
    /// Image reference as typed.
    pub image: String,
    /// Paths of anonymous volumes.
    pub volumes: Option<BTreeMap<String, Empty>>,
    /// Working directory of the main process.
    pub working_dir: String,
    /// Entry point. `[""]` in a request takes the image's away.
    pub entrypoint: Option<Words>,
    /// Whether the container has no network at all.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub network_disabled: bool,
    /// MAC address (clients before API 1.44).
    #[serde(skip_serializing_if = "String::is_empty")]
    pub mac_address: String,
    /// Triggers of a Dockerfile.
    pub on_build: Option<Vec<String>>,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// Signal that `stop` sends.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub stop_signal: String,
    /// Seconds until `stop` terminates.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stop_timeout: Option<i64>,
    /// Shell for the shell form of instructions and health checks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shell: Option<Words>,
}

/// A health check. Durations are nanoseconds; 0 means the default.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Health {
    /// `["NONE"]`, `["CMD", …]` or `["CMD-SHELL", line]`; empty inherits the image's.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub test: Vec<String>,
    /// Between two probes.
    #[serde(skip_serializing_if = "is_zero")]
    pub interval: i64,
    /// For one probe.
    #[serde(skip_serializing_if = "is_zero")]
    pub timeout: i64,
    /// After the start, during which failures do not count.
    #[serde(skip_serializing_if = "is_zero")]
    pub start_period: i64,
    /// Between two probes within the start period.
    #[serde(skip_serializing_if = "is_zero")]
    pub start_interval: i64,
    /// Failures in a row that make a container unhealthy.
    #[serde(skip_serializing_if = "is_zero")]
    pub retries: i64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the shape that serde asks for")]
fn is_zero(number: &i64) -> bool {
    *number == 0
}

/// Words of a command: an array, or in requests also one string, which is one word (Go's `strslice`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Words(pub Vec<String>);

impl<'de> Deserialize<'de> for Words {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Either {
            Many(Vec<String>),
            One(String),
        }
        Ok(match Either::deserialize(deserializer)? {
            Either::Many(words) => Self(words),
            Either::One(word) => Self(vec![word]),
        })
    }
}

impl From<Vec<String>> for Words {
    fn from(words: Vec<String>) -> Self {
        Self(words)
    }
}

impl std::ops::Deref for Words {
    type Target = [String];

    fn deref(&self) -> &[String] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_may_be_one_string() {
        let config: Config = serde_json::from_str(r#"{"Cmd":"cmd.exe","Entrypoint":["a","b"]}"#).unwrap();
        assert_eq!(config.cmd.unwrap().0, ["cmd.exe"]);
        assert_eq!(config.entrypoint.unwrap().0, ["a", "b"]);
    }
}
