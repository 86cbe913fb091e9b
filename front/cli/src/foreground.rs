//! A process in the foreground: its streams joined to the command's, signals and window sizes passed on, its exit code waited for.

use std::io;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, Result};
use casement_schema::process::Signal;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGWINCH};
use signal_hook::iterator::Signals;

use crate::silo::{Silo, Target};
use crate::streams::Pumps;
use crate::terminal::{self, RawMode};

/// How many SIGINT and SIGTERM it takes until the command ends although its process does not, as in Docker.
const IMPATIENCE: u32 = 3;

/// Signals that wait to be passed on. Made before the process starts, so that none is lost.
pub struct Caught(Signals);

impl Caught {
    /// Takes the signals from now on; until [`foreground`] they are kept.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn new() -> io::Result<Self> {
        Signals::new([SIGINT, SIGTERM, SIGHUP, SIGWINCH]).map(Self)
    }
}

/// Whether the process has the caller's terminal as its console.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Console {
    /// It has: keys go to it as they are, and the size follows.
    Terminal,
    /// It has not.
    None,
}

/// Stays with the process until it has ended and all its output is written, and returns its exit code.
///
/// # Errors
/// When the terminal or the silo host fail; in the latter case the daemon may know more.
pub fn foreground(silo: Result<Silo>, target: Target, console: Console, pumps: Pumps, caught: Caught) -> Result<u32> {
    let silo = match silo {
        Ok(silo) => Arc::new(silo),
        Err(error) => {
            // Ended already; what it wrote is in the pipes.
            pumps.start().context("cannot copy the streams")?.finish();
            return Err(error);
        }
    };
    let raw = match console {
        Console::Terminal => Some(RawMode::enter().context("cannot put the terminal into raw mode")?),
        Console::None => None,
    };
    let outputs = pumps.start().context("cannot copy the streams")?;
    let handle = caught.0.handle();
    let passing = std::thread::Builder::new().name("signals".to_owned()).spawn({
        let silo = silo.clone();
        move || pass_on(caught, &silo, target)
    });
    passing.context("cannot pass on signals")?;
    let ended = silo.wait(target);
    outputs.finish();
    handle.close();
    drop(raw);
    ended
}

fn pass_on(mut caught: Caught, silo: &Silo, target: Target) {
    let mut asked = 0;
    for number in &mut caught.0 {
        let passed = match number {
            SIGWINCH => match terminal::size() {
                Some((height, width)) => silo.resize(target, height, width),
                None => Ok(()),
            },
            SIGINT => silo.signal(target, Signal::CtrlC),
            SIGHUP => silo.signal(target, Signal::CtrlClose),
            _ => silo.signal(target, Signal::CtrlShutdown),
        };
        if let Err(error) = passed {
            tracing::debug!(%error, number, "cannot pass on a signal");
        }
        if matches!(number, SIGINT | SIGTERM) {
            asked += 1;
            if asked >= IMPATIENCE {
                terminal::restore();
                eprintln!("casement: got {IMPATIENCE} SIGTERM/SIGINTs, forcefully exiting");
                std::process::exit(1);
            }
        }
    }
}

/// The command's exit status for a program's exit code: the low 8 bits, as Linux has no more. A code that would look like success and is not becomes 255.
pub fn exit_status(exit_code: u32) -> ExitCode {
    ExitCode::from(exit_status_byte(exit_code))
}

fn exit_status_byte(exit_code: u32) -> u8 {
    match (exit_code, exit_code as u8) {
        (0, _) => 0,
        (_, 0) => u8::MAX,
        (_, low) => low,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failure_never_looks_like_success() {
        assert_eq!(exit_status_byte(0), 0);
        assert_eq!(exit_status_byte(3), 3);
        assert_eq!(exit_status_byte(0xC000_013A), 0x3A);
        assert_eq!(exit_status_byte(256), 255);
        assert_eq!(exit_status_byte(u32::MAX), 255);
    }
}
