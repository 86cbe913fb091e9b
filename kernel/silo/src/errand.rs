//! Work that a copy of this process does while this process goes on.
//!
//! Whoever serves a file system must not use it itself: killed in the middle, it would wait for its own answer, for ever
//! and unkillable, and its end of the connection would stay open.

use crate::error::{Context, SiloError};
use crate::linux::{self, Cloned};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use std::fs::File;
use std::io::{self, Read};

/// Bytes of an error's text that come back: what a pipe takes in one piece.
const MAX_TEXT: usize = 4096;

/// A copy at work. Readable as soon as it is done.
#[derive(Debug)]
pub struct Errand {
    outcome: OwnedFd,
    process: OwnedFd,
}

impl Errand {
    /// Starts `work` in a copy of this process, which must have a single thread. The copy dies with this process.
    ///
    /// # Errors
    /// When there can be no copy.
    pub fn start<E: std::error::Error>(work: impl FnOnce() -> Result<(), E>) -> Result<Self, SiloError> {
        let (outcome, told) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).during("make", "a pipe")?;
        match linux::clone_process(0, None).during("copy", "this process")? {
            Cloned::Child => {
                let killed = rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL));
                let done = killed.map_err(|e| e.to_string()).and_then(|()| work().map_err(|e| crate::error_chain(&e)));
                if let Err(text) = &done {
                    let _ = rustix::io::write(&told, &text.as_bytes()[..text.len().min(MAX_TEXT)]);
                }
                linux::exit_now(i32::from(done.is_err()))
            }
            Cloned::Parent(_, process) => Ok(Self { outcome, process }),
        }
    }

    /// Waits for the end of the work.
    ///
    /// # Errors
    /// What the work ended with, as a text; or that it was killed.
    pub fn finish(self) -> io::Result<()> {
        let mut text = Vec::new();
        File::from(self.outcome).take(MAX_TEXT as u64).read_to_end(&mut text)?;
        let exited = rustix::process::WaitIdOptions::EXITED;
        let status = rustix::process::waitid(rustix::process::WaitId::PidFd(self.process.as_fd()), exited)?;
        match status.and_then(|status| status.exit_status()) {
            Some(0) => Ok(()),
            Some(_) => Err(io::Error::other(String::from_utf8_lossy(&text).into_owned())),
            None => Err(io::Error::other("the process that did it was killed")),
        }
    }
}

impl AsFd for Errand {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.outcome.as_fd()
    }
}
