//! `exec`: run a further command in a running container.

use std::path::PathBuf;
use std::process::ExitCode;

use bollard::models::ExecConfig;
use bollard::query_parameters::ResizeExecOptionsBuilder;
use bytes::Bytes;
use clap::Args;
use serde_json::json;

use super::Outcome;
use crate::client::{Client, ClientError, named};
use crate::environment_file;
use crate::failure::{EXIT_ENGINE, Failure};
use crate::foreground::{copy, exit_status};
use crate::session::Kind;
use crate::streams::{Input, Printer};
use crate::terminal::{self, RawMode};

/// Flags of `exec`.
#[derive(Debug, Args)]
pub struct Exec {
    /// Run in the background
    #[arg(short = 'd', long)]
    detach: bool,
    /// Pass standard input to the command
    #[arg(short = 'i', long)]
    interactive: bool,
    /// Give the command a console
    #[arg(short = 't', long)]
    tty: bool,
    /// Set a variable; without a value, take it from the caller's environment
    #[arg(short = 'e', long = "env", value_name = "NAME[=VALUE]")]
    env: Vec<String>,
    /// Read variables from a file, one a line
    #[arg(long, value_name = "FILE")]
    env_file: Vec<PathBuf>,
    /// Working directory; the container's when left out
    #[arg(short = 'w', long, value_name = "DIR")]
    workdir: Option<String>,
    /// User; the container's when left out
    #[arg(short = 'u', long, value_name = "USER")]
    user: Option<String>,
    /// Container, then the command and its arguments
    #[arg(required = true, num_args = 2.., trailing_var_arg = true, value_names = ["CONTAINER", "COMMAND"])]
    words: Vec<String>,
}

impl Exec {
    /// Runs the command.
    pub fn perform(self, client: &Client) -> Outcome {
        let kind = Kind { tty: self.tty, stdin: self.interactive && !self.detach, removed: false }.checked()?;
        let failed = |error: anyhow::Error| Failure::with_code(format!("casement: {error:#}"), EXIT_ENGINE);
        let size = if self.tty { terminal::size() } else { None };
        let config = ExecConfig {
            attach_stdin: Some(kind.stdin),
            attach_stdout: Some(!self.detach),
            attach_stderr: Some(!self.detach),
            console_size: size.map(|(height, width)| vec![height.into(), width.into()]),
            tty: Some(self.tty),
            env: Some(environment_file::variables(&self.env_file, &self.env).map_err(failed)?),
            cmd: Some(self.words.get(1..).unwrap_or_default().to_vec()),
            user: self.user,
            working_dir: self.workdir,
            ..ExecConfig::default()
        };
        client.wait_for(async {
            let created = client.docker().create_exec(named(&self.words[0])?, config).await;
            let id = created.map_err(|error| client.error(error))?.id;
            let body = |detach: bool| Bytes::from(json!({ "Detach": detach, "Tty": kind.tty }).to_string());
            let path = format!("/exec/{id}/start");
            if self.detach {
                client.post(&path, body(true)).await.map_err(|error| Failure::of_start(&error))?;
                return Ok(ExitCode::SUCCESS);
            }
            let raw = if kind.tty && kind.stdin {
                Some(RawMode::enter().map_err(|error| failed(error.into()))?)
            } else {
                None
            };
            let mut input =
                if kind.stdin { Input::start() } else { Ok(Input::ended()) }.map_err(|error| failed(error.into()))?;
            let mut printer = Printer::start().map_err(|error| failed(error.into()))?;
            let stream = client.upgrade(&path, body(false)).await?;
            tokio::select! {
                _ = copy(stream, kind.tty, &mut input, &mut printer) => {}
                error = pass_sizes_on(client, &id) => return Err(failed(error.into())),
            }
            drop(printer);
            drop(raw);
            match client.docker().inspect_exec(&id).await.map_err(|error| client.error(error)) {
                // Nothing: the user has left it.
                Ok(exec) => Ok(exit_status(exec.exit_code.and_then(|code| u32::try_from(code).ok()).unwrap_or(0))),
                Err(error) => Err(Failure::with_code(
                    match error {
                        ClientError::Refused { .. } => format!("casement: {error}"),
                        gone => format!("casement: {gone}; the command goes on in its container"),
                    },
                    EXIT_ENGINE,
                )),
            }
        })
    }
}

/// Passes the terminal's size on whenever it changes.
async fn pass_sizes_on(client: &Client, id: &str) -> std::io::Error {
    let mut changes = match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::window_change()) {
        Ok(changes) => changes,
        Err(error) => return error,
    };
    loop {
        changes.recv().await;
        if let Some((height, width)) = terminal::size() {
            let options = ResizeExecOptionsBuilder::new().h(height.into()).w(width.into()).build();
            if let Err(error) = client.docker().resize_exec(id, options).await {
                tracing::debug!(%error, "cannot pass on the terminal's size");
            }
        }
    }
}
