//! Removing the interfaces of endpoints whose containers have ended: the kernel takes its time for it, for which nobody has to wait.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use crate::netlink::Socket;
use crate::route;

/// Interfaces that are to go. What a crash leaves of them, the next reconcile finds.
#[derive(Clone, Default)]
pub(crate) struct Sweeper {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    queue: Mutex<Queue>,
    empty: Condvar,
}

#[derive(Default)]
struct Queue {
    /// Numbers of interfaces, which the kernel does not give out again.
    links: VecDeque<u32>,
    /// Whether a thread removes them.
    busy: bool,
}

impl Sweeper {
    /// Has interfaces removed on a thread of its own, in the network namespace of the caller.
    pub(crate) fn sweep(&self, links: impl IntoIterator<Item = u32>) {
        let mut queue = self.queue();
        queue.links.extend(links);
        if queue.links.is_empty() || std::mem::replace(&mut queue.busy, true) {
            return;
        }
        let sweeper = self.clone();
        let spawned = Socket::route().and_then(|socket| {
            let sweep = move || sweeper.run(socket);
            std::thread::Builder::new().name("sweep".to_owned()).stack_size(256 << 10).spawn(sweep).map(drop)
        });
        if let Err(error) = spawned {
            tracing::warn!(%error, "switch ports stay until the next one is removed");
            queue.busy = false;
        }
    }

    /// Waits until all are gone.
    pub(crate) fn wait(&self) {
        let queue = self.queue();
        drop(self.shared.empty.wait_while(queue, |queue| queue.busy).unwrap_or_else(PoisonError::into_inner));
    }

    fn run(&self, mut socket: Socket) {
        loop {
            let mut queue = self.queue();
            let Some(link) = queue.links.pop_front() else {
                queue.busy = false;
                self.shared.empty.notify_all();
                return;
            };
            drop(queue);
            match socket.exchange_all(&mut [route::delete_link(link)]) {
                // Gone with its namespace.
                Err(error) if error.raw_os_error() != Some(libc::ENODEV) => {
                    tracing::warn!(link, %error, "a switch port stays until the next reconcile");
                }
                _ => {}
            }
        }
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.shared.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
