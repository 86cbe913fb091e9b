//! What can go wrong in the engine, and what each kind means to a caller.

use std::io;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::id::ContainerId;
use crate::name::ContainerName;

/// An engine operation that did not succeed. The texts are Docker's where Docker has one, because scripts match them.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No container has this name, id or id prefix.
    #[error("No such container: {0}")]
    NoSuchContainer(String),
    /// An id prefix that fits more than one container.
    #[error("multiple IDs found with provided prefix: {0}")]
    AmbiguousPrefix(String),
    /// The image store holds no such image.
    #[error("No such image: {0}")]
    NoSuchImage(String),
    /// The name belongs to another container.
    #[error(
        "Conflict. The container name \"/{name}\" is already in use by container \"{holder}\". You have to remove (or rename) that container to be able to reuse that name."
    )]
    NameInUse {
        /// The name asked for.
        name: ContainerName,
        /// The container that has it.
        holder: ContainerId,
    },
    /// An operation that needs a running container.
    #[error("container {0} is not running")]
    NotRunning(ContainerId),
    /// `start` of a container that runs already.
    #[error("container {0} is already running")]
    AlreadyRunning(ContainerId),
    /// `stop` of a container that does not run.
    #[error("container {0} is already stopped")]
    AlreadyStopped(ContainerId),
    /// `rm` without force of a running container.
    #[error("cannot remove container \"/{name}\": container is {status}{}", removal_advice(status))]
    RemoveRunning {
        /// Its name.
        name: ContainerName,
        /// `running`, `paused` or `restarting`.
        status: &'static str,
    },
    /// The state of the container forbids the operation; the text says why.
    #[error("{0}")]
    Conflict(String),
    /// What nobody may do; the text says why.
    #[error("{0}")]
    Forbidden(String),
    /// A value that a caller gave is not valid; the text says which and why.
    #[error("{0}")]
    InvalidParameter(String),
    /// Something that a container needs does not exist; the text names it.
    #[error("{0}")]
    NotFound(String),
    /// A part of the Windows engine that Casement does not have yet; the text names it.
    #[error("{0}")]
    NotImplemented(String),
    /// Every user-namespace range is taken.
    #[error("all {0} user-namespace ranges are in use: remove containers that are no longer needed")]
    NoFreeRange(u32),
    /// The program of a container or of an exec does not exist.
    #[error("{0}")]
    ProgramNotFound(String),
    /// The program exists and cannot be executed.
    #[error("{0}")]
    CannotExecute(String),
    /// Another daemon owns this root.
    #[error("another casement daemon owns {0}: stop it, or choose another --root")]
    RootInUse(PathBuf),
    /// The runtime or a kernel feature is missing; the text names the line of `casement doctor`.
    #[error("{0}")]
    Unavailable(String),
    /// The compute service refused or failed.
    #[error("{0}")]
    Compute(String),
    /// The image or layer store failed.
    #[error("{0}")]
    Layers(String),
    /// The store of container records failed.
    #[error("container store: {0}")]
    Store(String),
    /// A file or socket operation failed.
    #[error("{what}: {source}")]
    Io {
        /// What was being done, with the object's name.
        what: String,
        /// The system's answer.
        source: io::Error,
    },
    /// A teardown went on to its end and met these errors on its way.
    #[error("{}", .0.join("; "))]
    Teardown(Vec<String>),
}

/// The kinds of error that callers tell apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ErrorKind {
    /// A value of the request is not valid.
    InvalidParameter,
    /// The container does not exist.
    NoSuchContainer,
    /// The image does not exist.
    NoSuchImage,
    /// Something else does not exist.
    NotFound,
    /// Casement does not have it yet.
    NotImplemented,
    /// The object is in a state, or a name in a use, that forbids the operation.
    Conflict,
    /// Nobody may do it.
    Forbidden,
    /// There was nothing to do.
    NotModified,
    /// The program to run does not exist.
    ProgramNotFound,
    /// The program to run cannot be executed.
    CannotExecute,
    /// Something that the host must offer is missing.
    Unavailable,
    /// Anything else.
    Internal,
}

impl ErrorKind {
    /// The HTTP status of the Docker Engine API.
    #[must_use]
    pub fn http_status(self) -> u16 {
        match self {
            Self::InvalidParameter | Self::ProgramNotFound | Self::CannotExecute => 400,
            Self::NoSuchContainer | Self::NoSuchImage | Self::NotFound => 404,
            Self::Conflict => 409,
            Self::Forbidden => 403,
            Self::NotModified => 304,
            Self::NotImplemented => 501,
            Self::Unavailable => 503,
            Self::Internal => 500,
        }
    }

    /// The exit code of `run` and `exec` when a program could not be started, as Docker's client has it.
    #[must_use]
    pub fn exit_code(self) -> u8 {
        match self {
            Self::ProgramNotFound => 127,
            Self::CannotExecute => 126,
            _ => 125,
        }
    }
}

impl Error {
    /// A failed system call or file operation on the named object.
    #[must_use]
    pub fn io(what: impl Into<String>, source: io::Error) -> Self {
        Self::Io { what: what.into(), source }
    }

    /// What kind of error this is to a caller.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::NoSuchContainer(_) => ErrorKind::NoSuchContainer,
            Self::NoSuchImage(_) => ErrorKind::NoSuchImage,
            Self::NotFound(_) => ErrorKind::NotFound,
            Self::NotImplemented(_) => ErrorKind::NotImplemented,
            Self::InvalidParameter(_) | Self::AmbiguousPrefix(_) => ErrorKind::InvalidParameter,
            Self::NameInUse { .. }
            | Self::NotRunning(_)
            | Self::RemoveRunning { .. }
            | Self::Conflict(_)
            | Self::RootInUse(_) => ErrorKind::Conflict,
            Self::Forbidden(_) => ErrorKind::Forbidden,
            Self::AlreadyRunning(_) | Self::AlreadyStopped(_) => ErrorKind::NotModified,
            Self::ProgramNotFound(_) => ErrorKind::ProgramNotFound,
            Self::CannotExecute(_) => ErrorKind::CannotExecute,
            Self::Unavailable(_) => ErrorKind::Unavailable,
            Self::NoFreeRange(_)
            | Self::Compute(_)
            | Self::Layers(_)
            | Self::Store(_)
            | Self::Io { .. }
            | Self::Teardown(_) => ErrorKind::Internal,
        }
    }
}

impl From<casement_hns::NetworkError> for Error {
    fn from(error: casement_hns::NetworkError) -> Self {
        Self::Compute(error.to_string())
    }
}

/// What to do about a container that cannot be removed as it is.
fn removal_advice(status: &str) -> &'static str {
    match status {
        "paused" => " and must be unpaused first",
        _ => ": stop the container before removing or force remove",
    }
}

/// The result of an engine operation.
pub type Result<T, E = Error> = std::result::Result<T, E>;
