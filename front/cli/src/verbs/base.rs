//! `base`: make base images.

use clap::Args;

use super::Outcome;
use crate::arguments::Places;
use crate::failure::Failure;

/// Flags of `base`.
#[derive(Debug, Args)]
pub struct Base {}

impl Base {
    /// Makes the images.
    pub fn perform(self, _places: &Places) -> Outcome {
        Err(Failure::new("not yet"))
    }
}
