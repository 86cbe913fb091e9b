//! How a verb fails: a message, and the exit code that Docker's client would have.

use std::fmt;

use crate::client::ClientError;

/// Exit code of `run` and `exec` when the engine, and not the program, failed; and of every bad flag.
pub const EXIT_ENGINE: u8 = 125;
/// Exit code of the other verbs.
pub const EXIT_GENERAL: u8 = 1;
/// Exit code when the program cannot be executed.
const EXIT_NOT_EXECUTABLE: u8 = 126;
/// Exit code when the program does not exist.
const EXIT_NOT_FOUND: u8 = 127;

/// What the daemon's message ends with when a program does not exist: file, path, drive.
const NOT_FOUND: [&str; 3] = ["(0x2)", "(0x3)", "(0xf)"];
/// What it ends with when it exists and cannot be executed: access denied, not a program, not for this machine.
const NOT_EXECUTABLE: [&str; 3] = ["(0x5)", "(0xc1)", "(0xd8)"];

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

    /// A failure to start a program: 125, 126 or 127 by what the daemon says, as Docker's client reads it.
    pub fn of_start(error: &ClientError) -> Self {
        let text = error.to_string();
        let help = if matches!(error, ClientError::NotRunning { .. }) {
            ""
        } else {
            "\n\nRun 'casement run --help' for more information"
        };
        Self { message: format!("casement: {text}{help}"), exit_code: exit_code_of_start(&text) }
    }

    /// The exit code of the command.
    pub fn exit_code(&self) -> u8 {
        self.exit_code
    }
}

fn exit_code_of_start(text: &str) -> u8 {
    let ends_with =
        |codes: &[&str]| text.contains("hcs::System::CreateProcess") && codes.iter().any(|code| text.ends_with(code));
    match text {
        _ if ends_with(&NOT_FOUND) => EXIT_NOT_FOUND,
        _ if ends_with(&NOT_EXECUTABLE) => EXIT_NOT_EXECUTABLE,
        _ => EXIT_ENGINE,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exit_codes_of_failed_starts_are_dockers() {
        let text =
            |end: &str| format!("container 0 encountered an error during hcs::System::CreateProcess: x: failure {end}");
        assert_eq!(exit_code_of_start(&text("(0x2)")), 127);
        assert_eq!(exit_code_of_start(&text("(0xc1)")), 126);
        assert_eq!(exit_code_of_start(&text("(0x57)")), 125);
        assert_eq!(exit_code_of_start("No such image: x (0x2)"), 125);
    }
}
