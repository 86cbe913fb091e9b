//! Removing containers because someone asks for it.

use crate::container::Status;
use crate::engine::Engine;
use crate::entry::{Entry, Live};
use crate::error::{Error, Result};

impl Engine {
    /// As [`Engine::remove`], and removes the anonymous volumes that only this container has.
    ///
    /// # Errors
    /// As [`Engine::remove`].
    pub fn remove_with_volumes(&self, key: &str, force: bool) -> Result<()> {
        let entry = self.find(key)?;
        entry.live().with_volumes = true;
        self.remove(key, force).inspect_err(|_| entry.live().with_volumes = false)
    }

    /// Removes a container with everything it has; with `force` also a running one.
    ///
    /// # Errors
    /// [`Error::RemoveRunning`], or everything that could not be removed; the container is dead then and may be removed again.
    pub fn remove(&self, key: &str, force: bool) -> Result<()> {
        let entry = self.find(key)?;
        if force {
            self.end_now(&entry)?;
        } else {
            refuse_busy(key, &entry)?;
        }
        let _turn = entry.operation();
        {
            let live = entry.live();
            if live.gone {
                return Ok(());
            }
            if live.is_active() {
                return Err(busy(&live));
            }
        }
        self.update(&entry, |container| container.state.status = Status::Removing)?;
        self.discard(&entry)
    }
}

fn refuse_busy(key: &str, entry: &Entry) -> Result<()> {
    let live = entry.live();
    if live.container.state.status == Status::Removing {
        return Err(Error::Conflict(format!("removal of container {key} is already in progress")));
    }
    if live.is_active() { Err(busy(&live)) } else { Ok(()) }
}

fn busy(live: &Live) -> Error {
    let status = match live.container.state.status {
        status @ (Status::Paused | Status::Restarting) => status.as_str(),
        _ => Status::Running.as_str(),
    };
    Error::RemoveRunning { name: live.container.name.clone(), status }
}
