//! The report: lines with verdicts, as text and as JSON.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Topic;
use super::probe::started_as_root;

/// Widest column of findings, in characters; longer findings push the last column to the right.
const WIDEST_FINDING: usize = 62;

/// What a line comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// All is there.
    Ok,
    /// Containers run, but something is slower, weaker or not possible.
    Degraded,
    /// No container runs.
    Missing,
    /// It could not be found out, for want of rights.
    Unchecked,
}

impl fmt::Display for Verdict {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(match self {
            Self::Ok => "ok",
            Self::Degraded => "degraded",
            Self::Missing => "missing",
            Self::Unchecked => "unchecked",
        })
    }
}

/// One line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// The stable name.
    pub line: Topic,
    /// The verdict.
    pub verdict: Verdict,
    /// What was found.
    pub found: String,
    /// What that means for the user.
    pub means: String,
}

impl Line {
    pub(super) fn new(line: Topic, verdict: Verdict, found: impl Into<String>, means: impl Into<String>) -> Self {
        Self { line, verdict, found: found.into(), means: means.into() }
    }

    /// Something did not work: for root that is the verdict `failed`, for others nothing is proven by it.
    pub(super) fn failed(line: Topic, failed: Verdict, found: impl Into<String>, means: &str) -> Self {
        if started_as_root() {
            Self::new(line, failed, found, means)
        } else {
            Self::new(line, Verdict::Unchecked, found, "run it as root to know")
        }
    }
}

/// What a host offers.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Report {
    /// The lines, in the order of [`Topic::ALL`].
    pub lines: Vec<Line>,
}

impl Report {
    /// Whether nothing is missing without which no container runs.
    pub fn complete(&self) -> bool {
        self.lines.iter().all(|line| line.verdict != Verdict::Missing)
    }

    /// The report as JSON: `{"lines": [{"line", "verdict", "found", "means"}, ...]}`.
    pub fn json(&self) -> String {
        serde_json::to_string_pretty(self).unwrap_or_default()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = |text: &str| text.chars().count();
        let name = self.lines.iter().map(|line| width(line.line.name())).max().unwrap_or(0);
        let found = self.lines.iter().map(|line| width(&line.found)).max().unwrap_or(0).min(WIDEST_FINDING);
        for line in &self.lines {
            let Line { line, verdict, found: text, means } = line;
            writeln!(out, "{line:<name$}  {verdict:<9}  {text:<found$}  {means}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(verdict: Verdict) -> Report {
        Report {
            lines: vec![
                Line::new(Topic::Kernel, Verdict::Ok, "Linux 6.1", "new enough"),
                Line::new(Topic::UserNamespaces, verdict, "none", "no container runs"),
            ],
        }
    }

    #[test]
    fn columns_line_up() {
        let text = report(Verdict::Missing).to_string();
        assert_eq!(
            text,
            "kernel           ok         Linux 6.1  new enough\n\
             user-namespaces  missing    none       no container runs\n"
        );
    }

    #[test]
    fn only_what_is_missing_makes_a_host_incomplete() {
        assert!(!report(Verdict::Missing).complete());
        for verdict in [Verdict::Ok, Verdict::Degraded, Verdict::Unchecked] {
            assert!(report(verdict).complete());
        }
    }

    #[test]
    fn json_names_the_line_and_the_verdict() {
        let value: serde_json::Value = serde_json::from_str(&report(Verdict::Degraded).json()).unwrap();
        assert_eq!(value["lines"][1]["line"], "user-namespaces");
        assert_eq!(value["lines"][1]["verdict"], "degraded");
    }
}
