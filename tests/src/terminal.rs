//! A command on a terminal that the test plays the user of.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Instant;

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

use crate::deadline::GENEROUS;
use crate::process;

/// The key of control and a letter, such as `control('c')`.
pub fn control(letter: char) -> String {
    char::from(letter as u8 & 0x1f).to_string()
}

/// The arrow key up.
pub const UP: &str = "\x1b[A";
/// The arrow key to the left.
pub const LEFT: &str = "\x1b[D";
/// The backspace key.
pub const BACKSPACE: &str = "\x7f";
/// The enter key.
pub const ENTER: &str = "\r";

/// A command on a terminal. It is killed when it is dropped.
#[derive(Debug)]
pub struct Terminal {
    line: String,
    child: Child,
    master: File,
    screen: Arc<(Mutex<Screen>, Condvar)>,
    /// How much of the text was expected already, in bytes.
    seen: usize,
}

#[derive(Debug, Default)]
struct Screen {
    bytes: Vec<u8>,
    ended: bool,
}

impl Terminal {
    /// Starts the command on a new terminal of this size.
    ///
    /// # Panics
    /// When the system refuses.
    pub fn start(mut command: Command, rows: u16, columns: u16) -> Self {
        let line = format!("{command:?}");
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).expect("a terminal");
        grantpt(&master).and_then(|()| unlockpt(&master)).expect("a terminal");
        tcsetwinsize(&master, Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 }).expect("a size");
        let name = ptsname(&master, Vec::new()).expect("the terminal's name");
        let slave: OwnedFd =
            File::options().read(true).write(true).open(name.to_str().expect("a path")).expect("a terminal").into();
        let copy = || Stdio::from(slave.try_clone().expect("a descriptor"));
        command.stdin(copy()).stdout(copy()).stderr(copy()).env("TERM", "xterm-256color");
        process::on_terminal(&mut command);
        let child = command.spawn().unwrap_or_else(|error| panic!("{line}: {error}"));
        // The command keeps its copies of the slave side in it.
        drop(command);
        drop(slave);
        let master = File::from(master);
        let screen = Arc::new((Mutex::new(Screen::default()), Condvar::new()));
        let (mut source, theirs) = (master.try_clone().expect("a descriptor"), screen.clone());
        std::thread::spawn(move || {
            let mut chunk = vec![0; 4096];
            loop {
                // EIO: nobody has the other side open any more.
                let count = source.read(&mut chunk).unwrap_or(0);
                let mut screen = theirs.0.lock().unwrap_or_else(PoisonError::into_inner);
                screen.bytes.extend_from_slice(&chunk[..count]);
                screen.ended = count == 0;
                theirs.1.notify_all();
                if count == 0 {
                    return;
                }
            }
        });
        Self { line, child, master, screen, seen: 0 }
    }

    /// Types.
    ///
    /// # Panics
    /// When the terminal takes no more.
    pub fn type_keys(&mut self, keys: &str) {
        self.master.write_all(keys.as_bytes()).unwrap_or_else(|error| panic!("{}: type {keys:?}: {error}", self.line));
    }

    /// Types a line and enter.
    ///
    /// # Panics
    /// When the terminal takes no more.
    pub fn type_line(&mut self, text: &str) {
        self.type_keys(text);
        self.type_keys(ENTER);
    }

    /// Waits until the command takes keys as they are typed. What is typed before is a line to the terminal.
    ///
    /// # Panics
    /// When it does not come to that.
    pub fn await_raw(&self) {
        crate::deadline::until("the terminal is in raw mode", || {
            let modes = rustix::termios::tcgetattr(&self.master).expect("a terminal").local_modes;
            !modes.contains(rustix::termios::LocalModes::ICANON)
        });
    }

    /// Changes the size of the terminal.
    ///
    /// # Panics
    /// When the system refuses.
    pub fn resize(&self, rows: u16, columns: u16) {
        tcsetwinsize(&self.master, Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 })
            .expect("a size");
    }

    /// Waits until `text` appears behind what was expected before, and returns what came up to its end. Escape sequences are
    /// left out on both sides.
    ///
    /// # Panics
    /// When it does not come.
    pub fn expect(&mut self, text: &str) -> String {
        let end = Instant::now() + GENEROUS;
        let (lock, changed) = &*self.screen;
        let mut screen = lock.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            let plain = plain(&screen.bytes);
            if let Some(at) = plain.get(self.seen..).and_then(|new| new.find(text)) {
                let to = self.seen + at + text.len();
                let come = plain[self.seen..to].to_owned();
                self.seen = to;
                return come;
            }
            let left = end.saturating_duration_since(Instant::now());
            assert!(!screen.ended && !left.is_zero(), "{}: {text:?} did not come; all that came: {plain:?}", self.line);
            screen = changed.wait_timeout(screen, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Everything that has come, without escape sequences.
    pub fn text(&self) -> String {
        plain(&self.screen.0.lock().unwrap_or_else(PoisonError::into_inner).bytes)
    }

    /// Waits until the command has ended, and returns its status and everything that came.
    ///
    /// # Panics
    /// When it does not.
    pub fn finish(mut self) -> (ExitStatus, String) {
        let (lock, changed) = &*self.screen;
        let screen = lock.lock().unwrap_or_else(PoisonError::into_inner);
        let (screen, timeout) = changed
            .wait_timeout_while(screen, GENEROUS, |screen| !screen.ended)
            .unwrap_or_else(PoisonError::into_inner);
        let text = plain(&screen.bytes);
        drop(screen);
        assert!(!timeout.timed_out(), "{}: not ended after {} s: {text}", self.line, GENEROUS.as_secs());
        (self.child.wait().expect("wait"), text)
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The text without escape sequences (ECMA-48: CSI, OSC and the two-character ones). An unfinished one at the end is left out.
fn plain(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let mut plain = String::with_capacity(text.len());
    let mut rest = text.chars();
    while let Some(character) = rest.next() {
        if character != '\x1b' {
            plain.push(character);
            continue;
        }
        match rest.next() {
            Some('[') => drop(rest.find(|character| ('@'..='~').contains(character))),
            Some(']') => drop(rest.find(|character| matches!(character, '\x07' | '\\'))),
            _ => {}
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escape_sequences_are_left_out() {
        assert_eq!(plain(b"\x1b[2J\x1b]0;title\x07C:\\>\x1b[?25h\x1b[1;5Hx\x1b=y\x1b[3"), "C:\\>xy");
    }

    #[test]
    fn control_keys_are_control_characters() {
        assert_eq!(control('c'), "\x03");
        assert_eq!(control('Z'), "\x1a");
    }
}
