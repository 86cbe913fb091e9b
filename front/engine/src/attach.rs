//! Clients at the streams of a container's first process: now, or from its next start on.

use std::os::fd::OwnedFd;

use crate::compute::Stdio;
use crate::container::{Container, Status};
use crate::engine::Engine;
use crate::error::{Error, Result};

/// Most clients that may wait for the start of a container.
const MAX_WAITING: usize = 64;

/// Which streams a client wants.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// It gives input.
    pub stdin: bool,
    /// It sees output.
    pub stdout: bool,
    /// It sees errors; a process with a console has none apart.
    pub stderr: bool,
}

/// The client's ends of the pipes of a process.
#[derive(Debug, Default)]
pub struct NearEnds {
    /// What it writes input to.
    pub stdin: Option<OwnedFd>,
    /// What it reads output from.
    pub stdout: Option<OwnedFd>,
    /// What it reads errors from.
    pub stderr: Option<OwnedFd>,
}

/// Makes the pipes: the process's ends and the client's.
///
/// # Errors
/// When the system has no more of them.
pub fn pipes(wanted: Wanted) -> Result<(Stdio, NearEnds)> {
    let pipe = |wanted: bool| match wanted {
        false => Ok((None, None)),
        true => rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)
            .map(|(reads, writes)| (Some(reads), Some(writes)))
            .map_err(|errno| Error::io("cannot make a pipe", errno.into())),
    };
    let (input_reads, input_writes) = pipe(wanted.stdin)?;
    let (output_reads, output_writes) = pipe(wanted.stdout)?;
    let (error_reads, error_writes) = pipe(wanted.stderr)?;
    let far = Stdio { stdin: input_reads, stdout: output_writes, stderr: error_writes };
    Ok((far, NearEnds { stdin: input_writes, stdout: output_reads, stderr: error_reads }))
}

impl Engine {
    /// Attaches a client to a container, with input if `stdin` says so. One that does not run gives its streams to the client from
    /// its next start on.
    ///
    /// # Errors
    /// When there is no such container, when it is paused or restarting, or when too many are attached.
    pub fn attach(&self, key: &str, stdin: bool) -> Result<(Container, NearEnds)> {
        let entry = self.find(key)?;
        let container = entry.container();
        match container.state.status {
            Status::Paused => {
                return Err(Error::Conflict(format!("container {key} is paused, unpause the container before attach")));
            }
            Status::Restarting => {
                return Err(Error::Conflict(format!(
                    "container {key} is restarting, wait until the container is running"
                )));
            }
            _ => {}
        }
        // The outputs always: by their end a client knows that of the process.
        let tty = container.config.tty;
        let (far, near) = pipes(Wanted { stdin: stdin && container.config.open_stdin, stdout: true, stderr: !tty })?;
        let system = {
            let mut live = entry.live();
            match &live.system {
                _ if live.gone => return Err(Error::NoSuchContainer(key.to_owned())),
                Some(system) => Some((system.clone(), far)),
                None if live.waiting.len() >= MAX_WAITING => {
                    return Err(Error::Conflict(format!(
                        "{MAX_WAITING} clients wait for the start of container {} already",
                        entry.id
                    )));
                }
                None => {
                    live.waiting.push(far);
                    None
                }
            }
        };
        if let Some((system, far)) = system {
            system.attach(far)?;
        }
        self.tell(&container, "attach");
        Ok((container, near))
    }

    /// Tells of a client that has left a container without ending it.
    pub fn detached(&self, container: &Container) {
        self.tell(container, "detach");
    }

    /// Sets the size of the console of a container's first process.
    ///
    /// # Errors
    /// [`Error::NotRunning`], or that it has no console.
    pub fn resize(&self, key: &str, height: u16, width: u16) -> Result<()> {
        let entry = self.find(key)?;
        crate::engine::running_system(&entry)?.resize(None, height, width)?;
        let size = [("height", height.to_string()), ("width", width.to_string())];
        self.tell_with(&entry.container(), "resize", size);
        Ok(())
    }
}
