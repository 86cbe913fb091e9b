//! Holding the programs of a container, and letting them go on.

use std::sync::Arc;

use tracing::warn;

use crate::compute::System;
use crate::container::Status;
use crate::engine::Engine;
use crate::entry::Entry;
use crate::error::{Error, Result};

impl Engine {
    /// Holds every program of a running container where it is.
    ///
    /// # Errors
    /// [`Error::NotRunning`], [`Error::Conflict`] when it is held already, or that the host cannot.
    pub fn pause(&self, key: &str) -> Result<()> {
        let entry = self.find(key)?;
        let _turn = entry.operation();
        let system = match self.state_and_system(&entry)? {
            (Status::Paused, _) => return Err(Error::Conflict(format!("Container {} is already paused", entry.id))),
            (_, system) => system,
        };
        system.pause().map_err(|error| Error::Compute(format!("cannot pause container {}: {error}", entry.id)))?;
        self.note(&entry, Status::Paused)?;
        self.tell(&entry.container(), "pause");
        Ok(())
    }

    /// Lets a held container go on.
    ///
    /// # Errors
    /// [`Error::Conflict`] when it is not held.
    pub fn unpause(&self, key: &str) -> Result<()> {
        let entry = self.find(key)?;
        let _turn = entry.operation();
        match self.state_and_system(&entry) {
            Ok((Status::Paused, system)) => self.resume(&entry, system.as_ref()),
            _ => Err(Error::Conflict(format!("Container {} is not paused", entry.id))),
        }
    }

    /// Lets a container go on that is to be ended: held programs could not hear of it.
    pub(crate) fn wake(&self, entry: &Entry) {
        if let Ok((Status::Paused, system)) = self.state_and_system(entry)
            && let Err(error) = self.resume(entry, system.as_ref())
        {
            warn!(container = entry.id.short(), %error, "cannot let a paused container go on");
        }
    }

    fn resume(&self, entry: &Entry, system: &dyn System) -> Result<()> {
        system.resume().map_err(|error| Error::Compute(format!("Cannot unpause container {}: {error}", entry.id)))?;
        self.note(entry, Status::Running)?;
        self.tell(&entry.container(), "unpause");
        Ok(())
    }

    fn state_and_system(&self, entry: &Entry) -> Result<(Status, Arc<dyn System>)> {
        let live = entry.live();
        match (live.container.state.status, &live.system) {
            (Status::Restarting, _) => Err(Error::Conflict(format!(
                "Container {} is restarting, wait until the container is running",
                entry.id
            ))),
            (status @ (Status::Running | Status::Paused), Some(system)) if !live.gone => Ok((status, system.clone())),
            _ => Err(Error::NotRunning(entry.id.clone())),
        }
    }

    /// Records whether it is held, unless it has ended meanwhile.
    fn note(&self, entry: &Entry, status: Status) -> Result<()> {
        self.update(entry, |container| {
            if matches!(container.state.status, Status::Running | Status::Paused) {
                container.state.status = status;
            }
        })
    }
}
