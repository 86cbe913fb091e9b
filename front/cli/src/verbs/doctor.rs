//! `doctor`: say what this host offers, and what that means.

use clap::Args;

use super::Outcome;
use crate::arguments::Places;
use crate::failure::Failure;

/// Flags of `doctor`.
#[derive(Debug, Args)]
pub struct Doctor {}

impl Doctor {
    /// Prints the report.
    pub fn perform(self, _places: &Places) -> Outcome {
        Err(Failure::new("not yet"))
    }
}
