//! What a verb reports when it fails: a message, and the exit code that Docker's client would have.

use std::fmt;

use casement_engine::ErrorKind;
use casement_engine::client::ClientError;

/// Exit code of `run` and `exec` when the engine, and not the program, failed; and of every bad flag.
pub const EXIT_ENGINE: u8 = 125;
/// Exit code of the other verbs.
pub const EXIT_GENERAL: u8 = 1;

/// A verb failed.
#[derive(Debug)]
pub struct Failure {
    message: String,
    exit_code: u8,
}

impl Failure {
    /// A failure with the exit code of an ordinary verb.
    pub fn new(message: impl fmt::Display) -> Self {
        Self { message: message.to_string(), exit_code: EXIT_GENERAL }
    }

    /// A failure with an exit code of its own.
    pub fn with_code(message: impl fmt::Display, exit_code: u8) -> Self {
        Self { message: message.to_string(), exit_code }
    }

    /// A failure to start a program: 125, 126 or 127 by its kind.
    pub fn of_start(kind: ErrorKind, message: impl fmt::Display) -> Self {
        Self { message: format!("casement: {message}"), exit_code: kind.exit_code() }
    }

    /// The exit code of the command.
    pub fn exit_code(&self) -> u8 {
        self.exit_code
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)
    }
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        Self::new(error)
    }
}

impl From<anyhow::Error> for Failure {
    /// The whole chain of causes in one line, none twice.
    fn from(error: anyhow::Error) -> Self {
        let mut message = error.to_string();
        for cause in error.chain().skip(1).map(ToString::to_string) {
            if !message.contains(&cause) {
                message = format!("{message}: {cause}");
            }
        }
        Self::new(message)
    }
}
