//! `casement`: Windows containers on Linux. One binary: the command, the daemon and the silo host.

#![deny(unsafe_code)]

mod arguments;
mod build_context;
mod client;
mod config_file;
mod doctor;
mod environment_file;
mod failure;
mod foreground;
mod frames;
mod output;
mod parts;
mod progress;
mod registry_account;
mod session;
mod streams;
mod table;
mod terminal;
mod verbs;

use std::process::ExitCode;

use clap::Parser;
use tracing_subscriber::EnvFilter;

use crate::arguments::{Arguments, Verb};
use crate::failure::Failure;

/// Variable with the filter of what is written to standard error, such as `casement_engine=debug`.
const LOG_VARIABLE: &str = "CASEMENT_LOG";

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            // Help and version are "errors" of clap that go to standard output.
            let _ = error.print();
            return if error.use_stderr() { ExitCode::from(failure::EXIT_ENGINE) } else { ExitCode::SUCCESS };
        }
    };
    start_log(&arguments.verb);
    match verbs::dispatch(arguments) {
        Ok(code) => code,
        Err(failure) => report(&failure),
    }
}

fn report(failure: &Failure) -> ExitCode {
    eprintln!("{failure}");
    ExitCode::from(failure.exit_code())
}

/// The daemon tells what it does; the command speaks only when asked to.
fn start_log(verb: &Verb) {
    let default =
        if matches!(verb, Verb::Daemon(_) | Verb::SiloHost(_) | Verb::VolumeHost(_)) { "info" } else { "error" };
    let filter = EnvFilter::try_from_env(LOG_VARIABLE).unwrap_or_else(|_| EnvFilter::new(default));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_target(false).init();
}
