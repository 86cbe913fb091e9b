//! The compute service: makes compute systems, finds them again, and clears away what is left of them.

use crate::error::ComputeError;
use crate::limits::ChangeLimits;
use crate::protocol::{ATTACH, KEEP, LIMIT, MAIN_PROCESS, PAUSE, RESUME, SETTLE};
use crate::silo_host::{Pipes, ports_of};
use crate::spec::{ContainerExit, SiloSettings, SiloSpec, file, read_json, write_json};
use casement_gcs::payload::{
    ExecuteProcess, ExecuteProcessResponse, GetProperties, GetPropertiesResponse, INFINITE, RequestBase, ResizeConsole,
    ResponseBase, SignalProcess, WaitForProcess, WaitForProcessResponse,
};
use casement_gcs::{Client, GcsError, MessageType};
use casement_job::{Hierarchy, Job, JobName};
use casement_schema::ComputeSystem;
use casement_schema::container::Container;
use casement_schema::process::{ProcessParameters, Signal, SignalProcessOptions};
use casement_schema::properties::{Properties, PropertyQuery};
use rustix::fs::{FlockOperation, flock};
use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long a silo host that was told to end may take.
const END_PATIENCE: Duration = Duration::from_secs(20);
/// Most bytes of a silo host's log that an error quotes.
const QUOTED_LOG: usize = 2048;

/// Makes and finds compute systems below one directory.
#[derive(Debug, Clone)]
pub struct ComputeService {
    directory: PathBuf,
    silo_host: PathBuf,
    agent: PathBuf,
}

/// A connection to a live compute system.
pub struct System {
    id: String,
    directory: PathBuf,
    pid: u32,
    connection: Mutex<Client>,
    child: Mutex<Option<Child>>,
}

impl ComputeService {
    /// `directory` holds one directory for each compute system; `silo_host` is the program that knows the verb
    /// `silo-host`, `agent` the guest agent.
    pub fn new(directory: PathBuf, silo_host: PathBuf, agent: PathBuf) -> Self {
        Self { directory, silo_host, agent }
    }

    /// The directory of compute system `id`.
    pub fn directory(&self, id: &str) -> PathBuf {
        self.directory.join(id)
    }

    pub(crate) fn silo_host(&self) -> &Path {
        &self.silo_host
    }

    /// Creates a compute system: its directory and its silo host. It ends by itself if this process ends before
    /// [`System::settle`].
    pub fn create(&self, id: &str, document: &ComputeSystem, settings: &SiloSettings) -> Result<System, ComputeError> {
        JobName::new(id)?;
        document.validate().map_err(|e| ComputeError::invalid_document("ComputeSystem", &e.to_string()))?;
        let directory = self.directory(id);
        std::fs::create_dir_all(&self.directory).map_err(|e| ComputeError::file("make", &self.directory, e))?;
        match std::fs::DirBuilder::new().mode(0o700).create(&directory) {
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {
                if self.is_live(id) {
                    return Err(ComputeError::SystemAlreadyExists(id.to_owned()));
                }
            }
            other => other.map_err(|e| ComputeError::file("make", &directory, e))?,
        }
        let spec = SiloSpec { id: id.to_owned(), document: document.clone(), settings: settings.clone() };
        self.spawn(&spec, &directory).map_err(|e| ComputeError::file("start a silo host in", &directory, e))
    }

    fn spawn(&self, spec: &SiloSpec, directory: &Path) -> io::Result<System> {
        match std::fs::create_dir(directory.join(file::ROOT)) {
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
            other => other?,
        }
        for stale in [file::EXIT, file::SOCKET] {
            match std::fs::remove_file(directory.join(stale)) {
                Err(e) if e.kind() == io::ErrorKind::NotFound => {}
                other => other?,
            }
        }
        write_json(&directory.join(file::SPEC), spec)?;
        let lock = open_lock(directory)?;
        // The lock belongs to the open file, which the silo host inherits: it is held from here to its end.
        flock(&lock, FlockOperation::NonBlockingLockExclusive)?;
        let (leash, hosts_end) = UnixStream::pair()?;
        let log = File::options().create(true).append(true).open(directory.join(file::HOST_LOG))?;
        let child = Command::new(&self.silo_host)
            .arg("silo-host")
            .arg("--directory")
            .arg(directory)
            .arg("--agent")
            .arg(&self.agent)
            .stdin(OwnedFd::from(hosts_end))
            .stdout(lock)
            .stderr(log)
            .spawn()?;
        Ok(System {
            id: spec.id.clone(),
            directory: directory.to_owned(),
            pid: child.id(),
            connection: Mutex::new(Client::new(leash).map_err(io::Error::other)?),
            child: Mutex::new(Some(child)),
        })
    }

    /// The live compute system `id`.
    pub fn open(&self, id: &str) -> Result<System, ComputeError> {
        let directory = self.directory(id);
        let not_found = || ComputeError::SystemNotFound(id.to_owned());
        let stream = connect(&directory).map_err(|_| not_found())?;
        let credentials = rustix::net::sockopt::socket_peercred(&stream).map_err(|_| not_found())?;
        Ok(System {
            id: id.to_owned(),
            directory,
            pid: credentials.pid.as_raw_nonzero().get().unsigned_abs(),
            connection: Mutex::new(Client::new(stream).map_err(|_| not_found())?),
            child: Mutex::new(None),
        })
    }

    /// Whether compute system `id` has a silo host.
    pub fn is_live(&self, id: &str) -> bool {
        open_lock(&self.directory(id)).is_ok_and(|lock| {
            flock(&lock, FlockOperation::NonBlockingLockExclusive) == Err(rustix::io::Errno::WOULDBLOCK)
        })
    }

    /// How compute system `id` ended, if it has and its silo host could say.
    pub fn exit(&self, id: &str) -> Option<ContainerExit> {
        read_json(&self.directory(id).join(file::EXIT)).ok()
    }

    /// The ids of everything that has a directory or a job here.
    pub fn list(&self) -> Result<Vec<String>, ComputeError> {
        let mut ids = Vec::new();
        match std::fs::read_dir(&self.directory) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => {}
            entries => {
                let failed = |e| ComputeError::file("list", &self.directory, e);
                for entry in entries.map_err(failed)? {
                    ids.extend(entry.map_err(failed)?.file_name().into_string());
                }
            }
        }
        Ok(ids)
    }

    /// Ends what is left of compute system `id`: its silo host, its processes, its job. Its directory stays.
    /// All that could not be done is reported.
    pub fn reap(&self, id: &str) -> Result<(), Vec<ComputeError>> {
        let mut errors = Vec::new();
        if self.is_live(id)
            && let Err(e) = self.end_host(id)
        {
            errors.push(e);
        }
        if let Err(e) = end_job(id) {
            errors.push(e);
        }
        if errors.is_empty() { Ok(()) } else { Err(errors) }
    }

    fn end_host(&self, id: &str) -> Result<(), ComputeError> {
        let directory = self.directory(id);
        let pid = match self.open(id) {
            Ok(system) => {
                let asked = system.terminate();
                tracing::debug!(id, ?asked, "a silo host was told to end");
                Some(system.pid)
            }
            // Not yet listening: it ends by itself, as its first connection is gone.
            Err(_) => None,
        };
        if await_end(&directory, END_PATIENCE).is_ok() {
            return Ok(());
        }
        if let Some(pid) = pid.and_then(|p| rustix::process::Pid::from_raw(p.cast_signed())) {
            tracing::warn!(id, "a silo host did not end; it is killed");
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
        }
        await_end(&directory, END_PATIENCE).map_err(|e| ComputeError::file("end the silo host in", &directory, e))
    }

    /// [`Self::reap`], and removes the directory.
    pub fn remove(&self, id: &str) -> Result<(), Vec<ComputeError>> {
        self.reap(id)?;
        let directory = self.directory(id);
        match std::fs::remove_dir_all(&directory) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => Err(vec![ComputeError::file("remove", &directory, e)]),
            _ => Ok(()),
        }
    }
}

impl System {
    /// Its id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Process id of its silo host.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    pub(crate) fn connection(&self) -> MutexGuard<'_, Client> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn request<Q: serde::Serialize, R: casement_gcs::payload::Response>(
        &self,
        kind: MessageType,
        body: &Q,
        fds: Vec<OwnedFd>,
    ) -> Result<R, ComputeError> {
        use std::os::fd::AsFd;
        let borrowed: Vec<_> = fds.iter().map(|fd| fd.as_fd()).collect();
        self.connection().request(kind, body, &borrowed).map_err(|e| self.failed(e))
    }

    pub(crate) fn failed(&self, error: GcsError) -> ComputeError {
        match error {
            GcsError::Remote { hresult, message } => ComputeError::Refused { code: hresult, message },
            GcsError::Closed | GcsError::Io(_) => {
                ComputeError::HostEnded { id: self.id.clone(), log: last_words(&self.directory) }
            }
            other => {
                ComputeError::Bridge { peer: format!("the silo host of {}", self.id), source: io::Error::other(other) }
            }
        }
    }

    pub(crate) fn base(&self) -> RequestBase {
        RequestBase::new(&self.id)
    }

    /// Gives the main process's streams to a client, who has the other ends of these pipes.
    pub fn attach(&self, pipes: Pipes) -> Result<(), ComputeError> {
        let (ports, fds) = ports_of(pipes);
        self.request::<_, ResponseBase>(ATTACH, &ports, fds).map(drop)
    }

    /// Starts the silo and its main process.
    pub fn start(&self) -> Result<(), ComputeError> {
        self.request::<_, ResponseBase>(MessageType::START, &self.base(), Vec::new()).map(drop)
    }

    /// From now on the compute system outlives this process.
    pub fn settle(&self) -> Result<(), ComputeError> {
        self.request::<_, ResponseBase>(SETTLE, &self.base(), Vec::new()).map(drop)
    }

    /// Saves the registry at the end, although the compute system was to be discarded.
    pub fn keep(&self) -> Result<(), ComputeError> {
        self.request::<_, ResponseBase>(KEEP, &self.base(), Vec::new()).map(drop)
    }

    /// Starts a further process with these ends of its pipes; returns its id.
    pub fn execute(&self, parameters: &ProcessParameters, pipes: Pipes) -> Result<u32, ComputeError> {
        let mut request = ExecuteProcess::new(&self.id, parameters.clone());
        let (ports, fds) = ports_of(pipes);
        request.settings.vsock_stdio_relay_settings = Some(ports);
        let answer: ExecuteProcessResponse = self.request(MessageType::EXECUTE_PROCESS, &request, fds)?;
        Ok(answer.process_id)
    }

    /// Waits for the end of process `id` and returns its exit code.
    pub fn wait_process(&self, id: u32) -> Result<u32, ComputeError> {
        let request = WaitForProcess { base: self.base(), process_id: id, timeout_in_ms: INFINITE };
        let stream = connect(&self.directory).map_err(|e| self.failed(e.into()))?;
        let mut client = Client::new(stream).map_err(|e| self.failed(e))?;
        client.set_timeout(None);
        let answer: WaitForProcessResponse =
            client.request(MessageType::WAIT_FOR_PROCESS, &request, &[]).map_err(|e| self.failed(e))?;
        Ok(answer.exit_code)
    }

    /// Waits until the container and its silo host have ended. `None`: the silo host was killed, and what it
    /// knew is lost.
    pub fn wait(&self) -> Option<ContainerExit> {
        // Fails at once if it has ended meanwhile, and when the silo host dies.
        let _ = self.wait_process(MAIN_PROCESS);
        if let Ok(lock) = open_lock(&self.directory) {
            let _ = flock(&lock, FlockOperation::LockExclusive);
        }
        self.reap_child();
        read_json(&self.directory.join(file::EXIT)).ok()
    }

    fn reap_child(&self) {
        let child = self.child.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(mut child) = child {
            let _ = child.wait();
        }
    }

    /// Sends a console event to process `id` (0 is the main process), or ends it without one.
    pub fn signal(&self, id: u32, signal: Option<Signal>) -> Result<(), ComputeError> {
        let options = signal.map(|signal| SignalProcessOptions { signal: Some(signal) });
        let request = SignalProcess { base: self.base(), process_id: id, options };
        self.request::<_, ResponseBase>(MessageType::SIGNAL_PROCESS, &request, Vec::new()).map(drop)
    }

    /// Sets the console size of process `id` (0 is the main process).
    pub fn resize(&self, id: u32, height: u16, width: u16) -> Result<(), ComputeError> {
        let request = ResizeConsole { base: self.base(), process_id: id, height, width };
        self.request::<_, ResponseBase>(MessageType::RESIZE_CONSOLE, &request, Vec::new()).map(drop)
    }

    /// Tells all programs that the system shuts down.
    pub fn shutdown(&self) -> Result<(), ComputeError> {
        self.request::<_, ResponseBase>(MessageType::SHUTDOWN_GRACEFUL, &self.base(), Vec::new()).map(drop)
    }

    /// Ends the compute system.
    pub fn terminate(&self) -> Result<(), ComputeError> {
        self.request::<_, ResponseBase>(MessageType::SHUTDOWN_FORCED, &self.base(), Vec::new()).map(drop)
    }

    /// Holds every process of the compute system.
    pub fn pause(&self) -> Result<(), ComputeError> {
        self.request::<_, ResponseBase>(PAUSE, &self.base(), Vec::new()).map(drop)
    }

    /// Lets the processes of the compute system go on.
    pub fn resume(&self) -> Result<(), ComputeError> {
        self.request::<_, ResponseBase>(RESUME, &self.base(), Vec::new()).map(drop)
    }

    /// Replaces the limits of the compute system by those of this document.
    pub fn limit(&self, limits: &Container) -> Result<(), ComputeError> {
        self.request::<_, ResponseBase>(LIMIT, &ChangeLimits::new(self.base(), limits), Vec::new()).map(drop)
    }

    /// Properties, always with the basic ones.
    pub fn properties(&self, query: &PropertyQuery) -> Result<Properties, ComputeError> {
        let request = GetProperties { base: self.base(), query: casement_gcs::payload::AnyInString(query.clone()) };
        let answer: GetPropertiesResponse = self.request(MessageType::GET_PROPERTIES, &request, Vec::new())?;
        Ok(answer.properties.0)
    }
}

impl Drop for System {
    fn drop(&mut self) {
        // A silo host that never settled ends with its first connection; its process must not stay a zombie.
        let child = self.child.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(mut child) = child
            && !matches!(child.try_wait(), Ok(Some(_)))
        {
            std::thread::spawn(move || child.wait());
        }
    }
}

/// Connects to the silo host in `directory`, whose path may be longer than a socket address can hold.
pub fn connect(directory: &Path) -> io::Result<UnixStream> {
    let directory = File::open(directory)?;
    UnixStream::connect(format!("/proc/self/fd/{}/{}", directory.as_raw_fd(), file::SOCKET))
}

fn open_lock(directory: &Path) -> io::Result<File> {
    File::options().create(true).truncate(false).write(true).open(directory.join(file::LOCK))
}

/// Waits until the lock in `directory` is free.
fn await_end(directory: &Path, patience: Duration) -> io::Result<()> {
    let lock = match open_lock(directory) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
        lock => lock?,
    };
    let end = Instant::now() + patience;
    // flock has no time limit of its own.
    while flock(&lock, FlockOperation::NonBlockingLockExclusive).is_err() {
        if Instant::now() >= end {
            return Err(io::ErrorKind::TimedOut.into());
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    Ok(())
}

fn end_job(id: &str) -> Result<(), ComputeError> {
    let Ok(name) = JobName::new(id) else { return Ok(()) };
    let hierarchy = Hierarchy::detect()?;
    if !hierarchy.jobs()?.contains(&name) {
        return Ok(());
    }
    let job = Job::open(&hierarchy, &name)?;
    job.terminate()?;
    Ok(job.destroy()?)
}

fn last_words(directory: &Path) -> Option<String> {
    let log = std::fs::read(directory.join(file::HOST_LOG)).ok()?;
    let tail = &log[log.len().saturating_sub(QUOTED_LOG)..];
    let text = String::from_utf8_lossy(tail).trim().to_owned();
    (!text.is_empty()).then_some(text)
}
