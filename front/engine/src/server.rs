//! The daemon's side of the control socket: a thread for each connection, and a bound on their number.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use tracing::{debug, warn};

use crate::api::{
    KillSignal, MAX_REQUEST_BYTES, MAX_RESPONSE_BYTES, Request, Response, SOCKET_FILE, SOCKET_MODE, Streams,
};
use crate::compute::Stdio;
use crate::container::Container;
use crate::engine::Engine;
use crate::error::{Error, ErrorKind, Result};
use crate::signal::Signal;
use crate::stop::StopOptions;
use crate::wire;

/// Most connections at one time. Further ones are told to try again.
pub const MAX_CONNECTIONS: usize = 256;
/// How long a client may take to send its request.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a client may take to receive its response.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(60);

/// The control server.
pub struct Server {
    engine: Arc<Engine>,
    root: PathBuf,
    listener: UnixListener,
    connections: Arc<AtomicUsize>,
}

impl Server {
    /// Makes the control socket in `run`. The engine's lock on the root says that a socket found there is a dead one.
    ///
    /// # Errors
    /// When the socket cannot be made.
    pub fn bind(engine: Arc<Engine>, root: &Path, run: &Path) -> Result<Self> {
        let path = run.join(SOCKET_FILE);
        let failed = |source| Error::io(format!("cannot listen on {}", path.display()), source);
        std::fs::create_dir_all(run).map_err(failed)?;
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
            _ => {}
        }
        // Bound under another name first: nobody can connect before the mode is right.
        let hidden = run.join(format!(".{SOCKET_FILE}.{}", std::process::id()));
        let listener = UnixListener::bind(&hidden).map_err(failed)?;
        std::fs::set_permissions(&hidden, std::fs::Permissions::from_mode(SOCKET_MODE)).map_err(failed)?;
        std::fs::rename(&hidden, &path).map_err(failed)?;
        Ok(Self { engine, root: root.to_owned(), listener, connections: Arc::default() })
    }

    /// Serves for ever.
    ///
    /// # Errors
    /// When no more connections can be accepted.
    pub fn serve(&self) -> Result<()> {
        loop {
            match self.listener.accept() {
                Ok((stream, _)) => self.admit(stream),
                Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
                Err(error) if error.raw_os_error() == Some(EMFILE) => {
                    warn!(%error, "too many open files: waiting for connections to end");
                    std::thread::sleep(Duration::from_millis(50));
                }
                Err(error) => return Err(Error::io("cannot accept connections", error)),
            }
        }
    }

    fn admit(&self, stream: UnixStream) {
        let slot = Slot::take(&self.connections);
        let Some(slot) = slot else {
            let message = format!("the daemon is serving {MAX_CONNECTIONS} connections: try again");
            respond(&stream, &Response::Error { kind: ErrorKind::Unavailable, message });
            return;
        };
        let (engine, root) = (self.engine.clone(), self.root.clone());
        let spawned = std::thread::Builder::new().name("connection".to_owned()).spawn(move || {
            let _slot = slot;
            converse(&engine, &root, &stream);
        });
        if let Err(error) = spawned {
            warn!(%error, "cannot start a thread for a connection");
        }
    }
}

/// `EMFILE` of errno(3).
const EMFILE: i32 = rustix::io::Errno::MFILE.raw_os_error();

/// One of the connections that may exist.
struct Slot(Arc<AtomicUsize>);

impl Slot {
    fn take(count: &Arc<AtomicUsize>) -> Option<Self> {
        let taken =
            count.fetch_update(Ordering::AcqRel, Ordering::Acquire, |now| (now < MAX_CONNECTIONS).then_some(now + 1));
        taken.ok().map(|_| Self(count.clone()))
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

fn converse(engine: &Arc<Engine>, root: &Path, stream: &UnixStream) {
    if let Err(error) = stream.set_read_timeout(Some(REQUEST_TIMEOUT)) {
        warn!(%error, "cannot limit the time of a request");
        return;
    }
    let (request, descriptors) = match wire::receive::<Request>(stream, MAX_REQUEST_BYTES) {
        Ok(received) => received,
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return,
        Err(error) => {
            let message = format!("invalid request: {error}");
            respond(stream, &Response::Error { kind: ErrorKind::InvalidParameter, message });
            return;
        }
    };
    debug!(?request, "request");
    let response = answer(engine, root, request, descriptors, &|| hung_up(stream)).unwrap_or_else(|error| {
        debug!(%error, "refused");
        Response::Error { kind: error.kind(), message: error.to_string() }
    });
    respond(stream, &response);
}

fn answer(
    engine: &Arc<Engine>,
    root: &Path,
    request: Request,
    descriptors: Vec<OwnedFd>,
    abandoned: &dyn Fn() -> bool,
) -> Result<Response> {
    let described = |container: Container| {
        let directory = engine.directory(&container);
        Response::Container { container: Box::new(container), directory }
    };
    Ok(match request {
        Request::Version => Response::Version {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            pid: std::process::id(),
            root: root.to_owned(),
        },
        Request::Run { settings, streams } => described(engine.run(&settings, stdio(streams, descriptors)?)?),
        Request::Create { settings } => described(engine.create(&settings)?),
        Request::Start { container, streams } => described(engine.start(&container, stdio(streams, descriptors)?)?),
        Request::Exec { container, settings } => {
            let (container, process) = engine.exec(&container, &settings)?;
            let directory = engine.directory(&container);
            Response::Process { id: container.id, directory, process: Box::new(process) }
        }
        Request::List => Response::Containers { containers: engine.list() },
        Request::Inspect { container } => described(engine.inspect(&container)?),
        Request::Stop { container, timeout } => {
            match engine.stop(&container, StopOptions { timeout, signal: None }) {
                Err(Error::AlreadyStopped(_)) => {}
                other => other?,
            }
            Response::Done
        }
        Request::Kill { container, signal } => {
            let signal = match signal {
                KillSignal::Terminate => Signal::KILL,
                KillSignal::Shutdown => Signal::TERM,
            };
            engine.kill(&container, signal)?;
            Response::Done
        }
        Request::Remove { container, force } => {
            engine.remove(&container, force)?;
            Response::Done
        }
        Request::Wait { container, condition } => {
            Response::State { state: engine.wait(&container, condition, abandoned)? }
        }
        Request::Images => Response::Images { images: engine.images()? },
    })
}

fn stdio(streams: Streams, descriptors: Vec<OwnedFd>) -> Result<Stdio> {
    if descriptors.len() != streams.count() {
        return Err(Error::InvalidParameter(format!(
            "{} descriptors came along, and {} streams were named",
            descriptors.len(),
            streams.count()
        )));
    }
    let mut descriptors = descriptors.into_iter();
    let mut next = |wanted: bool| if wanted { descriptors.next() } else { None };
    Ok(Stdio {
        stdin: next(streams.stdin),
        stdout: next(streams.stdout),
        stderr: next(streams.stderr),
        line: next(streams.line),
    })
}

fn respond(stream: &UnixStream, response: &Response) {
    let sent = stream
        .set_write_timeout(Some(RESPONSE_TIMEOUT))
        .and_then(|()| wire::send(stream, response, &[], MAX_RESPONSE_BYTES));
    if let Err(error) = sent {
        debug!(%error, "a client did not take its response");
    }
}

/// Whether the client has closed its connection.
fn hung_up(stream: &UnixStream) -> bool {
    let mut descriptors = [PollFd::new(stream, PollFlags::RDHUP)];
    let now = Timespec { tv_sec: 0, tv_nsec: 0 };
    let gone = PollFlags::RDHUP | PollFlags::HUP | PollFlags::ERR;
    matches!(poll(&mut descriptors, Some(&now)), Ok(count) if count > 0 && descriptors[0].revents().intersects(gone))
}
