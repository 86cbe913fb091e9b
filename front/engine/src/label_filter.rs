//! Filters `label=` and `label!=`.

use std::collections::BTreeMap;

use crate::container_filter::has_label;

/// Whether the labels fit all of `wanted` and none of `unwanted`, each `key` or `key=value`.
pub(crate) fn admits(wanted: &[String], unwanted: &[String], labels: &BTreeMap<String, String>) -> bool {
    let has = |wish: &String| has_label(labels, wish);
    wanted.iter().all(has) && !unwanted.iter().any(has)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_wanted_or_unwanted() {
        let labels: BTreeMap<String, String> = [("a".to_owned(), "1".to_owned())].into();
        let texts = |texts: &[&str]| texts.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert!(admits(&texts(&["a", "a=1"]), &texts(&["b", "a=2"]), &labels));
        assert!(!admits(&texts(&["a", "b"]), &[], &labels));
        assert!(!admits(&texts(&["a=2"]), &[], &labels));
        assert!(!admits(&[], &texts(&["a"]), &labels));
    }
}
