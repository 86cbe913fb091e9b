//! The silo host's loop, and the life of its compute system from Created to Stopped.

use super::assemble::{Assembled, OpenVolume, release_processors};
use super::log::LogWriter;
use super::requests::{Client, Pending, Waiter};
use super::stdio::{MainStreams, Pipes, Place};
use crate::error::ComputeError;
use crate::protocol::{MAIN_PROCESS, PROCESS_ABORTED};
use crate::spec::{ContainerExit, SiloSpec, file, write_json};
use casement_gcs::payload::{
    Create, ExecuteProcess, ExecuteProcessResponse, RequestBase, ResponseBase, VsockStdioRelaySettings, WaitForProcess,
    WaitForProcessResponse,
};
use casement_gcs::{Endpoint, GcsError, Message, MessageKind, MessageType};
use casement_job::Job;
use casement_layers::volume::mount::Serving;
use casement_schema::error::HResult;
use casement_schema::properties::{ExitType, State};
use casement_silo::Silo;
use casement_silo::root::NameFiles;
use jiff::Timestamp;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fd::{AsFd, OwnedFd};
use std::collections::HashMap;
use std::io;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How long wineserver may take to save the registry when the container ends.
const STOP_PATIENCE: Duration = Duration::from_secs(10);
/// How long an attached client may read nothing before the rest of its output is dropped at the end.
const CLIENT_PATIENCE: Duration = Duration::from_secs(2);
/// How long the agent may take to answer before it counts as lost, while the silo starts.
const START_PATIENCE: Duration = Duration::from_secs(120);

/// A running silo host.
pub struct Host {
    pub(super) spec: SiloSpec,
    directory: PathBuf,
    listener: UnixListener,
    pub(super) bridge: Endpoint,
    pub(super) clients: HashMap<u64, Client>,
    pub(super) next_client: u64,
    pub(super) pending: HashMap<u64, Pending>,
    next_request: u64,
    pub(super) silo: Silo,
    pub(super) volume: OpenVolume,
    pub(super) names: NameFiles,
    serving: Serving,
    pub(super) job: Job,
    pub(super) streams: MainStreams,
    main_pipes: Option<Pipes>,
    pub(super) state: State,
    pub(super) started: Timestamp,
    pub(super) runtime_id: String,
    pub(super) main_process: u32,
    pub(super) waiters: Vec<Waiter>,
    pub(super) settled: bool,
    pub(super) forced: bool,
    deadline: Option<Instant>,
    closing: Option<End>,
    end: Option<End>,
}

/// How the container ended.
struct End {
    exit_code: u32,
    exit_type: ExitType,
    error: Option<String>,
    /// Nobody is to hear of it: the container never came to be.
    silent: bool,
}

/// What a poll may find ready.
enum Source {
    Listener,
    Silo,
    Volume,
    Bridge,
    Client(u64),
    Stream(Place),
}

impl Host {
    pub(super) fn new(
        spec: SiloSpec,
        directory: &Path,
        leash: Endpoint,
        listener: UnixListener,
        bridge: Endpoint,
        assembled: Assembled,
    ) -> Result<Self, ComputeError> {
        for missing in &assembled.missing_limits {
            tracing::warn!(limit = %missing, "not limited on this host");
        }
        let (ours, programs) = main_pipes(&spec).map_err(|e| ComputeError::file("make pipes for", directory, e))?;
        let log_file = directory.join(file::LOG);
        let log = spec.settings.log.clone().map(|settings| LogWriter::open(&log_file, settings)).transpose();
        let log = log.map_err(|e| ComputeError::file("open", &log_file, e))?;
        let streams = MainStreams::new(ours, log, spec.settings.input_once)
            .map_err(|e| ComputeError::file("set up streams in", directory, e))?;
        let runtime_id = std::fs::read_to_string("/proc/sys/kernel/random/uuid")
            .map_err(|e| ComputeError::file("read", "/proc/sys/kernel/random/uuid", e))?;
        Ok(Self {
            spec,
            directory: directory.to_owned(),
            listener,
            bridge,
            clients: HashMap::from([(0, Client::leash(leash))]),
            next_client: 1,
            pending: HashMap::new(),
            next_request: 1,
            silo: assembled.silo,
            volume: assembled.volume,
            names: assembled.names,
            serving: assembled.serving,
            job: assembled.job,
            streams,
            main_pipes: Some(programs),
            state: State::Created,
            started: Timestamp::now(),
            runtime_id: runtime_id.trim().to_owned(),
            main_process: MAIN_PROCESS,
            waiters: Vec::new(),
            settled: false,
            forced: false,
            deadline: None,
            closing: None,
            end: None,
        })
    }

    /// Serves until the compute system has ended, and leaves its exit behind.
    pub(super) fn run(mut self) -> Result<(), ComputeError> {
        while self.end.is_none() {
            match self.wait() {
                Ok(ready) => ready.into_iter().for_each(|source| self.serve(source)),
                Err(e) => self.break_off(format!("the silo host's loop failed: {e}")),
            }
            self.streams.sweep();
            self.clients.retain(|_, c| !c.gone);
            if self.deadline.is_some_and(|d| d <= Instant::now()) {
                self.deadline_passed();
            }
        }
        self.finish()
    }

    fn wait(&self) -> io::Result<Vec<Source>> {
        let mut sources = vec![Source::Listener, Source::Silo, Source::Volume, Source::Bridge];
        let mut fds = vec![
            PollFd::from_borrowed_fd(self.listener.as_fd(), PollFlags::IN),
            PollFd::from_borrowed_fd(self.silo.process.as_fd(), PollFlags::IN),
            PollFd::from_borrowed_fd(self.serving.as_fd(), PollFlags::IN),
            PollFd::from_borrowed_fd(self.bridge.as_fd(), self.bridge.poll_flags()),
        ];
        for (id, client) in &self.clients {
            sources.push(Source::Client(*id));
            fds.push(PollFd::from_borrowed_fd(client.endpoint.as_fd(), client.endpoint.poll_flags()));
        }
        for (place, fd) in self.streams.interests() {
            sources.push(Source::Stream(place));
            fds.push(fd);
        }
        let left = self.deadline.map(|d| d.saturating_duration_since(Instant::now()));
        let limit = left.and_then(|l| Timespec::try_from(l).ok());
        match poll(&mut fds, limit.as_ref()) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(e) => return Err(e.into()),
        }
        let ready = fds.iter().map(|fd| !fd.revents().is_empty()).collect::<Vec<_>>();
        Ok(sources.into_iter().zip(ready).filter(|(_, ready)| *ready).map(|(s, _)| s).collect())
    }

    fn serve(&mut self, source: Source) {
        match source {
            Source::Listener => self.accept(),
            Source::Silo => self.silo_ended(),
            Source::Volume => self.break_off("volume C: is no longer served".to_owned()),
            Source::Bridge => self.serve_bridge(),
            Source::Client(id) => self.serve_client(id),
            Source::Stream(place) => self.streams.serve(place),
        }
    }

    fn accept(&mut self) {
        while let Ok((stream, _)) = self.listener.accept() {
            match Endpoint::new(stream) {
                Ok(endpoint) => self.add_client(endpoint),
                Err(error) => tracing::warn!(%error, "a client could not be served"),
            }
        }
    }

    fn serve_bridge(&mut self) {
        let result = if self.bridge.wants_write() { self.bridge.on_writable() } else { Ok(()) };
        match result.and_then(|()| self.bridge.on_readable()) {
            Ok(messages) => messages.into_iter().for_each(|m| self.answered(m)),
            Err(e) => return self.lost_agent(&e.to_string()),
        }
        if self.bridge.is_ended() {
            self.lost_agent("it closed the bridge");
        }
    }

    /// Sends a request to the agent; `pending` says what its answer is for.
    pub(super) fn ask<T: serde::Serialize>(
        &mut self,
        kind: MessageType,
        body: &T,
        fds: Vec<OwnedFd>,
        pending: Pending,
    ) -> Result<(), GcsError> {
        let id = self.next_request;
        self.next_request += 1;
        self.bridge.queue(kind, id, body, fds)?;
        self.pending.insert(id, pending);
        Ok(())
    }

    /// Passes a client's request on to the agent.
    pub(super) fn forward(&mut self, message: Message, pending: Pending) -> Result<(), GcsError> {
        let id = self.next_request;
        self.next_request += 1;
        self.bridge.forward(message, id)?;
        self.pending.insert(id, pending);
        Ok(())
    }

    /// Created → Running: wineserver and the main process.
    pub(super) fn start(&mut self, waiter: Waiter) -> Result<(), GcsError> {
        let id = self.spec.id.clone();
        let create = Create {
            base: RequestBase::new(&id),
            container_config: casement_gcs::payload::AnyInString(serde_json::json!({
                "SchemaVersion": self.spec.document.schema_version,
                "Container": self.spec.document.container,
            })),
        };
        self.ask(MessageType::CREATE, &create, Vec::new(), Pending::Step(waiter))?;
        self.ask(MessageType::START, &RequestBase::new(&id), Vec::new(), Pending::Step(waiter))?;
        let pipes = self.main_pipes.take().unwrap_or_default();
        let mut execute = ExecuteProcess::new(&id, self.spec.settings.init_process.clone());
        let (ports, fds) = ports_of(pipes);
        execute.settings.vsock_stdio_relay_settings = Some(ports);
        self.ask(MessageType::EXECUTE_PROCESS, &execute, fds, Pending::Main(waiter))?;
        self.deadline = Some(Instant::now() + START_PATIENCE);
        Ok(())
    }

    /// An answer from the agent.
    fn answered(&mut self, message: Message) {
        if message.message_type.kind() != MessageKind::Response {
            return;
        }
        let Some(pending) = self.pending.remove(&message.id) else { return };
        match pending {
            Pending::Client(waiter) => self.pass_answer(waiter, message),
            Pending::Step(waiter) => {
                if let Ok(base) = message.parse::<ResponseBase>()
                    && !base.result.is_success()
                {
                    self.start_failed(waiter, base);
                }
            }
            Pending::Main(waiter) => self.main_started(waiter, message),
            Pending::MainEnd => match message.parse::<WaitForProcessResponse>() {
                Ok(response) if response.base.result.is_success() => self.main_ended(response.exit_code),
                _ => self.break_off("the agent lost the main process".to_owned()),
            },
            Pending::Stop => self.stop_now(),
            Pending::Processes(waiter, query) => self.processes_listed(waiter, &query, &message),
        }
    }

    fn main_started(&mut self, waiter: Waiter, message: Message) {
        if self.state != State::Created {
            return;
        }
        let response: ExecuteProcessResponse = match message.parse() {
            Ok(response) => response,
            Err(e) => return self.break_off(format!("the agent's answer is malformed: {e}")),
        };
        if !response.base.result.is_success() {
            return self.start_failed(waiter, response.base);
        }
        self.deadline = None;
        self.state = State::Running;
        self.started = Timestamp::now();
        self.main_process = response.process_id;
        let wait = WaitForProcess {
            base: RequestBase::new(&self.spec.id),
            process_id: response.process_id,
            timeout_in_ms: casement_gcs::payload::INFINITE,
        };
        if let Err(e) = self.ask(MessageType::WAIT_FOR_PROCESS, &wait, Vec::new(), Pending::MainEnd) {
            self.break_off(format!("the agent cannot be reached: {e}"));
        }
        self.reply(waiter, &response.base);
        release_processors(&self.job, &self.serving);
    }

    fn start_failed(&mut self, waiter: Waiter, why: ResponseBase) {
        if self.state == State::Created && self.end.is_none() {
            self.reply(waiter, &why);
            let end = End { exit_code: 0, exit_type: ExitType::UnexpectedExit, error: None, silent: true };
            self.end_with(end);
        }
    }

    fn main_ended(&mut self, exit_code: u32) {
        let exit_type = if self.forced { ExitType::ForcedExit } else { ExitType::GracefulExit };
        self.stop(exit_code, exit_type);
    }

    /// Running → Stopped: wineserver saves the registry and ends all programs, unless nobody will ever look.
    pub(super) fn stop(&mut self, exit_code: u32, exit_type: ExitType) {
        if self.state == State::Stopped {
            return;
        }
        self.state = State::Stopped;
        self.end_with_later(End { exit_code, exit_type, error: None, silent: false });
    }

    fn end_with_later(&mut self, end: End) {
        self.closing = Some(end);
        let request = RequestBase::new(&self.spec.id);
        let asked = !self.spec.settings.discard
            && self.ask(MessageType::SHUTDOWN_FORCED, &request, Vec::new(), Pending::Stop).is_ok();
        if asked {
            self.deadline = Some(Instant::now() + STOP_PATIENCE);
        } else {
            self.stop_now();
        }
    }

    fn stop_now(&mut self) {
        if let Some(end) = self.closing.take() {
            self.end_with(end);
        }
    }

    fn deadline_passed(&mut self) {
        self.deadline = None;
        if self.closing.is_some() {
            tracing::warn!("wineserver did not save the registry in time; it was ended");
            self.stop_now();
        } else {
            self.break_off("the silo did not start in time".to_owned());
        }
    }

    fn silo_ended(&mut self) {
        // What the agent said last counts: its program may have ended it as soon as it ran.
        if let Ok(messages) = self.bridge.on_readable() {
            messages.into_iter().for_each(|message| self.answered(message));
        }
        self.lost_agent("it ended");
    }

    fn lost_agent(&mut self, why: &str) {
        if self.closing.is_some() {
            return self.stop_now();
        }
        self.break_off(format!("the guest agent was lost: {why}"));
    }

    /// Ends the compute system because something broke.
    fn break_off(&mut self, why: String) {
        if self.end.is_some() {
            return;
        }
        tracing::error!(%why, "the compute system ends");
        let silent = self.state == State::Created;
        if silent {
            let failure = ResponseBase::failure(HResult::FAIL, why.clone());
            self.refuse_pending(&failure);
        }
        self.end_with(End {
            exit_code: PROCESS_ABORTED,
            exit_type: ExitType::UnexpectedExit,
            error: Some(why),
            silent,
        });
    }

    /// The connection that started this compute system is gone before it was recorded.
    pub(super) fn abandon(&mut self) {
        let end = End { exit_code: PROCESS_ABORTED, exit_type: ExitType::ForcedExit, error: None, silent: true };
        self.end_with(end);
    }

    fn end_with(&mut self, end: End) {
        self.end.get_or_insert(end);
    }

    fn finish(mut self) -> Result<(), ComputeError> {
        let end = self.end.take().expect("the loop ends with an end");
        self.silo.end();
        self.streams.finish(CLIENT_PATIENCE);
        let oom_killed = self.job.oom_killed().unwrap_or(false);
        if let Err(error) = self.job.destroy() {
            tracing::warn!(%error, "the job could not be removed");
        }
        let exit = ContainerExit {
            exit_code: end.exit_code,
            oom_killed,
            finished_at: Timestamp::now().to_string(),
            exit_type: end.exit_type,
            error: end.error,
        };
        let path = self.directory.join(file::EXIT);
        let written = if end.silent { Ok(()) } else { write_json(&path, &exit) };
        let _ = std::fs::remove_file(self.directory.join(file::SOCKET));
        self.tell_waiters(exit.exit_code);
        self.flush_clients(CLIENT_PATIENCE);
        written.map_err(|e| ComputeError::file("write", path, e))
    }
}

/// Pipes for the main process: this process's ends and the program's.
fn main_pipes(spec: &SiloSpec) -> io::Result<(Pipes, Pipes)> {
    let parameters = &spec.settings.init_process;
    let pipe = |wanted: bool| -> io::Result<Option<(OwnedFd, OwnedFd)>> {
        if wanted { Ok(Some(rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)?)) } else { Ok(None) }
    };
    let (input_reads, input_writes) = pipe(parameters.create_std_in_pipe)?.unzip();
    let (output_reads, output_writes) = pipe(true)?.unzip();
    let (error_reads, error_writes) = pipe(!parameters.emulate_console)?.unzip();
    let ours = Pipes { input: input_writes, output: output_reads, error: error_reads };
    let programs = Pipes { input: input_reads, output: output_writes, error: error_writes };
    Ok((ours, programs))
}

/// Numbers the pipes that are there in the order of their descriptors.
pub(crate) fn ports_of(pipes: Pipes) -> (VsockStdioRelaySettings, Vec<OwnedFd>) {
    let mut fds = Vec::new();
    let mut port = |fd: Option<OwnedFd>| {
        fd.map(|fd| {
            fds.push(fd);
            fds.len() as u32 - 1
        })
    };
    let ports =
        VsockStdioRelaySettings { std_in: port(pipes.input), std_out: port(pipes.output), std_err: port(pipes.error) };
    (ports, fds)
}

/// The reverse of [`ports_of`].
pub(super) fn pipes_of(ports: &VsockStdioRelaySettings, fds: Vec<OwnedFd>) -> Option<Pipes> {
    let mut fds: Vec<Option<OwnedFd>> = fds.into_iter().map(Some).collect();
    let mut take = |port: Option<u32>| match port {
        None => Some(None),
        Some(n) => fds.get_mut(n as usize).and_then(Option::take).map(Some),
    };
    Some(Pipes { input: take(ports.std_in)?, output: take(ports.std_out)?, error: take(ports.std_err)? })
}
