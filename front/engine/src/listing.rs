//! Listings of containers: which of them are shown, and what of each.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::Serialize;

use crate::container::Container;
use crate::container_filter::{ContainerFilter, FilterValues};
use crate::engine::Engine;
use crate::error::Result;
use crate::inspect::{Sizes, is_running, shown_status};
use crate::model::{MountPoint, PortBinding};
use crate::network_view::{EndpointView, networks};
use crate::size;
use crate::status_text::status_text;

/// What a listing is to show.
#[derive(Clone, Debug, Default)]
pub struct ListOptions {
    /// Also those that do not run.
    pub all: bool,
    /// At most this many, the newest; also those that do not run.
    pub limit: Option<usize>,
    /// With the disk that they take.
    pub size: bool,
    /// Filters by name.
    pub filters: FilterValues,
}

/// A line of a listing.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Summary {
    id: String,
    names: [String; 1],
    image: String,
    #[serde(rename = "ImageID")]
    image_id: String,
    command: String,
    created: i64,
    ports: Vec<PortSummary>,
    #[serde(skip_serializing_if = "Option::is_none")]
    size_rw: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    size_root_fs: Option<u64>,
    labels: BTreeMap<String, String>,
    state: &'static str,
    status: String,
    host_config: SummaryHostConfig,
    network_settings: SummaryNetworkSettings,
    mounts: Vec<MountPoint>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct SummaryHostConfig {
    network_mode: String,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    annotations: BTreeMap<String, String>,
}

/// A port in a listing.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct PortSummary {
    #[serde(rename = "IP", skip_serializing_if = "Option::is_none")]
    ip: Option<String>,
    private_port: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    public_port: Option<u16>,
    #[serde(rename = "Type")]
    protocol: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct SummaryNetworkSettings {
    networks: BTreeMap<String, EndpointView>,
}

impl Engine {
    /// The containers that `options` ask for, newest first.
    ///
    /// # Errors
    /// [`crate::Error::InvalidParameter`] for a filter with a value that it does not take, [`crate::Error::NoSuchContainer`].
    pub fn listing(&self, options: &ListOptions) -> Result<Vec<Summary>> {
        let filter = ContainerFilter::new(self, &options.filters)?;
        let all = options.all || options.limit.is_some() || filter.wants_all();
        let now = Timestamp::now();
        let mut images = ImageNames { engine: self, known: BTreeMap::new() };
        let chosen = self
            .list()
            .into_iter()
            .filter(|container| all || is_running(container.state.status))
            .filter(|container| filter.admits(container))
            .take(options.limit.unwrap_or(usize::MAX));
        Ok(chosen
            .map(|container| {
                let sizes = options.size.then(|| self.sizes(&container));
                let image = images.of(&container);
                summary(container, image, sizes, now)
            })
            .collect())
    }

    /// How much disk a container takes.
    #[must_use]
    pub fn sizes(&self, container: &Container) -> Sizes {
        let storage = container.document.container.as_ref().and_then(|document| document.storage.as_ref());
        let changes = storage.map_or(0, |storage| size::of_directory(storage.path.as_ref()));
        let image = self.image(&container.image_id).map_or(0, |image| image.size);
        Sizes { changes, total: changes.saturating_add(image) }
    }
}

/// The names of images in a listing: as typed while that is still the container's image, its id otherwise.
struct ImageNames<'a> {
    engine: &'a Engine,
    known: BTreeMap<String, Option<String>>,
}

impl ImageNames<'_> {
    fn of(&mut self, container: &Container) -> String {
        let name = &container.config.image;
        let resolve = || self.engine.image(name).ok().map(|image| image.id.to_string());
        let id = self.known.entry(name.clone()).or_insert_with(resolve);
        if id.as_ref() == Some(&container.image_id) { name.clone() } else { container.image_id.clone() }
    }
}

fn summary(container: Container, image: String, sizes: Option<Sizes>, now: Timestamp) -> Summary {
    Summary {
        names: [format!("/{}", container.name)],
        image,
        command: command_text(&container.command()),
        created: container.created.parse::<Timestamp>().map_or(0, Timestamp::as_second),
        ports: ports(&container),
        size_rw: sizes.map(|sizes| sizes.changes),
        size_root_fs: sizes.map(|sizes| sizes.total),
        state: shown_status(&container.state).as_str(),
        status: status_text(&container.state, now),
        network_settings: SummaryNetworkSettings { networks: networks(&container) },
        host_config: SummaryHostConfig {
            network_mode: container.host_config.network_mode,
            annotations: container.host_config.annotations,
        },
        id: container.id.to_string(),
        image_id: container.image_id,
        labels: container.config.labels,
        mounts: container.mounts,
    }
}

/// The ports of a container that runs: those that are exposed, and where they are published.
fn ports(container: &Container) -> Vec<PortSummary> {
    if !is_running(container.state.status) {
        return Vec::new();
    }
    let published = &container.network.ports;
    let exposed = container.config.exposed_ports.keys().filter(|port| !published.contains_key(*port));
    let summary = |port: &String, binding: Option<&PortBinding>| {
        let (private_port, _, protocol) = crate::networks::ports::parse(port).ok()?;
        Some(PortSummary {
            ip: binding.map(|binding| binding.host_ip.clone()),
            private_port,
            public_port: binding.and_then(|binding| binding.host_port.parse().ok()),
            protocol: protocol.to_owned(),
        })
    };
    let shown = published.iter().flat_map(|(port, bindings)| bindings.iter().map(move |one| summary(port, Some(one))));
    shown.chain(exposed.map(|port| summary(port, None))).flatten().collect()
}

/// The words of a command; arguments with spaces in quotes.
fn command_text(words: &[&str]) -> String {
    let quoted = |(at, word): (usize, &&str)| {
        if at > 0 && word.contains(' ') { format!("'{word}'") } else { (*word).to_owned() }
    };
    words.iter().enumerate().map(quoted).collect::<Vec<_>>().join(" ")
}

/// The names of the networks a container is in.
pub(crate) fn network_names(container: &Container) -> BTreeSet<String> {
    networks(container).into_keys().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_with_spaces_are_quoted() {
        assert_eq!(command_text(&["a b", "c d", "e"]), "a b 'c d' e");
        assert_eq!(command_text(&[]), "");
    }
}
