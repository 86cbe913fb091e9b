//! Removing every container that does not run.

use std::collections::BTreeMap;

use jiff::Timestamp;
use tracing::warn;

use crate::container::Status;
use crate::container_filter::{FilterValues, has_label};
use crate::engine::Engine;

/// The names of filters that [`Engine::prune`] takes.
pub const FILTERS: [&str; 3] = ["label", "label!", "until"];

/// What was removed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pruned {
    /// Ids of the containers.
    pub containers: Vec<String>,
    /// The disk they took, in bytes.
    pub bytes: u64,
}

impl Engine {
    /// Removes the containers that do not run, were created before `until` and have the labels of `filters`. One that cannot be
    /// removed stays and does not keep the others.
    #[must_use]
    pub fn prune(&self, filters: &FilterValues, until: Option<Timestamp>) -> Pruned {
        let mut pruned = Pruned::default();
        for container in self.list() {
            let ended = matches!(container.state.status, Status::Created | Status::Exited | Status::Dead);
            let old = until.is_none_or(|until| container.created.parse::<Timestamp>().is_ok_and(|at| at < until));
            if !ended || !old || !fits(&container.config.labels, filters) {
                continue;
            }
            let bytes = self.sizes(&container).changes;
            match self.remove(container.id.as_str(), false) {
                Ok(()) => {
                    pruned.containers.push(container.id.to_string());
                    pruned.bytes = pruned.bytes.saturating_add(bytes);
                }
                Err(error) => warn!(container = container.id.short(), %error, "cannot prune a container"),
            }
        }
        let reclaimed = [("reclaimed".to_owned(), pruned.bytes.to_string())];
        self.events().publish("container", "prune", "", BTreeMap::from(reclaimed));
        pruned
    }
}

fn fits(labels: &BTreeMap<String, String>, filters: &FilterValues) -> bool {
    let of = |name: &str| filters.get(name).into_iter().flatten();
    of("label").all(|wanted| has_label(labels, wanted)) && !of("label!").any(|unwanted| has_label(labels, unwanted))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_choose_and_spare() {
        let labels = [("a".to_owned(), "1".to_owned())].into();
        let filter = |name: &str, value: &str| FilterValues::from([(name.to_owned(), vec![value.to_owned()])]);
        assert!(fits(&labels, &filter("label", "a")) && !fits(&labels, &filter("label", "b")));
        assert!(!fits(&labels, &filter("label!", "a=1")) && fits(&labels, &filter("label!", "a=2")));
    }
}
