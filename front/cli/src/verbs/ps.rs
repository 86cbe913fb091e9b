//! `ps`: list containers.

use std::process::ExitCode;

use bollard::models::ContainerSummary;
use bollard::query_parameters::ListContainersOptionsBuilder;
use casement_engine::id::SHORT_ID_DIGITS;
use clap::{Args, ValueEnum};
use serde_json::json;

use super::Outcome;
use crate::client::Client;
use crate::output;
use crate::table;

/// Characters of a command in the table.
const COMMAND_WIDTH: usize = 20;

/// Flags of `ps`.
#[derive(Debug, Args)]
pub struct Ps {
    /// Also those that do not run
    #[arg(short = 'a', long)]
    all: bool,
    /// Only ids
    #[arg(short = 'q', long)]
    quiet: bool,
    /// Whole ids and commands
    #[arg(long)]
    no_trunc: bool,
    /// Form of the list
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

/// Forms of the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Columns
    Table,
    /// One JSON object a line
    Json,
}

impl Ps {
    /// Prints the list.
    pub fn perform(self, client: &Client) -> Outcome {
        let options = ListContainersOptionsBuilder::new().all(self.all).build();
        let listed = client.wait_for(client.docker().list_containers(Some(options)));
        let now = jiff::Timestamp::now();
        let containers = listed.map_err(|error| client.error(error))?;
        let rows: Vec<Row> = containers.into_iter().map(|container| Row::new(container, self.no_trunc, now)).collect();
        match self.format {
            _ if self.quiet => rows.iter().for_each(|row| output::line(&row.id)),
            Format::Json => rows.iter().for_each(|row| output::line(row.json())),
            Format::Table => {
                let headings = ["CONTAINER ID", "IMAGE", "COMMAND", "CREATED", "STATUS", "PORTS", "NAMES"];
                let cells: Vec<_> = rows.into_iter().map(Row::cells).collect();
                output::text(table::render(&headings, &cells));
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// One container in the list.
struct Row {
    id: String,
    image: String,
    command: String,
    created_at: String,
    created: String,
    state: String,
    status: String,
    name: String,
}

impl Row {
    fn new(container: ContainerSummary, whole: bool, now: jiff::Timestamp) -> Self {
        let (id, command) = (container.id.unwrap_or_default(), container.command.unwrap_or_default());
        let command = if whole { command } else { table::shortened(&command, COMMAND_WIDTH) };
        let created_at = container.created.and_then(|seconds| jiff::Timestamp::from_second(seconds).ok());
        let created_at = created_at.map(|created| created.to_string()).unwrap_or_default();
        let names = container.names.unwrap_or_default();
        Self {
            id: if whole { id } else { id.chars().take(SHORT_ID_DIGITS).collect() },
            image: container.image.unwrap_or_default(),
            command: format!("\"{command}\""),
            created: format!("{} ago", table::age(&created_at, now)),
            created_at,
            state: container.state.map(|state| state.to_string()).unwrap_or_default(),
            status: container.status.unwrap_or_default(),
            name: names.first().map(|name| name.trim_start_matches('/').to_owned()).unwrap_or_default(),
        }
    }

    fn cells(self) -> Vec<String> {
        vec![self.id, self.image, self.command, self.created, self.status, String::new(), self.name]
    }

    fn json(&self) -> serde_json::Value {
        json!({
            "ID": self.id, "Image": self.image, "Command": self.command, "CreatedAt": self.created_at,
            "RunningFor": self.created, "Ports": "", "State": self.state, "Status": self.status, "Names": self.name,
        })
    }
}
