//! Ending containers: stop, kill, restart.

use std::sync::{Arc, MutexGuard};
use std::time::Duration;

use tracing::warn;

use crate::compute::System;
use crate::container::{Container, Status};
use crate::engine::Engine;
use crate::entry::{Entry, Live};
use crate::error::{Error, Result};
use crate::restart;
use crate::signal::Signal;

/// Seconds that a container may take to end after it was told to stop, when neither the caller nor the container says. The
/// Windows engine's value.
pub const DEFAULT_STOP_TIMEOUT: i64 = 30;
/// How long a terminated container may take to be gone. The Windows engine's value.
const TERMINATE_TIMEOUT: Duration = Duration::from_secs(75);
/// How long those who want to end a container wait for its start to come to an end.
const START_PATIENCE: Duration = Duration::from_secs(180);

/// How a container is stopped.
#[derive(Clone, Copy, Debug, Default)]
pub struct StopOptions {
    /// What it is sent; its own stop signal when absent.
    pub signal: Option<Signal>,
    /// Seconds until it is terminated, negative: never; its own stop timeout when absent.
    pub timeout: Option<i64>,
}

/// A run of a container that is to be ended.
struct Run {
    system: Arc<dyn System>,
    /// How often the container had ended before.
    ends: u64,
}

/// What there is to be ended.
enum Taken {
    /// A run.
    Run(Run),
    /// There was a wait for the next run, and it is over.
    Wait,
    /// Nothing.
    Nothing,
}

impl From<Option<Run>> for Taken {
    fn from(run: Option<Run>) -> Self {
        run.map_or(Self::Nothing, Self::Run)
    }
}

impl Run {
    fn of(live: &Live) -> Option<Self> {
        let running = !live.gone && matches!(live.container.state.status, Status::Running | Status::Paused);
        live.system.clone().filter(|_| running).map(|system| Self { system, ends: live.ends })
    }

    fn is_over(&self, live: &Live) -> bool {
        !live.is_active() || live.ends != self.ends
    }
}

impl Engine {
    /// Asks a container to end: a shutdown event, and after a while the end of its job.
    ///
    /// # Errors
    /// [`Error::AlreadyStopped`] when there is nothing to stop, or that it did not end.
    pub fn stop(&self, key: &str, options: StopOptions) -> Result<()> {
        let entry = self.find(key)?;
        self.stop_entry(&entry, options)
    }

    fn stop_entry(&self, entry: &Entry, options: StopOptions) -> Result<()> {
        let run = match self.take_in_hand(entry)? {
            Taken::Run(run) => run,
            Taken::Wait => {
                self.tell(&entry.container(), "stop");
                return Ok(());
            }
            Taken::Nothing => return Err(Error::AlreadyStopped(entry.id.clone())),
        };
        let container = entry.container();
        let signal = options.signal.or_else(|| own_signal(&container)).unwrap_or(Signal::TERM);
        let seconds = options.timeout.or(container.config.stop_timeout).unwrap_or(DEFAULT_STOP_TIMEOUT);
        let timeout = u64::try_from(seconds).ok().map(Duration::from_secs);
        self.announce(entry, signal);
        if signal != Signal::KILL {
            if self.ends_by_itself(entry, &run, timeout) {
                self.tell(&container, "stop");
                return Ok(());
            }
            self.announce(entry, Signal::KILL);
        }
        self.terminate(entry, &run)?;
        self.tell(&container, "stop");
        Ok(())
    }

    /// Sends a signal to a running container; `KILL` waits for its end.
    ///
    /// # Errors
    /// [`Error::NotRunning`], or that it did not end.
    pub fn kill(&self, key: &str, signal: Signal) -> Result<()> {
        let entry = self.find(key)?;
        // A signal that is not the one to end it leaves the restart policy in force.
        let to_end = signal == Signal::KILL || own_signal(&entry.container()).is_none_or(|own| own == signal);
        let taken = if to_end { self.take_in_hand(&entry)? } else { self.present_run(&entry)?.into() };
        let run = match taken {
            Taken::Run(run) => run,
            Taken::Wait => return Ok(()),
            Taken::Nothing => return Err(Error::NotRunning(entry.id.clone())),
        };
        self.announce(&entry, signal);
        if signal == Signal::KILL {
            return self.terminate(&entry, &run);
        }
        match run.system.shutdown() {
            Err(_) if run.is_over(&entry.live()) => Ok(()),
            other => other,
        }
    }

    /// Stops a container if it runs, and starts it.
    ///
    /// # Errors
    /// As [`Engine::stop`] and [`Engine::start`].
    pub fn restart(self: &Arc<Self>, key: &str, options: StopOptions) -> Result<()> {
        let entry = self.find(key)?;
        // One that is to be removed when it ends is not removed between the two.
        let _turn = entry.operation();
        entry.live().kept = true;
        let stopped = self.keep_scratch(&entry).and_then(|()| match self.stop_entry(&entry, options) {
            Err(Error::AlreadyStopped(_)) => Ok(()),
            other => other,
        });
        entry.live().kept = false;
        stopped?;
        self.start_in_turn(&entry)?;
        self.tell(&entry.container(), "restart");
        Ok(())
    }

    /// Has what a container changed kept beyond the end of its run.
    fn keep_scratch(&self, entry: &Entry) -> Result<()> {
        match self.present_run(entry)? {
            Some(run) if entry.container().host_config.auto_remove => match run.system.keep() {
                Err(_) if run.is_over(&entry.live()) => Ok(()),
                other => other,
            },
            _ => Ok(()),
        }
    }

    /// Ends whatever of a container runs now.
    pub(crate) fn end_now(&self, entry: &Entry) -> Result<()> {
        match self.take_in_hand(entry)? {
            Taken::Run(run) => {
                self.announce(entry, Signal::KILL);
                self.terminate(entry, &run)
            }
            Taken::Wait | Taken::Nothing => Ok(()),
        }
    }

    /// The present run of a container.
    fn present_run(&self, entry: &Entry) -> Result<Option<Run>> {
        let live = self.settled(entry)?;
        Ok(Run::of(&live))
    }

    /// Takes a container out of the hands of its restart policy: a run comes to an end for good, and a wait for the next run is over.
    fn take_in_hand(&self, entry: &Entry) -> Result<Taken> {
        let mut live = self.settled(entry)?;
        let run = Run::of(&live);
        let waits = !live.gone && live.container.state.status == Status::Restarting;
        if run.is_none() && !waits {
            return Ok(Taken::Nothing);
        }
        let mut container = live.container.clone();
        container.manually_stopped = true;
        if waits {
            container.state.status = Status::Exited;
        }
        if restart::remembers_hands(&container) {
            self.store.update(&container)?;
        }
        live.container = container;
        drop(live);
        entry.notify();
        Ok(run.map_or(Taken::Wait, Taken::Run))
    }

    /// A container that is not in the middle of a start or of an end.
    fn settled<'a>(&self, entry: &'a Entry) -> Result<MutexGuard<'a, Live>> {
        let between = |live: &Live| {
            !live.gone
                && match live.container.state.status {
                    Status::Creating | Status::Starting => true,
                    Status::Running | Status::Paused => live.system.is_none(),
                    _ => false,
                }
        };
        entry.wait_live(START_PATIENCE, |live| !between(live)).ok_or_else(|| {
            Error::Compute(format!("container {} is being started and does not come to an end", entry.id))
        })
    }

    /// Tells listeners of a signal before it is delivered, as another thread tells of the end that follows. A container that is
    /// paused goes on, or it could not take it.
    fn announce(&self, entry: &Entry, signal: Signal) {
        self.wake(entry);
        self.tell_with(&entry.container(), "kill", [("signal", signal.to_string())]);
    }

    /// Whether it ends within `timeout` (`None`: any time) of being asked to.
    fn ends_by_itself(&self, entry: &Entry, run: &Run, timeout: Option<Duration>) -> bool {
        if timeout == Some(Duration::ZERO) {
            return false;
        }
        if let Err(error) = run.system.shutdown() {
            if !run.is_over(&entry.live()) {
                warn!(container = entry.id.short(), %error, "cannot deliver the shutdown event");
            }
            return run.is_over(&entry.live());
        }
        entry.wait(timeout, |live| run.is_over(live))
    }

    fn terminate(&self, entry: &Entry, run: &Run) -> Result<()> {
        if let Err(error) = run.system.terminate()
            && !run.is_over(&entry.live())
        {
            warn!(container = entry.id.short(), %error, "cannot ask the silo host to end its container");
            self.compute.reap(entry.id.as_str())?;
        }
        match entry.wait(Some(TERMINATE_TIMEOUT), |live| run.is_over(live)) {
            true => Ok(()),
            false => Err(Error::Compute(format!(
                "container {} did not end within {} seconds of being terminated",
                entry.id,
                TERMINATE_TIMEOUT.as_secs()
            ))),
        }
    }
}

/// The container's own stop signal, which was checked when it was created.
fn own_signal(container: &Container) -> Option<Signal> {
    container.config.stop_signal.parse().ok()
}
