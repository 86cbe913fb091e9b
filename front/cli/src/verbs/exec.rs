//! `exec`: run a further command in a running container.

use std::path::PathBuf;
use std::process::ExitCode;

use casement_engine::ExecSettings;
use casement_engine::api::{Request, Response};
use casement_engine::client::{Client, ClientError};
use clap::Args;

use super::Outcome;
use crate::environment_file;
use crate::failure::{EXIT_ENGINE, EXIT_GENERAL, Failure};
use crate::foreground::{self, Caught, Console, exit_status};
use crate::silo::{Silo, Target};
use crate::streams::{self, FarEnds, Joined};
use crate::terminal;

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
        let console = if self.tty && self.interactive && !self.detach { Console::Terminal } else { Console::None };
        if console == Console::Terminal && !terminal::is_terminal(std::io::stdin()) {
            return Err(Failure::with_code("the input device is not a TTY", EXIT_GENERAL));
        }
        let refused = |error: casement_engine::Error| {
            Failure::of_start(error.kind(), format!("Error response from daemon: {error}"))
        };
        let failed = |error: anyhow::Error| Failure::with_code(format!("casement: {error:#}"), EXIT_ENGINE);
        let settings = ExecSettings {
            command: self.words.get(1..).unwrap_or_default().to_vec(),
            env: environment_file::variables(&self.env_file, &self.env).map_err(failed)?,
            working_dir: self.workdir.clone(),
            user: self.user.clone(),
            tty: self.tty,
            console_size: if self.tty { terminal::size() } else { None },
            open_stdin: self.interactive && !self.detach,
            detach: self.detach,
        };
        let stdin = settings.open_stdin;
        let request = Request::Exec { container: self.words[0].clone(), settings };
        let Response::Process { id, directory, process } = client.request(&request)? else {
            return Err(ClientError::Unexpected.into());
        };
        let caught = Caught::new().map_err(|error| failed(error.into()))?;
        let silo = Silo::connect(&directory, id.as_str()).map_err(failed)?;
        if self.detach {
            silo.execute(&process, FarEnds::default()).map_err(refused)?;
            return Ok(ExitCode::SUCCESS);
        }
        let (far, near) = streams::join(Joined { stdin, stderr: !self.tty }).map_err(|error| failed(error.into()))?;
        let pid = silo.execute(&process, far).map_err(refused)?;
        let exit_code =
            foreground::foreground(Ok(silo), Target::Process(pid), console, near, caught).map_err(failed)?;
        Ok(exit_status(exit_code))
    }
}
