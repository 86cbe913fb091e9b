//! Network namespaces as descriptors.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use rustix::fs::{Mode, OFlags};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use crate::error::VSwitchError;

/// A network namespace, kept alive by a descriptor. Clones refer to the same one.
#[derive(Clone, Debug)]
pub struct Namespace(Arc<OwnedFd>);

impl Namespace {
    /// A new, empty namespace that belongs to the host's user namespace, so that a container's root has no power over it.
    pub fn create() -> Result<Self, VSwitchError> {
        on_new_thread(|| {
            crate::linux::unshare_network()?;
            open_own()
        })
        .map(|fd| Self(Arc::new(fd)))
        .map_err(VSwitchError::kernel("create", "a network namespace"))
    }

    /// The namespace behind a file: `/proc/<pid>/ns/net` or a bind mount of one.
    pub fn open(path: impl AsRef<std::path::Path>) -> Result<Self, VSwitchError> {
        let path = path.as_ref();
        rustix::fs::open(path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())
            .map(|fd| Self(Arc::new(fd)))
            .map_err(VSwitchError::kernel("open the network namespace", path.display().to_string()))
    }

    /// The namespace that the calling thread is in.
    pub fn current() -> Result<Self, VSwitchError> {
        open_own().map(|fd| Self(Arc::new(fd))).map_err(VSwitchError::kernel("open", "the current network namespace"))
    }

    /// Runs `work` on a thread of its own inside the namespace and waits for it. What the thread opens (sockets, files below
    /// `/proc/sys/net`) belongs to the namespace.
    pub fn run<T: Send>(&self, work: impl FnOnce() -> T + Send) -> Result<T, VSwitchError> {
        on_new_thread(|| {
            move_into_link_name_space(self.0.as_fd(), Some(LinkNameSpaceType::Network))?;
            Ok(work())
        })
        .map_err(VSwitchError::kernel("enter", "a network namespace"))
    }

    /// Bind-mounts the namespace on `path`, an existing file, so that it outlives every process.
    pub fn persist(&self, path: impl AsRef<std::path::Path>) -> Result<(), VSwitchError> {
        use std::os::fd::AsRawFd;
        let path = path.as_ref();
        rustix::mount::mount_bind(format!("/proc/self/fd/{}", self.0.as_raw_fd()), path)
            .map_err(VSwitchError::kernel("keep a network namespace at", path.display().to_string()))
    }
}

impl From<OwnedFd> for Namespace {
    fn from(fd: OwnedFd) -> Self {
        Self(Arc::new(fd))
    }
}

impl AsFd for Namespace {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

fn open_own() -> io::Result<OwnedFd> {
    Ok(rustix::fs::open("/proc/thread-self/ns/net", OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?)
}

/// Runs `work` on a thread that ends with it, so that its namespace is nobody else's.
fn on_new_thread<T: Send>(work: impl FnOnce() -> io::Result<T> + Send) -> io::Result<T> {
    std::thread::scope(|scope| {
        let thread =
            std::thread::Builder::new().name("netns".to_owned()).stack_size(256 << 10).spawn_scoped(scope, work)?;
        thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}
