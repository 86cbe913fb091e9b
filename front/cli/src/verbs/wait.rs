//! `wait`: wait until containers have ended and print their exit codes.

use casement_engine::api::{Request, Response};
use casement_engine::client::{Client, ClientError};
use casement_engine::engine::WaitCondition;
use clap::Args;

use super::{Outcome, Said, for_each};

/// Flags of `wait`.
#[derive(Debug, Args)]
pub struct Wait {
    /// Containers
    #[arg(required = true, value_name = "CONTAINER")]
    containers: Vec<String>,
}

impl Wait {
    /// Waits and prints all 32 bits of each exit code.
    pub fn perform(self, client: &Client) -> Outcome {
        for_each(&self.containers, |name| {
            let request = Request::Wait { container: name.to_owned(), condition: WaitCondition::NotRunning };
            match client.request(&request)? {
                Response::State { state } => Ok(Said::Line(state.exit_code.to_string())),
                _ => Err(ClientError::Unexpected),
            }
        })
    }
}
