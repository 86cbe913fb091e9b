//! `kill`: end containers, or send them another signal.

use casement_engine::api::{KillSignal, Request};
use casement_engine::client::Client;
use clap::Args;

use super::{Outcome, done, for_each};

/// Signal names that are understood; on Windows all but KILL mean a shutdown event.
const SIGNALS: &[&str] = &[
    "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2", "PIPE", "ALRM", "TERM",
];

/// Flags of `kill`.
#[derive(Debug, Args)]
pub struct Kill {
    /// Signal: KILL ends the container, every other one is a shutdown event
    #[arg(short = 's', long, default_value = "KILL", value_parser = signal)]
    signal: KillSignal,
    /// Containers
    #[arg(required = true, value_name = "CONTAINER")]
    containers: Vec<String>,
}

fn signal(text: &str) -> Result<KillSignal, String> {
    let upper = text.to_ascii_uppercase();
    let name = upper.strip_prefix("SIG").unwrap_or(&upper);
    let number = name.parse::<usize>().ok();
    let known = number.is_some_and(|number| (1..=SIGNALS.len()).contains(&number)) || SIGNALS.contains(&name);
    match name {
        "KILL" | "9" => Ok(KillSignal::Terminate),
        _ if known => Ok(KillSignal::Shutdown),
        _ => Err(format!("Invalid signal: {text}")),
    }
}

impl Kill {
    /// Sends the signal.
    pub fn perform(self, client: &Client) -> Outcome {
        for_each(&self.containers, |name| {
            done(client, &Request::Kill { container: name.to_owned(), signal: self.signal })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_kill_terminates() {
        for text in ["KILL", "SIGKILL", "kill", "9"] {
            assert_eq!(signal(text), Ok(KillSignal::Terminate));
        }
        for text in ["TERM", "sigint", "15", "1"] {
            assert_eq!(signal(text), Ok(KillSignal::Shutdown));
        }
        for text in ["", "NONSENSE", "0", "99", "-9"] {
            assert!(signal(text).is_err(), "{text}");
        }
    }
}
