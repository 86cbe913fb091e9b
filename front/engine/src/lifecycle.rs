//! What happens without anyone asking: containers end, silo hosts are killed, and the daemon comes back after its own death.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tracing::{info, info_span, warn};

use crate::compute::{Exit, System};
use crate::container::{EXIT_CODE_LOST, Status};
use crate::engine::Engine;
use crate::entry::Entry;
use crate::error::Result;
use crate::networks::attachment::Attachments;
use crate::restart;

/// What [`crate::container::State::error`] says when a silo host was killed.
pub const SILO_HOST_LOST: &str = "the silo host of the container was lost, and the container with it";
/// What follows the end of a run.
enum Sequel {
    /// Nothing.
    Rest,
    /// Its restart policy starts it again after this pause.
    Restart(Duration),
    /// It is removed.
    Removal,
}

/// What it says when the daemon died while the container was being started.
const START_INTERRUPTED: &str = "the daemon ended while the container was being started";

impl Engine {
    /// Watches a running container in a thread of its own until it has ended.
    pub(crate) fn watch(self: &Arc<Self>, entry: &Arc<Entry>, system: Arc<dyn System>) {
        let (engine, watched) = (self.clone(), entry.clone());
        let watching = std::thread::Builder::new().name(format!("watch {}", entry.id.short())).spawn(move || {
            let exit = system.wait();
            drop(system);
            engine.ended(&watched, exit);
        });
        if let Err(error) = watching {
            warn!(container = entry.id.short(), %error, "cannot watch the container: its end will be seen at the next start of the daemon");
        }
    }

    /// Records the end of a container and does what follows from it.
    fn ended(self: &Arc<Self>, entry: &Arc<Entry>, exit: Option<Exit>) {
        let _span = info_span!("end", container = entry.id.short()).entered();
        let exit = exit.or_else(|| self.compute.last_exit(&entry.id)).unwrap_or_else(|| {
            if let Err(error) = self.compute.reap(entry.id.as_str()) {
                warn!(%error, "cannot clean up behind a lost silo host");
            }
            self.lost()
        });
        info!(exit_code = exit.exit_code, oom_killed = exit.oom_killed, error = exit.error, "ended");
        match self.record_end(entry, &exit) {
            Sequel::Rest => {}
            Sequel::Restart(delay) => self.restart_after(entry, delay),
            Sequel::Removal => {
                let _turn = entry.operation();
                self.discard_quietly(entry);
            }
        }
    }

    /// Records and tells that a run has ended; returns what is to follow.
    fn record_end(&self, entry: &Entry, exit: &Exit) -> Sequel {
        let attachments = entry.live().container.network.clone();
        self.close_networks(&attachments);
        let mut live = entry.live();
        let mut container = live.container.clone();
        container.network = Attachments::default();
        exit.record(&mut container.state);
        container.state.pid = 0;
        let sequel = if container.host_config.auto_remove && !live.kept {
            // In memory only: if the daemon dies now, the store says that it runs, and the next daemon removes it.
            container.state.status = Status::Removing;
            self.remember_end(&entry.id, container.state.clone());
            Sequel::Removal
        } else if restart::follows_an_end(&container) {
            container.state.status = Status::Restarting;
            container.restart_count += 1;
            Sequel::Restart(live.backoff.next(container.state.ran_for()))
        } else {
            container.state.status = Status::Exited;
            Sequel::Rest
        };
        if !matches!(sequel, Sequel::Removal)
            && let Err(error) = self.store.update(&container)
        {
            warn!(%error, "cannot record the end: it will be seen at the next start of the daemon");
        }
        live.system = None;
        live.ends += 1;
        live.last_end = Some(container.state.clone());
        live.container = container;
        self.tell_end(&live.container);
        drop(live);
        entry.notify();
        sequel
    }

    /// The end of a container whose silo host could not record it.
    fn lost(&self) -> Exit {
        let error = Some(SILO_HOST_LOST.to_owned());
        Exit { exit_code: EXIT_CODE_LOST, oom_killed: false, finished_at: self.now(), error }
    }

    /// Brings records and reality in line after a start of the daemon.
    pub(crate) fn reconcile(self: &Arc<Self>) -> Result<()> {
        for container in self.store.all()? {
            let _span = info_span!("reconcile", container = container.id.short()).entered();
            let entry = Entry::new(container);
            self.entries().insert(entry.id.clone(), entry.clone());
            let (status, of_build) = {
                let live = entry.live();
                (live.container.state.status, live.container.of_build)
            };
            let status = if of_build { Status::Removing } else { status };
            if let Err(error) = self.reconcile_one(&entry, status) {
                warn!(%error, status = status.as_str(), "cannot bring the container in line");
            }
        }
        self.reclaim();
        Ok(())
    }

    fn reconcile_one(self: &Arc<Self>, entry: &Arc<Entry>, status: Status) -> Result<()> {
        match status {
            Status::Created | Status::Dead => Ok(()),
            Status::Creating | Status::Removing => {
                info!("undoing what an earlier daemon left half done");
                self.discard(entry)
            }
            Status::Starting => {
                self.compute.reap(entry.id.as_str())?;
                self.update(entry, |container| {
                    container.state.status = if container.was_started() { Status::Exited } else { Status::Created };
                    container.state.error = START_INTERRUPTED.to_owned();
                })?;
                self.start_with_daemon(entry)
            }
            Status::Running | Status::Paused => {
                match self.compute.open(&entry.id) {
                    Some(system) => {
                        self.reconcile_pause(entry, system.as_ref())?;
                        entry.live().system = Some(system.clone());
                        self.watch(entry, system);
                        self.begin_probes(entry);
                    }
                    None => self.ended(entry, None),
                }
                Ok(())
            }
            Status::Exited if entry.live().container.host_config.auto_remove => self.discard(entry),
            Status::Exited => self.start_with_daemon(entry),
            Status::Restarting => {
                self.restart_after(entry, Duration::ZERO);
                Ok(())
            }
        }
    }

    /// Whether it is held is what the silo host says: a daemon may have died between the deed and its record.
    fn reconcile_pause(&self, entry: &Entry, system: &dyn System) -> Result<()> {
        // One that cannot be asked is just ending.
        let Ok(paused) = system.is_paused() else { return Ok(()) };
        let status = if paused { Status::Paused } else { Status::Running };
        if entry.live().container.state.status == status {
            return Ok(());
        }
        self.update(entry, |container| container.state.status = status)
    }

    /// Removes everything that belongs to no container.
    fn reclaim(&self) {
        let known: BTreeSet<String> = self.entries().keys().map(ToString::to_string).collect();
        let systems = self.compute.list().map(|ids| (ids, true));
        let scratches = self.images.scratches().map(|ids| (ids, false));
        for listed in [systems, scratches] {
            let (ids, is_system) = match listed {
                Ok(listed) => listed,
                Err(error) => {
                    warn!(%error, "cannot look for leftovers");
                    continue;
                }
            };
            for id in ids.iter().filter(|id| !known.contains(*id)) {
                let removed = if is_system { self.compute.remove(id) } else { self.images.remove_scratch(id) };
                match removed {
                    Ok(()) => info!(container = id, "reclaimed what no container owns"),
                    Err(error) => warn!(container = id, %error, "cannot reclaim what no container owns"),
                }
            }
        }
    }
}
