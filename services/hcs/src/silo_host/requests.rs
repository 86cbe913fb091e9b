//! Requests of clients: the daemon, and whoever it lets speak to the silo host.

use super::host::{Host, pipes_of};
use super::statistics::{Facts, properties};
use crate::error::ComputeError;
use crate::limits::{ChangeLimits, job_limits};
use crate::protocol::{
    ATTACH, KEEP, LIMIT, MAIN_PROCESS, OPEN_NETWORK, OPEN_VOLUME, PAUSE, PROCESS_ABORTED, RESUME, SET_RESOLVER, SETTLE,
};
use crate::resolver::SetResolver;
use casement_gcs::payload::{
    AnyInString, GetProperties, GetPropertiesResponse, RequestBase, ResizeConsole, ResponseBase, SignalProcess,
    VsockStdioRelaySettings, WaitForProcess, WaitForProcessResponse,
};
use casement_gcs::{Endpoint, GcsError, Message, MessageKind, MessageType};
use casement_schema::error::{HResult, HcsError};
use casement_schema::properties::{ExitType, Properties, PropertyQuery, PropertyType, State};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fd::{AsFd, OwnedFd};
use std::time::Duration;

/// Most connections at once.
const MAX_CLIENTS: usize = 512;

/// A connection.
pub(super) struct Client {
    pub(super) endpoint: Endpoint,
    is_leash: bool,
    pub(super) gone: bool,
}

/// Whom an answer is for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Waiter {
    client: u64,
    kind: MessageType,
    id: u64,
}

/// What an answer of the agent is for.
pub(super) enum Pending {
    /// A client's own request.
    Client(Waiter),
    /// A step of the start.
    Step(Waiter),
    /// The start of the main process.
    Main(Waiter),
    /// The end of the main process.
    MainEnd,
    /// The orderly stop.
    Stop,
    /// The processes for a client who asks for properties.
    Processes(Waiter, PropertyQuery),
}

impl Client {
    /// The first connection: until the compute system is recorded, it ends with this connection.
    pub(super) fn leash(endpoint: Endpoint) -> Self {
        Self { endpoint, is_leash: true, gone: false }
    }
}

impl Host {
    /// Serves a further connection, beginning with what waits in it.
    pub(super) fn add_client(&mut self, endpoint: Endpoint) {
        if self.clients.len() >= MAX_CLIENTS {
            tracing::warn!("too many clients; one was turned away");
            return;
        }
        let id = self.next_client;
        self.next_client += 1;
        self.clients.insert(id, Client { endpoint, is_leash: false, gone: false });
        self.serve_client(id);
    }

    pub(super) fn serve_client(&mut self, id: u64) {
        let Some(client) = self.clients.get_mut(&id) else { return };
        let sent = if client.endpoint.wants_write() { client.endpoint.on_writable() } else { Ok(()) };
        match sent.and_then(|()| client.endpoint.on_readable()) {
            Ok(messages) => messages.into_iter().for_each(|m| self.serve_request(id, m)),
            Err(GcsError::Closed) => self.lose_client(id),
            Err(error) => {
                tracing::debug!(%error, "a client broke the protocol");
                self.lose_client(id);
            }
        }
        if self.clients.get(&id).is_some_and(|c| c.endpoint.is_ended()) {
            self.lose_client(id);
        }
    }

    fn lose_client(&mut self, id: u64) {
        if let Some(client) = self.clients.get_mut(&id) {
            client.gone = true;
            if client.is_leash && !self.settled {
                self.abandon();
            }
        }
    }

    fn serve_request(&mut self, client: u64, message: Message) {
        if message.message_type.kind() != MessageKind::Request {
            return self.lose_client(client);
        }
        let waiter = Waiter { client, kind: message.message_type, id: message.id };
        if let Err(refusal) = self.dispatch(waiter, message) {
            self.reply(waiter, &refusal);
        }
    }

    fn dispatch(&mut self, waiter: Waiter, message: Message) -> Result<(), ResponseBase> {
        match message.message_type {
            ATTACH => self.attach(waiter, message),
            OPEN_VOLUME => self.open_volume(waiter),
            OPEN_NETWORK => self.open_network(waiter),
            SET_RESOLVER => self.set_resolver(waiter, &message),
            SETTLE => {
                self.settled = true;
                self.done(waiter)
            }
            KEEP => {
                self.spec.settings.discard = false;
                self.done(waiter)
            }
            PAUSE => self.hold(waiter, State::Running, State::Paused),
            RESUME => self.hold(waiter, State::Paused, State::Running),
            LIMIT => self.limit(waiter, &message),
            MessageType::START if self.state == State::Created && self.pending.is_empty() => {
                self.start(waiter).map_err(|e| refusal(&e))
            }
            MessageType::START => Err(invalid_state("the compute system was started before")),
            MessageType::WAIT_FOR_PROCESS => self.wait_for(waiter, message),
            MessageType::EXECUTE_PROCESS => self.pass(waiter, message),
            MessageType::SIGNAL_PROCESS => {
                let mut request: SignalProcess = parse(&message)?;
                request.process_id = self.real_process(request.process_id)?;
                self.ask(message.message_type, &request, Vec::new(), Pending::Client(waiter)).map_err(|e| refusal(&e))
            }
            MessageType::RESIZE_CONSOLE => {
                let mut request: ResizeConsole = parse(&message)?;
                request.process_id = self.real_process(request.process_id)?;
                self.ask(message.message_type, &request, Vec::new(), Pending::Client(waiter)).map_err(|e| refusal(&e))
            }
            MessageType::SHUTDOWN_GRACEFUL => {
                self.wake();
                self.pass(waiter, message)
            }
            MessageType::SHUTDOWN_FORCED => self.terminate(waiter, &message),
            MessageType::GET_PROPERTIES => self.get_properties(waiter, &message),
            other => {
                Err(ResponseBase::failure(HcsError::UnknownMessage, format!("the silo host does not know {other}")))
            }
        }
    }

    fn done(&mut self, waiter: Waiter) -> Result<(), ResponseBase> {
        self.reply(waiter, &ResponseBase::success());
        Ok(())
    }

    fn attach(&mut self, waiter: Waiter, message: Message) -> Result<(), ResponseBase> {
        let ports: VsockStdioRelaySettings = parse(&message)?;
        let missing = || ResponseBase::failure(HcsError::ProtocolError, "a stream was not passed");
        let pipes = pipes_of(&ports, message.fds).ok_or_else(missing)?;
        self.streams.attach(pipes).map_err(|e| ResponseBase::failure(HResult::FAIL, e.to_string()))?;
        self.done(waiter)
    }

    fn open_volume(&mut self, waiter: Waiter) -> Result<(), ResponseBase> {
        let volume = self.volume.try_clone().map_err(|e| ResponseBase::failure(HResult::FAIL, e.to_string()))?;
        self.reply_with(waiter, &ResponseBase::success(), volume.descriptors());
        Ok(())
    }

    fn open_network(&mut self, waiter: Waiter) -> Result<(), ResponseBase> {
        let namespace = self.silo.network_namespace();
        let namespace = namespace.map_err(|e| ResponseBase::failure(HResult::FAIL, casement_silo::error_chain(&e)))?;
        self.reply_with(waiter, &ResponseBase::success(), vec![namespace]);
        Ok(())
    }

    fn set_resolver(&mut self, waiter: Waiter, message: &Message) -> Result<(), ResponseBase> {
        let request: SetResolver = parse(message)?;
        let written = self.names.write(&request.resolver.server_lines(), &request.resolver.host_lines());
        written.map_err(|e| ResponseBase::failure(HResult::FAIL, casement_silo::error_chain(&e)))?;
        self.done(waiter)
    }

    fn wait_for(&mut self, waiter: Waiter, message: Message) -> Result<(), ResponseBase> {
        let request: WaitForProcess = parse(&message)?;
        if request.process_id == MAIN_PROCESS || request.process_id == self.main_process {
            self.waiters.push(waiter);
            return Ok(());
        }
        // Also while it is held: the answer comes later anyway.
        match self.state {
            State::Paused => self.forward(message, Pending::Client(waiter)).map_err(|e| refusal(&e)),
            _ => self.pass(waiter, message),
        }
    }

    /// Freezes or thaws the job.
    fn hold(&mut self, waiter: Waiter, from: State, to: State) -> Result<(), ResponseBase> {
        if self.state != from {
            let held = if from == State::Paused { "paused" } else { "running" };
            return Err(invalid_state(&format!("the compute system is not {held}")));
        }
        let done = if to == State::Paused { self.job.freeze() } else { self.job.thaw() };
        done.map_err(|e| ResponseBase::failure(HResult::FAIL, casement_silo::error_chain(&e)))?;
        self.state = to;
        self.done(waiter)
    }

    /// Lets a held compute system go on that is to end.
    fn wake(&mut self) {
        if self.state == State::Paused {
            if let Err(error) = self.job.thaw() {
                tracing::warn!(%error, "the job cannot be thawed");
            }
            self.state = State::Running;
        }
    }

    fn limit(&mut self, waiter: Waiter, message: &Message) -> Result<(), ResponseBase> {
        let request: ChangeLimits = parse(message)?;
        let failed = |e: &dyn std::error::Error| ResponseBase::failure(HResult::FAIL, casement_silo::error_chain(e));
        let mut container = self.spec.document.container.clone().unwrap_or_default();
        request.apply(&mut container);
        let old = job_limits(self.spec.document.container.as_ref().unwrap_or(&container), self.spec.settings.processes);
        let limits = job_limits(&container, self.spec.settings.processes).map_err(|e| failed(&e))?;
        if let Err(error) = self.job.update(&limits) {
            // What was set before the one that was refused goes back to what it was.
            if let Ok(old) = old
                && let Err(error) = self.job.update(&old)
            {
                tracing::warn!(%error, "the limits before cannot be set again");
            }
            return Err(failed(&error));
        }
        self.spec.document.container = Some(container);
        self.done(waiter)
    }

    fn pass(&mut self, waiter: Waiter, message: Message) -> Result<(), ResponseBase> {
        if self.state != State::Running {
            return Err(invalid_state("the compute system is not running"));
        }
        self.forward(message, Pending::Client(waiter)).map_err(|e| refusal(&e))
    }

    fn terminate(&mut self, waiter: Waiter, message: &Message) -> Result<(), ResponseBase> {
        let _: RequestBase = parse(message)?;
        match self.state {
            State::Created => self.abandon(),
            _ => {
                self.wake();
                self.forced = true;
                self.stop(PROCESS_ABORTED, ExitType::ForcedExit);
            }
        }
        self.done(waiter)
    }

    fn get_properties(&mut self, waiter: Waiter, message: &Message) -> Result<(), ResponseBase> {
        let request: GetProperties = parse(message)?;
        if self.state == State::Running && request.query.0.property_types.contains(&PropertyType::ProcessList) {
            let pending = Pending::Processes(waiter, request.query.0.clone());
            return self.ask(MessageType::GET_PROPERTIES, &request, Vec::new(), pending).map_err(|e| refusal(&e));
        }
        let properties = self.properties(&request.query.0);
        let response = GetPropertiesResponse { base: ResponseBase::success(), properties: AnyInString(properties) };
        self.reply(waiter, &response);
        Ok(())
    }

    /// The agent's list of processes, to go with what is known here.
    pub(super) fn processes_listed(&mut self, waiter: Waiter, query: &PropertyQuery, message: &Message) {
        match message.parse::<GetPropertiesResponse>() {
            Ok(mut response) if response.base.result.is_success() => {
                let listed = std::mem::take(&mut response.properties.0.process_list);
                response.properties.0 = self.properties(query);
                response.properties.0.process_list = listed;
                self.reply(waiter, &response);
            }
            Ok(response) => self.reply(waiter, &response.base),
            Err(error) => self.reply(waiter, &refusal(&error)),
        }
    }

    fn properties(&self, query: &PropertyQuery) -> Properties {
        let facts = Facts {
            id: &self.spec.id,
            owner: &self.spec.document.owner,
            runtime_id: &self.runtime_id,
            started: self.started,
        };
        properties(&facts, self.state, &self.job, query)
    }

    fn real_process(&self, id: u32) -> Result<u32, ResponseBase> {
        if self.state != State::Running {
            return Err(invalid_state("the compute system is not running"));
        }
        Ok(if id == MAIN_PROCESS { self.main_process } else { id })
    }

    /// Answers a request.
    pub(super) fn reply<T: serde::Serialize>(&mut self, waiter: Waiter, body: &T) {
        self.reply_with(waiter, body, Vec::new());
    }

    fn reply_with<T: serde::Serialize>(&mut self, waiter: Waiter, body: &T, fds: Vec<OwnedFd>) {
        if let Some(client) = self.clients.get_mut(&waiter.client)
            && let Err(error) = client.endpoint.queue(waiter.kind.response(), waiter.id, body, fds)
        {
            tracing::debug!(%error, "a client cannot be answered");
            self.lose_client(waiter.client);
        }
    }

    /// Passes the agent's answer on as it came.
    pub(super) fn pass_answer(&mut self, waiter: Waiter, message: Message) {
        if let Some(client) = self.clients.get_mut(&waiter.client)
            && client.endpoint.forward(message, waiter.id).is_err()
        {
            self.lose_client(waiter.client);
        }
    }

    /// Answers every request that waits for the agent with a failure.
    pub(super) fn refuse_pending(&mut self, why: &ResponseBase) {
        let pending: Vec<Pending> = self.pending.drain().map(|(_, p)| p).collect();
        let mut told = Vec::new();
        for waiter in pending {
            if let Pending::Client(w) | Pending::Step(w) | Pending::Main(w) | Pending::Processes(w, _) = waiter
                && !told.contains(&(w.client, w.id))
            {
                told.push((w.client, w.id));
                self.reply(w, why);
            }
        }
    }

    /// Answers all who wait for the end of the container.
    pub(super) fn tell_waiters(&mut self, exit_code: u32) {
        let gone = ResponseBase::failure(HcsError::SystemAlreadyStopped, "the container has ended");
        self.refuse_pending(&gone);
        for waiter in std::mem::take(&mut self.waiters) {
            let response = WaitForProcessResponse { base: ResponseBase::success(), exit_code };
            self.reply(waiter, &response);
        }
    }

    /// Sends what is queued, to each client for as long as it takes something within `patience`.
    pub(super) fn flush_clients(&mut self, patience: Duration) {
        for client in self.clients.values_mut() {
            while client.endpoint.wants_write() {
                let mut ready = [PollFd::from_borrowed_fd(client.endpoint.as_fd(), PollFlags::OUT)];
                let limit = Timespec::try_from(patience).ok();
                match poll(&mut ready, limit.as_ref()) {
                    Ok(n) if n > 0 => {}
                    _ => break,
                }
                if client.endpoint.on_writable().is_err() {
                    break;
                }
            }
        }
    }
}

/// Answers the requests of a connection with `error` until that to start has been refused: the silo could not
/// be made.
pub(super) fn refuse_all(mut leash: Endpoint, error: &ComputeError) {
    let refusal = ResponseBase::failure(HResult::FAIL, casement_silo::error_chain(error));
    while !leash.is_ended() {
        let mut ready = [PollFd::from_borrowed_fd(leash.as_fd(), leash.poll_flags())];
        if poll(&mut ready, None).is_err() {
            return;
        }
        let Ok(messages) = leash.on_readable() else { return };
        for message in messages {
            let started = message.message_type == MessageType::START;
            if leash.respond(&message, &refusal).is_err() || started {
                return;
            }
        }
    }
}

fn parse<T: serde::de::DeserializeOwned>(message: &Message) -> Result<T, ResponseBase> {
    message.parse().map_err(|e| refusal(&e))
}

fn refusal(error: &GcsError) -> ResponseBase {
    ResponseBase::failure(error.hresult(), error.to_string())
}

fn invalid_state(why: &str) -> ResponseBase {
    ResponseBase::failure(HcsError::InvalidState, why)
}
