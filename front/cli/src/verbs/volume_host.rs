//! `volume-host`: hold volume `C:` of a container that does not run.

use std::process::ExitCode;

use clap::Args;

use super::Outcome;
use crate::failure::Failure;

/// Everything comes by standard input, a socket.
#[derive(Debug, Args)]
pub struct VolumeHost {}

impl VolumeHost {
    /// Runs until nobody wants the volume any more.
    pub fn perform(self) -> Outcome {
        match casement_hcs::silo_host::volume::main() {
            Ok(()) => Ok(ExitCode::SUCCESS),
            Err(error) => Err(Failure::from(anyhow::Error::from(error))),
        }
    }
}
