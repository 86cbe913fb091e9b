//! The quick way into a job: a process that goes in by itself.
//!
//! Moving another process by `cgroup.procs` waits for every processor to pass a quiet point, 10 to 30 ms the first
//! time. A single thread that moves itself by the `tasks` file of version 1 does not wait, and in version 2 a process
//! can be started inside (`clone3` with `CLONE_INTO_CGROUP`).

use std::{
    os::fd::{AsFd, OwnedFd},
    path::PathBuf,
};

use rustix::{
    fs::{Mode, OFlags, openat},
    io::{retry_on_intr, write},
};

use crate::{Job, JobError, Version};

/// Where a process is that is about to enter a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Started {
    /// Outside of all groups of the job.
    Outside,
    /// Inside the version 2 group already: it was started with [`Job::version2_directory`] and
    /// `CLONE_INTO_CGROUP`.
    InVersion2,
}

/// The files by which a process goes into a job, opened by somebody who may write them. The process needs no right
/// of its own: the kernel asks who opened them. They close on exec.
#[derive(Debug)]
pub struct Entrance {
    files: Vec<(OwnedFd, PathBuf)>,
}

impl Job {
    /// Opens the way in, to be taken over a `fork` or `clone` by the new process.
    ///
    /// # Errors
    /// [`JobError::Io`] when a file cannot be opened for writing.
    pub fn entrance(&self, started: Started) -> Result<Entrance, JobError> {
        let mut files = Vec::new();
        for (directory, version) in self.places() {
            let file = match (version, started) {
                (Version::V1, _) => "tasks",
                (Version::V2, Started::Outside) => "cgroup.procs",
                (Version::V2, Started::InVersion2) => continue,
            };
            let path = directory.path().join(file);
            let flags = OFlags::WRONLY | OFlags::CLOEXEC;
            let fd =
                openat(directory.fd(), file, flags, Mode::empty()).map_err(JobError::io("open", path.as_path()))?;
            files.push((fd, path));
        }
        Ok(Entrance { files })
    }
}

impl Entrance {
    /// Moves the calling process into the job. It must have one thread only: version 1 moves just the caller.
    ///
    /// # Errors
    /// [`JobError::Io`] with the first tree that refuses; the process may be in some trees then.
    pub fn enter(self) -> Result<(), JobError> {
        for (fd, path) in self.files {
            retry_on_intr(|| write(fd.as_fd(), b"0")).map_err(JobError::io("write", path))?;
        }
        Ok(())
    }
}
