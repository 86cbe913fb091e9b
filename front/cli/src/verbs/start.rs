//! `start`: start containers that do not run.

use casement_engine::api::{Request, Response, Streams};
use casement_engine::client::{Client, ClientError};
use casement_engine::{Container, ErrorKind};
use clap::Args;

use super::run::Stage;
use super::{Outcome, Said, for_each};
use crate::failure::Failure;

/// Flags of `start`.
#[derive(Debug, Args)]
pub struct Start {
    /// Stay with the container until its end
    #[arg(short = 'a', long)]
    attach: bool,
    /// Pass standard input to the container; implies --attach
    #[arg(short = 'i', long)]
    interactive: bool,
    /// Containers
    #[arg(required = true, value_name = "CONTAINER")]
    containers: Vec<String>,
}

impl Start {
    /// Starts the containers.
    pub fn perform(self, client: &Client) -> Outcome {
        if !self.attach && !self.interactive {
            return for_each(&self.containers, |name| {
                let request = Request::Start { container: name.to_owned(), streams: Streams::default() };
                match client.request(&request) {
                    Err(error) if error.kind() == ErrorKind::NotModified => Ok(Said::Name),
                    other => other.map(|_| Said::Name),
                }
            });
        }
        let [name] = self.containers.as_slice() else {
            return Err(Failure::new("you cannot start and attach multiple containers at once"));
        };
        let container = inspected(client, name)?;
        let stage = Stage::set(container.config.tty, self.interactive && container.config.open_stdin)?;
        let request = Request::Start { container: name.clone(), streams: stage.far.named() };
        match client.request_with(&request, &stage.far.descriptors())? {
            Response::Container { container, directory } => {
                stage.play(client, &container, &directory, container.host_config.auto_remove)
            }
            _ => Err(ClientError::Unexpected.into()),
        }
    }
}

fn inspected(client: &Client, name: &str) -> Result<Box<Container>, ClientError> {
    match client.request(&Request::Inspect { container: name.to_owned() })? {
        Response::Container { container, .. } => Ok(container),
        _ => Err(ClientError::Unexpected),
    }
}
