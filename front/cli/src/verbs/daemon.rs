//! `daemon`: run the daemon.

use clap::Args;

use super::Outcome;
use crate::arguments::Places;
use crate::failure::Failure;

/// `daemon` has no flags of its own.
#[derive(Debug, Args)]
pub struct Daemon {}

impl Daemon {
    /// Serves until it is killed, which it may be at any time.
    pub fn perform(self, _places: &Places) -> Outcome {
        Err(Failure::new("not yet"))
    }
}
