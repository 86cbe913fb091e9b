//! The command's standard streams, read and written by threads of their own: neither a terminal that nobody types at nor a reader that does
//! not read holds anything else up.

use std::io;
use std::os::fd::AsFd;
use std::thread::JoinHandle;

use bytes::Bytes;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use tokio::sync::mpsc;

use crate::frames::Stream;

/// Bytes that are read in one go: the size of a pipe.
const CHUNK: usize = 64 << 10;
/// Pieces that may wait between a thread and the connection.
const WAITING: usize = 4;

/// Standard input, piece by piece. Its thread ends with the command.
pub struct Input(mpsc::Receiver<Bytes>);

impl Input {
    /// Starts to read.
    ///
    /// # Errors
    /// When no thread can be started.
    pub fn start() -> io::Result<Self> {
        let (pieces, receiver) = mpsc::channel(WAITING);
        std::thread::Builder::new().name("stdin".to_owned()).spawn(move || read_all(io::stdin(), &pieces))?;
        Ok(Self(receiver))
    }

    /// An input that has ended.
    pub fn ended() -> Self {
        Self(mpsc::channel(1).1)
    }

    /// The next piece, or `None` at the end.
    pub async fn next(&mut self) -> Option<Bytes> {
        self.0.recv().await
    }
}

/// Standard output and standard error. When one has no reader any more, the rest is dropped.
pub struct Printer {
    pieces: Option<mpsc::Sender<(Stream, Bytes)>>,
    thread: Option<JoinHandle<()>>,
    printed: [u64; 2],
}

impl Printer {
    /// Starts to write.
    ///
    /// # Errors
    /// When no thread can be started.
    pub fn start() -> io::Result<Self> {
        let (pieces, mut receiver) = mpsc::channel::<(Stream, Bytes)>(WAITING);
        let thread = std::thread::Builder::new().name("output".to_owned()).spawn(move || {
            let mut open = [true, true];
            while let Some((stream, bytes)) = receiver.blocking_recv() {
                let open = &mut open[stream as usize];
                *open = *open
                    && match stream {
                        Stream::Out => write_all(io::stdout(), &bytes),
                        Stream::Err => write_all(io::stderr(), &bytes),
                    };
            }
        })?;
        Ok(Self { pieces: Some(pieces), thread: Some(thread), printed: [0, 0] })
    }

    /// Prints.
    pub async fn print(&mut self, stream: Stream, bytes: Bytes) {
        self.printed[stream as usize] += bytes.len() as u64;
        if let Some(pieces) = &self.pieces {
            // The thread lives as long as this sender.
            let _ = pieces.send((stream, bytes)).await;
        }
    }

    /// How many bytes of each stream were printed.
    pub fn printed(&self) -> [u64; 2] {
        self.printed
    }
}

impl Drop for Printer {
    /// Waits until all is written.
    fn drop(&mut self) {
        self.pieces = None;
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has said so itself.
            let _ = thread.join();
        }
    }
}

fn read_all(from: impl AsFd, to: &mpsc::Sender<Bytes>) {
    let mut chunk = vec![0u8; CHUNK];
    loop {
        match rustix::io::read(&from, &mut chunk[..]) {
            Ok(0) => return,
            Ok(count) if to.blocking_send(Bytes::copy_from_slice(&chunk[..count])).is_ok() => {}
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) if await_event(&from, PollFlags::IN) => {}
            Ok(_) | Err(_) => return,
        }
    }
}

/// Writes everything, also to a descriptor that somebody has made non-blocking. Says whether that succeeded.
fn write_all(to: impl AsFd, mut bytes: &[u8]) -> bool {
    while !bytes.is_empty() {
        match rustix::io::write(&to, bytes) {
            Ok(count) => bytes = &bytes[count..],
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) if await_event(&to, PollFlags::OUT) => {}
            Err(_) => return false,
        }
    }
    true
}

fn await_event(descriptor: impl AsFd, event: PollFlags) -> bool {
    let mut polled = [PollFd::new(&descriptor, event)];
    matches!(poll(&mut polled, None), Ok(_) | Err(Errno::INTR))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};

    #[test]
    fn writing_survives_a_slow_reader() {
        let (mut drain, sink) = io::pipe().unwrap();
        rustix::io::ioctl_fionbio(&sink, true).unwrap();
        let data: Vec<u8> = (0..1_000_000u32).map(|number| number as u8).collect();
        let expected = data.clone();
        let writing = std::thread::spawn(move || assert!(write_all(sink, &data)));
        let mut received = Vec::new();
        drain.read_to_end(&mut received).unwrap();
        writing.join().unwrap();
        assert!(received == expected);
    }

    #[test]
    fn reading_ends_with_its_source() {
        let (source, mut feed) = io::pipe().unwrap();
        let (pieces, mut receiver) = mpsc::channel(WAITING);
        feed.write_all(b"text").unwrap();
        drop(feed);
        read_all(source, &pieces);
        drop(pieces);
        assert_eq!(receiver.blocking_recv().as_deref(), Some(&b"text"[..]));
        assert_eq!(receiver.blocking_recv(), None);
    }
}
