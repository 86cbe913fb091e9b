//! Why the compute service refused or failed.

use casement_schema::error::HResult;
use std::io;

/// A failed operation on a compute system or a process.
#[derive(Debug, thiserror::Error)]
pub enum ComputeError {
    /// The document cannot be run.
    #[error("the compute system document is invalid: {field}: {reason}")]
    InvalidDocument {
        /// The field, as Microsoft names it.
        field: String,
        /// What is wrong with it.
        reason: String,
    },
    /// No live compute system has this id.
    #[error("a virtual machine or container with the specified identifier does not exist: {0}")]
    SystemNotFound(String),
    /// A compute system with this id exists.
    #[error("a virtual machine or container with the specified identifier already exists: {0}")]
    SystemAlreadyExists(String),
    /// The silo host ended before it answered.
    #[error("the silo host of {id} ended unexpectedly{}", .log.as_ref().map(|l| format!(": {l}")).unwrap_or_default())]
    HostEnded {
        /// The compute system.
        id: String,
        /// Its last words.
        log: Option<String>,
    },
    /// The silo host or the guest answered with an error.
    #[error("{message}")]
    Refused {
        /// The code that it gave.
        code: HResult,
        /// Its words.
        message: String,
    },
    /// The silo could not be made.
    #[error(transparent)]
    Silo(#[from] casement_silo::SiloError),
    /// The job could not be made.
    #[error(transparent)]
    Job(#[from] casement_job::JobError),
    /// The bridge broke.
    #[error("the bridge to {peer} broke")]
    Bridge {
        /// Who is at the other end.
        peer: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A file of the compute system could not be used.
    #[error("cannot {action} {object}")]
    File {
        /// What was to be done.
        action: &'static str,
        /// With which file.
        object: String,
        /// Why not.
        #[source]
        source: io::Error,
    },
}

impl ComputeError {
    /// A document that cannot be run because of `field`.
    pub fn invalid_document(field: &str, reason: &str) -> Self {
        Self::InvalidDocument { field: field.to_owned(), reason: reason.to_owned() }
    }

    /// A file that could not be used.
    pub fn file(action: &'static str, object: impl AsRef<std::path::Path>, source: io::Error) -> Self {
        Self::File { action, object: object.as_ref().display().to_string(), source }
    }
}
