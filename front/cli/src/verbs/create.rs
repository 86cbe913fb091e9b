//! `create`: create a container without starting it.

use std::process::ExitCode;

use bollard::models::ContainerCreateBody;
use bollard::query_parameters::CreateContainerOptionsBuilder;
use clap::Args;

use super::Outcome;
use super::container_flags::ContainerFlags;
use crate::client::{Client, ClientError};
use crate::failure::Failure;
use crate::output;

/// Flags of `create`.
#[derive(Debug, Args)]
pub struct Create {
    #[command(flatten)]
    container: ContainerFlags,
}

impl Create {
    /// Creates the container and prints its id.
    pub fn perform(self, client: &Client) -> Outcome {
        let body = self.container.body(self.container.interactive)?;
        output::line(client.wait_for(created(client, &self.container, body))?);
        Ok(ExitCode::SUCCESS)
    }
}

/// Creates a container and returns its id.
///
/// # Errors
/// With Docker's texts and exit codes.
pub async fn created(client: &Client, flags: &ContainerFlags, body: ContainerCreateBody) -> Result<String, Failure> {
    let options = flags.name.as_ref().map(|name| CreateContainerOptionsBuilder::new().name(name.as_str()).build());
    match client.docker().create_container(options, body).await.map_err(|error| client.error(error)) {
        Ok(created) => {
            created.warnings.iter().for_each(|warning| eprintln!("WARNING: {warning}"));
            Ok(created.id)
        }
        Err(error @ ClientError::Refused { .. }) => {
            if error.is_not_found() && error.to_string().contains("No such image") {
                eprintln!("Unable to find image '{}' locally", flags.words[0]);
            }
            Err(Failure::of_start(&error))
        }
        Err(error) => Err(Failure::of_start(&error)),
    }
}
