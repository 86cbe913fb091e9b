//! Filters of events, by Docker's rules.

use std::collections::BTreeMap;

use crate::events::Event;

/// Actions whose names end in details: a filter names their beginning.
const DETAILED: [&str; 3] = ["health_status", "exec_create", "exec_start"];

/// Which events a listener wants: all filters must admit one, and of a filter's values any.
#[derive(Clone, Debug, Default)]
pub struct EventFilter(BTreeMap<String, Vec<String>>);

impl EventFilter {
    /// The names of filters that are known. Those of Swarm's objects admit nothing here.
    pub const NAMES: &[&str] = &[
        "config",
        "container",
        "daemon",
        "event",
        "image",
        "label",
        "network",
        "node",
        "plugin",
        "scope",
        "secret",
        "service",
        "type",
        "volume",
    ];
    /// Filters by id or name.
    const ACTORS: &[&str] =
        &["config", "container", "daemon", "network", "node", "plugin", "secret", "service", "volume"];

    /// The filter of these values by name.
    #[must_use]
    pub fn new(values: BTreeMap<String, Vec<String>>) -> Self {
        Self(values)
    }

    /// Whether the listener wants to hear of it.
    #[must_use]
    pub fn admits(&self, event: &Event) -> bool {
        let name = event.actor.attributes.get("name").map(String::as_str).unwrap_or_default();
        let begins = |value: &str| event.actor.id.starts_with(value) || name.starts_with(value);
        self.any(
            "event",
            |value| {
                if self.names_detailed() { event.action.starts_with(value) } else { event.action == value }
            },
        ) && self.any("type", |value| event.kind == value)
            && self.any("scope", |value| event.scope == value)
            && Self::ACTORS.iter().all(|filter| self.any(filter, begins))
            && self.any("image", |value| is_of_image(event, value))
            && self.values("label").iter().all(|wanted| has_label(event, wanted))
    }

    fn values(&self, filter: &str) -> &[String] {
        self.0.get(filter).map_or(&[], Vec::as_slice)
    }

    fn any(&self, filter: &str, fits: impl Fn(&str) -> bool) -> bool {
        let values = self.values(filter);
        values.is_empty() || values.iter().any(|value| fits(value))
    }

    fn names_detailed(&self) -> bool {
        self.values("event").iter().any(|value| DETAILED.contains(&value.as_str()))
    }
}

fn is_of_image(event: &Event, wanted: &str) -> bool {
    let attribute = if event.kind == "image" { "name" } else { "image" };
    let name = event.actor.attributes.get(attribute).map(String::as_str).unwrap_or_default();
    let id = event.actor.id.as_str();
    [id, name, without_tag(id), without_tag(name)].contains(&wanted)
}

/// A reference without its tag; a port of a registry is none.
fn without_tag(reference: &str) -> &str {
    match reference.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => name,
        _ => reference,
    }
}

fn has_label(event: &Event, wanted: &str) -> bool {
    match wanted.split_once('=') {
        Some((name, value)) => event.actor.attributes.get(name).is_some_and(|label| label == value),
        None => event.actor.attributes.contains_key(wanted),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::Actor;

    fn event(kind: &str, action: &str, attributes: &[(&str, &str)]) -> Event {
        Event {
            kind: kind.to_owned(),
            action: action.to_owned(),
            actor: Actor {
                id: "0123abc".to_owned(),
                attributes: attributes.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
            },
            scope: "local".to_owned(),
            time: 0,
            time_nano: 0,
        }
    }

    fn admits(filters: &[(&str, &[&str])], event: &Event) -> bool {
        let values =
            filters.iter().map(|(name, values)| ((*name).to_owned(), values.iter().map(ToString::to_string).collect()));
        EventFilter::new(values.collect()).admits(event)
    }

    #[test]
    fn filters_are_joined_by_and_and_their_values_by_or() {
        let die = event("container", "die", &[("name", "web"), ("image", "nanoserver:1809"), ("tier", "front")]);
        assert!(admits(&[], &die));
        assert!(admits(&[("event", &["start", "die"]), ("type", &["container"])], &die));
        assert!(!admits(&[("event", &["start"]), ("type", &["container"])], &die));
        assert!(admits(&[("container", &["we"])], &die) && admits(&[("container", &["0123"])], &die));
        assert!(!admits(&[("container", &["eb"])], &die));
        assert!(admits(&[("image", &["nanoserver"])], &die) && admits(&[("image", &["nanoserver:1809"])], &die));
        assert!(!admits(&[("image", &["nano"])], &die));
        assert!(admits(&[("label", &["tier=front", "name"])], &die));
        assert!(!admits(&[("label", &["tier=front", "absent"])], &die));
        assert!(admits(&[("scope", &["local"])], &die) && !admits(&[("scope", &["swarm"])], &die));
    }

    #[test]
    fn an_action_with_details_is_found_by_its_beginning() {
        let health = event("container", "health_status: healthy", &[]);
        assert!(admits(&[("event", &["health_status"])], &health));
        assert!(admits(&[("event", &["health_status: healthy"])], &health));
        assert!(!admits(&[("event", &["health"])], &health));
    }
}
