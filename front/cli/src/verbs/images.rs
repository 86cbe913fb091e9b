//! `images`: list images.

use std::process::ExitCode;

use casement_engine::api::{Request, Response};
use casement_engine::client::{Client, ClientError};
use clap::Args;

use super::Outcome;
use crate::output;
use crate::table;

/// Flags of `images`.
#[derive(Debug, Args)]
pub struct Images {
    /// Only ids
    #[arg(short = 'q', long)]
    quiet: bool,
    /// Whole ids
    #[arg(long)]
    no_trunc: bool,
}

impl Images {
    /// Prints the list.
    pub fn perform(self, client: &Client) -> Outcome {
        let Response::Images { images } = client.request(&Request::Images)? else {
            return Err(ClientError::Unexpected.into());
        };
        let now = jiff::Timestamp::now();
        let id = |id: &str| match id.strip_prefix("sha256:") {
            Some(digits) if !self.no_trunc => digits.chars().take(12).collect(),
            _ => id.to_owned(),
        };
        if self.quiet {
            images.iter().for_each(|image| output::line(id(&image.id)));
            return Ok(ExitCode::SUCCESS);
        }
        let created = |timestamp: &str| {
            if timestamp.is_empty() { "N/A".to_owned() } else { format!("{} ago", table::age(timestamp, now)) }
        };
        let rows: Vec<Vec<String>> = images
            .iter()
            .map(|image| {
                vec![
                    image.repository.clone(),
                    image.tag.clone(),
                    id(&image.id),
                    created(&image.created),
                    table::size(image.size),
                    image.os_version.clone(),
                ]
            })
            .collect();
        output::text(table::render(&["REPOSITORY", "TAG", "IMAGE ID", "CREATED", "SIZE", "OS VERSION"], &rows));
        Ok(ExitCode::SUCCESS)
    }
}
