//! `stop`: ask containers to end, and end them after a time.

use bollard::query_parameters::StopContainerOptionsBuilder;
use clap::Args;

use super::{Outcome, Said, for_each};
use crate::client::{Client, named};

/// Flags of `stop`.
#[derive(Debug, Args)]
pub struct Stop {
    /// Seconds until the containers are terminated; -1: never
    #[arg(
        short = 't',
        long = "timeout",
        visible_alias = "time",
        value_name = "SECONDS",
        allow_negative_numbers = true
    )]
    timeout: Option<i32>,
    /// Containers
    #[arg(required = true, value_name = "CONTAINER")]
    containers: Vec<String>,
}

impl Stop {
    /// Stops the containers.
    pub fn perform(self, client: &Client) -> Outcome {
        let options = self.timeout.map(|seconds| StopContainerOptionsBuilder::new().t(seconds).build());
        for_each(client, &self.containers, async |name| {
            let stopped = client.docker().stop_container(named(name)?, options.clone()).await;
            stopped.map(|()| Said::Name).map_err(|error| client.error(error))
        })
    }
}
