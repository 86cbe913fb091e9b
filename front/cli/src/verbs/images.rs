//! `images`: list images.

use std::process::ExitCode;

use bollard::query_parameters::ListImagesOptions;
use casement_engine::id::SHORT_ID_DIGITS;
use clap::Args;

use super::Outcome;
use crate::client::{Client, ClientError};
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
        let rows = client.wait_for(rows(client))?;
        let id = |id: &str| match id.strip_prefix("sha256:") {
            Some(digits) if !self.no_trunc => digits.chars().take(SHORT_ID_DIGITS).collect(),
            _ => id.to_owned(),
        };
        if self.quiet {
            rows.iter().for_each(|row| output::line(id(&row.id)));
            return Ok(ExitCode::SUCCESS);
        }
        let cells: Vec<Vec<String>> = rows
            .into_iter()
            .map(|row| vec![row.repository, row.tag, id(&row.id), row.created, row.size, row.os_version])
            .collect();
        output::text(table::render(&["REPOSITORY", "TAG", "IMAGE ID", "CREATED", "SIZE", "OS VERSION"], &cells));
        Ok(ExitCode::SUCCESS)
    }
}

/// One name of an image in the list.
struct Row {
    repository: String,
    tag: String,
    id: String,
    created: String,
    size: String,
    os_version: String,
}

/// A row for each name, in the daemon's order.
async fn rows(client: &Client) -> Result<Vec<Row>, ClientError> {
    let images = client.docker().list_images(None::<ListImagesOptions>).await.map_err(|error| client.error(error))?;
    let now = jiff::Timestamp::now();
    let mut rows = Vec::new();
    for image in images {
        let details = client.docker().inspect_image(&image.id).await.map_err(|error| client.error(error))?;
        let created = match jiff::Timestamp::from_second(image.created) {
            Ok(created) if image.created > 0 => format!("{} ago", table::age(&created.to_string(), now)),
            _ => "N/A".to_owned(),
        };
        let unnamed = ["<none>:<none>".to_owned()];
        let names = if image.repo_tags.is_empty() { &unnamed[..] } else { &image.repo_tags };
        rows.extend(names.iter().map(|name| {
            let (repository, tag) = name.rsplit_once(':').unwrap_or((name, "<none>"));
            Row {
                repository: repository.to_owned(),
                tag: tag.to_owned(),
                id: image.id.clone(),
                created: created.clone(),
                size: table::size(u64::try_from(image.size).unwrap_or(0)),
                os_version: details.os_version.clone().unwrap_or_default(),
            }
        }));
    }
    Ok(rows)
}
