//! The caller's terminal: its size, and raw mode for a container's console.

use std::io;
use std::os::fd::AsFd;
use std::sync::{Mutex, PoisonError};

use rustix::termios::{OptionalActions, Termios, tcgetattr, tcgetwinsize, tcsetattr};

/// Whether the descriptor is a terminal.
pub fn is_terminal(descriptor: impl AsFd) -> bool {
    rustix::termios::isatty(descriptor)
}

/// Height and width of the terminal on standard output, or input, in characters.
pub fn size() -> Option<(u16, u16)> {
    let of =
        |size: rustix::termios::Winsize| (size.ws_row > 0 && size.ws_col > 0).then_some((size.ws_row, size.ws_col));
    tcgetwinsize(io::stdout()).ok().and_then(of).or_else(|| tcgetwinsize(io::stdin()).ok().and_then(of))
}

/// The mode in which raw mode found the terminal.
static BEFORE: Mutex<Option<Termios>> = Mutex::new(None);

/// Raw mode of standard input, until it is dropped or [`restore`] is called.
pub struct RawMode(());

impl RawMode {
    /// Enters raw mode: every key goes to the container, Ctrl-C included.
    ///
    /// # Errors
    /// When standard input is no terminal.
    pub fn enter() -> io::Result<Self> {
        let before = tcgetattr(io::stdin())?;
        let mut raw = before.clone();
        raw.make_raw();
        *BEFORE.lock().unwrap_or_else(PoisonError::into_inner) = Some(before);
        tcsetattr(io::stdin(), OptionalActions::Now, &raw)?;
        Ok(Self(()))
    }
}

impl Drop for RawMode {
    fn drop(&mut self) {
        restore();
    }
}

/// Ends raw mode if it was entered.
pub fn restore() {
    if let Some(before) = BEFORE.lock().unwrap_or_else(PoisonError::into_inner).take() {
        // The terminal may be gone; nobody is left to be told.
        let _ = tcsetattr(io::stdin(), OptionalActions::Now, &before);
    }
}
