//! Serving a mounted volume.

use crate::error::WcifsError;
use crate::fuse::connection::{MAX_ARGUMENTS, MAX_DATA, Wishes, shake_hands};
use crate::fuse::device::Device;
use crate::fuse::reply::Reply;
use crate::fuse::request::Request;
use crate::layer::{Layer, SCRATCH};
use crate::lease::Leases;
use crate::name::Folding;
use crate::node::{KEPT_OPEN, Nodes};
use crate::operation::{Answered, Callers};
use crate::polling::Polling;
use crate::volume::{Durability, Volume};
use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::io::Errno;
use rustix::thread::Pid;
use std::os::fd::RawFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Bytes of stack of the thread that serves: copying up a tree goes as deep as the tree.
const STACK: usize = 8 << 20;
/// Files that this process may open whatever the container's programs have open; fewer where few may be open.
const KEPT_BACK: u64 = 1024;

/// A mounted volume and the connection through which it is served. When it is dropped, programs that use the volume get
/// errors.
#[derive(Debug)]
pub struct Session {
    device: Arc<Device>,
    wishes: Wishes,
    /// The volume once the kernel has said what it can do; before, what it will be made of.
    state: State,
    buffer: Vec<u8>,
    reply: Reply,
    /// Requests that wait, and for when.
    waiting: Vec<(Instant, Box<[u8]>)>,
}

#[derive(Debug)]
enum State {
    New(Option<Parts>),
    Serving(Box<Volume>),
}

#[derive(Debug)]
pub(crate) struct Parts {
    pub(crate) layers: Vec<Layer>,
    pub(crate) work: Layer,
    pub(crate) owner: u32,
    pub(crate) durability: Durability,
    pub(crate) kernel_permits: bool,
}

impl Session {
    pub(crate) fn new(device: Device, wishes: Wishes, parts: Parts) -> Self {
        Self {
            device: Arc::new(device),
            wishes,
            state: State::New(Some(parts)),
            buffer: Vec::new(),
            reply: Reply::default(),
            waiting: Vec::new(),
        }
    }

    /// Serves the volume until it is unmounted.
    ///
    /// # Errors
    /// When the kernel's protocol is not understood, or the connection breaks.
    pub fn serve(mut self) -> Result<(), WcifsError> {
        raise_file_limit();
        let mut polling = Polling::default();
        loop {
            let next = match self.sleep() {
                None => self.serve_one(|device, buffer| polling.read(device, buffer).map(Some))?,
                Some(sleep) => {
                    wait_for(&mut [PollFd::new(&self.device, PollFlags::IN)], Some(sleep))?;
                    self.serve_one(Device::try_read)?
                }
            };
            if next == Next::End {
                return Ok(());
            }
        }
    }

    /// Serves the volume in a thread from now on, to the end of the process or of the mount. A process must not clone
    /// itself while it has threads.
    ///
    /// # Errors
    /// When there can be no thread.
    pub fn serve_in_thread(self) -> Result<Serving, WcifsError> {
        let (ended, alive) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).map_err(WcifsError::Serve)?;
        let (tell, told) = std::sync::mpsc::channel();
        let serve = move || {
            // Closed when this thread ends, in whatever way.
            let _alive = alive;
            let _ = tell.send(rustix::thread::gettid());
            if let Err(error) = self.serve() {
                tracing::error!(%error, "volume C: is lost");
            }
        };
        std::thread::Builder::new().name("wcifs".into()).stack_size(STACK).spawn(serve).map_err(WcifsError::Thread)?;
        let thread = told.recv().map_err(|_| WcifsError::Serve(Errno::IO))?;
        Ok(Serving { ended, thread })
    }

    /// Serves the volume until `done` can be read or hangs up: a clone of this process, which has called
    /// [`Session::leave`], uses it meanwhile.
    ///
    /// # Errors
    /// As [`Session::serve`].
    pub fn serve_until(&mut self, done: BorrowedFd<'_>) -> Result<(), WcifsError> {
        loop {
            let mut events = [
                PollFd::from_borrowed_fd(self.device.as_fd(), PollFlags::IN),
                PollFd::from_borrowed_fd(done, PollFlags::IN),
            ];
            wait_for(&mut events, self.sleep())?;
            let [asked, done] = events.map(|event| !event.revents().is_empty());
            if done && !asked || self.serve_one(Device::try_read)? == Next::End {
                return Ok(());
            }
        }
    }

    /// Something will be mounted in the volume. When all names are declared old the kernel takes away what is mounted on them, so
    /// that is never done; instead the kernel remembers names for a while only.
    pub fn expect_mounts(&mut self) {
        self.wishes.epochs = false;
    }

    /// Gives up this process's end of the connection, in a clone of the process that serves: with it the volume would
    /// outlive that process, and whoever waits for an answer would wait for ever.
    ///
    /// # Errors
    /// When the volume was served before.
    pub fn leave(&mut self) -> Result<(), WcifsError> {
        Arc::get_mut(&mut self.device).ok_or(Errno::BUSY).and_then(Device::close).map_err(WcifsError::Serve)
    }

    /// How long until a request that waits is to be answered, if one does.
    fn sleep(&self) -> Option<Duration> {
        let first = self.waiting.iter().map(|(time, _)| *time).min()?;
        Some(first.saturating_duration_since(Instant::now()))
    }

    /// Answers one request, if `read` finds one or waits for it.
    fn serve_one(
        &mut self,
        read: impl FnOnce(&Device, &mut [u8]) -> Result<Option<usize>, Errno>,
    ) -> Result<Next, WcifsError> {
        let volume = match &mut self.state {
            State::Serving(volume) => volume,
            State::New(parts) => {
                let abilities = match shake_hands(&self.device, self.wishes) {
                    Ok(abilities) => abilities,
                    Err(Errno::NODEV) => return Ok(Next::End),
                    Err(e) => return Err(WcifsError::Serve(e)),
                };
                let parts = parts.take().ok_or(WcifsError::Serve(Errno::IO))?;
                let root = parts.layers[usize::from(SCRATCH)].stat(b"").map_err(WcifsError::Serve)?;
                self.buffer = vec![0; MAX_DATA as usize + MAX_ARGUMENTS];
                self.state = State::Serving(Box::new(Volume {
                    layers: parts.layers,
                    work: parts.work,
                    folding: Folding::default(),
                    nodes: Nodes::new(kept_open(), root.st_mode),
                    owner: parts.owner,
                    durability: parts.durability,
                    kernel_permits: parts.kernel_permits,
                    abilities,
                    device: self.device.clone(),
                    callers: Callers::default(),
                    leases: Leases::default(),
                    next_work: 0,
                    first_kept_back: first_kept_back(),
                }));
                return Ok(Next::Other);
            }
        };
        let due = self.waiting.iter().position(|(time, _)| *time <= Instant::now());
        let due = due.map(|place| self.waiting.swap_remove(place).1);
        let message = match &due {
            Some(message) => message,
            None => match read(&self.device, &mut self.buffer) {
                Ok(Some(length)) => &self.buffer[..length],
                Ok(None) => return Ok(Next::Other),
                Err(Errno::NODEV) => return Ok(Next::End),
                Err(e) => return Err(WcifsError::Serve(e)),
            },
        };
        let request = Request::parse(message).map_err(WcifsError::Serve)?;
        if due.is_some() {
            volume.leases.waited();
        } else if let Some(time) = volume.has_to_wait(&request) {
            self.waiting.push((time, message.into()));
            return Ok(Next::Other);
        }
        let answered = volume.answer(&request, &mut self.reply);
        let message = match answered {
            Answered::Silently => return Ok(Next::Other),
            Answered::With(Err(e)) => self.reply.refuse(request.unique, e),
            Answered::With(Ok(())) | Answered::Finally => self.reply.finish(request.unique, 0),
        };
        match self.device.write(message) {
            Ok(()) => {}
            Err(Errno::NODEV) => return Ok(Next::End),
            Err(e) => {
                tracing::warn!(opcode = request.opcode, error = %e, "the kernel refused an answer");
                let _ = self.device.write(self.reply.refuse(request.unique, Errno::IO));
            }
        }
        Ok(match answered {
            Answered::Finally => Next::End,
            _ => Next::Other,
        })
    }
}

/// A volume that a thread of this process serves.
#[derive(Debug)]
pub struct Serving {
    ended: OwnedFd,
    thread: Pid,
}

impl Serving {
    /// The thread, for the scheduler.
    pub fn thread(&self) -> Pid {
        self.thread
    }
}

/// Hangs up when the volume is no longer served.
impl AsFd for Serving {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.ended.as_fd()
    }
}

/// Waits for one of these, or until so much time has passed.
fn wait_for(events: &mut [PollFd<'_>], time: Option<Duration>) -> Result<(), WcifsError> {
    let time = time.map(|time| time.try_into().unwrap_or(Timespec { tv_sec: 1, tv_nsec: 0 }));
    match rustix::event::poll(events, time.as_ref()) {
        Ok(_) | Err(Errno::INTR) => Ok(()),
        Err(e) => Err(WcifsError::Serve(e)),
    }
}

/// What came of a request, for the loop.
#[derive(Debug, PartialEq, Eq)]
enum Next {
    Other,
    End,
}

/// How many files may stay open that nobody uses: most of what this process may open is for those that somebody does.
fn kept_open() -> usize {
    most_files().map_or(KEPT_OPEN, |most| KEPT_OPEN.min((most / 8) as usize))
}

/// The first number of an open file that is not for the container's programs: the rest of this process needs some, too.
fn first_kept_back() -> RawFd {
    let first = most_files().map_or(u64::MAX, |most| most - KEPT_BACK.min(most / 16));
    first.try_into().unwrap_or(RawFd::MAX)
}

fn most_files() -> Option<u64> {
    rustix::process::getrlimit(rustix::process::Resource::Nofile).maximum
}

/// Every file that a container has open is open here too.
fn raise_file_limit() {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    if let Err(error) = setrlimit(Resource::Nofile, limit) {
        tracing::warn!(%error, "few files can be open at once");
    }
}
