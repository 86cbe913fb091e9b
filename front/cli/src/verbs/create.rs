//! `create`: create a container without starting it.

use std::process::ExitCode;

use casement_engine::api::Request;
use casement_engine::client::Client;
use clap::Args;

use super::Outcome;
use super::container_flags::ContainerFlags;
use super::run::started;
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
        let settings = Box::new(self.container.settings()?);
        let (container, _) = started(client.request(&Request::Create { settings }), &self.container.words[0])?;
        output::line(container.id);
        Ok(ExitCode::SUCCESS)
    }
}
