//! A client's line to the daemon, below what is said on it: whether it still hangs on, and its share of the connections allowed.

use std::future::pending;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, sleep};

use super::unread::unread;

/// How long a client may take to read what it was sent, before it is sent more nevertheless.
const READING_PATIENCE: Duration = Duration::from_secs(10);
/// Pause between two looks at whether it has; nothing announces that.
const LOOK: Duration = Duration::from_millis(1);

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

    /// Waits until the client has read all that it was sent. Some HTTP libraries lose what comes in one piece with the head of
    /// an answer that turns the connection into a stream.
    pub(super) async fn read(&self) {
        let Some(socket) = &self.0.socket else { return };
        let end = Instant::now() + READING_PATIENCE;
        while unread(socket.get_ref()).is_ok_and(|bytes| bytes > 0) && Instant::now() < end {
            sleep(LOOK).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::os::unix::net::UnixStream;

    use tokio::sync::Semaphore;

    use super::*;

    #[tokio::test]
    async fn what_was_sent_is_waited_for_until_it_is_read() {
        let (mut ours, mut theirs) = UnixStream::pair().unwrap();
        let line = Line::new(&ours, Arc::new(Semaphore::new(1)).acquire_owned().await.unwrap());
        line.read().await;
        ours.write_all(b"head").unwrap();
        assert!(tokio::time::timeout(10 * LOOK, line.read()).await.is_err(), "nobody has read it");
        theirs.read_exact(&mut [0; 4]).unwrap();
        line.read().await;
    }
}
