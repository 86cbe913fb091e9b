//! `rm`: remove containers.

use bollard::query_parameters::RemoveContainerOptionsBuilder;
use clap::Args;

use super::{Outcome, Said, for_each};
use crate::client::{Client, named};

/// Flags of `rm`.
#[derive(Debug, Args)]
pub struct Rm {
    /// Also containers that run; containers that do not exist are no failure
    #[arg(short = 'f', long)]
    force: bool,
    /// Containers
    #[arg(required = true, value_name = "CONTAINER")]
    containers: Vec<String>,
}

impl Rm {
    /// Removes the containers.
    pub fn perform(self, client: &Client) -> Outcome {
        let options = RemoveContainerOptionsBuilder::new().force(self.force).build();
        for_each(client, &self.containers, async |name| {
            let removed = client.docker().remove_container(named(name)?, Some(options.clone())).await;
            match removed.map_err(|error| client.error(error)) {
                Ok(()) => Ok(Said::Name),
                Err(error) if self.force && error.is_not_found() => Ok(Said::Warning(error.to_string())),
                Err(error) => Err(error),
            }
        })
    }
}
