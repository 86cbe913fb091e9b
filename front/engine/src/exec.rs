//! Further processes in running containers: created, started, looked at, forgotten.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;
use tracing::warn;

use crate::attach::{NearEnds, Wanted, pipes};
use crate::compute::Stdio;
use crate::container::{Container, Status};
use crate::document::{self, ExecSettings};
use crate::engine::{Engine, running_system};
use crate::error::{Error, Result};
use crate::id::ContainerId;

/// Most processes of one container that are created or run.
const MAX_LIVE: usize = 1_024;
/// Ended processes that are remembered, of all containers.
const REMEMBERED: usize = 1_024;
/// Exit code of a process whose silo host was lost, as the Windows engine has it when it could not learn it.
const EXIT_CODE_LOST: u32 = u32::MAX;

/// How a client wants a further process.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExecConfig {
    /// The process.
    pub settings: ExecSettings,
    /// The streams that are connected when it is not started detached.
    pub wanted: Wanted,
    /// The keys that detach from its console, as they were given.
    pub detach_keys: String,
    /// What was asked for and means nothing here; shown as it was given.
    pub privileged: bool,
}

/// How a further process stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ExecState {
    /// Not yet started.
    #[default]
    Created,
    /// Being started.
    Starting,
    /// Running.
    Running {
        /// Its id in the silo.
        pid: u32,
    },
    /// Ended, or never came to run.
    Ended {
        /// Its id in the silo; 0 when it never came to run.
        pid: u32,
        /// Exit code, all 32 bits.
        exit_code: u32,
    },
}

/// A further process of a container.
#[derive(Debug)]
pub struct Exec {
    /// 64 hexadecimal digits.
    pub id: String,
    /// Its container.
    pub container: ContainerId,
    /// How it was wanted.
    pub config: ExecConfig,
    state: watch::Sender<ExecState>,
}

impl Exec {
    /// How it stands.
    #[must_use]
    pub fn state(&self) -> ExecState {
        *self.state.borrow()
    }

    /// Its state and all changes to come.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<ExecState> {
        self.state.subscribe()
    }

    /// The action of an event about it: `exec_create: cmd /c ver`.
    fn action(&self, what: &str) -> String {
        format!("{what}: {}", self.config.settings.command.join(" "))
    }
}

/// All further processes that a daemon knows.
#[derive(Debug, Default)]
pub(crate) struct Execs(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    by_id: BTreeMap<String, Arc<Exec>>,
    /// Ids of those that have ended, oldest first.
    ended: VecDeque<String>,
}

impl Execs {
    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets those of a container that is removed.
    pub(crate) fn forget(&self, container: &ContainerId) {
        let mut known = self.known();
        known.by_id.retain(|_, exec| exec.container != *container);
        let Known { by_id, ended } = &mut *known;
        ended.retain(|id| by_id.contains_key(id));
    }

    fn live_of(&self, container: &ContainerId) -> Vec<String> {
        let known = self.known();
        let live = |exec: &&Arc<Exec>| exec.container == *container && !matches!(exec.state(), ExecState::Ended { .. });
        known.by_id.values().filter(live).map(|exec| exec.id.clone()).collect()
    }

    fn remember_end(&self, id: &str) {
        let mut known = self.known();
        known.ended.push_back(id.to_owned());
        while known.ended.len() > REMEMBERED {
            if let Some(oldest) = known.ended.pop_front() {
                known.by_id.remove(&oldest);
            }
        }
    }
}

impl Engine {
    /// Plans a further process in a running container.
    ///
    /// # Errors
    /// [`Error::NotRunning`] and other states of the container, or [`Error::InvalidParameter`] for a value that is not valid.
    pub fn exec_create(&self, key: &str, config: ExecConfig) -> Result<Arc<Exec>> {
        let container = self.runs(key)?;
        // What is not valid is refused now; the start plans it again, with its own console size.
        document::plan_exec(&container, &config.settings)?;
        if self.execs.live_of(&container.id).len() >= MAX_LIVE {
            return Err(Error::Conflict(format!("container {} has {MAX_LIVE} execs already", container.id)));
        }
        let exec = Arc::new(Exec {
            id: ContainerId::random()?.to_string(),
            container: container.id.clone(),
            config,
            state: watch::Sender::default(),
        });
        self.execs.known().by_id.insert(exec.id.clone(), exec.clone());
        self.tell_exec(&container, &exec, &exec.action("exec_create"));
        Ok(exec)
    }

    /// A further process that was created.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub fn exec_find(&self, id: &str) -> Result<Arc<Exec>> {
        self.execs.known().by_id.get(id).cloned().ok_or_else(|| Error::NotFound(format!("No such exec instance: {id}")))
    }

    /// Ids of the further processes of a container that have not ended.
    #[must_use]
    pub fn exec_ids(&self, container: &ContainerId) -> Vec<String> {
        self.execs.live_of(container)
    }

    /// Takes a created process for its one start; to be followed by [`Engine::exec_start`].
    ///
    /// # Errors
    /// When it was started before, or its container does not run.
    pub fn exec_claim(&self, id: &str) -> Result<Arc<Exec>> {
        let exec = self.exec_find(id)?;
        self.runs(exec.container.as_str())?;
        let mut before = ExecState::Created;
        let claimed = exec.state.send_if_modified(|state| {
            before = *state;
            let created = *state == ExecState::Created;
            if created {
                *state = ExecState::Starting;
            }
            created
        });
        match before {
            _ if claimed => Ok(exec),
            ExecState::Ended { .. } => Err(Error::Conflict(format!("Error: Exec command {id} has already run"))),
            _ => Err(Error::Conflict(format!("Error: Exec command {id} is already running"))),
        }
    }

    /// Starts a claimed process: detached, or with the streams that it was created with. A size given here goes before that of its
    /// creation.
    ///
    /// # Errors
    /// [`Error::ProgramNotFound`], [`Error::CannotExecute`], or what else kept it from starting.
    pub fn exec_start(
        self: &Arc<Self>,
        exec: &Arc<Exec>,
        detach: bool,
        console_size: Option<(u16, u16)>,
    ) -> Result<NearEnds> {
        let started = self.try_exec(exec, detach, console_size);
        if let Err(error) = &started {
            self.exec_ended(exec, 0, u32::from(error.kind().exit_code().max(126)));
        }
        started
    }

    fn try_exec(
        self: &Arc<Self>,
        exec: &Arc<Exec>,
        detach: bool,
        console_size: Option<(u16, u16)>,
    ) -> Result<NearEnds> {
        let entry = self.find(exec.container.as_str())?;
        let container = self.runs(exec.container.as_str())?;
        let system = running_system(&entry)?;
        let mut settings = exec.config.settings.clone();
        settings.console_size = console_size.or(settings.console_size);
        settings.detach = detach;
        settings.open_stdin = exec.config.wanted.stdin;
        let process = document::plan_exec(&container, &settings)?;
        let (far, near) = if detach {
            (Stdio::default(), NearEnds::default())
        } else {
            // Both outputs always: a process may write to either, whoever looks.
            pipes(Wanted { stdin: settings.open_stdin, stdout: true, stderr: !settings.tty })?
        };
        self.tell_exec(&container, exec, &exec.action("exec_start"));
        let pid = system.execute(&process, far)?;
        exec.state.send_replace(ExecState::Running { pid });
        let (engine, ended) = (self.clone(), exec.clone());
        let waiting = std::thread::Builder::new().name(format!("exec {}", &exec.id[..12])).spawn(move || {
            let exit_code = system.wait_process(pid).unwrap_or_else(|error| {
                warn!(exec = ended.id, %error, "the exit code of a process is lost");
                EXIT_CODE_LOST
            });
            engine.exec_ended(&ended, pid, exit_code);
        });
        waiting.map_err(|error| Error::io("cannot wait for a process", error))?;
        Ok(near)
    }

    fn exec_ended(&self, exec: &Exec, pid: u32, exit_code: u32) {
        exec.state.send_replace(ExecState::Ended { pid, exit_code });
        self.execs.remember_end(&exec.id);
        if pid == 0 {
            return;
        }
        if let Ok(container) = self.inspect(exec.container.as_str()) {
            let more = [("execID", exec.id.clone()), ("exitCode", exit_code.to_string())];
            self.tell_with(&container, "exec_die", more);
        }
    }

    /// Tells of a client that has left a further process without ending it.
    pub fn exec_detached(&self, exec: &Exec) {
        if let Ok(container) = self.inspect(exec.container.as_str()) {
            self.tell_exec(&container, exec, "exec_detach");
        }
    }

    /// Sets the size of the console of a further process.
    ///
    /// # Errors
    /// When it does not run or has no console.
    pub fn exec_resize(&self, exec: &Exec, height: u16, width: u16) -> Result<()> {
        let ExecState::Running { pid } = exec.state() else {
            return Err(Error::Conflict(format!("exec process {} is not running", exec.id)));
        };
        running_system(&*self.find(exec.container.as_str())?)?.resize(Some(pid), height, width)
    }

    /// Ends a further process that runs.
    pub(crate) fn end_exec(&self, exec: &Exec) -> Result<()> {
        match exec.state() {
            ExecState::Running { pid } => running_system(&*self.find(exec.container.as_str())?)?.end_process(pid),
            _ => Ok(()),
        }
    }

    fn tell_exec(&self, container: &Container, exec: &Exec, action: &str) {
        self.tell_with(container, action, [("execID", exec.id.clone())]);
    }

    /// The container, which runs.
    fn runs(&self, key: &str) -> Result<Container> {
        let container = self.inspect(key)?;
        match container.state.status {
            Status::Running => Ok(container),
            Status::Paused => {
                Err(Error::Conflict(format!("Container {key} is paused, unpause the container before exec")))
            }
            Status::Restarting => {
                Err(Error::Conflict(format!("Container {key} is restarting, wait until the container is running")))
            }
            _ => Err(Error::NotRunning(container.id)),
        }
    }
}
