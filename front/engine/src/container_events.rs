//! Events about containers, with the attributes that Docker gives them.

use std::collections::BTreeMap;

use crate::container::Container;
use crate::engine::Engine;

impl Engine {
    /// Tells listeners what happened to a container.
    pub(crate) fn tell(&self, container: &Container, action: &str) {
        self.tell_with(container, action, []);
    }

    /// As [`Engine::tell`], with attributes of the event itself.
    pub(crate) fn tell_with<const COUNT: usize>(
        &self,
        container: &Container,
        action: &str,
        further: [(&str, String); COUNT],
    ) {
        let mut attributes = attributes(container);
        attributes.extend(further.into_iter().map(|(name, value)| (name.to_owned(), value)));
        self.events().publish("container", action, container.id.as_str(), attributes);
    }

    /// Tells listeners how a run of a container ended.
    pub(crate) fn tell_end(&self, container: &Container) {
        let state = &container.state;
        if state.oom_killed {
            self.tell(container, "oom");
        }
        let seconds = state.ran_for().as_secs();
        self.tell_with(
            container,
            "die",
            [("exitCode", state.exit_code.to_string()), ("execDuration", seconds.to_string())],
        );
    }
}

/// Labels, then the image as it was typed and the name: these win.
fn attributes(container: &Container) -> BTreeMap<String, String> {
    let mut attributes = container.config.labels.clone();
    if !container.config.image.is_empty() {
        attributes.insert("image".to_owned(), container.config.image.clone());
    }
    attributes.insert("name".to_owned(), container.name.to_string());
    attributes
}
