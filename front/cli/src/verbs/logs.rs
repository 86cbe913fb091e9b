//! `logs`: show what a container has written.

use std::process::ExitCode;

use casement_engine::Status;
use casement_engine::api::{Request, Response};
use casement_engine::client::{Client, ClientError};
use clap::Args;

use super::Outcome;
use crate::failure::Failure;
use crate::log_stream::{self, Shape};

/// Flags of `logs`.
#[derive(Debug, Args)]
pub struct Logs {
    /// Go on until the container has ended
    #[arg(short = 'f', long)]
    follow: bool,
    /// Begin with the last entries: a number, or all
    #[arg(short = 'n', long, value_name = "NUMBER", default_value = "all", value_parser = tail)]
    tail: Tail,
    /// Show when each line was written
    #[arg(short = 't', long)]
    timestamps: bool,
    /// Container
    container: String,
}

/// Where to begin: all entries, or the last so many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tail {
    All,
    Last(u64),
}

fn tail(text: &str) -> Result<Tail, String> {
    match text.parse::<i64>() {
        _ if text == "all" => Ok(Tail::All),
        Ok(number) => Ok(u64::try_from(number).map_or(Tail::All, Tail::Last)),
        Err(_) => Err("a number, or all, is wanted".to_owned()),
    }
}

impl Logs {
    /// Prints the log.
    pub fn perform(self, client: &Client) -> Outcome {
        let Response::Container { container, directory } =
            client.request(&Request::Inspect { container: self.container })?
        else {
            return Err(ClientError::Unexpected.into());
        };
        let shape = Shape { timestamps: self.timestamps, console: container.config.tty };
        let last = match self.tail {
            Tail::All => None,
            Tail::Last(count) => Some(count),
        };
        let follow = self.follow && container.state.status == Status::Running;
        let failed = |error: anyhow::Error| Failure::from(error.context("cannot show the log"));
        if follow {
            log_stream::follow(&directory, container.id.as_str(), last, shape).map_err(failed)?;
        } else {
            log_stream::show(&directory, last, shape).map_err(failed)?;
        }
        Ok(ExitCode::SUCCESS)
    }
}
