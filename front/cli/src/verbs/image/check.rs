//! `image check`: check a Windows image against the rules of the format.

use std::process::ExitCode;

use casement_image_view::check::{Explained, Report, check};
use casement_image_view::rule::Severity;
use clap::Args;
use serde::Serialize;

use super::{Outcome, failure, open, print_json, printable};
use crate::arguments::Places;
use crate::failure::{EXIT_ENGINE, Failure};
use crate::output;

/// Exit code when the worst finding is a warning.
const EXIT_WARNINGS: u8 = 1;
/// Exit code when there are errors.
const EXIT_ERRORS: u8 = 2;

/// Flags of `image check`.
#[derive(Debug, Args)]
pub struct Check {
    /// Image in the store, OCI layout, archive of images, or layer
    #[arg(value_name = "IMAGE|DIR|TAR")]
    image: String,
    /// Only the findings, without explanations
    #[arg(short = 'q', long)]
    quiet: bool,
    /// A JSON document with everything
    #[arg(long)]
    json: bool,
}

/// The document of `--json`.
#[derive(Debug, Serialize)]
struct Checked<'a> {
    image: &'a str,
    source: &'static str,
    layers: usize,
    entries: usize,
    worst: Option<Severity>,
    findings: Vec<Explained<'a>>,
    more: std::collections::BTreeMap<&'static str, u64>,
}

impl Check {
    /// Prints the findings, worst first. Exit code 0: none, or notes only; 1: warnings; 2: errors; 125: it could not be checked.
    pub fn perform(self, places: &Places) -> Outcome {
        let unchecked = |failure: Failure| Failure::with_code(failure, EXIT_ENGINE);
        let source = open(&self.image, places).map_err(unchecked)?;
        let report = check(source).map_err(failure).map_err(unchecked)?;
        if self.json {
            print_json(&Checked {
                image: &report.image,
                source: report.origin,
                layers: report.layers,
                entries: report.entries,
                worst: report.worst(),
                findings: report.explained().collect(),
                more: report.findings.more.iter().map(|(rule, more)| (rule.id(), *more)).collect(),
            })?;
        } else {
            self.print(&report);
        }
        Ok(match report.worst() {
            None | Some(Severity::Note) => ExitCode::SUCCESS,
            Some(Severity::Warning) => ExitCode::from(EXIT_WARNINGS),
            Some(Severity::Error) => ExitCode::from(EXIT_ERRORS),
        })
    }

    fn print(&self, report: &Report) {
        let mut text = String::new();
        let mut explained = std::collections::BTreeSet::new();
        for finding in report.explained() {
            let (object, seen) = (printable(finding.object), printable(finding.seen));
            text.push_str(&format!("{} [{}] {object}: {seen}\n", finding.severity, finding.rule));
            if !self.quiet && explained.insert(finding.rule) {
                text.push_str(&format!("    rule:    {}\n", finding.asks));
                text.push_str(&format!("    windows: {}\n", finding.windows));
                text.push_str(&format!("    way out: {}\n", finding.remedy));
            }
        }
        for (rule, more) in &report.findings.more {
            text.push_str(&format!("{} [{}] {more} more\n", rule.severity(), rule.id()));
        }
        let count = |severity| {
            let listed =
                report.findings.list.iter().filter(|finding| finding.rule.severity() == severity).count() as u64;
            let more = report.findings.more.iter().filter(|(rule, _)| rule.severity() == severity);
            listed + more.map(|(_, more)| more).sum::<u64>()
        };
        text.push_str(&format!(
            "{}: {} layers, {} entries: {} errors, {} warnings, {} notes\n",
            printable(&report.image),
            report.layers,
            report.entries,
            count(Severity::Error),
            count(Severity::Warning),
            count(Severity::Note)
        ));
        output::text(text);
    }
}
