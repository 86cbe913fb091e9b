//! Containers that join networks and leave them, also while they run.

use casement_schema::Guid;
use serde_json::{Value, json};

use super::attachment::{SHARED, attachment, cannot_be_private, endpoint_error, new_endpoint, resolver, wanted};
use super::{NAT, NONE, Network};
use crate::container::{Container, ContainerSettings};
use crate::engine::Engine;
use crate::entry::Entry;
use crate::error::{Error, Result};

impl Engine {
    /// Brings the networks of a new container to their own names.
    pub(crate) fn name_networks(&self, settings: &mut ContainerSettings) {
        let name = |key: &str| match self.find_network(key) {
            Ok(network) => network.docker.name,
            Err(_) => if key == "default" { NAT } else { key }.to_owned(),
        };
        let mode = settings.host_config.network_mode.clone();
        if mode == NONE || mode.starts_with(SHARED) {
            return;
        }
        settings.host_config.network_mode = name(&mode);
        let asked = std::mem::take(&mut settings.endpoints);
        settings.endpoints = asked.into_iter().map(|(key, value)| (name(&key), value)).collect();
        settings.endpoints.entry(settings.host_config.network_mode.clone()).or_insert_with(|| json!({}));
    }

    /// Puts a container into a network; one that runs is there at once.
    ///
    /// # Errors
    /// [`Error::Forbidden`] when it is there already, [`Error::InvalidParameter`] when it has no networks of its own, or why it
    /// cannot.
    pub fn connect_network(&self, network: &str, container: &str, settings: Value) -> Result<()> {
        let network = self.find_network(network)?;
        let entry = self.find(container)?;
        let _turn = entry.operation();
        let mut container = entry.container();
        let mode = &container.host_config.network_mode;
        // One that has left all its networks has a place for others, unlike one that was never to have any.
        let has_left = mode == NONE && container.network.namespace.is_some();
        let Some(object) = network.object.filter(|_| mode != NONE || has_left) else { return Err(cannot_be_private()) };
        if mode.starts_with(SHARED) {
            return Err(Error::InvalidParameter(
                "container sharing network namespace with another container or host cannot be connected to any other network"
                    .to_owned(),
            ));
        }
        let name = network.docker.name.clone();
        if wanted(&container).contains(&name) {
            return Err(Error::Forbidden(format!(
                "endpoint with name {} already exists in network {name}",
                container.name
            )));
        }
        if has_left {
            container.host_config.network_mode.clone_from(&name);
        }
        container.endpoints.insert(name.clone(), if settings.is_null() { json!({}) } else { settings });
        let made =
            container.network.namespace.map(|namespace| self.make_endpoint(&container, &network, &object, namespace));
        if let Some(made) = made {
            container.network.endpoints.insert(name, made?);
        }
        self.change_membership(&entry, &container)?;
        self.tell_network(&network, "connect", Some(&container));
        Ok(())
    }

    fn make_endpoint(
        &self,
        container: &Container,
        network: &Network,
        object: &Guid,
        namespace: Guid,
    ) -> Result<super::attachment::Attachment> {
        let mut new = new_endpoint(container, network, Vec::new())?;
        new.links = self.links(container, network)?;
        new.document.host_compute_namespace = namespace;
        let made = self.network_service()?.create_endpoint(object, new);
        let record = made.map_err(|error| endpoint_error(container, &network.docker.name, &error))?;
        Ok(attachment(&record, network))
    }

    /// Takes a container out of a network.
    ///
    /// # Errors
    /// [`Error::Forbidden`] when it is not in it, or why it cannot.
    pub fn disconnect_network(&self, network: &str, container: &str) -> Result<()> {
        let network = self.find_network(network)?;
        let entry = self.find(container)?;
        let _turn = entry.operation();
        let mut container = entry.container();
        let name = &network.docker.name;
        if !wanted(&container).contains(name) {
            return Err(Error::Forbidden(format!("container {} is not connected to network {name}", container.id)));
        }
        if let Some(gone) = container.network.endpoints.remove(name) {
            let done = self.network_service()?.delete_endpoint(&gone.endpoint);
            done.map_err(|error| Error::Compute(error.to_string()))?;
        }
        container.endpoints.remove(name);
        if container.host_config.network_mode == *name {
            // The next one stands in for it.
            container.host_config.network_mode =
                container.endpoints.keys().next().cloned().unwrap_or_else(|| NONE.to_owned());
        }
        if container.network.endpoints.is_empty() {
            container.network.ports.clear();
        }
        self.change_membership(&entry, &container)?;
        self.tell_network(&network, "disconnect", Some(&container));
        Ok(())
    }

    /// Records the networks of a container, and tells the one that runs how it resolves names now.
    fn change_membership(&self, entry: &Entry, changed: &Container) -> Result<()> {
        self.update(entry, |container| {
            container.endpoints.clone_from(&changed.endpoints);
            // Not when it has ended meanwhile.
            if container.network.namespace == changed.network.namespace {
                container.network.clone_from(&changed.network);
            }
            container.host_config.network_mode.clone_from(&changed.host_config.network_mode);
        })?;
        let system = entry.live().system.clone();
        if let (Some(system), Ok(service)) = (system, self.networks.service()) {
            let records = changed.network.endpoints.values().filter_map(|one| service.endpoint(&one.endpoint).ok());
            system.set_resolver(&resolver(changed, &records.collect::<Vec<_>>()))?;
        }
        Ok(())
    }
}
