//! `inspect`: show the HCS document and the state of containers, as JSON.

use std::path::PathBuf;
use std::process::ExitCode;

use casement_engine::Container;
use casement_engine::api::{Request, Response};
use casement_engine::client::{Client, ClientError};
use casement_engine::inspect::View;
use clap::Args;

use super::Outcome;
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
    /// Prints one array with all containers that exist.
    pub fn perform(self, client: &Client) -> Outcome {
        let mut code = ExitCode::SUCCESS;
        let mut found = Vec::new();
        for name in self.containers {
            match inspect(client, name) {
                Ok(container) => found.push(container),
                Err(error) => {
                    eprintln!("{error}");
                    code = ExitCode::from(EXIT_GENERAL);
                }
            }
        }
        let views: Vec<View<'_>> = found.iter().map(|(container, directory)| View::new(container, directory)).collect();
        output::line(serde_json::to_string_pretty(&views).map_err(Failure::new)?);
        Ok(code)
    }
}

fn inspect(client: &Client, container: String) -> Result<(Box<Container>, PathBuf), ClientError> {
    match client.request(&Request::Inspect { container })? {
        Response::Container { container, directory } => Ok((container, directory)),
        _ => Err(ClientError::Unexpected),
    }
}
