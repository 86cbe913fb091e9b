//! `wait`: wait until containers have ended and print their exit codes.

use clap::Args;
use hyper::Method;

use super::{Outcome, Said, for_each};
use crate::client::{Client, named};
use crate::session::read_end;

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
        for_each(client, &self.containers, async |name| {
            let answer = client.ask(Method::POST, &format!("/containers/{}/wait", named(name)?)).await?;
            Ok(Said::Line(read_end(answer).await?.status_code.to_string()))
        })
    }
}
