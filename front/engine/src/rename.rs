//! Giving a container another name.

use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::name::ContainerName;

impl Engine {
    /// Gives a container another name.
    ///
    /// # Errors
    /// [`Error::InvalidParameter`] for a name that is not valid or its own, [`Error::Conflict`] for another container's.
    pub fn rename(&self, key: &str, name: &str) -> Result<()> {
        if key.is_empty() || name.is_empty() {
            return Err(Error::InvalidParameter("Neither old nor new names may be empty".to_owned()));
        }
        let entry = self.find(key)?;
        let name: ContainerName = name.parse()?;
        let (container, old) = {
            let mut live = entry.live();
            if live.gone {
                return Err(Error::NoSuchContainer(key.to_owned()));
            }
            if live.container.name == name {
                return Err(Error::InvalidParameter(
                    "Renaming a container with the same name as its current name".to_owned(),
                ));
            }
            let mut container = live.container.clone();
            let old = std::mem::replace(&mut container.name, name);
            self.store.rename(&container, &old).map_err(|error| match error {
                Error::NameInUse { .. } => Error::Conflict(format!("Error when allocating new name: {error}")),
                other => other,
            })?;
            live.container = container.clone();
            (container, old)
        };
        entry.notify();
        self.tell_with(&container, "rename", [("oldName", format!("/{old}"))]);
        Ok(())
    }
}
