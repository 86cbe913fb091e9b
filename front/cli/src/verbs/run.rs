//! `run`: create a container and run a command in it.

use std::process::ExitCode;

use casement_engine::api::{Request, Response, Streams};
use casement_engine::client::{Client, ClientError};
use casement_engine::engine::WaitCondition;
use casement_engine::{Container, ErrorKind, State};
use clap::Args;

use super::Outcome;
use super::container_flags::ContainerFlags;
use crate::failure::{EXIT_ENGINE, EXIT_GENERAL, Failure};
use crate::foreground::{self, Caught, Console, exit_status};
use crate::output;
use crate::silo::{EndLine, Silo, Target};
use crate::streams::{self, Joined, Pumps};
use crate::terminal;

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
        let settings = Box::new(self.container.settings()?);
        if self.detach {
            let request = Request::Run { settings, streams: Streams::default() };
            let (container, _) = started(client.request(&request), &self.container.words[0])?;
            output::line(container.id);
            return Ok(ExitCode::SUCCESS);
        }
        let stage = Stage::set(settings.config.tty, settings.config.open_stdin)?;
        let removed = settings.host_config.auto_remove;
        let request = Request::Run { settings, streams: stage.far.named() };
        let answer = client.request_with(&request, &stage.far.descriptors());
        let (container, directory) = started(answer, &self.container.words[0])?;
        stage.play(client, &container, &directory, removed)
    }
}

/// Everything that is made ready before a container starts in the foreground.
pub struct Stage {
    /// What the container gets.
    pub far: streams::FarEnds,
    near: Pumps,
    caught: Caught,
    console: Console,
    end: EndLine,
}

impl Stage {
    /// Makes the pipes and takes the signals.
    pub fn set(tty: bool, stdin: bool) -> Result<Self, Failure> {
        let console = if tty && stdin { Console::Terminal } else { Console::None };
        if console == Console::Terminal && !terminal::is_terminal(std::io::stdin()) {
            return Err(Failure::with_code("the input device is not a TTY", EXIT_GENERAL));
        }
        let failed = |error| Failure::with_code(format!("casement: cannot prepare the streams: {error}"), EXIT_ENGINE);
        let (mut far, near) = streams::join(Joined { stdin, stderr: !tty }).map_err(failed)?;
        let (end, silos) = EndLine::new().map_err(std::io::Error::other).map_err(failed)?;
        far.line = Some(silos);
        let caught = Caught::new().map_err(failed)?;
        Ok(Self { far, near, caught, console, end })
    }

    /// Stays with a started container until its end.
    pub fn play(self, client: &Client, container: &Container, directory: &std::path::Path, removed: bool) -> Outcome {
        // The container has its own copies; with ours open, its output would never end.
        drop(self.far);
        let key = container.id.as_str();
        let ended =
            foreground::foreground(Silo::connect(directory, key), Target::Main, self.console, self.near, self.caught);
        let condition = if removed { WaitCondition::Removed } else { WaitCondition::NotRunning };
        let recorded = wait(client, key, condition);
        if let Ok(state) = &recorded
            && !state.error.is_empty()
        {
            eprintln!("casement: {}", state.error);
        }
        // A silo host that has ended before it could be asked has answered what waited in the line. One that was killed has
        // not; then the daemon knows.
        let exit_code = match ended.or_else(|error| self.end.wait().map_err(|_| error)) {
            Ok(exit_code) => exit_code,
            Err(error) => recorded
                .ok()
                .map(|state| state.exit_code)
                .ok_or_else(|| Failure::with_code(format!("casement: {error:#}"), EXIT_ENGINE))?,
        };
        Ok(exit_status(exit_code))
    }
}

/// Waits until the daemon has recorded the end of a container.
fn wait(client: &Client, key: &str, condition: WaitCondition) -> Result<State, ClientError> {
    match client.request(&Request::Wait { container: key.to_owned(), condition })? {
        Response::State { state } => Ok(state),
        _ => Err(ClientError::Unexpected),
    }
}

/// The container that a request to start one brought, or the failure with Docker's texts and exit codes.
pub fn started(
    answer: Result<Response, ClientError>,
    image: &str,
) -> Result<(Box<Container>, std::path::PathBuf), Failure> {
    match answer {
        Ok(Response::Container { container, directory }) => Ok((container, directory)),
        Ok(_) => Err(Failure::of_start(ErrorKind::Internal, ClientError::Unexpected)),
        Err(error) if error.kind() == ErrorKind::NoSuchImage => {
            eprintln!("Unable to find image '{image}' locally");
            Err(Failure::of_start(error.kind(), error))
        }
        Err(error @ ClientError::NotRunning { .. }) => Err(Failure::of_start(error.kind(), error)),
        Err(error) => {
            Err(Failure::of_start(error.kind(), format!("{error}\n\nRun 'casement run --help' for more information")))
        }
    }
}
