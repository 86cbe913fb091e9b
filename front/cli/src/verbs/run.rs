//! `run`: create a container and run a command in it.

use std::process::ExitCode;

use clap::Args;

use super::container_flags::ContainerFlags;
use super::create::created;
use super::{Outcome, start::started};
use crate::client::Client;
use crate::failure::Failure;
use crate::foreground::exit_status;
use crate::output;
use crate::session::{self, Kind, Session};

/// Flags of `run`.
#[derive(Debug, Args)]
pub struct Run {
    /// Run in the background and print the container's id
    #[arg(short = 'd', long)]
    detach: bool,
    #[command(flatten)]
    container: ContainerFlags,
}

impl Run {
    /// Runs the container.
    pub fn perform(self, client: &Client) -> Outcome {
        let Self { detach, container: flags } = self;
        let kind = Kind { tty: flags.tty, stdin: flags.interactive && !detach, removed: flags.rm }.checked()?;
        let body = flags.body(kind.stdin)?;
        client.wait_for(async {
            let id = created(client, &flags, body).await?;
            let refused = |error| Failure::of_start(&error);
            if detach {
                started(client, &id).await.map_err(refused)?;
                output::line(id);
                return Ok(ExitCode::SUCCESS);
            }
            let session = Session::open(client, &id, kind).await.map_err(refused)?;
            started(client, &id).await.map_err(refused)?;
            exit(session.play().await?)
        })
    }
}

/// The exit status of a session.
pub fn exit(outcome: session::Outcome) -> Outcome {
    match outcome {
        session::Outcome::Ended(exit_code) => Ok(exit_status(exit_code)),
        session::Outcome::Detached => Ok(ExitCode::SUCCESS),
    }
}
