//! `ps`: list containers.

use std::process::ExitCode;

use casement_engine::api::{Request, Response};
use casement_engine::client::{Client, ClientError};
use casement_engine::{Container, Status};
use clap::{Args, ValueEnum};
use serde_json::json;

use super::Outcome;
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
        let Response::Containers { containers } = client.request(&Request::List)? else {
            return Err(ClientError::Unexpected.into());
        };
        let shown = containers.iter().filter(|container| self.all || container.state.status == Status::Running);
        let now = jiff::Timestamp::now();
        let rows: Vec<Row> = shown.map(|container| Row::new(container, self.no_trunc, now)).collect();
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
    state: &'static str,
    status: String,
    name: String,
}

impl Row {
    fn new(container: &Container, whole: bool, now: jiff::Timestamp) -> Self {
        let command = container.command().join(" ");
        let command = if whole { command } else { table::shortened(&command, COMMAND_WIDTH) };
        Self {
            id: if whole { container.id.to_string() } else { container.id.short().to_owned() },
            image: container.image.clone(),
            command: format!("\"{command}\""),
            created_at: container.created.clone(),
            created: format!("{} ago", table::age(&container.created, now)),
            state: container.state.status.as_str(),
            status: status(container, now),
            name: container.name.to_string(),
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

/// The state in words: `Up 5 minutes`, `Exited (0) 3 seconds ago`.
fn status(container: &Container, now: jiff::Timestamp) -> String {
    let state = &container.state;
    match state.status {
        Status::Creating | Status::Created => "Created".to_owned(),
        Status::Starting => "Starting".to_owned(),
        Status::Running => format!("Up {}", table::age(&state.started_at, now)),
        Status::Paused => format!("Up {} (Paused)", table::age(&state.started_at, now)),
        Status::Restarting => format!("Restarting ({}) {} ago", state.exit_code, table::age(&state.finished_at, now)),
        Status::Exited => format!("Exited ({}) {} ago", state.exit_code, table::age(&state.finished_at, now)),
        Status::Removing => "Removal In Progress".to_owned(),
        Status::Dead => "Dead".to_owned(),
    }
}
