//! The filters of `docker ps`.

use std::collections::{BTreeMap, BTreeSet};

use regex_lite::Regex;

use crate::container::{Container, NEVER};
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::inspect::{is_running, shown_status};
use crate::listing::network_names;

/// The values of filters by name.
pub type FilterValues = BTreeMap<String, Vec<String>>;

/// The names of filters that listings take.
pub const FILTERS: [&str; 15] = [
    "ancestor",
    "before",
    "exited",
    "expose",
    "health",
    "id",
    "is-task",
    "isolation",
    "label",
    "name",
    "network",
    "publish",
    "since",
    "status",
    "volume",
];
/// The states that a filter may name.
const STATES: [&str; 7] = ["paused", "restarting", "removing", "running", "dead", "created", "exited"];
/// What a filter may say of health.
const HEALTH: [&str; 4] = ["none", "starting", "healthy", "unhealthy"];

/// Which containers a listing shows: those that every filter admits. A filter admits what any of its values fits.
pub(crate) struct ContainerFilter {
    values: FilterValues,
    patterns: BTreeMap<&'static str, Vec<Pattern>>,
    exited: Vec<i64>,
    is_task: Option<bool>,
    /// Created before this moment, and after that one.
    before: Option<String>,
    since: Option<String>,
    ancestors: Option<BTreeSet<String>>,
    ports: BTreeMap<&'static str, BTreeSet<String>>,
}

/// A text that is searched for, as it is or as a regular expression.
struct Pattern(String, Option<Regex>);

impl Pattern {
    fn fits(&self, text: &str) -> bool {
        self.0 == text || self.1.as_ref().is_some_and(|expression| expression.is_match(text))
    }
}

impl ContainerFilter {
    /// Reads the values of filters whose names are known.
    pub(crate) fn new(engine: &Engine, values: &FilterValues) -> Result<Self> {
        let empty = Vec::new();
        let of = |name: &str| values.get(name).unwrap_or(&empty);
        let invalid = |name: &str, value: &str| Error::InvalidParameter(format!("invalid filter '{name}={value}'"));
        let exited = of("exited").iter().map(|value| value.parse().map_err(|_| invalid("exited", value)));
        let exited = exited.collect::<Result<_>>()?;
        if let Some(unknown) = of("status").iter().find(|value| !STATES.contains(&value.as_str())) {
            return Err(invalid("status", unknown));
        }
        if let Some(unknown) = of("health").iter().find(|value| !HEALTH.contains(&value.as_str())) {
            return Err(Error::InvalidParameter(format!("Unrecognised filter value for health: {unknown}")));
        }
        let is_task = match of("is-task").first().map(String::as_str) {
            None => None,
            Some("true") => Some(true),
            Some("false") => Some(false),
            Some(other) => return Err(invalid("is-task", other)),
        };
        let created = |name: &str| {
            let first = of(name).first();
            first.map(|key| engine.inspect(key).map(|container| container.created)).transpose()
        };
        let mut ports = BTreeMap::new();
        for name in ["publish", "expose"] {
            if let Some(values) = values.get(name) {
                ports.insert(name, port_keys(name, values)?);
            }
        }
        let patterns = ["name", "id", "isolation"].map(|name| {
            let pattern = |value: &String| Pattern(value.clone(), Regex::new(value).ok());
            (name, of(name).iter().map(pattern).collect())
        });
        Ok(Self {
            values: values.clone(),
            patterns: patterns.into(),
            exited,
            is_task,
            before: created("before")?,
            since: created("since")?,
            ancestors: values.get("ancestor").map(|names| images(engine, names)),
            ports,
        })
    }

    /// Whether containers that do not run are meant too.
    pub(crate) fn wants_all(&self) -> bool {
        self.values.contains_key("status")
    }

    pub(crate) fn admits(&self, container: &Container) -> bool {
        let state = &container.state;
        let exposed = || container.config.exposed_ports.keys();
        let published = || container.host_config.port_bindings.iter().flatten().map(|(port, _)| port);
        self.matches("name", &[container.name.as_str(), &format!("/{}", container.name)])
            && self.matches("id", &[container.id.as_str()])
            && self.matches("isolation", &[&container.host_config.isolation])
            && self.any("label", true, |wanted| has_label(&container.config.labels, wanted))
            && self.any("status", false, |status| shown_status(state).as_str() == status)
            && self.any("health", false, |health| health == health_name(container))
            && self.any("network", false, |network| network_names(container).contains(network))
            && self.any("volume", false, |volume| {
                let is_it = |mount: &crate::model::MountPoint| {
                    mount.name == volume || mount.source == volume || mount.destination.eq_ignore_ascii_case(volume)
                };
                container.mounts.iter().any(is_it)
            })
            && (self.exited.is_empty()
                || (!is_running(state.status)
                    && state.started_at != NEVER
                    && self.exited.contains(&i64::from(state.exit_code))))
            && self.is_task != Some(true)
            && self.before.as_ref().is_none_or(|before| container.created < *before)
            && self.since.as_ref().is_none_or(|since| container.created > *since)
            && self.ancestors.as_ref().is_none_or(|images| images.contains(&container.image_id))
            && self
                .ports
                .get("publish")
                .is_none_or(|ports| published().any(|port| ports.contains(&with_protocol(port))))
            && self.ports.get("expose").is_none_or(|ports| exposed().any(|port| ports.contains(&with_protocol(port))))
    }

    fn matches(&self, name: &str, texts: &[&str]) -> bool {
        let patterns = self.patterns.get(name).map_or(&[][..], Vec::as_slice);
        patterns.is_empty() || patterns.iter().any(|pattern| texts.iter().any(|text| pattern.fits(text)))
    }

    fn any(&self, name: &str, all: bool, fits: impl Fn(&str) -> bool) -> bool {
        match self.values.get(name) {
            None => true,
            Some(values) if all => values.iter().all(|value| fits(value)),
            Some(values) => values.is_empty() || values.iter().any(|value| fits(value)),
        }
    }
}

/// What the filter says of a container's health.
fn health_name(container: &Container) -> &'static str {
    container.state.health.as_ref().map_or("none", |health| health.status.as_str())
}

/// Whether there is this label: `name` or `name=value`.
pub(crate) fn has_label(labels: &BTreeMap<String, String>, wanted: &str) -> bool {
    match wanted.split_once('=') {
        Some((name, value)) => labels.get(name).is_some_and(|known| known == value),
        None => labels.contains_key(wanted),
    }
}

/// The ids of the images of these names and of those made of them. A name that is none stands for no image.
fn images(engine: &Engine, names: &[String]) -> BTreeSet<String> {
    let ancestors: Vec<_> = names.iter().filter_map(|name| engine.image(name).ok()).collect();
    let mut ids: BTreeSet<String> = ancestors.iter().map(|image| image.id.to_string()).collect();
    for container in engine.list() {
        if let Ok(image) = engine.image(&container.image_id)
            && ancestors.iter().any(|ancestor| image.diff_ids.starts_with(&ancestor.diff_ids))
        {
            ids.insert(container.image_id);
        }
    }
    ids
}

/// Ports as `80/tcp`, from `80`, `80/udp` and `80-90/tcp`.
fn port_keys(name: &str, values: &[String]) -> Result<BTreeSet<String>> {
    let mut keys = BTreeSet::new();
    for value in values {
        if value.contains(':') {
            return Err(Error::InvalidParameter(format!("filter for '{name}' should not contain ':': {value}")));
        }
        let (range, protocol) = value.split_once('/').unwrap_or((value, "tcp"));
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        let (Ok(first), Ok(last)) = (first.parse::<u16>(), last.parse::<u16>()) else {
            return Err(Error::InvalidParameter(format!(
                "error while looking up for {name} {value}: invalid port range: {range}"
            )));
        };
        keys.extend((first..=last).map(|port| format!("{port}/{protocol}")));
    }
    Ok(keys)
}

fn with_protocol(port: &str) -> String {
    if port.contains('/') { port.to_owned() } else { format!("{port}/tcp") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_have_ranges_and_protocols() {
        let keys = |value: &str| port_keys("publish", &[value.to_owned()]);
        assert_eq!(keys("80-81").unwrap(), ["80/tcp".to_owned(), "81/tcp".to_owned()].into());
        assert_eq!(keys("53/udp").unwrap(), ["53/udp".to_owned()].into());
        assert!(keys("x").is_err());
        let text = keys("1:2").unwrap_err().to_string();
        assert_eq!(text, "filter for 'publish' should not contain ':': 1:2");
    }

    #[test]
    fn labels_match_by_name_or_value() {
        let labels = [("a".to_owned(), "1".to_owned())].into();
        assert!(has_label(&labels, "a") && has_label(&labels, "a=1"));
        assert!(!has_label(&labels, "a=2") && !has_label(&labels, "b"));
    }

    #[test]
    fn a_pattern_that_is_no_expression_is_a_text() {
        let pattern = |text: &str| Pattern(text.to_owned(), Regex::new(text).ok());
        assert!(pattern("^we").fits("web") && pattern("e").fits("web") && !pattern("^e").fits("web"));
        assert!(pattern("(").fits("(") && !pattern("(").fits("web"));
    }
}
