//! A process in the foreground: its streams joined to the command's, signals and window sizes passed on.

use std::future::pending;
use std::io;
use std::process::ExitCode;

use bytes::Bytes;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::frames::Frames;
use crate::streams::{Input, Printer};
use crate::terminal;

/// Bytes that are read from a connection in one go.
const CHUNK: usize = 64 << 10;
/// How many SIGINT and SIGTERM it takes until the command ends although its process does not, as in Docker.
const IMPATIENCE: u32 = 3;
/// Ctrl-P, Ctrl-Q: leaves a console.
const DETACH_KEYS: [u8; 2] = [16, 17];

/// A signal to be passed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Caught {
    /// One that the process is to get, by its name.
    Named(&'static str),
    /// The terminal has another size.
    Resized,
}

/// Signals that are passed on. Made before the process starts, so that none is lost.
pub struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hang_up: Signal,
    resized: Signal,
    asked: u32,
}

impl Signals {
    /// Takes the signals from now on.
    ///
    /// # Errors
    /// When the system refuses. To be called within the client's runtime.
    pub fn catch() -> io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hang_up: signal(SignalKind::hangup())?,
            resized: signal(SignalKind::window_change())?,
            asked: 0,
        })
    }

    /// The next one. Ends the command when its user insists.
    pub async fn next(&mut self) -> Caught {
        let caught = tokio::select! {
            _ = self.interrupt.recv() => Caught::Named("INT"),
            _ = self.terminate.recv() => Caught::Named("TERM"),
            _ = self.hang_up.recv() => Caught::Named("HUP"),
            _ = self.resized.recv() => Caught::Resized,
        };
        self.asked += u32::from(matches!(caught, Caught::Named("INT" | "TERM")));
        if self.asked >= IMPATIENCE {
            terminal::restore();
            eprintln!("casement: got {IMPATIENCE} SIGTERM/SIGINTs, forcefully exiting");
            std::process::exit(1);
        }
        caught
    }
}

/// How the streams of a process came to their end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The daemon closed them, or went away.
    Closed,
    /// The keys that detach were typed before.
    Detached,
}

/// Copies between the command's streams and those of a process until the daemon closes the connection.
pub async fn copy(stream: TokioIo<Upgraded>, console: bool, input: &mut Input, printer: &mut Printer) -> Ending {
    let (mut source, mut sink) = tokio::io::split(stream);
    let mut typed = DetachKeys::default();
    let give = async {
        while let Some(piece) = input.next().await {
            if console {
                typed.see(&piece);
            }
            if sink.write_all(&piece).await.and(sink.flush().await).is_err() {
                return pending::<()>().await;
            }
        }
        // The process sees the end of its input; its output goes on.
        let _ = sink.shutdown().await;
        pending().await
    };
    let show = async {
        let mut frames = Frames::new(console);
        let mut chunk = vec![0; CHUNK];
        while let Ok(count @ 1..) = source.read(&mut chunk).await {
            for (stream, bytes) in frames.take(Bytes::copy_from_slice(&chunk[..count])) {
                printer.print(stream, bytes).await;
            }
        }
    };
    tokio::select! {
        () = give => {}
        () = show => {}
    }
    if typed.complete { Ending::Detached } else { Ending::Closed }
}

/// Watches what is typed at a console for the keys at which the daemon detaches.
#[derive(Debug, Default)]
struct DetachKeys {
    begun: bool,
    complete: bool,
}

impl DetachKeys {
    fn see(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.complete |= self.begun && *byte == DETACH_KEYS[1];
            self.begun = *byte == DETACH_KEYS[0];
        }
    }
}

/// The command's exit status for a program's exit code: the low 8 bits, as Linux has no more. A code that would look like success and is not becomes 255.
pub fn exit_status(exit_code: u32) -> ExitCode {
    ExitCode::from(exit_status_byte(exit_code))
}

fn exit_status_byte(exit_code: u32) -> u8 {
    match (exit_code, exit_code as u8) {
        (0, _) => 0,
        (_, 0) => u8::MAX,
        (_, low) => low,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failure_never_looks_like_success() {
        assert_eq!(exit_status_byte(0), 0);
        assert_eq!(exit_status_byte(3), 3);
        assert_eq!(exit_status_byte(0xC000_013A), 0x3A);
        assert_eq!(exit_status_byte(256), 255);
        assert_eq!(exit_status_byte(u32::MAX), 255);
    }

    #[test]
    fn detaching_takes_both_keys_in_a_row() {
        for (pieces, expected) in [(&["a\x10", "\x11"][..], true), (&["\x10x\x11"], false), (&["\x11\x10"], false)] {
            let mut keys = DetachKeys::default();
            pieces.iter().for_each(|piece| keys.see(piece.as_bytes()));
            assert_eq!(keys.complete, expected, "{pieces:?}");
        }
    }
}
