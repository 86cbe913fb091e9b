//! `inspect`: show the HCS document and the state of containers, as JSON.

use std::process::ExitCode;

use clap::Args;
use serde_json::Value;

use super::Outcome;
use crate::client::{Client, ClientError, named};
use crate::failure::{EXIT_GENERAL, Failure};
use crate::output;

/// Flags of `inspect`.
#[derive(Debug, Args)]
pub struct Inspect {
    /// Containers
    #[arg(required = true, value_name = "CONTAINER")]
    containers: Vec<String>,
}

impl Inspect {
    /// Prints one array with all containers that exist, as the daemon describes them.
    pub fn perform(self, client: &Client) -> Outcome {
        let mut code = ExitCode::SUCCESS;
        let mut found = Vec::new();
        for name in &self.containers {
            match client.wait_for(inspect(client, name)) {
                Ok(container) => found.push(container),
                Err(error) => {
                    eprintln!("{error}");
                    code = ExitCode::from(EXIT_GENERAL);
                }
            }
        }
        output::line(serde_json::to_string_pretty(&found).map_err(Failure::new)?);
        Ok(code)
    }
}

async fn inspect(client: &Client, container: &str) -> Result<Value, ClientError> {
    client.json(&format!("/containers/{}/json", named(container)?)).await
}
