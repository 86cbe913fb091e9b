//! What is wrong with an image: a rule, an object, and what was seen.

use crate::rule::Rule;
use serde::{Deserialize, Serialize};

/// Most findings that are kept for one rule in one layer; the others are counted.
pub const MAX_OF_A_RULE: u64 = 20;
/// Longest text of a finding in characters.
const MAX_TEXT: usize = 300;

/// One defect.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// The rule that it breaks.
    pub rule: Rule,
    /// What breaks it: a path, a document, a layer.
    pub object: String,
    /// What was seen.
    pub seen: String,
}

/// Defects, those of each rule up to [`MAX_OF_A_RULE`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Findings {
    /// In the order in which they were found.
    pub list: Vec<Finding>,
    /// How often each rule was broken where not all is in the list.
    pub more: std::collections::BTreeMap<Rule, u64>,
}

impl Findings {
    /// Adds a defect.
    pub fn add(&mut self, rule: Rule, object: impl AsRef<str>, seen: impl AsRef<str>) {
        let known = self.list.iter().filter(|finding| finding.rule == rule).count() as u64;
        if known >= MAX_OF_A_RULE {
            *self.more.entry(rule).or_insert(0) += 1;
            return;
        }
        self.list.push(Finding { rule, object: clean(object.as_ref()), seen: clean(seen.as_ref()) });
    }

    /// Whether nothing was found.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Adds what others hold.
    pub fn extend(&mut self, others: Self) {
        self.list.extend(others.list);
        for (rule, more) in others.more {
            *self.more.entry(rule).or_insert(0) += more;
        }
    }
}

/// Text that a terminal can show: nothing in a layer moves a cursor.
fn clean(text: &str) -> String {
    let shown = |c: char| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c };
    text.chars().take(MAX_TEXT).map(shown).collect()
}
