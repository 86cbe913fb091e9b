//! `silo-host`: run the silo host of one compute system.

use std::path::PathBuf;

use clap::Args;

use super::Outcome;
use crate::failure::Failure;

/// What the daemon passes.
#[derive(Debug, Args)]
pub struct SiloHost {
    /// Directory of the compute system
    directory: PathBuf,
}

impl SiloHost {
    /// Runs until the compute system has ended.
    pub fn perform(self) -> Outcome {
        Err(Failure::new(format!("not yet: {}", self.directory.display())))
    }
}
