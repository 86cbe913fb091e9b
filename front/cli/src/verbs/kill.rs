//! `kill`: end containers, or send them another signal.

use bollard::query_parameters::KillContainerOptionsBuilder;
use clap::Args;

use super::{Outcome, Said, for_each};
use crate::client::{Client, named};

/// Flags of `kill`.
#[derive(Debug, Args)]
pub struct Kill {
    /// Signal: KILL ends the container, every other one is a shutdown event
    #[arg(short = 's', long, default_value = "KILL")]
    signal: String,
    /// Containers
    #[arg(required = true, value_name = "CONTAINER")]
    containers: Vec<String>,
}

impl Kill {
    /// Sends the signal.
    pub fn perform(self, client: &Client) -> Outcome {
        let options = KillContainerOptionsBuilder::new().signal(&self.signal).build();
        for_each(client, &self.containers, async |name| {
            let killed = client.docker().kill_container(named(name)?, Some(options.clone())).await;
            killed.map(|()| Said::Name).map_err(|error| client.error(error))
        })
    }
}
