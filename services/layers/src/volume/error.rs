//! Why something in a volume cannot be looked at, read or written.

use std::io;
use thiserror::Error;

/// The failure of an operation on the files of a volume. The texts are Docker's where Docker has one.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum VolumeError {
    /// Nothing is there.
    #[error("the system cannot find the file specified: {0}")]
    NotFound(String),
    /// A drive without a path.
    #[error("no relative path specified in {0:?}")]
    NoPath(String),
    /// Only volume `C:` can be reached.
    #[error("the specified path is not on the system drive (C:)")]
    OtherDrive,
    /// A name that no file can have.
    #[error("\"{path}\" is not a valid Windows path: \"{part}\" cannot be the name of a file")]
    BadName {
        /// The whole path.
        path: String,
        /// The component that is refused.
        part: String,
    },
    /// An archive can be unpacked in directories only.
    #[error("extraction point is not a directory")]
    NotADirectory,
    /// Links that lead to links, in a circle or for too long.
    #[error("too many symbolic links on the way to {0}")]
    TooManyLinks(String),
    /// A directory is deeper than anyone makes them.
    #[error("{0} is nested more than {max} directories deep", max = super::tree::MAX_DEPTH)]
    TooDeep(String),
    /// The archive is malformed, or has something that cannot be unpacked.
    #[error("{0}")]
    Archive(String),
    /// Unpacking would put a file in place of a directory or the other way round, and the caller does not want that.
    #[error("cannot overwrite {0}")]
    Overwrite(String),
    /// A mounted volume that cannot be written to.
    #[error("mounted volume is marked read-only")]
    ReadOnly,
    /// A file operation failed.
    #[error("cannot {action} {object}")]
    Io {
        /// What was tried, as a verb.
        action: &'static str,
        /// The file.
        object: String,
        /// The system's reason.
        source: io::Error,
    },
}

impl VolumeError {
    /// A failed operation on `object`.
    pub(super) fn io<E: Into<io::Error>>(action: &'static str, object: impl ToString) -> impl FnOnce(E) -> Self {
        move |error| {
            let source = error.into();
            match source.kind() {
                io::ErrorKind::NotFound => Self::NotFound(object.to_string()),
                io::ErrorKind::ReadOnlyFilesystem => Self::ReadOnly,
                _ => Self::Io { action, object: object.to_string(), source },
            }
        }
    }
}
