//! `ARG`: what a Dockerfile declares, what the client gives, and what needs no declaration.

use crate::environment::same;
use crate::settings::EPOCH;
use std::collections::{BTreeMap, BTreeSet};

/// Arguments that need no declaration and leave no trace in the image.
const BUILT_IN: [&str; 10] = [
    "HTTP_PROXY",
    "http_proxy",
    "HTTPS_PROXY",
    "https_proxy",
    "FTP_PROXY",
    "ftp_proxy",
    "NO_PROXY",
    "no_proxy",
    "ALL_PROXY",
    "all_proxy",
];
/// What stands for a platform argument that is declared without a value.
const PLATFORM: [(&str, &str); 8] = [
    ("TARGETPLATFORM", "windows/amd64"),
    ("TARGETOS", "windows"),
    ("TARGETARCH", "amd64"),
    ("TARGETVARIANT", ""),
    ("BUILDPLATFORM", "windows/amd64"),
    ("BUILDOS", "windows"),
    ("BUILDARCH", "amd64"),
    ("BUILDVARIANT", ""),
];

/// The arguments of one stage.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Arguments {
    given: BTreeMap<String, Option<String>>,
    /// Declared in this stage.
    declared: BTreeMap<String, Option<String>>,
    /// Declared before the first stage.
    global: BTreeMap<String, Option<String>>,
    /// Declared anywhere so far.
    pub(crate) referenced: BTreeSet<String>,
}

impl Arguments {
    pub(crate) fn new(given: &BTreeMap<String, Option<String>>) -> Self {
        Self { given: given.clone(), ..Self::default() }
    }

    /// Those of a new stage: only the global ones are left.
    #[must_use]
    pub(crate) fn for_stage(&self) -> Self {
        Self { declared: BTreeMap::new(), ..self.clone() }
    }

    pub(crate) fn declare(&mut self, name: &str, value: Option<&str>) {
        self.declared.insert(name.to_owned(), value.map(str::to_owned));
        self.referenced.insert(name.to_owned());
    }

    pub(crate) fn declare_global(&mut self, name: &str, value: Option<&str>) {
        self.declare(name, value);
        self.global.insert(name.to_owned(), value.map(str::to_owned));
    }

    /// The value of a name for `FROM`.
    pub(crate) fn global_value(&self, name: &str) -> Option<String> {
        self.value(name, &self.global).or_else(|| platform(name))
    }

    /// The value of a name within a stage.
    pub(crate) fn stage_value(&self, name: &str) -> Option<String> {
        self.value(name, &self.declared)
    }

    fn value(&self, name: &str, declared: &BTreeMap<String, Option<String>>) -> Option<String> {
        let (name, default) = match declared.iter().find(|(known, _)| same(known, name)) {
            Some((known, default)) => (known.as_str(), default.clone()),
            None => (BUILT_IN.into_iter().find(|known| *known == name)?, None),
        };
        if let Some(Some(given)) = self.given.get(name) {
            return Some(given.clone());
        }
        default.or_else(|| self.global.get(name).cloned().flatten()).or_else(|| platform(name))
    }

    /// `NAME=value` of everything that programs of this stage get besides `environment`.
    pub(crate) fn beside(&self, environment: &[String]) -> Vec<String> {
        let names: BTreeSet<&str> = self.declared.keys().map(String::as_str).chain(BUILT_IN).collect();
        let new = names.into_iter().filter(|name| crate::environment::get(environment, name).is_none());
        new.filter_map(|name| Some(format!("{name}={}", self.stage_value(name)?))).collect()
    }

    /// Whether the value of this name belongs to what a step is known by.
    pub(crate) fn counts(&self, name: &str) -> bool {
        self.declared.contains_key(name) || !BUILT_IN.contains(&name)
    }

    /// What the client gave and nobody declared.
    pub(crate) fn unused(&self) -> Vec<&str> {
        let unused = self.given.keys().map(String::as_str);
        unused.filter(|name| !self.referenced.contains(*name) && !BUILT_IN.contains(name) && *name != EPOCH).collect()
    }
}

fn platform(name: &str) -> Option<String> {
    PLATFORM.into_iter().find(|(known, _)| *known == name).map(|(_, value)| value.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(pairs: &[(&str, &str)]) -> BTreeMap<String, Option<String>> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), Some((*value).to_owned()))).collect()
    }

    #[test]
    fn what_the_client_gives_wins_over_defaults() {
        let mut arguments = Arguments::new(&given(&[("A", "client"), ("X", "unused")]));
        arguments.declare_global("A", Some("global"));
        arguments.declare_global("B", Some("global"));
        assert_eq!(arguments.global_value("A").as_deref(), Some("client"));
        let mut stage = arguments.for_stage();
        assert_eq!((stage.stage_value("A"), stage.stage_value("B")), (None, None));
        stage.declare("B", None);
        stage.declare("C", Some("c"));
        stage.declare("D", None);
        assert_eq!(stage.stage_value("b").as_deref(), Some("global"));
        assert_eq!(stage.beside(&["c=1".to_owned()]), ["B=global"]);
        assert_eq!(stage.unused(), ["X"]);
    }

    #[test]
    fn proxies_and_platforms_need_nothing() {
        let mut stage = Arguments::new(&given(&[("HTTP_PROXY", "p"), (EPOCH, "0")])).for_stage();
        assert_eq!((stage.beside(&[]), stage.counts("HTTP_PROXY")), (vec!["HTTP_PROXY=p".to_owned()], false));
        assert!(stage.unused().is_empty());
        assert_eq!(stage.stage_value("TARGETARCH"), None);
        stage.declare("TARGETARCH", None);
        assert_eq!(stage.stage_value("TARGETARCH").as_deref(), Some("amd64"));
        assert_eq!(stage.global_value("BUILDPLATFORM").as_deref(), Some("windows/amd64"));
        stage.declare("HTTP_PROXY", None);
        assert!(stage.counts("HTTP_PROXY"));
    }
}
