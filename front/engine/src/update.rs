//! Changing the limits and the restart policy of a container, also of a running one.

use serde::Deserialize;

use crate::container::{Container, Status};
use crate::document;
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::model::HostConfig;
use crate::{resources, rules};

/// What is to change: the parts of a `HostConfig` that are not zero.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(transparent)]
pub struct UpdateSettings(HostConfig);

impl Engine {
    /// Changes a container and, if it runs, its job. Returns warnings for the user.
    ///
    /// # Errors
    /// [`Error::InvalidParameter`] for what Windows does not have or is out of range, [`Error::Conflict`] for a container that is
    /// going away, or that the job refused; nothing has changed then.
    pub fn change(&self, key: &str, settings: &UpdateSettings) -> Result<Vec<String>> {
        let entry = self.find(key)?;
        let _turn = entry.operation();
        let container = entry.container();
        if matches!(container.state.status, Status::Removing | Status::Dead) || entry.live().gone {
            return Err(Error::Conflict(format!(
                "Cannot update container {}: container is marked for removal and cannot be updated",
                container.id
            )));
        }
        // What is asked for is checked by itself first: a limit that is there already must not hide what it is in conflict with.
        resources::settle(&mut settings.0.clone(), self.host_cpus())?;
        let mut changed = container.clone();
        overlay(&mut changed.host_config, &settings.0);
        let warnings = resources::settle(&mut changed.host_config, self.host_cpus())?;
        let policy = &settings.0.restart_policy;
        if !policy.name.is_empty() {
            rules::check_restart_policy(policy)?;
            if changed.host_config.auto_remove && policy.name != "no" {
                return Err(Error::InvalidParameter(
                    "Restart policy cannot be updated because AutoRemove is enabled for the container".to_owned(),
                ));
            }
            changed.host_config.restart_policy = policy.clone();
        }
        let mut limits = changed.document.container.clone().unwrap_or_default();
        document::set_limits(&mut limits, &changed.host_config, self.host_cpus())?;
        changed.document.container = Some(limits.clone());
        let system = entry.live().system.clone();
        if let Some(system) = system.filter(|_| limits_of(&changed) != limits_of(&container)) {
            system
                .limit(&limits)
                .map_err(|error| Error::Conflict(format!("Cannot update container {}: {error}", container.id)))?;
        }
        self.update(&entry, |container| {
            container.host_config = changed.host_config.clone();
            container.document = changed.document.clone();
        })?;
        self.tell(&changed, "update");
        Ok(warnings)
    }
}

fn limits_of(container: &Container) -> impl PartialEq + '_ {
    container.document.container.as_ref().map(|document| {
        let qos = document.storage.as_ref().and_then(|storage| storage.qos.as_ref());
        (&document.memory, &document.processor, qos)
    })
}

/// Puts what is not zero over what is there. A new way to limit processors replaces the others.
fn overlay(config: &mut HostConfig, over: &HostConfig) {
    if over.memory != 0 {
        config.memory = over.memory;
    }
    if over.nano_cpus != 0 || over.cpu_count != 0 || over.cpu_percent != 0 || over.cpu_shares != 0 {
        config.nano_cpus = over.nano_cpus;
        config.cpu_count = over.cpu_count;
        config.cpu_percent = over.cpu_percent;
        config.cpu_shares = over.cpu_shares;
    }
    if over.io_maximum_bandwidth != 0 {
        config.io_maximum_bandwidth = over.io_maximum_bandwidth;
    }
    if over.io_maximum_iops != 0 {
        config.io_maximum_iops = over.io_maximum_iops;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_zero_stays_as_it_is() {
        let mut config = HostConfig { memory: 1, cpu_percent: 2, ..HostConfig::default() };
        overlay(&mut config, &HostConfig { nano_cpus: 3, ..HostConfig::default() });
        assert_eq!((config.memory, config.cpu_percent, config.nano_cpus), (1, 0, 3));
    }
}
