//! The command's side of the control socket.

use std::io;
use std::os::fd::BorrowedFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use crate::api::{MAX_REQUEST_BYTES, MAX_RESPONSE_BYTES, Request, Response, SOCKET_FILE};
use crate::error::ErrorKind;
use crate::wire;

/// Why a request brought no answer to work with.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Nobody listens on the control socket.
    #[error("Cannot connect to the casement daemon at {}: {source}. Is it running? Start it with: casement daemon", .path.display())]
    NotRunning {
        /// The control socket.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// The connection broke before the answer came.
    #[error("the casement daemon went away before it answered: {0}")]
    WentAway(io::Error),
    /// The daemon refused or failed.
    #[error("Error response from daemon: {message}")]
    Refused {
        /// What kind of error it is.
        kind: ErrorKind,
        /// What the daemon says.
        message: String,
    },
    /// An answer to another question: command and daemon are of different versions.
    #[error(
        "the casement daemon gave an answer that does not fit the request: are command and daemon of the same version?"
    )]
    Unexpected,
}

impl ClientError {
    /// The kind of error, where the daemon named one.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::NotRunning { .. } => ErrorKind::Unavailable,
            Self::WentAway(_) | Self::Unexpected => ErrorKind::Internal,
            Self::Refused { kind, .. } => *kind,
        }
    }
}

/// A way to the daemon.
#[derive(Clone, Debug)]
pub struct Client {
    socket: PathBuf,
}

impl Client {
    /// The daemon that has this run directory. Connects only with the first request.
    #[must_use]
    pub fn new(run: &Path) -> Self {
        Self { socket: run.join(SOCKET_FILE) }
    }

    /// Sends a request and waits for its answer, which is never [`Response::Error`].
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn request(&self, request: &Request) -> Result<Response, ClientError> {
        self.request_with(request, &[])
    }

    /// As [`Client::request`], with the streams of a process.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn request_with(&self, request: &Request, streams: &[BorrowedFd<'_>]) -> Result<Response, ClientError> {
        let not_running = |source| ClientError::NotRunning { path: self.socket.clone(), source };
        let stream = UnixStream::connect(&self.socket).map_err(not_running)?;
        wire::send(&stream, request, streams, MAX_REQUEST_BYTES).map_err(ClientError::WentAway)?;
        let (response, _) = wire::receive(&stream, MAX_RESPONSE_BYTES).map_err(ClientError::WentAway)?;
        match response {
            Response::Error { kind, message } => Err(ClientError::Refused { kind, message }),
            answer => Ok(answer),
        }
    }
}
