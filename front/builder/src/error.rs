//! Why a build ended without an image.

use casement_dockerfile::{DockerfileError, WordError};
use casement_layers::volume::VolumeError;

/// What kind of failure it is to a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// The Dockerfile, a setting or the context is wrong.
    Invalid,
    /// Something does not exist.
    NotFound,
    /// Casement does not have it.
    NotImplemented,
    /// The program of a `RUN` ended with this code.
    Exit(u32),
    /// The client has gone, or asked to end.
    Cancelled,
    /// Anything else.
    Internal,
}

/// The failure of a build; its text is Docker's where Docker has one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct BuildError {
    /// The kind.
    pub kind: ErrorKind,
    /// The text.
    pub message: String,
}

/// What an operation of the builder comes to.
pub type Result<T, E = BuildError> = std::result::Result<T, E>;

impl BuildError {
    /// A failure of this kind.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }

    /// [`ErrorKind::Invalid`]
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Invalid, message)
    }

    /// [`ErrorKind::Internal`]
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Internal, message)
    }

    /// A file operation that failed.
    pub fn io(what: impl std::fmt::Display) -> impl FnOnce(std::io::Error) -> Self {
        move |error| Self::internal(format!("{what}: {error}"))
    }

    /// The build was given up.
    #[must_use]
    pub fn cancelled() -> Self {
        Self::new(ErrorKind::Cancelled, "Build cancelled")
    }

    /// The same failure with what was being done in front of its text.
    #[must_use]
    pub fn within(self, what: impl std::fmt::Display) -> Self {
        Self { message: format!("{what}: {}", self.message), ..self }
    }
}

impl From<DockerfileError> for BuildError {
    fn from(error: DockerfileError) -> Self {
        Self::invalid(error.to_string())
    }
}

impl From<WordError> for BuildError {
    fn from(error: WordError) -> Self {
        Self::invalid(error.to_string())
    }
}

impl From<VolumeError> for BuildError {
    fn from(error: VolumeError) -> Self {
        let kind = match &error {
            VolumeError::NotFound(_) => ErrorKind::NotFound,
            VolumeError::Io { .. } => ErrorKind::Internal,
            _ => ErrorKind::Invalid,
        };
        let mut message = error.to_string();
        if let VolumeError::Io { source, .. } = &error {
            message = format!("{message}: {source}");
        }
        Self { kind, message }
    }
}
