//! Ending containers: stop, kill, restart.

use std::sync::Arc;
use std::time::Duration;

use tracing::warn;

use crate::compute::{Stdio, System};
use crate::container::{Container, Status};
use crate::engine::Engine;
use crate::entry::{Entry, Live, Waited};
use crate::error::{Error, Result};
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

impl Run {
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
        let Some(run) = self.present_run(entry)? else {
            return Err(Error::AlreadyStopped(entry.id.clone()));
        };
        let container = entry.container();
        let signal = options.signal.unwrap_or_else(|| stop_signal(&container));
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
        let run = self.present_run(&entry)?.ok_or_else(|| Error::NotRunning(entry.id.clone()))?;
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
        self.start_in_turn(&entry, Stdio::default())?;
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
        match self.present_run(entry)? {
            Some(run) => {
                self.announce(entry, Signal::KILL);
                self.terminate(entry, &run)
            }
            None => Ok(()),
        }
    }

    /// The present run of a container, after its start or end has come to an end if it is in the middle of one.
    fn present_run(&self, entry: &Entry) -> Result<Option<Run>> {
        let between = |live: &Live| {
            !live.gone
                && match live.container.state.status {
                    Status::Creating | Status::Starting => true,
                    Status::Running | Status::Paused => live.system.is_none(),
                    _ => false,
                }
        };
        if entry.wait(Some(START_PATIENCE), &|| false, |live| !between(live)) != Waited::Fulfilled {
            return Err(Error::Compute(format!("container {} is being started and does not come to an end", entry.id)));
        }
        let live = entry.live();
        let running = !live.gone && matches!(live.container.state.status, Status::Running | Status::Paused);
        Ok(live.system.clone().filter(|_| running).map(|system| Run { system, ends: live.ends }))
    }

    /// Tells listeners of a signal before it is delivered, as another thread tells of the end that follows.
    fn announce(&self, entry: &Entry, signal: Signal) {
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
        entry.wait(timeout, &|| false, |live| run.is_over(live)) == Waited::Fulfilled
    }

    fn terminate(&self, entry: &Entry, run: &Run) -> Result<()> {
        if let Err(error) = run.system.terminate()
            && !run.is_over(&entry.live())
        {
            warn!(container = entry.id.short(), %error, "cannot ask the silo host to end its container");
            self.compute.reap(entry.id.as_str())?;
        }
        match entry.wait(Some(TERMINATE_TIMEOUT), &|| false, |live| run.is_over(live)) {
            Waited::Fulfilled => Ok(()),
            _ => Err(Error::Compute(format!(
                "container {} did not end within {} seconds of being terminated",
                entry.id,
                TERMINATE_TIMEOUT.as_secs()
            ))),
        }
    }
}

/// The container's own stop signal, which was checked when it was created.
fn stop_signal(container: &Container) -> Signal {
    container.config.stop_signal.parse().unwrap_or(Signal::TERM)
}
