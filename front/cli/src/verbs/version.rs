//! `version`: show the versions of command and daemon.

use std::process::ExitCode;

use clap::Args;

use super::Outcome;
use crate::client::Client;
use crate::output;

/// `version` has no flags.
#[derive(Debug, Args)]
pub struct Version {}

impl Version {
    /// Prints both versions; without a daemon only the command's, and fails.
    pub fn perform(self, client: &Client) -> Outcome {
        output::line(format_args!("Client:\n Version: {}", env!("CARGO_PKG_VERSION")));
        let version = client.wait_for(client.docker().version()).map_err(|error| client.error(error))?;
        output::line(format_args!(
            "Server:\n Version: {}\n API:     {} (from {})\n Kernel:  {}",
            version.version.unwrap_or_default(),
            version.api_version.unwrap_or_default(),
            version.min_api_version.unwrap_or_default(),
            version.kernel_version.unwrap_or_default(),
        ));
        Ok(ExitCode::SUCCESS)
    }
}
