//! `runtime`: make the runtime.

use clap::Args;

use super::Outcome;
use crate::arguments::Places;
use crate::failure::Failure;

/// Flags of `runtime`.
#[derive(Debug, Args)]
pub struct Runtime {}

impl Runtime {
    /// Makes the runtime.
    pub fn perform(self, _places: &Places) -> Outcome {
        Err(Failure::new("not yet"))
    }
}
