//! What a finished command has left: its status and its output.

use std::fmt;
use std::process::ExitStatus;

/// A finished command.
#[derive(Clone, Debug)]
pub struct Output {
    /// The command line, for messages.
    pub command: String,
    /// How it ended.
    pub status: ExitStatus,
    /// Standard output; what is not UTF-8 is replaced.
    pub stdout: String,
    /// Standard error; what is not UTF-8 is replaced.
    pub stderr: String,
    /// Standard output as it came.
    pub stdout_bytes: Vec<u8>,
}

impl Output {
    /// The exit status.
    ///
    /// # Panics
    /// When a signal ended the command.
    pub fn code(&self) -> i32 {
        self.status.code().unwrap_or_else(|| panic!("ended by a signal: {self}"))
    }

    /// This output.
    ///
    /// # Panics
    /// When the command failed.
    #[must_use = "or call it as a statement with `let _`"]
    pub fn succeeded(self) -> Self {
        self.exited(0)
    }

    /// This output.
    ///
    /// # Panics
    /// When the command ended with another status.
    #[must_use = "or call it as a statement with `let _`"]
    pub fn exited(self, code: i32) -> Self {
        assert!(self.status.code() == Some(code), "expected exit status {code}: {self}");
        self
    }

    /// The lines of standard output, without their ends (`\n` or `\r\n`).
    pub fn lines(&self) -> Vec<&str> {
        self.stdout.lines().collect()
    }

    /// Standard output without white space around it.
    pub fn text(&self) -> &str {
        self.stdout.trim()
    }

    /// The rest of the first line of standard output that starts with `start`.
    ///
    /// # Panics
    /// When there is none.
    pub fn after(&self, start: &str) -> &str {
        self.lines()
            .into_iter()
            .find_map(|line| line.strip_prefix(start))
            .unwrap_or_else(|| panic!("no line starts with {start:?}: {self}"))
    }
}

impl fmt::Display for Output {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { command, status, stdout, stderr, .. } = self;
        write!(formatter, "{command}: {status}\n--- stdout\n{stdout}\n--- stderr\n{stderr}\n---")
    }
}
