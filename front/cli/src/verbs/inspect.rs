//! `inspect`: show the HCS document and the state of containers, as JSON.

use std::process::ExitCode;

use casement_engine::api::{Request, Response};
use casement_engine::client::{Client, ClientError};
use casement_engine::inspect::view;
use clap::Args;
use serde_json::Value;

use super::Outcome;
use crate::failure::EXIT_GENERAL;

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
        let mut views = Vec::new();
        for name in self.containers {
            match inspect(client, name) {
                Ok(view) => views.push(view),
                Err(error) => {
                    eprintln!("{error}");
                    code = ExitCode::from(EXIT_GENERAL);
                }
            }
        }
        println!("{:#}", Value::Array(views));
        Ok(code)
    }
}

fn inspect(client: &Client, container: String) -> Result<Value, ClientError> {
    match client.request(&Request::Inspect { container })? {
        Response::Container { container, directory } => Ok(view(&container, &directory)),
        _ => Err(ClientError::Unexpected),
    }
}
