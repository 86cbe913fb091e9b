//! A pseudo terminal between a program and the pipes of whoever asked for it.

use rustix::fd::{AsFd, OwnedFd};
use rustix::termios::{OptionalActions, Winsize};
use std::io;

/// Most bytes that wait in one direction.
const BUFFER: usize = 64 * 1024;

/// The two ends of a new pseudo terminal.
pub struct Pair {
    /// The agent's end.
    pub host: OwnedFd,
    /// The program's end.
    pub program: OwnedFd,
}

/// Makes a pseudo terminal of `(rows, columns)`. It is raw: line editing, echo and Ctrl-C are the business of
/// Wine's console host.
pub fn open(size: (u16, u16)) -> io::Result<Pair> {
    use rustix::fs::{Mode, OFlags};
    use rustix::pty::OpenptFlags;
    let host = rustix::pty::openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)?;
    rustix::pty::unlockpt(&host)?;
    let name = rustix::pty::ptsname(&host, Vec::new())?;
    let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
    let program = rustix::fs::open(name, flags, Mode::empty())?;
    let mut attributes = rustix::termios::tcgetattr(&program)?;
    attributes.make_raw();
    rustix::termios::tcsetattr(&program, OptionalActions::Now, &attributes)?;
    resize(&host, size)?;
    rustix::io::ioctl_fionbio(&host, true)?;
    Ok(Pair { host, program })
}

/// Tells the terminal its size in rows and columns.
pub fn resize(terminal: impl AsFd, (rows, columns): (u16, u16)) -> io::Result<()> {
    let size = Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
    Ok(rustix::termios::tcsetwinsize(terminal, size)?)
}

/// Copies from one descriptor to another without blocking.
pub struct Pump {
    from: Option<OwnedFd>,
    to: Option<OwnedFd>,
    waiting: Vec<u8>,
}

impl Pump {
    /// A pump between two descriptors, both made non-blocking.
    pub fn new(from: OwnedFd, to: OwnedFd) -> io::Result<Self> {
        rustix::io::ioctl_fionbio(&from, true)?;
        rustix::io::ioctl_fionbio(&to, true)?;
        Ok(Self { from: Some(from), to: Some(to), waiting: Vec::new() })
    }

    /// The descriptor to wait on for reading, if there is room.
    pub fn wants_read(&self) -> Option<&OwnedFd> {
        if self.waiting.len() < BUFFER { self.from.as_ref() } else { None }
    }

    /// The descriptor to wait on for writing, if something waits.
    pub fn wants_write(&self) -> Option<&OwnedFd> {
        if self.waiting.is_empty() { None } else { self.to.as_ref() }
    }

    /// Moves what can be moved now.
    pub fn run(&mut self) {
        loop {
            let read = self.read_some();
            self.write_some();
            if !read || !self.waiting.is_empty() {
                break;
            }
        }
        if self.to.is_none() {
            self.from = None;
            self.waiting.clear();
        }
        if self.from.is_none() && self.waiting.is_empty() {
            self.to = None;
        }
    }

    /// Whether nothing more will be moved.
    pub fn is_done(&self) -> bool {
        self.to.is_none()
    }

    fn read_some(&mut self) -> bool {
        let Some(from) = self.from.as_ref().filter(|_| self.waiting.len() < BUFFER) else {
            return false;
        };
        let mut chunk = [0u8; 16 * 1024];
        match rustix::io::read(from, &mut chunk) {
            Ok(0) => self.from = None,
            Ok(n) => {
                self.waiting.extend(&chunk[..n]);
                return true;
            }
            Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INTR) => {}
            // A terminal whose program side is closed by all answers EIO.
            Err(_) => self.from = None,
        }
        false
    }

    fn write_some(&mut self) {
        while let Some(to) = self.to.as_ref().filter(|_| !self.waiting.is_empty()) {
            match rustix::io::write(to, &self.waiting) {
                Ok(n) => drop(self.waiting.drain(..n)),
                Err(rustix::io::Errno::AGAIN) => break,
                Err(rustix::io::Errno::INTR) => {}
                Err(_) => self.to = None,
            }
        }
    }
}
