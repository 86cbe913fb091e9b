//! One process of a compute system: its launcher, its terminal if it has one, and who waits for it.

use crate::launcher::{Launcher, Opening};
use crate::launcher_protocol::{self, ConsoleEvent, Duty, Report};
use crate::terminal::{self, Pump};
use casement_schema::process::ProcessParameters;
use casement_schema::properties::ProcessDetails;
use rustix::event::{PollFd, PollFlags};
use rustix::fd::{AsFd, OwnedFd};
use std::io;
use std::os::unix::net::UnixStream;
use std::process::{Child, Stdio};

/// Size of a console when nobody says: what Windows has by default.
const DEFAULT_CONSOLE: (u16, u16) = (30, 120);
/// Exit code of a process whose launcher was killed: STATUS_CONTROL_C_EXIT is what Windows gives to the ended.
const LAUNCHER_LOST: u32 = 0xC000_013A;

/// Where a process is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// The launcher was asked to start it.
    Starting,
    /// It runs.
    Running,
    /// It could not be started: a Win32 error code.
    Failed(u32),
    /// It ended with this code.
    Exited(u32),
}

/// A process and its launcher.
pub struct Program {
    launcher: Child,
    control: Option<UnixStream>,
    received: Vec<u8>,
    pumps: Vec<Pump>,
    terminal: Option<OwnedFd>,
    /// Whose it is.
    pub user: String,
    /// Its Windows process id, once it runs.
    pub id: u32,
    /// Where it is.
    pub state: State,
    /// The ExecuteProcess request that is to be answered when it runs, or cannot.
    pub execute_request: Option<u64>,
    /// The WaitForProcess requests that are to be answered when it has ended.
    pub wait_requests: Vec<u64>,
    /// The requests for a list of all processes that its launcher is to answer.
    pub list_requests: Vec<u64>,
    /// The list that answers them.
    pub processes: Option<Vec<ProcessDetails>>,
}

/// The descriptors that a process is started with.
pub struct Streams {
    pub input: Option<OwnedFd>,
    pub output: Option<OwnedFd>,
    pub error: Option<OwnedFd>,
}

impl Program {
    /// Starts the program, by the launcher that stands by if there is one and the program has no console.
    pub fn start(
        parameters: &ProcessParameters,
        streams: Streams,
        duty: Duty,
        standing_by: Option<Launcher>,
    ) -> io::Result<Self> {
        let order = launcher_protocol::start(parameters, duty);
        let mut pumps = Vec::new();
        let mut terminal = None;
        let launcher = if parameters.emulate_console {
            let size = match parameters.console_size[..] {
                [rows, columns] if rows > 0 && columns > 0 => (rows, columns),
                _ => DEFAULT_CONSOLE,
            };
            let pair = terminal::open(size)?;
            let duplicate = || pair.program.try_clone().map(Stdio::from);
            let launcher =
                Launcher::start(&parameters.user, Opening::Terminal([duplicate()?, duplicate()?, duplicate()?]))?;
            launcher.order(&order)?;
            if let Some(input) = streams.input {
                pumps.push(Pump::new(input, pair.host.try_clone()?)?);
            }
            if let Some(output) = streams.output {
                pumps.push(Pump::new(pair.host.try_clone()?, output)?);
            }
            terminal = Some(pair.host);
            launcher
        } else {
            let streams = [streams.input, streams.output, streams.error];
            // One that has just ended takes no order.
            match standing_by.filter(|launcher| launcher.order_with(&order, &streams).is_ok()) {
                Some(launcher) => launcher,
                None => {
                    let streams = streams.map(|fd| fd.map_or_else(Stdio::null, Stdio::from));
                    let launcher = Launcher::start(&parameters.user, Opening::Streams(streams))?;
                    launcher.order(&order)?;
                    launcher
                }
            }
        };
        launcher.control.set_nonblocking(true)?;
        Ok(Self {
            launcher: launcher.child,
            control: Some(launcher.control),
            user: parameters.user.clone(),
            received: Vec::new(),
            pumps,
            terminal,
            id: 0,
            state: State::Starting,
            execute_request: None,
            wait_requests: Vec::new(),
            list_requests: Vec::new(),
            processes: None,
        })
    }

    /// What to wait for.
    pub fn interests(&self) -> Vec<PollFd<'_>> {
        let readable = |fd| PollFd::from_borrowed_fd(fd, PollFlags::IN);
        let control = self.control.iter().map(|c| readable(c.as_fd()));
        let pumps = self.pumps.iter().flat_map(|p| {
            let from = p.wants_read().map(|fd| readable(fd.as_fd()));
            let to = p.wants_write().map(|fd| PollFd::from_borrowed_fd(fd.as_fd(), PollFlags::OUT));
            from.into_iter().chain(to)
        });
        control.chain(pumps).collect()
    }

    /// Does what can be done now.
    pub fn serve(&mut self) {
        for pump in &mut self.pumps {
            pump.run();
        }
        self.pumps.retain(|p| !p.is_done());
        let Some(control) = &self.control else { return };
        let mut chunk = [0u8; 256];
        match rustix::io::read(control, &mut chunk) {
            Ok(0) => self.lose_launcher(),
            Ok(n) => {
                self.received.extend(&chunk[..n]);
                match launcher_protocol::take_reports(&mut self.received) {
                    Ok(reports) => reports.into_iter().for_each(|r| self.note(r)),
                    Err(()) => self.lose_launcher(),
                }
            }
            Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INTR) => {}
            Err(_) => self.lose_launcher(),
        }
    }

    fn note(&mut self, report: Report) {
        match (report, self.state) {
            (Report::Started(id), State::Starting) => {
                self.id = id;
                self.state = State::Running;
            }
            (Report::Failed(code), State::Starting) => self.end(State::Failed(code)),
            (Report::Exited(code), State::Running) => self.end(State::Exited(code)),
            (Report::Processes(list), State::Running) => self.processes = Some(list),
            // A launcher that repeats itself has been tampered with; its first word counts.
            _ => {}
        }
    }

    /// The launcher is gone without a word on how the program ended.
    fn lose_launcher(&mut self) {
        self.control = None;
        match self.state {
            State::Starting => self.end(State::Failed(LAUNCHER_LOST)),
            State::Running => self.end(State::Exited(LAUNCHER_LOST)),
            State::Failed(_) | State::Exited(_) => {}
        }
    }

    fn end(&mut self, state: State) {
        self.state = state;
        // What the program wrote to its terminal is still in it.
        for pump in &mut self.pumps {
            pump.run();
        }
        self.pumps.clear();
        self.terminal = None;
    }

    /// Whether `pid` is the launcher.
    pub fn is_launcher(&self, pid: u32) -> bool {
        self.launcher.id() == pid
    }

    /// Notes that the launcher's process has ended: its last words may still be in the socket.
    pub fn launcher_ended(&mut self) {
        while self.control.is_some() {
            self.serve_control_once();
        }
    }

    fn serve_control_once(&mut self) {
        if let Some(control) = &self.control {
            // Cannot wait: the other end is closed.
            let _ = control.set_nonblocking(false);
        }
        self.serve();
    }

    /// Tells all processes of the program's job of `event`.
    pub fn signal(&self, event: ConsoleEvent) {
        self.tell(&launcher_protocol::console_event(event));
    }

    /// Ends all processes of the program's job.
    pub fn terminate(&self, exit_code: u32) {
        self.tell(&launcher_protocol::terminate(exit_code));
    }

    /// Asks the launcher for a list of all processes, for the request `id`.
    pub fn list_processes(&mut self, id: u64) {
        self.list_requests.push(id);
        self.tell(&launcher_protocol::list_processes());
    }

    fn tell(&self, message: &[u8]) {
        if let Some(control) = &self.control {
            // A launcher that does not read (its buffer holds thousands of these) is not waited for.
            let _ = rustix::io::write(control, message);
        }
    }

    /// Sets the size of the terminal; `false` if there is none.
    pub fn resize(&self, size: (u16, u16)) -> bool {
        self.terminal.as_ref().is_some_and(|t| terminal::resize(t, size).is_ok())
    }

    /// Whether it runs or is about to.
    pub fn is_live(&self) -> bool {
        matches!(self.state, State::Starting | State::Running)
    }
}
