//! A container in the daemon's memory: its record, its live system, and the means to wait for a change.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::{Duration, Instant};

use tokio::sync::watch;

use crate::compute::{Stdio, System};
use crate::container::{Container, State};
use crate::id::ContainerId;
use crate::restart::Backoff;

/// A container in memory.
pub(crate) struct Entry {
    pub(crate) id: ContainerId,
    /// Held during start and removal, so that these happen one after the other.
    operation: Mutex<()>,
    /// Volume `C:` from outside: held for writing while it is mounted by nobody, or by somebody other than the container; for reading
    /// by those who reach it through the running container. While any of them is at work the container does not start.
    volume: RwLock<()>,
    live: Mutex<Live>,
    changed: Condvar,
    /// Counts changes, for those who wait without a thread.
    changes: watch::Sender<u64>,
}

/// What may change under the eyes of others.
pub(crate) struct Live {
    pub(crate) container: Container,
    pub(crate) system: Option<Arc<dyn System>>,
    /// How often it has ended since the daemon started.
    pub(crate) ends: u64,
    /// How it ended last since the daemon started.
    pub(crate) last_end: Option<State>,
    /// The pauses of its restart policy.
    pub(crate) backoff: Backoff,
    /// Counts the rounds of probes of its health: an older round is over.
    pub(crate) probes: u64,
    /// Not to be removed automatically when it ends now: it is being restarted.
    pub(crate) kept: bool,
    /// Streams of clients that attached while it did not run: the next start takes them.
    pub(crate) waiting: Vec<Stdio>,
    /// Its anonymous volumes go with it.
    pub(crate) with_volumes: bool,
    /// Removed: the record is no longer in the store.
    pub(crate) gone: bool,
}

impl Live {
    /// Whether the container runs or is on its way to.
    pub(crate) fn is_active(&self) -> bool {
        !self.gone && self.container.state.status.is_active()
    }
}

impl Live {
    /// How the container stood when it ended after it had ended `ends` times; how it stands if it has not.
    pub(crate) fn state_since(&self, ends: u64) -> State {
        let ended = self.last_end.as_ref().filter(|_| self.ends != ends);
        ended.unwrap_or(&self.container.state).clone()
    }
}

impl Entry {
    pub(crate) fn new(container: Container) -> Arc<Self> {
        Arc::new(Self {
            id: container.id.clone(),
            operation: Mutex::new(()),
            volume: RwLock::new(()),
            live: Mutex::new(Live {
                container,
                system: None,
                ends: 0,
                last_end: None,
                backoff: Backoff::default(),
                probes: 0,
                kept: false,
                waiting: Vec::new(),
                with_volumes: false,
                gone: false,
            }),
            changed: Condvar::new(),
            changes: watch::Sender::new(0),
        })
    }

    /// Waits for its turn among starts and removals.
    pub(crate) fn operation(&self) -> MutexGuard<'_, ()> {
        self.operation.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Access to volume `C:` through the running container.
    pub(crate) fn shared_volume(&self) -> RwLockReadGuard<'_, ()> {
        self.volume.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Volume `C:` for one alone: to mount it, or to start the container.
    pub(crate) fn sole_volume(&self) -> RwLockWriteGuard<'_, ()> {
        self.volume.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// The live part. Not to be held during slow work.
    pub(crate) fn live(&self) -> MutexGuard<'_, Live> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A copy of the record.
    pub(crate) fn container(&self) -> Container {
        self.live().container.clone()
    }

    /// Streams of clients that attached while it did not run.
    pub(crate) fn take_waiting(&self) -> Vec<Stdio> {
        std::mem::take(&mut self.live().waiting)
    }

    /// Wakes everyone who waits for a change.
    pub(crate) fn notify(&self) {
        self.changed.notify_all();
        self.changes.send_modify(|count| *count = count.wrapping_add(1));
    }

    /// Waits until `condition` holds, or `timeout` is over (`None`: never); says whether it holds.
    pub(crate) fn wait(&self, timeout: Option<Duration>, mut condition: impl FnMut(&Live) -> bool) -> bool {
        let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        let mut live = self.live();
        while !condition(&live) {
            live = match deadline.map(|deadline| deadline.saturating_duration_since(Instant::now())) {
                Some(Duration::ZERO) => return false,
                Some(left) => self.changed.wait_timeout(live, left).unwrap_or_else(PoisonError::into_inner).0,
                None => self.changed.wait(live).unwrap_or_else(PoisonError::into_inner),
            };
        }
        true
    }

    /// Waits until `condition` holds, and returns with nobody else having had the chance to change that; `None` after `patience`.
    pub(crate) fn wait_live(
        &self,
        patience: Duration,
        mut condition: impl FnMut(&Live) -> bool,
    ) -> Option<MutexGuard<'_, Live>> {
        let live = self.live();
        let (live, waited) = self
            .changed
            .wait_timeout_while(live, patience, |live| !condition(live))
            .unwrap_or_else(PoisonError::into_inner);
        (!waited.timed_out()).then_some(live)
    }

    /// Waits until `condition` holds, without a thread.
    pub(crate) async fn until(&self, mut condition: impl FnMut(&Live) -> bool) {
        let mut changes = self.changes.subscribe();
        loop {
            if condition(&self.live()) {
                return;
            }
            if changes.changed().await.is_err() {
                return;
            }
        }
    }
}
