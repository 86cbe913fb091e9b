//! `image diff`: what differs between two images.

use std::process::ExitCode;

use casement_image_view::diff::{Became, Change, Times, diff};
use clap::Args;

use super::{Outcome, failure, printable, view};
use crate::arguments::Places;
use crate::failure::{EXIT_GENERAL, Failure};
use crate::output;

/// Flags of `image diff`.
#[derive(Debug, Args)]
pub struct Diff {
    /// First image
    #[arg(value_name = "IMAGE")]
    first: String,
    /// Second image
    #[arg(value_name = "IMAGE")]
    second: String,
    /// Times of files and keys are no difference
    #[arg(long)]
    ignore_times: bool,
    /// A JSON document with everything that differs
    #[arg(long)]
    json: bool,
}

/// Exit code when the images could not be compared, as diff(1) has it.
const EXIT_TROUBLE: u8 = 2;

impl Diff {
    /// Prints the differences. Exit code 0: there are none; 1: there are; 2: trouble.
    pub fn perform(self, places: &Places) -> Outcome {
        let trouble = |failure: Failure| Failure::with_code(failure, EXIT_TROUBLE);
        let first = view(&self.first, places).map_err(trouble)?;
        let second = view(&self.second, places).map_err(trouble)?;
        let times = if self.ignore_times { Times::Ignored } else { Times::Compared };
        let difference = diff(&first, &second, times).map_err(failure).map_err(trouble)?;
        if self.json {
            super::print_json(&difference)?;
        } else {
            for (part, changes) in
                [("files", &difference.files), ("registry", &difference.registry), ("config", &difference.config)]
            {
                print(part, changes);
            }
        }
        Ok(if difference.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(EXIT_GENERAL) })
    }
}

fn print(part: &str, changes: &[Change]) {
    if changes.is_empty() {
        return;
    }
    let mut text = format!("{part}:\n");
    for change in changes {
        let mark = match change.became {
            Became::Added => '+',
            Became::Removed => '-',
            Became::Changed => '~',
        };
        text.push_str(&format!("{mark} {}\n", printable(&change.path)));
        for property in &change.properties {
            let side = |side: &Option<String>| side.as_deref().map_or_else(|| "(none)".to_owned(), printable);
            let (before, after) = (side(&property.before), side(&property.after));
            let what = printable(&property.what);
            text.push_str(&match change.became {
                Became::Added => format!("    {what}: {after}\n"),
                Became::Removed => format!("    {what}: {before}\n"),
                Became::Changed => format!("    {what}: {before} -> {after}\n"),
            });
        }
    }
    output::text(text);
}
