//! Printing to standard output, whose reader may go away at any time (`casement ps | head -1`).

use std::fmt::Display;
use std::io::{self, Write};
use std::process;

/// Exit code when nobody reads what is printed: 128 + SIGPIPE, what a shell reports for other programs.
const EXIT_NO_READER: i32 = 141;

/// Prints text as it is.
pub fn text(text: impl Display) {
    let mut stdout = io::stdout().lock();
    if write!(stdout, "{text}").and_then(|()| stdout.flush()).is_err() {
        process::exit(EXIT_NO_READER);
    }
}

/// Prints a line.
pub fn line(line: impl Display) {
    text(format_args!("{line}\n"));
}

/// Standard output for bytes: when nobody reads them any more, the command ends.
pub struct Bytes(io::StdoutLock<'static>);

impl Bytes {
    /// All that is written from now on.
    pub fn new() -> Self {
        Self(io::stdout().lock())
    }
}

impl Write for Bytes {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes).map_err(end_without_reader)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush().map_err(end_without_reader)
    }
}

fn end_without_reader(error: io::Error) -> io::Error {
    if error.kind() == io::ErrorKind::BrokenPipe {
        process::exit(EXIT_NO_READER);
    }
    error
}
