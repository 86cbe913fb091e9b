//! The control API between the command and the daemon: one request and one response per connection.

use std::path::PathBuf;

use casement_schema::process::ProcessParameters;
use serde::{Deserialize, Serialize};

use crate::container::{Container, ContainerSettings, State};
use crate::document::ExecSettings;
use crate::engine::WaitCondition;
use crate::error::ErrorKind;
use crate::id::ContainerId;
use crate::image::ImageSummary;

/// File name of the control socket in the run directory.
pub const SOCKET_FILE: &str = "casement.sock";
/// Mode of the control socket: whoever may open it may become root.
pub const SOCKET_MODE: u32 = 0o660;
/// Largest request, in bytes.
pub const MAX_REQUEST_BYTES: usize = 1 << 20;
/// Largest response, in bytes: a list of as many containers as there are user-namespace ranges.
pub const MAX_RESPONSE_BYTES: usize = 32 << 20;

/// What a client asks for. `container` is a name, an id or a unique id prefix.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "Operation", rename_all_fields = "PascalCase", deny_unknown_fields)]
pub enum Request {
    /// Who answers?
    Version,
    /// Create a container and start it.
    Run {
        /// The container.
        settings: Box<ContainerSettings>,
        /// The streams that come along.
        streams: Streams,
    },
    /// Create a container.
    Create {
        /// The container.
        settings: Box<ContainerSettings>,
    },
    /// Start a container.
    Start {
        /// Which.
        container: String,
        /// The streams that come along.
        streams: Streams,
    },
    /// Plan a further process.
    Exec {
        /// Where.
        container: String,
        /// The process.
        settings: ExecSettings,
    },
    /// List containers.
    List,
    /// Show one container.
    Inspect {
        /// Which.
        container: String,
    },
    /// Ask a container to end.
    Stop {
        /// Which.
        container: String,
        /// Seconds until it is terminated; negative: never; absent: the default.
        timeout: Option<i64>,
    },
    /// Send a signal.
    Kill {
        /// Whom.
        container: String,
        /// What.
        signal: KillSignal,
    },
    /// Remove a container.
    Remove {
        /// Which.
        container: String,
        /// Also when it runs.
        force: bool,
    },
    /// Wait for a container.
    Wait {
        /// For which.
        container: String,
        /// For what.
        condition: WaitCondition,
    },
    /// List images.
    Images,
}

/// What [`Request::Kill`] sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum KillSignal {
    /// End it now. `KILL`.
    Terminate,
    /// A shutdown event. Every other signal, as on Windows.
    Shutdown,
}

/// Which streams come along with a request as file descriptors, in this order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default, deny_unknown_fields)]
pub struct Streams {
    /// Standard input, a read end.
    pub stdin: bool,
    /// Standard output, a write end.
    pub stdout: bool,
    /// Standard error, a write end.
    pub stderr: bool,
    /// A connection that the silo host is to serve from before the start on: what waits in it is answered even if the container
    /// ends at once and the daemon with it.
    pub line: bool,
}

impl Streams {
    /// How many they are.
    #[must_use]
    pub fn count(self) -> usize {
        [self.stdin, self.stdout, self.stderr, self.line].into_iter().map(usize::from).sum()
    }
}

/// What the daemon answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "Answer", rename_all_fields = "PascalCase")]
pub enum Response {
    /// It did not succeed.
    Error {
        /// What kind of error it is.
        kind: ErrorKind,
        /// What happened.
        message: String,
    },
    /// It is done.
    Done,
    /// To [`Request::Version`].
    Version {
        /// Version of the daemon.
        version: String,
        /// Its process id.
        pid: u32,
        /// Its root directory.
        root: PathBuf,
    },
    /// The container, after the operation, and the directory of its compute system.
    Container {
        /// The container.
        container: Box<Container>,
        /// Where its log and its silo host's socket are.
        directory: PathBuf,
    },
    /// A process that the silo host in this directory is to be asked for.
    Process {
        /// The container.
        id: ContainerId,
        /// Where the silo host's socket is.
        directory: PathBuf,
        /// The process.
        process: Box<ProcessParameters>,
    },
    /// Containers.
    Containers {
        /// Newest first.
        containers: Vec<Container>,
    },
    /// Images.
    Images {
        /// All of them.
        images: Vec<ImageSummary>,
    },
    /// To [`Request::Wait`].
    State {
        /// How the container stands.
        state: State,
    },
}
