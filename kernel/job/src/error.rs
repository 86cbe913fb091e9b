//! What can go wrong with a job object.

use std::{io, path::PathBuf};

/// Error of every operation on jobs and hierarchies.
#[derive(Debug, thiserror::Error)]
pub enum JobError {
    /// The name has a character, a length or a first letter that is not allowed.
    #[error("job name {0:?} is not valid: use 1 to 128 of A-Z a-z 0-9 . _ - and do not begin with a dot")]
    InvalidName(String),
    /// No control group tree is mounted.
    #[error("no control group tree is mounted: mount cgroup2 at /sys/fs/cgroup")]
    NoHierarchy,
    /// A job of that name is there already.
    #[error("job {0} exists already")]
    Exists(String),
    /// No tree holds a job of that name.
    #[error("job {0} does not exist")]
    NotFound(String),
    /// A limit is outside of what the kernel accepts.
    #[error("limit {limit} of {value} is not valid: {expected}")]
    InvalidLimit {
        /// Which limit.
        limit: &'static str,
        /// The value that was asked for.
        value: u64,
        /// What would be accepted.
        expected: &'static str,
    },
    /// The kernel lacks what the operation needs.
    #[error("job {name} cannot {action}: this host has no {needed}")]
    Unsupported {
        /// The job.
        name: String,
        /// What was to be done.
        action: &'static str,
        /// The controller or file that is not there.
        needed: &'static str,
    },
    /// The state asked for was not reached in time.
    #[error("job {name} did not become {state} in time, {left} processes are left in it")]
    Deadline {
        /// The job.
        name: String,
        /// The state that was waited for.
        state: &'static str,
        /// Processes still in the job.
        left: usize,
    },
    /// A file of a control group could not be read or written.
    #[error("cannot {action} {path}")]
    Io {
        /// What was to be done.
        action: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// The reason.
        source: io::Error,
    },
    /// Parts of a job could not be removed; everything else was.
    #[error("job {name} could not be removed whole: {}", chain(errors))]
    Teardown {
        /// The job.
        name: String,
        /// Every error that was met, in the order of the trees.
        errors: Vec<JobError>,
    },
}

impl JobError {
    /// Builds a closure for `map_err` that keeps what was done to which path.
    pub(crate) fn io<E: Into<io::Error>>(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(E) -> Self {
        let path = path.into();
        move |source| Self::Io { action, path, source: source.into() }
    }

    /// The error code of the system call that failed, if one did.
    pub fn os_error(&self) -> Option<i32> {
        match self {
            Self::Io { source, .. } => source.raw_os_error(),
            Self::Teardown { errors, .. } => errors.iter().find_map(Self::os_error),
            _ => None,
        }
    }
}

/// Joins errors, each with its sources.
fn chain(errors: &[JobError]) -> String {
    let mut text = String::new();
    for error in errors {
        if !text.is_empty() {
            text.push_str("; ");
        }
        let mut next: Option<&dyn std::error::Error> = Some(error);
        let mut first = true;
        while let Some(error) = next {
            if !first {
                text.push_str(": ");
            }
            first = false;
            text.push_str(&error.to_string());
            next = error.source();
        }
    }
    text
}
