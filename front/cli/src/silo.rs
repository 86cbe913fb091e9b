//! The command's own line to the silo host of a container, which stays when the daemon goes.

use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::Path;

use anyhow::{Context, Result};
use casement_engine::Error;
use casement_engine::host_compute::start_failed;
use casement_gcs::MessageType;
use casement_gcs::payload::{INFINITE, RequestBase, WaitForProcess, WaitForProcessResponse};
use casement_hcs::protocol::MAIN_PROCESS;
use casement_hcs::silo_host::Pipes;
use casement_hcs::{ComputeService, System};
use casement_schema::process::{ProcessParameters, Signal};

use crate::streams::FarEnds;

/// A question that waits in a line to a silo host from before the container starts: what is its exit code? However short the
/// container's life, and whoever dies meanwhile, the answer comes, unless the silo host itself is killed.
pub struct EndLine {
    client: casement_gcs::Client,
    question: u64,
}

impl EndLine {
    /// The line, and the end of it that the silo host is to be given.
    ///
    /// # Errors
    /// When the system has no more sockets.
    pub fn new() -> Result<(Self, OwnedFd)> {
        let (near, far) = UnixStream::pair()?;
        let mut client = casement_gcs::Client::new(near)?;
        // Of a container that has no id yet; the silo host has only one.
        let wait = WaitForProcess { base: RequestBase::new(""), process_id: MAIN_PROCESS, timeout_in_ms: INFINITE };
        let question = client.send(MessageType::WAIT_FOR_PROCESS, &wait, &[])?;
        client.set_timeout(None);
        Ok((Self { client, question }, far.into()))
    }

    /// Waits for the exit code of the container.
    ///
    /// # Errors
    /// When the silo host was killed.
    pub fn wait(mut self) -> Result<u32> {
        let answer: WaitForProcessResponse = self.client.response(MessageType::WAIT_FOR_PROCESS, self.question)?;
        Ok(answer.exit_code)
    }
}

/// The silo host of one container.
pub struct Silo {
    system: System,
}

/// One process in a silo.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// The first process: the container ends with it.
    Main,
    /// A further process, by its id in the silo.
    Process(u32),
}

impl Target {
    fn id(self) -> u32 {
        match self {
            Self::Main => MAIN_PROCESS,
            Self::Process(id) => id,
        }
    }
}

impl Silo {
    /// Connects to the silo host in the directory of a compute system.
    ///
    /// # Errors
    /// When it has ended.
    pub fn connect(directory: &Path, id: &str) -> Result<Self> {
        let parent = directory.parent().context("the directory of a compute system has a parent")?;
        // Only finds systems: what creates them is not needed.
        let service = ComputeService::new(parent.to_owned(), "/dev/null".into(), "/dev/null".into());
        Ok(Self { system: service.open(id)? })
    }

    /// Starts a further process; returns its id.
    ///
    /// # Errors
    /// In the words of Docker on Windows.
    pub fn execute(&self, process: &ProcessParameters, far: FarEnds) -> Result<u32, Error> {
        let pipes = Pipes { input: far.stdin, output: far.stdout, error: far.stderr };
        self.system
            .execute(process, pipes)
            .map_err(|error| start_failed(self.system.id(), &process.command_line, &error))
    }

    /// Waits for the end of a process and returns its exit code.
    ///
    /// # Errors
    /// When the silo host has ended or was killed.
    pub fn wait(&self, target: Target) -> Result<u32> {
        Ok(self.system.wait_process(target.id())?)
    }

    /// Sets the size of a process's console.
    ///
    /// # Errors
    /// When the silo host has ended or refuses.
    pub fn resize(&self, target: Target, height: u16, width: u16) -> Result<()> {
        Ok(self.system.resize(target.id(), height, width)?)
    }

    /// Sends a console event.
    ///
    /// # Errors
    /// When the silo host has ended or refuses.
    pub fn signal(&self, target: Target, signal: Signal) -> Result<()> {
        Ok(self.system.signal(target.id(), Some(signal))?)
    }
}
