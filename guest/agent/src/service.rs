//! The requests of the bridge and their answers.

use crate::launcher::StandBy;
use crate::launcher_protocol::{ConsoleEvent, Duty};
use crate::linux;
use crate::program::{Program, State, Streams};
use crate::wineserver;
use casement_gcs::payload::{
    AnyInString, Capabilities, Create, ExecuteProcess, ExecuteProcessResponse, GetProperties, GetPropertiesResponse,
    Negotiate, NegotiateResponse, PROTOCOL_VERSION, RequestBase, ResizeConsole, ResponseBase, SignalProcess,
    VsockStdioRelaySettings, WaitForProcess, WaitForProcessResponse,
};
use casement_gcs::{Endpoint, GcsError, Message, MessageKind, MessageType};
use casement_schema::error::{HResult, HcsError, Win32Error};
use casement_schema::process::Signal;
use casement_schema::properties::Properties;
use rustix::fd::OwnedFd;
use rustix::process::{WaitOptions, wait};
use std::collections::VecDeque;
use std::process::Child;

/// Most processes whose end is remembered after they ended.
const MAX_ENDED: usize = 1024;
/// Most processes that run at once by request of the host.
const MAX_LIVE: usize = 1024;
/// Most requests for a list of processes that one launcher is asked to answer at once.
const MAX_LISTS: usize = 256;
/// Exit code of a process that was ended, as TerminateProcess callers use it.
const TERMINATED: u32 = 1;

/// The agent's state.
pub struct Service {
    bridge: Endpoint,
    wineserver: Option<Child>,
    programs: Vec<Program>,
    services_have_launcher: bool,
    standing_by: Option<StandBy>,
    /// Whose program a launcher is to stand by for.
    stand_by_for: Option<String>,
    ended: VecDeque<(u32, u32)>,
    stopping: Option<u64>,
    finished: bool,
}

impl Service {
    /// An agent that speaks over `bridge`.
    pub fn new(bridge: Endpoint) -> Self {
        Self {
            bridge,
            wineserver: None,
            programs: Vec::new(),
            services_have_launcher: false,
            standing_by: None,
            stand_by_for: None,
            ended: VecDeque::new(),
            stopping: None,
            finished: false,
        }
    }

    /// The bridge, to poll.
    pub fn bridge(&self) -> &Endpoint {
        &self.bridge
    }

    /// The processes, to poll.
    pub fn programs(&self) -> impl Iterator<Item = &Program> {
        self.programs.iter()
    }

    /// Whether the agent is to end.
    pub fn is_finished(&self) -> bool {
        self.finished && !self.bridge.wants_write()
    }

    /// Sends what can be sent.
    pub fn flush(&mut self) -> Result<(), GcsError> {
        if self.bridge.wants_write() { self.bridge.on_writable() } else { Ok(()) }
    }

    /// Answers the requests that have come in.
    pub fn serve_bridge(&mut self) -> Result<(), GcsError> {
        for message in self.bridge.on_readable()? {
            if message.message_type.kind() == MessageKind::Request {
                let (kind, id) = (message.message_type, message.id);
                if let Err(refusal) = self.serve(message) {
                    self.answer_request(kind, id, &refusal)?;
                }
            }
        }
        // Without the silo host nobody knows this silo any more.
        self.finished |= self.bridge.is_ended();
        Ok(())
    }

    fn serve(&mut self, message: Message) -> Result<(), ResponseBase> {
        match message.message_type {
            MessageType::NEGOTIATE => self.negotiate(&message),
            MessageType::CREATE => self.create(&message),
            MessageType::START => self.start(&message),
            MessageType::EXECUTE_PROCESS => self.execute(message),
            MessageType::WAIT_FOR_PROCESS => self.wait(&message),
            MessageType::SIGNAL_PROCESS => self.signal(&message),
            MessageType::RESIZE_CONSOLE => self.resize(&message),
            MessageType::GET_PROPERTIES => self.list_processes(&message),
            MessageType::SHUTDOWN_GRACEFUL => self.shutdown(&message),
            MessageType::SHUTDOWN_FORCED => self.stop(&message),
            other => Err(failure(HcsError::UnknownMessage, &format!("the guest agent does not know {other}"))),
        }
    }

    fn respond<T: serde::Serialize>(&mut self, message: &Message, body: &T) -> Result<(), ResponseBase> {
        self.bridge.respond(message, body).map_err(|e| refuse(&e))
    }

    fn answer_request<T: serde::Serialize>(&mut self, kind: MessageType, id: u64, body: &T) -> Result<(), GcsError> {
        self.bridge.queue(kind.response(), id, body, Vec::new())
    }

    fn negotiate(&mut self, message: &Message) -> Result<(), ResponseBase> {
        let request: Negotiate = parse(message)?;
        if !request.is_acceptable() {
            return Err(failure(
                HcsError::UnsupportedProtocolVersion,
                &format!("the guest agent speaks version {PROTOCOL_VERSION}"),
            ));
        }
        let response = NegotiateResponse {
            base: ResponseBase::success(),
            version: PROTOCOL_VERSION,
            capabilities: Capabilities::default(),
        };
        self.respond(message, &response)
    }

    /// The silo exists already: the silo host made it. What is created here is nothing more.
    fn create(&mut self, message: &Message) -> Result<(), ResponseBase> {
        let _: Create = parse(message)?;
        self.respond(message, &ResponseBase::success())
    }

    fn start(&mut self, message: &Message) -> Result<(), ResponseBase> {
        let _: RequestBase = parse(message)?;
        if self.wineserver.is_some() {
            return Err(failure(HcsError::InvalidState, "the compute system is already running"));
        }
        let server = wineserver::start("ContainerAdministrator")
            .map_err(|e| ResponseBase::failure(HResult::FAIL, format!("cannot start wineserver: {e}")))?;
        self.wineserver = Some(server);
        self.respond(message, &ResponseBase::success())
    }

    fn execute(&mut self, message: Message) -> Result<(), ResponseBase> {
        let request: ExecuteProcess = parse(&message)?;
        if self.wineserver.is_none() || self.stopping.is_some() {
            return Err(failure(HcsError::InvalidState, "the compute system is not running"));
        }
        if self.programs.len() >= MAX_LIVE {
            return Err(failure(HcsError::InvalidState, "the compute system has too many processes"));
        }
        let ports = request.settings.vsock_stdio_relay_settings.unwrap_or_default();
        let streams = take_streams(message.fds, &ports)?;
        let duty = if self.services_have_launcher { Duty::None } else { Duty::Services };
        let parameters = &request.settings.process_parameters.0;
        let fits = |s: &mut StandBy| !parameters.emulate_console && s.is_for(&parameters.user);
        let standing_by = self.standing_by.take_if(fits).map(StandBy::call);
        let mut program = Program::start(parameters, streams, duty, standing_by)
            .map_err(|e| ResponseBase::failure(HResult::FAIL, format!("cannot start the launcher: {e}")))?;
        self.services_have_launcher = true;
        program.execute_request = Some(message.id);
        self.programs.push(program);
        Ok(())
    }

    fn wait(&mut self, message: &Message) -> Result<(), ResponseBase> {
        let request: WaitForProcess = parse(message)?;
        if let Some(program) = self.live(request.process_id) {
            program.wait_requests.push(message.id);
            return Ok(());
        }
        let ended = self.ended.iter().find(|(id, _)| *id == request.process_id);
        let exit_code = ended.map(|(_, code)| *code).ok_or_else(not_found)?;
        self.respond(message, &WaitForProcessResponse { base: ResponseBase::success(), exit_code })
    }

    fn signal(&mut self, message: &Message) -> Result<(), ResponseBase> {
        let request: SignalProcess = parse(message)?;
        let program = self.live(request.process_id).ok_or_else(not_found)?;
        match request.options.and_then(|o| o.signal) {
            None => program.terminate(TERMINATED),
            Some(signal) => program.signal(console_event(signal)),
        }
        self.respond(message, &ResponseBase::success())
    }

    fn resize(&mut self, message: &Message) -> Result<(), ResponseBase> {
        let request: ResizeConsole = parse(message)?;
        let program = self.live(request.process_id).ok_or_else(not_found)?;
        if !program.resize((request.height, request.width)) {
            return Err(failure(HcsError::InvalidState, "the process has no console"));
        }
        self.respond(message, &ResponseBase::success())
    }

    /// The one property that only the guest knows: its processes.
    fn list_processes(&mut self, message: &Message) -> Result<(), ResponseBase> {
        let _: GetProperties = parse(message)?;
        let running = self.programs.iter_mut().find(|p| p.state == State::Running);
        let program = running.ok_or_else(|| failure(HcsError::InvalidState, "no program is running"))?;
        if program.list_requests.len() >= MAX_LISTS {
            return Err(failure(HcsError::InvalidState, "too many lists of processes are asked for at once"));
        }
        program.list_processes(message.id);
        Ok(())
    }

    /// Tells every program that the system shuts down; whoever asked waits for their ends as long as it likes.
    fn shutdown(&mut self, message: &Message) -> Result<(), ResponseBase> {
        for program in self.programs.iter().filter(|p| p.is_live()) {
            program.signal(ConsoleEvent::Shutdown);
        }
        self.respond(message, &ResponseBase::success())
    }

    /// Ends wineserver in order, which saves the registry and ends all programs; the agent follows.
    fn stop(&mut self, message: &Message) -> Result<(), ResponseBase> {
        match &self.wineserver {
            Some(server) if self.stopping.is_none() => {
                self.stopping = Some(message.id);
                linux::terminate(server.id());
                Ok(())
            }
            _ => {
                self.finished = true;
                self.respond(message, &ResponseBase::success())
            }
        }
    }

    /// Moves data and news of the processes with these indexes.
    pub fn serve_programs(&mut self, ready: &[usize]) {
        for index in ready {
            if let Some(program) = self.programs.get_mut(*index) {
                program.serve();
            }
        }
        self.settle();
    }

    /// Whether [`Service::stand_by`] has something to do, when there is nothing else.
    pub fn wants_stand_by(&self) -> bool {
        self.stand_by_for.is_some()
    }

    /// Makes a launcher stand by for the next program of whoever has run one beside the first. A silo in which nobody does has none.
    pub fn stand_by(&mut self) {
        let user = self.stand_by_for.take().filter(|_| self.wineserver.is_some() && self.stopping.is_none());
        if let Some(user) = user {
            // Without one the next program is started with its own launcher, and any failure told there.
            self.standing_by = StandBy::start(&user).ok();
        }
    }

    /// Takes every ended process away.
    pub fn reap(&mut self) {
        while let Ok(Some((pid, _))) = wait(WaitOptions::NOHANG) {
            let pid = pid.as_raw_nonzero().get().unsigned_abs();
            if self.wineserver.as_ref().is_some_and(|w| w.id() == pid) {
                self.wineserver = None;
                self.wineserver_ended();
            }
            self.standing_by.take_if(|s| s.is_process(pid));
            for program in self.programs.iter_mut().filter(|p| p.is_launcher(pid)) {
                program.launcher_ended();
            }
        }
        self.settle();
    }

    fn wineserver_ended(&mut self) {
        // Without wineserver no program can go on.
        linux::kill_all();
        if let Some(id) = self.stopping.take() {
            let _ = self.answer_request(MessageType::SHUTDOWN_FORCED, id, &ResponseBase::success());
        }
        self.finished = true;
    }

    /// Answers those who wait for what has happened, and forgets the ended.
    fn settle(&mut self) {
        let mut programs = std::mem::take(&mut self.programs);
        let mut ended = None;
        programs.retain_mut(|program| {
            self.answer(program);
            if let State::Exited(code) = program.state {
                if self.ended.len() == MAX_ENDED {
                    self.ended.pop_front();
                }
                self.ended.push_back((program.id, code));
            }
            if !program.is_live() && self.standing_by.as_ref().is_none_or(|s| !s.is_for(&program.user)) {
                ended = Some(std::mem::take(&mut program.user));
            }
            program.is_live()
        });
        if !programs.is_empty() {
            // The silo goes on.
            self.stand_by_for = ended.or(self.stand_by_for.take());
        }
        self.programs = programs;
    }

    fn answer(&mut self, program: &mut Program) {
        // A full queue means that the silo host does not read: the bridge is broken and the loop ends on it.
        if program.state != State::Starting
            && let Some(id) = program.execute_request.take()
        {
            let base = match program.state {
                State::Failed(code) => win32_failure(code),
                _ => ResponseBase::success(),
            };
            let response = ExecuteProcessResponse { base, process_id: program.id };
            let _ = self.answer_request(MessageType::EXECUTE_PROCESS, id, &response);
        }
        if program.processes.is_some() || !program.is_live() {
            self.answer_lists(program);
        }
        if let State::Exited(exit_code) = program.state {
            for id in program.wait_requests.drain(..) {
                let response = WaitForProcessResponse { base: ResponseBase::success(), exit_code };
                let _ = self.answer_request(MessageType::WAIT_FOR_PROCESS, id, &response);
            }
        }
    }

    fn answer_lists(&mut self, program: &mut Program) {
        let processes = program.processes.take();
        for id in program.list_requests.drain(..) {
            let response = match &processes {
                Some(list) => GetPropertiesResponse {
                    base: ResponseBase::success(),
                    properties: AnyInString(Properties { process_list: list.clone(), ..Properties::default() }),
                },
                None => GetPropertiesResponse {
                    base: failure(HcsError::InvalidState, "the program that was asked has ended"),
                    properties: AnyInString(Properties::default()),
                },
            };
            if self.answer_request(MessageType::GET_PROPERTIES, id, &response).is_err() {
                let refusal = failure(HcsError::InvalidState, "the list of processes is too long");
                let _ = self.answer_request(MessageType::GET_PROPERTIES, id, &refusal);
            }
        }
    }

    fn live(&mut self, id: u32) -> Option<&mut Program> {
        self.programs.iter_mut().find(|p| p.state == State::Running && p.id == id)
    }
}

fn parse<T: serde::de::DeserializeOwned>(message: &Message) -> Result<T, ResponseBase> {
    message.parse().map_err(|e| refuse(&e))
}

fn refuse(error: &GcsError) -> ResponseBase {
    ResponseBase::failure(error.hresult(), error.to_string())
}

fn failure(error: HcsError, message: &str) -> ResponseBase {
    ResponseBase::failure(error, message)
}

fn not_found() -> ResponseBase {
    win32_failure(Win32Error::ElementNotFound.code())
}

fn win32_failure(code: u32) -> ResponseBase {
    let result = HResult::from_win32(code);
    ResponseBase::failure(result, result.describe())
}

/// The descriptors that came with a request: port numbers count them from 0.
fn take_streams(fds: Vec<OwnedFd>, ports: &VsockStdioRelaySettings) -> Result<Streams, ResponseBase> {
    let mut fds: Vec<Option<OwnedFd>> = fds.into_iter().map(Some).collect();
    let mut take = |port: Option<u32>| match port {
        None => Ok(None),
        Some(port) => fds
            .get_mut(port as usize)
            .and_then(Option::take)
            .map(Some)
            .ok_or_else(|| failure(HcsError::ProtocolError, "a stream of the process was not passed")),
    };
    Ok(Streams { input: take(ports.std_in)?, output: take(ports.std_out)?, error: take(ports.std_err)? })
}

fn console_event(signal: Signal) -> ConsoleEvent {
    match signal {
        Signal::CtrlC => ConsoleEvent::CtrlC,
        Signal::CtrlBreak => ConsoleEvent::CtrlBreak,
        Signal::CtrlClose => ConsoleEvent::CtrlClose,
        Signal::CtrlLogOff => ConsoleEvent::LogOff,
        Signal::CtrlShutdown => ConsoleEvent::Shutdown,
    }
}
