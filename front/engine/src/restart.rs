//! Restart policies: which containers start again by themselves, and when.

use std::sync::Arc;
use std::time::Duration;

use tracing::{info, info_span, warn};

use crate::container::{Container, Status};
use crate::engine::Engine;
use crate::entry::Entry;
use crate::error::Result;
use crate::model::HostConfig;

/// Pause before the first restart. moby's value, as all here.
const FIRST_DELAY: Duration = Duration::from_millis(100);
/// Longest pause.
const LONGEST_DELAY: Duration = Duration::from_secs(60);
/// A run of this length begins the pauses anew.
const LONG_RUN: Duration = Duration::from_secs(10);

/// The pauses between restarts of a container that keeps ending.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Backoff(Option<Duration>);

impl Backoff {
    /// The pause after a run of this length.
    pub(crate) fn next(&mut self, ran_for: Duration) -> Duration {
        let next = match self.0 {
            Some(last) if ran_for < LONG_RUN => (last * 2).min(LONGEST_DELAY),
            _ => FIRST_DELAY,
        };
        self.0 = Some(next);
        next
    }
}

/// A restart policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Policy {
    No,
    Always,
    UnlessStopped,
    /// At most this many restarts; 0 means any number.
    OnFailure(i64),
}

impl Policy {
    /// The policy of a container, which was checked when it was made.
    fn of(host_config: &HostConfig) -> Self {
        let policy = &host_config.restart_policy;
        match policy.name.as_str() {
            "always" => Self::Always,
            "unless-stopped" => Self::UnlessStopped,
            "on-failure" => Self::OnFailure(policy.maximum_retry_count),
            _ => Self::No,
        }
    }
}

/// Whether a container that has just ended starts again. One that a person ended does not.
pub(crate) fn follows_an_end(container: &Container) -> bool {
    !container.manually_stopped
        && match Policy::of(&container.host_config) {
            Policy::No => false,
            Policy::Always | Policy::UnlessStopped => true,
            Policy::OnFailure(most) => {
                container.state.exit_code != 0 && (most == 0 || i64::from(container.restart_count) < most)
            }
        }
}

/// Whether a container that has ended long ago starts again with the daemon.
fn follows_the_daemon(container: &Container) -> bool {
    container.was_started()
        && match Policy::of(&container.host_config) {
            Policy::Always => true,
            Policy::UnlessStopped => !container.manually_stopped,
            Policy::No | Policy::OnFailure(_) => false,
        }
}

/// Whether it matters after a restart of the daemon that a person ended the container.
pub(crate) fn remembers_hands(container: &Container) -> bool {
    Policy::of(&container.host_config) != Policy::No
}

impl Engine {
    /// Starts a container that is waiting for its restart, after a while and unless someone stops it before.
    pub(crate) fn restart_after(self: &Arc<Self>, entry: &Arc<Entry>, delay: Duration) {
        let (engine, entry) = (Arc::downgrade(self), entry.clone());
        let ends = entry.live().ends;
        self.clock.after(
            delay,
            Box::new(move || {
                if let Some(engine) = engine.upgrade() {
                    engine.restart_now(&entry, ends);
                }
            }),
        );
    }

    fn restart_now(self: &Arc<Self>, entry: &Arc<Entry>, ends: u64) {
        let _span = info_span!("restart", container = entry.id.short()).entered();
        let _turn = entry.operation();
        let wanted = {
            let mut live = entry.live();
            let wanted = !live.gone && live.container.state.status == Status::Restarting && live.ends == ends;
            if wanted {
                // In memory only: to the next daemon it still waits for its restart.
                live.container.state.status = Status::Starting;
            }
            wanted
        };
        if !wanted {
            return;
        }
        if let Err(error) = self.launch(entry, Status::Exited) {
            warn!(%error, "cannot restart the container: it is left alone");
        }
    }

    /// Has a container start with the daemon if its policy says so.
    pub(crate) fn start_with_daemon(self: &Arc<Self>, entry: &Arc<Entry>) -> Result<()> {
        if !follows_the_daemon(&entry.container()) {
            return Ok(());
        }
        info!("its restart policy starts it with the daemon");
        self.update(entry, |container| {
            container.state.status = Status::Restarting;
            container.restart_count = 0;
            container.manually_stopped = false;
        })?;
        self.restart_after(entry, Duration::ZERO);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_a_minute_and_begin_anew_after_a_long_run() {
        let mut backoff = Backoff::default();
        let short = Duration::from_secs(1);
        let pauses: Vec<u128> = (0..12).map(|_| backoff.next(short).as_millis()).collect();
        assert_eq!(pauses, [100, 200, 400, 800, 1_600, 3_200, 6_400, 12_800, 25_600, 51_200, 60_000, 60_000]);
        assert_eq!(backoff.next(LONG_RUN), FIRST_DELAY);
        assert_eq!(backoff.next(short), 2 * FIRST_DELAY);
    }
}
