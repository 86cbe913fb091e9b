//! `silo-host`: run the silo host of one compute system.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::Outcome;
use crate::failure::Failure;

/// What the daemon passes.
#[derive(Debug, Args)]
pub struct SiloHost {
    /// Directory of the compute system
    #[arg(long)]
    directory: PathBuf,
    /// Program file of the guest agent
    #[arg(long)]
    agent: PathBuf,
}

impl SiloHost {
    /// Runs until the compute system has ended.
    pub fn perform(self) -> Outcome {
        match casement_hcs::silo_host::main(&self.directory, &self.agent) {
            Ok(()) => Ok(ExitCode::SUCCESS),
            Err(error) => Err(Failure::from(anyhow::Error::from(error))),
        }
    }
}
