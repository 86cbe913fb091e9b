//! `stop`: ask containers to end, and end them after a time.

use casement_engine::api::Request;
use casement_engine::client::Client;
use clap::Args;

use super::{Outcome, done, for_each};

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
    timeout: Option<i64>,
    /// Containers
    #[arg(required = true, value_name = "CONTAINER")]
    containers: Vec<String>,
}

impl Stop {
    /// Stops the containers.
    pub fn perform(self, client: &Client) -> Outcome {
        for_each(&self.containers, |name| {
            done(client, &Request::Stop { container: name.to_owned(), timeout: self.timeout })
        })
    }
}
