//! The command's standard streams, joined to a process by pipes.
//!
//! The process never gets the command's own descriptors: the silo host makes its ends non-blocking, and a terminal or a pipe that
//! the command shares with its caller must not change under the caller.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::thread::JoinHandle;

use casement_engine::api::Streams;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;

/// Bytes that are copied in one go: the size of a pipe.
const CHUNK: usize = 64 << 10;

/// The far ends of the pipes, to be given away.
#[derive(Debug, Default)]
pub struct FarEnds {
    /// What the process reads.
    pub stdin: Option<OwnedFd>,
    /// What it writes to.
    pub stdout: Option<OwnedFd>,
    /// What it writes errors to.
    pub stderr: Option<OwnedFd>,
    /// The silo host's end of the command's own line to it.
    pub line: Option<OwnedFd>,
}

/// The near ends, with the threads that copy.
#[derive(Debug, Default)]
pub struct Pumps {
    stdin: Option<io::PipeWriter>,
    stdout: Option<io::PipeReader>,
    stderr: Option<io::PipeReader>,
}

/// Which streams are joined.
#[derive(Clone, Copy, Debug)]
pub struct Joined {
    /// The caller's standard input is read.
    pub stdin: bool,
    /// Standard error is a stream of its own: the process has no console.
    pub stderr: bool,
}

/// Makes the pipes.
///
/// # Errors
/// When the system has no more of them.
pub fn join(joined: Joined) -> io::Result<(FarEnds, Pumps)> {
    let mut far = FarEnds::default();
    let mut near = Pumps::default();
    if joined.stdin {
        let (reader, writer) = io::pipe()?;
        far.stdin = Some(reader.into());
        near.stdin = Some(writer);
    }
    let (reader, writer) = io::pipe()?;
    far.stdout = Some(writer.into());
    near.stdout = Some(reader);
    if joined.stderr {
        let (reader, writer) = io::pipe()?;
        far.stderr = Some(writer.into());
        near.stderr = Some(reader);
    }
    Ok((far, near))
}

impl FarEnds {
    /// Which streams there are, for a request.
    pub fn named(&self) -> Streams {
        Streams {
            stdin: self.stdin.is_some(),
            stdout: self.stdout.is_some(),
            stderr: self.stderr.is_some(),
            line: self.line.is_some(),
        }
    }

    /// The descriptors, in the order of a request.
    pub fn descriptors(&self) -> Vec<BorrowedFd<'_>> {
        [&self.stdin, &self.stdout, &self.stderr, &self.line].into_iter().flatten().map(AsFd::as_fd).collect()
    }
}

/// Threads that copy output; [`Outputs::finish`] waits until all of it is written.
#[derive(Debug)]
pub struct Outputs(Vec<JoinHandle<()>>);

impl Pumps {
    /// Starts copying. Standard input is read by a thread that ends with the command.
    ///
    /// # Errors
    /// When a thread cannot be started.
    pub fn start(self) -> io::Result<Outputs> {
        let builder = |name: &str| std::thread::Builder::new().name(name.to_owned());
        let mut outputs = Vec::new();
        if let Some(writer) = self.stdin {
            builder("stdin").spawn(move || copy(io::stdin(), writer))?;
        }
        if let Some(reader) = self.stdout {
            outputs.push(builder("stdout").spawn(move || copy(reader, io::stdout()))?);
        }
        if let Some(reader) = self.stderr {
            outputs.push(builder("stderr").spawn(move || copy(reader, io::stderr()))?);
        }
        Ok(Outputs(outputs))
    }
}

impl Outputs {
    /// Waits until the process's output has ended and is written.
    pub fn finish(self) {
        for thread in self.0 {
            // A thread that panicked has said so itself.
            let _ = thread.join();
        }
    }
}

/// Copies until the end of `from`. When `to` takes no more, the rest is dropped by closing both ends.
fn copy(from: impl AsFd, to: impl AsFd) {
    let mut chunk = vec![0u8; CHUNK];
    loop {
        match rustix::io::read(&from, &mut chunk[..]) {
            Ok(0) => return,
            Ok(count) if write_all(&to, &chunk[..count]) => {}
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
    fn copying_ends_with_the_source_and_survives_a_slow_reader() {
        let (source, mut feed) = io::pipe().unwrap();
        let (mut drain, sink) = io::pipe().unwrap();
        rustix::io::ioctl_fionbio(&sink, true).unwrap();
        let copying = std::thread::spawn(move || copy(source, sink));
        let data: Vec<u8> = (0..1_000_000u32).map(|number| number as u8).collect();
        let feeding = std::thread::spawn({
            let data = data.clone();
            move || feed.write_all(&data).unwrap()
        });
        let mut received = Vec::new();
        drain.read_to_end(&mut received).unwrap();
        feeding.join().unwrap();
        copying.join().unwrap();
        assert!(received == data);
    }

    #[test]
    fn copying_ends_when_nobody_reads() {
        let (source, mut feed) = io::pipe().unwrap();
        let (drain, sink) = io::pipe().unwrap();
        drop(drain);
        feed.write_all(b"x").unwrap();
        copy(source, sink);
    }
}
