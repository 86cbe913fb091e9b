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
