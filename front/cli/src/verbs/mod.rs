//! The verbs of `casement`, one file each.

pub mod base;
pub mod build;
pub mod container_flags;
pub mod create;
pub mod daemon;
pub mod exec;
pub mod hns;
pub mod image;
pub mod images;
pub mod inspect;
pub mod kill;
pub mod logs;
pub mod network_flags;
pub mod ps;
pub mod published_port;
pub mod pull;
pub mod push;
pub mod rm;
pub mod run;
pub mod runtime;
pub mod silo_host;
pub mod start;
pub mod stop;
pub mod version;
pub mod volume_host;
pub mod wait;

use std::process::ExitCode;

use crate::arguments::{Arguments, Verb};
use crate::client::{Client, ClientError};
use crate::failure::Failure;
use crate::output;

/// What a verb comes to.
pub type Outcome = Result<ExitCode, Failure>;

/// Does what the command line says.
pub fn dispatch(arguments: Arguments) -> Outcome {
    let places = arguments.places;
    let client = || Client::new(&places.run).map_err(Failure::new);
    match arguments.verb {
        Verb::Run(verb) => verb.perform(&client()?),
        Verb::Create(verb) => verb.perform(&client()?),
        Verb::Start(verb) => verb.perform(&client()?),
        Verb::Exec(verb) => verb.perform(&client()?),
        Verb::Ps(verb) => verb.perform(&client()?),
        Verb::Logs(verb) => verb.perform(&client()?),
        Verb::Stop(verb) => verb.perform(&client()?),
        Verb::Kill(verb) => verb.perform(&client()?),
        Verb::Rm(verb) => verb.perform(&client()?),
        Verb::Wait(verb) => verb.perform(&client()?),
        Verb::Inspect(verb) => verb.perform(&client()?),
        Verb::Build(verb) => verb.perform(&client()?),
        Verb::Pull(verb) => verb.perform(&client()?),
        Verb::Push(verb) => verb.perform(&client()?),
        Verb::Images(verb) => verb.perform(&client()?),
        Verb::Image(verb) => verb.perform(&places),
        Verb::Base(verb) => verb.perform(&places),
        Verb::Runtime(verb) => verb.perform(&places),
        Verb::Hns(verb) => verb.perform(&places),
        Verb::Doctor(flags) => Ok(crate::doctor::perform(&flags, &places.root)),
        Verb::Version(verb) => verb.perform(&client()?),
        Verb::Daemon(verb) => verb.perform(&places),
        Verb::SiloHost(verb) => verb.perform(),
        Verb::VolumeHost(verb) => verb.perform(),
    }
}

/// What is printed for a container when something was done with it.
enum Said {
    /// Its name, as it was typed.
    Name,
    /// This line.
    Line(String),
    /// This line, as a warning.
    Warning(String),
}

/// Does something for each container named, and goes on after a failure.
fn for_each(
    client: &Client,
    names: &[String],
    mut work: impl AsyncFnMut(&str) -> Result<Said, ClientError>,
) -> Outcome {
    let mut code = ExitCode::SUCCESS;
    for name in names {
        match client.wait_for(work(name)) {
            Ok(Said::Name) => output::line(name),
            Ok(Said::Line(line)) => output::line(line),
            Ok(Said::Warning(line)) => eprintln!("{line}"),
            Err(error) => {
                eprintln!("{error}");
                code = ExitCode::from(crate::failure::EXIT_GENERAL);
            }
        }
    }
    Ok(code)
}
