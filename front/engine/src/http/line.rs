//! A client's line to the daemon, below what is said on it: whether it still hangs on, and its share of the connections allowed.

use std::future::pending;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::sync::OwnedSemaphorePermit;

/// A line. The slot is free again when the last copy is dropped.
#[derive(Clone)]
pub(super) struct Line(Arc<Inner>);

struct Inner {
    /// A second descriptor of the socket, only looked at.
    socket: Option<AsyncFd<OwnedFd>>,
    _slot: OwnedSemaphorePermit,
}

impl Line {
    /// The line of a connection. To be called within a tokio runtime.
    #[expect(
        deprecated,
        reason = "its successor is unsafe because of types that change their descriptor; OwnedFd keeps it"
    )]
    pub(super) fn new(socket: &impl AsFd, slot: OwnedSemaphorePermit) -> Self {
        let copy = rustix::io::fcntl_dupfd_cloexec(socket, 3).ok();
        // Without it a client that has gone away is noticed when something is written to it.
        let socket = copy.and_then(|copy| AsyncFd::with_interest(copy, Interest::WRITABLE).ok());
        Self(Arc::new(Inner { socket, _slot: slot }))
    }

    /// Waits until the client has closed its connection: not only its own side, after which it still reads.
    pub(super) async fn hung_up(&self) {
        let Some(socket) = &self.0.socket else { return pending().await };
        loop {
            let Ok(mut guard) = socket.ready(Interest::WRITABLE).await else { return pending().await };
            if guard.ready().is_write_closed() {
                return;
            }
            guard.clear_ready();
        }
    }
}
