//! `Config`: what a container runs, independent of the host.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};

// Images and containers have these in the same form.
pub use casement_layers::oci::{Empty, Healthcheck as Health};

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
