//! `version`: show the versions of command and daemon.

use std::process::ExitCode;

use casement_engine::api::{Request, Response};
use casement_engine::client::{Client, ClientError};
use clap::Args;

use super::Outcome;
use crate::output;

/// `version` has no flags.
#[derive(Debug, Args)]
pub struct Version {}

impl Version {
    /// Prints both versions; without a daemon only the command's, and fails.
    pub fn perform(self, client: &Client) -> Outcome {
        output::line(format_args!("Client:\n Version: {}", env!("CARGO_PKG_VERSION")));
        match client.request(&Request::Version)? {
            Response::Version { version, pid, root } => {
                output::line(format_args!(
                    "Server:\n Version: {version}\n Process: {pid}\n Root:    {}",
                    root.display()
                ));
                Ok(ExitCode::SUCCESS)
            }
            _ => Err(ClientError::Unexpected.into()),
        }
    }
}
