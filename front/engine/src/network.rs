//! The networks of a host. So far there is one, which has no addresses.

use std::collections::BTreeMap;
use std::path::Path;

use casement_layers::Digest;

use crate::container::{Container, Status};
use crate::host::Host;

/// Name of the network that has no addresses.
pub const NONE: &str = "none";

/// A network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Network {
    /// Id, 64 digits.
    pub id: String,
    /// Name.
    pub name: &'static str,
    /// Driver.
    pub driver: &'static str,
    /// When it was made, RFC 3339: when the root was.
    pub created: String,
    /// The containers in it that run: id and name.
    pub containers: BTreeMap<String, String>,
}

/// The networks of a host whose state is below `root`, with those of `containers` that run.
#[must_use]
pub fn networks(host: &Host, root: &Path, containers: &[Container]) -> Vec<Network> {
    let running = |container: &&Container| matches!(container.state.status, Status::Running | Status::Paused);
    let made = std::fs::metadata(root.join(crate::host::ID_FILE)).and_then(|file| file.modified());
    let created = made.ok().and_then(|time| jiff::Timestamp::try_from(time).ok());
    vec![Network {
        id: Digest::of(format!("network {NONE} of {}", host.id).as_bytes()).hex().to_owned(),
        name: NONE,
        driver: "null",
        created: created.map_or_else(|| crate::container::NEVER.to_owned(), |time| format!("{time:.9}")),
        containers: containers
            .iter()
            .filter(running)
            .filter(|container| container.host_config.network_mode == NONE)
            .map(|container| (container.id.to_string(), container.name.to_string()))
            .collect(),
    }]
}
