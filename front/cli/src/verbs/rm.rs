//! `rm`: remove containers.

use casement_engine::ErrorKind;
use casement_engine::api::Request;
use casement_engine::client::Client;
use clap::Args;

use super::{Outcome, Said, done, for_each};

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
        for_each(&self.containers, |name| {
            let removed = done(client, &Request::Remove { container: name.to_owned(), force: self.force });
            match removed {
                Err(error) if self.force && error.kind() == ErrorKind::NoSuchContainer => {
                    Ok(Said::Warning(error.to_string()))
                }
                other => other,
            }
        })
    }
}
