//! The launcher of a program, CExecSvc.exe: started together with it, or before, to stand by for the next one. Starting it costs about
//! as much as starting a small program does, so whoever runs one command after another gets half of the time back.

use crate::{linux, wineserver};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use std::fs::File;
use std::io::{self, Write};
use std::os::unix::net::UnixStream;
use std::process::{Child, Stdio};

/// The launcher, as Windows calls it.
const PROGRAM: &str = r"C:\windows\system32\CExecSvc.exe";

/// A launcher that has not been told what to start.
pub struct Launcher {
    /// Its process.
    pub child: Child,
    /// Where it is told what to do.
    pub control: UnixStream,
}

/// What a launcher has as its first three descriptors.
pub enum Opening {
    /// These: the program's own streams.
    Streams([Stdio; 3]),
    /// A terminal, its controlling one.
    Terminal([Stdio; 3]),
    /// Nothing: the streams come with the order to start a program.
    Nothing,
}

impl Launcher {
    /// Starts one for programs of `user`.
    pub fn start(user: &str, opening: Opening) -> io::Result<Self> {
        let (control, far) = UnixStream::pair()?;
        let mut command = wineserver::wine_command(wineserver::LOADER, user);
        command.arg(PROGRAM);
        let terminal = matches!(opening, Opening::Terminal(_));
        let [input, output, error] = match opening {
            Opening::Streams(streams) | Opening::Terminal(streams) => streams,
            Opening::Nothing => std::array::from_fn(|_| Stdio::null()),
        };
        command.stdin(input).stdout(output).stderr(error);
        linux::as_program(&mut command, Some(far.into()), terminal);
        Ok(Self { child: command.spawn()?, control })
    }

    /// Orders the start of a program, which has the launcher's own streams.
    pub fn order(&self, message: &[u8]) -> io::Result<()> {
        (&self.control).write_all(message)
    }

    /// Orders one that stands by to start a program with these streams.
    pub fn order_with(&self, message: &[u8], streams: &[Option<OwnedFd>; 3]) -> io::Result<()> {
        let null = File::options().read(true).write(true).open("/dev/null")?;
        let streams = streams.each_ref().map(|stream| stream.as_ref().map_or(null.as_fd(), AsFd::as_fd));
        let sent = casement_gcs::descriptors::send(&self.control, message, &streams as &[BorrowedFd<'_>])?;
        self.order(&message[sent..])
    }
}

/// A launcher that stands by.
pub struct StandBy {
    launcher: Launcher,
    user: String,
}

impl StandBy {
    /// Starts one for programs of `user`.
    pub fn start(user: &str) -> io::Result<Self> {
        Ok(Self { launcher: Launcher::start(user, Opening::Nothing)?, user: user.to_owned() })
    }

    /// Whether it can start programs of `user`: Wine takes the account from the launcher's start.
    pub fn is_for(&self, user: &str) -> bool {
        self.user == user
    }

    /// Whether `pid` is its process.
    pub fn is_process(&self, pid: u32) -> bool {
        self.launcher.child.id() == pid
    }

    /// The launcher, to be given an order.
    pub fn call(self) -> Launcher {
        self.launcher
    }
}
