//! The engine's compute service: HCS on this host.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use casement_hcs::protocol::MAIN_PROCESS;
use casement_hcs::silo_host::Pipes;
use casement_hcs::{ComputeError, Resolver, SiloSettings, Volume, VolumeSpec};
use casement_nt::Runtime;
use casement_schema::container::Container as ContainerDocument;
use casement_schema::process::ProcessParameters;
use casement_schema::properties::{ProcessDetails, Properties, PropertyQuery, PropertyType, State};
use casement_schema::statistics::Statistics;
use casement_silo::error_chain;

use crate::compute::{Blueprint, ComputeService, Exit, Stdio, System};
use crate::container::Container;
use crate::error::{Error, Result};
use crate::id::ContainerId;

/// Directory of compute systems under the root.
pub const CONTAINERS_DIRECTORY: &str = "containers";

/// HCS below one root.
pub struct HostCompute {
    service: casement_hcs::ComputeService,
    root: PathBuf,
}

impl HostCompute {
    /// `silo_host` is the program that knows the verb `silo-host`, `agent` the guest agent.
    #[must_use]
    pub fn new(root: &Path, silo_host: PathBuf, agent: PathBuf) -> Self {
        let service = casement_hcs::ComputeService::new(root.join(CONTAINERS_DIRECTORY), silo_host, agent);
        Self { service, root: root.to_owned() }
    }
}

impl ComputeService for HostCompute {
    fn create(&self, id: &ContainerId, blueprint: &Blueprint) -> Result<Arc<dyn System>> {
        let runtime = Runtime::current(&self.root).map_err(|error| {
            Error::Unavailable(format!("{} (line \"runtime\" of casement doctor)", error_chain(&error)))
        })?;
        let settings = SiloSettings {
            runtime: runtime.tree(),
            uid_base: blueprint.uid_base,
            log: blueprint.log.clone(),
            discard: blueprint.discard,
            input_once: blueprint.input_once,
            processes: casement_hcs::DEFAULT_PROCESS_LIMIT,
            init_process: blueprint.process.clone(),
        };
        let system =
            self.service.create(id.as_str(), &blueprint.document, &settings).map_err(|error| failed(&error))?;
        let command_line = blueprint.process.command_line.clone();
        Ok(Arc::new(HostSystem { service: self.service.clone(), system, command_line }))
    }

    fn open(&self, id: &ContainerId) -> Option<Arc<dyn System>> {
        let system = self.service.open(id.as_str()).ok()?;
        Some(Arc::new(HostSystem { service: self.service.clone(), system, command_line: String::new() }))
    }

    fn last_exit(&self, id: &ContainerId) -> Option<Exit> {
        self.service.exit(id.as_str()).map(Exit::from)
    }

    fn list(&self) -> Result<Vec<String>> {
        self.service.list().map_err(|error| failed(&error))
    }

    fn directory(&self, id: &ContainerId) -> PathBuf {
        self.service.directory(id.as_str())
    }

    fn reap(&self, id: &str) -> Result<()> {
        self.service.reap(id).map_err(all_failed)
    }

    fn open_volume(&self, container: &Container) -> Result<Volume> {
        let described = container.document.container.as_ref();
        let spec = VolumeSpec {
            storage: described.and_then(|described| described.storage.clone()).unwrap_or_default(),
            mapped_directories: described.map(|described| described.mapped_directories.clone()).unwrap_or_default(),
            uid_base: container.uid_base,
        };
        self.service.open_volume(container.id.as_str(), &spec).map_err(|error| failed(&error))
    }

    fn remove(&self, id: &str) -> Result<()> {
        self.service.remove(id).map_err(all_failed)
    }
}

/// A compute system of this host.
struct HostSystem {
    service: casement_hcs::ComputeService,
    system: casement_hcs::System,
    command_line: String,
}

impl HostSystem {
    /// A connection of its own: the first one may be busy with a request that takes its time.
    fn another(&self) -> Result<casement_hcs::System> {
        self.service.open(self.system.id()).map_err(|error| failed(&error))
    }

    fn properties(&self, types: &[PropertyType]) -> Result<Properties> {
        let query = PropertyQuery { property_types: types.to_vec(), ..PropertyQuery::default() };
        self.another()?.properties(&query).map_err(|error| failed(&error))
    }
}

impl System for HostSystem {
    fn pid(&self) -> u32 {
        self.system.pid()
    }

    fn attach(&self, stdio: Stdio) -> Result<()> {
        match self.system.attach(stdio.into()) {
            // It has ended just now: the client sees the end of its streams.
            Err(_) if self.service.exit(self.system.id()).is_some() => Ok(()),
            other => other.map_err(|error| failed(&error)),
        }
    }

    fn start(&self) -> Result<()> {
        self.system.start().map_err(|error| start_failed(self.system.id(), &self.command_line, &error))
    }

    fn settle(&self) -> Result<()> {
        match self.system.settle() {
            // A program that has ended already leaves its exit instead.
            Err(_) if self.service.exit(self.system.id()).is_some() => Ok(()),
            other => other.map_err(|error| failed(&error)),
        }
    }

    fn end_process(&self, process: u32) -> Result<()> {
        self.another()?.signal(process, None).map_err(|error| failed(&error))
    }

    fn keep(&self) -> Result<()> {
        self.another()?.keep().map_err(|error| failed(&error))
    }

    fn execute(&self, process: &ProcessParameters, stdio: Stdio) -> Result<u32> {
        let system = self.another()?;
        let executed = system.execute(process, stdio.into());
        executed.map_err(|error| start_failed(system.id(), &process.command_line, &error))
    }

    fn wait_process(&self, process: u32) -> Result<u32> {
        self.system.wait_process(process).map_err(|error| failed(&error))
    }

    fn resize(&self, process: Option<u32>, height: u16, width: u16) -> Result<()> {
        self.another()?.resize(process.unwrap_or(MAIN_PROCESS), height, width).map_err(|error| failed(&error))
    }

    fn wait(&self) -> Option<Exit> {
        self.system.wait().map(Exit::from)
    }

    fn shutdown(&self) -> Result<()> {
        self.another()?.shutdown().map_err(|error| failed(&error))
    }

    fn terminate(&self) -> Result<()> {
        self.another()?.terminate().map_err(|error| failed(&error))
    }

    fn pause(&self) -> Result<()> {
        self.another()?.pause().map_err(|error| failed(&error))
    }

    fn resume(&self) -> Result<()> {
        self.another()?.resume().map_err(|error| failed(&error))
    }

    fn network_namespace(&self) -> Result<std::os::fd::OwnedFd> {
        self.system.network_namespace().map_err(|error| failed(&error))
    }

    fn set_resolver(&self, resolver: &Resolver) -> Result<()> {
        self.another()?.set_resolver(resolver).map_err(|error| failed(&error))
    }

    fn is_paused(&self) -> Result<bool> {
        Ok(self.properties(&[])?.state == Some(State::Paused))
    }

    fn statistics(&self) -> Result<Statistics> {
        let statistics = self.properties(&[PropertyType::Statistics])?.statistics;
        statistics.ok_or_else(|| Error::Compute(format!("the job of {} cannot be asked", self.system.id())))
    }

    fn processes(&self) -> Result<Vec<ProcessDetails>> {
        Ok(self.properties(&[PropertyType::ProcessList])?.process_list)
    }

    fn limit(&self, limits: &ContainerDocument) -> Result<()> {
        self.another()?.limit(limits).map_err(|error| failed(&error))
    }
}

impl From<Stdio> for Pipes {
    fn from(stdio: Stdio) -> Self {
        Self { input: stdio.stdin, output: stdio.stdout, error: stdio.stderr }
    }
}

impl From<casement_hcs::ContainerExit> for Exit {
    fn from(exit: casement_hcs::ContainerExit) -> Self {
        Self {
            exit_code: exit.exit_code,
            oom_killed: exit.oom_killed,
            finished_at: exit.finished_at,
            error: exit.error,
        }
    }
}

/// Win32 errors that say that the program does not exist: file, path, drive.
const NOT_FOUND: [u32; 3] = [2, 3, 15];
/// Win32 errors that say that it exists and cannot be run: access denied, not a program, not for this machine.
const NOT_EXECUTABLE: [u32; 3] = [5, 193, 216];

/// The failure to start a program, in the words of Docker on Windows.
#[must_use]
pub fn start_failed(id: &str, command_line: &str, error: &ComputeError) -> Error {
    let ComputeError::Refused { code, .. } = error else { return failed(error) };
    let Some(number) = code.win32() else { return failed(error) };
    let text = format!(
        "container {id} encountered an error during hcs::System::CreateProcess: {command_line}: failure in a Windows system call: {}",
        code.describe()
    );
    if NOT_FOUND.contains(&number) {
        Error::ProgramNotFound(text)
    } else if NOT_EXECUTABLE.contains(&number) {
        Error::CannotExecute(text)
    } else {
        Error::Compute(text)
    }
}

fn failed(error: &ComputeError) -> Error {
    Error::Compute(error_chain(error))
}

fn all_failed(errors: Vec<ComputeError>) -> Error {
    Error::Teardown(errors.iter().map(|error| error_chain(error)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;
    use casement_schema::HResult;

    fn refused(win32: u32) -> Error {
        let code = HResult::from_win32(win32);
        start_failed("0123", "nosuch.exe -x", &ComputeError::Refused { code, message: String::new() })
    }

    #[test]
    fn a_missing_program_reads_as_on_windows() {
        let error = refused(2);
        assert_eq!(error.kind(), ErrorKind::ProgramNotFound);
        assert_eq!(
            error.to_string(),
            "container 0123 encountered an error during hcs::System::CreateProcess: nosuch.exe -x: failure in a Windows system call: The system cannot find the file specified. (0x2)"
        );
    }

    #[test]
    fn errors_of_programs_have_dockers_exit_codes() {
        for (win32, exit_code) in [(2, 127), (3, 127), (5, 126), (193, 126), (87, 125)] {
            assert_eq!(refused(win32).kind().exit_code(), exit_code, "{win32}");
        }
    }
}
