//! What happened: events in Docker's shape, in order, for those who listen and those who ask later.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use tokio::sync::broadcast;

/// Events remembered for `since`.
const REMEMBERED: usize = 4_096;
/// Events that may wait for a listener who does not keep up; it misses the oldest ones beyond that.
const WAITING: usize = 1_024;

/// An event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Event {
    /// `container`, `image`, `volume`, `network` or `daemon`.
    #[serde(rename = "Type")]
    pub kind: String,
    /// What was done, such as `start` or `exec_create: cmd`.
    pub action: String,
    /// To whom.
    pub actor: Actor,
    /// Always `local`.
    #[serde(rename = "scope")]
    pub scope: String,
    /// Seconds since the epoch.
    #[serde(rename = "time")]
    pub time: i64,
    /// Nanoseconds since the epoch; grows from event to event.
    #[serde(rename = "timeNano")]
    pub time_nano: i64,
}

/// An event as the API sends it: with the fields that clients of old read.
#[derive(Debug, Serialize)]
pub struct Message<'a> {
    /// The action, of a container or an image.
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<&'a str>,
    /// The id, of a container or an image.
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    /// The image of a container.
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<&'a str>,
    #[serde(flatten)]
    event: &'a Event,
}

impl Event {
    /// The event as the API sends it.
    #[must_use]
    pub fn message(&self) -> Message<'_> {
        let is_container = self.kind == "container";
        let legacy = is_container || self.kind == "image";
        let image = self.actor.attributes.get("image").map(String::as_str);
        Message {
            status: legacy.then_some(self.action.as_str()),
            id: legacy.then_some(self.actor.id.as_str()),
            from: image.filter(|_| is_container),
            event: self,
        }
    }
}

/// Events that are remembered, oldest first.
pub type Past = Vec<Event>;
/// Events to come.
pub type Future = broadcast::Receiver<Event>;

/// Whom an event is about.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Actor {
    /// Id, or name for a volume.
    #[serde(rename = "ID")]
    pub id: String,
    /// Name, image, labels, exit code and so on.
    pub attributes: BTreeMap<String, String>,
}

/// The events of a daemon.
#[derive(Debug)]
pub struct Events {
    past: Mutex<VecDeque<Event>>,
    listeners: broadcast::Sender<Event>,
}

impl Default for Events {
    fn default() -> Self {
        Self { past: Mutex::default(), listeners: broadcast::Sender::new(WAITING) }
    }
}

impl Events {
    /// Tells everyone of something that has happened now.
    pub fn publish(&self, kind: &str, action: &str, id: &str, attributes: BTreeMap<String, String>) {
        let mut past = self.past();
        let now = i64::try_from(jiff::Timestamp::now().as_nanosecond()).unwrap_or(i64::MAX);
        let time_nano = past.back().map_or(now, |last| now.max(last.time_nano + 1));
        let event = Event {
            kind: kind.to_owned(),
            action: action.to_owned(),
            actor: Actor { id: id.to_owned(), attributes },
            scope: "local".to_owned(),
            time: time_nano / 1_000_000_000,
            time_nano,
        };
        if past.len() >= REMEMBERED {
            past.pop_front();
        }
        past.push_back(event.clone());
        // Nobody listens: nobody is told.
        let _ = self.listeners.send(event);
    }

    /// The events that are remembered, oldest first, and all that come after them.
    #[must_use]
    pub fn subscribe(&self) -> (Past, Future) {
        let past = self.past();
        (past.iter().cloned().collect(), self.listeners.subscribe())
    }

    /// How many listen.
    #[must_use]
    pub fn listeners(&self) -> usize {
        self.listeners.receiver_count()
    }

    fn past(&self) -> MutexGuard<'_, VecDeque<Event>> {
        self.past.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_ordered_and_none_is_lost_between_past_and_future() {
        let events = Events::default();
        events.publish("container", "create", "1", BTreeMap::new());
        let (past, mut future) = events.subscribe();
        events.publish("container", "start", "1", BTreeMap::new());
        let next = future.try_recv().unwrap();
        assert_eq!((past.len(), past[0].action.as_str(), next.action.as_str()), (1, "create", "start"));
        assert!(past[0].time_nano < next.time_nano);
    }
}
