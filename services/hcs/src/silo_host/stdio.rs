//! The standard streams of a container's main process: to the log, and to whoever is attached.

use super::log::{LogWriter, Stream};
use rustix::event::{PollFd, PollFlags};
use rustix::fd::OwnedFd;
use rustix::io::Errno;
use std::io;

/// Bytes read from the program in one go.
const CHUNK: usize = 64 * 1024;
/// Bytes that may wait for an attached client before the program's output is left in its pipe.
const MAX_WAITING: usize = 1024 * 1024;
/// Most clients attached at one time.
const MAX_ATTACHMENTS: usize = 128;
/// Bytes of input that may wait for the program.
const MAX_INPUT: usize = 64 * 1024;

/// The ends of a process's pipes: for the program they are input, output and errors; for a client the ends
/// that it reads its copies of output from, and writes input to, are the opposite ones.
#[derive(Debug, Default)]
pub struct Pipes {
    /// Standard input.
    pub input: Option<OwnedFd>,
    /// Standard output.
    pub output: Option<OwnedFd>,
    /// Standard error.
    pub error: Option<OwnedFd>,
}

/// A client that sees the output, and may give the input.
struct Attachment {
    input: Option<OwnedFd>,
    outputs: [Option<OwnedFd>; 2],
    waiting: [Vec<u8>; 2],
}

/// The main process's streams.
pub struct MainStreams {
    input: Option<OwnedFd>,
    waiting_input: Vec<u8>,
    input_once: bool,
    /// A client has ended the input: it is closed when all of it is written.
    input_ends: bool,
    outputs: [Option<OwnedFd>; 2],
    log: Option<LogWriter>,
    attachments: Vec<Attachment>,
}

/// A place in the streams that a poll found ready.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    Output(usize),
    Input,
    ClientInput(usize),
    ClientOutput(usize, usize),
}

impl MainStreams {
    /// `pipes` are this process's ends of the program's pipes. With `input_once` the program's input ends with that of the
    /// first client that ends its own; without, it stays open for others.
    pub fn new(pipes: Pipes, log: Option<LogWriter>, input_once: bool) -> io::Result<Self> {
        for fd in [&pipes.input, &pipes.output, &pipes.error].into_iter().flatten() {
            rustix::io::ioctl_fionbio(fd, true)?;
        }
        Ok(Self {
            input: pipes.input,
            waiting_input: Vec::new(),
            input_once,
            input_ends: false,
            outputs: [pipes.output, pipes.error],
            log,
            attachments: Vec::new(),
        })
    }

    /// Adds a client.
    ///
    /// # Errors
    /// When there are too many, or its descriptors are no pipes.
    pub fn attach(&mut self, client: Pipes) -> io::Result<()> {
        if self.attachments.len() >= MAX_ATTACHMENTS {
            return Err(io::Error::other(format!(
                "no more than {MAX_ATTACHMENTS} clients can be attached to a container"
            )));
        }
        for fd in [&client.input, &client.output, &client.error].into_iter().flatten() {
            rustix::io::ioctl_fionbio(fd, true)?;
        }
        self.attachments.push(Attachment {
            input: client.input,
            outputs: [client.output, client.error],
            waiting: [Vec::new(), Vec::new()],
        });
        Ok(())
    }

    /// What to wait for.
    pub fn interests(&self) -> Vec<(Place, PollFd<'_>)> {
        let mut list = Vec::new();
        for (i, fd) in self.outputs.iter().enumerate() {
            let full = self.attachments.iter().any(|a| a.waiting[i].len() >= MAX_WAITING);
            if let Some(fd) = fd.as_ref().filter(|_| !full) {
                list.push((Place::Output(i), PollFd::new(fd, PollFlags::IN)));
            }
        }
        if let Some(fd) = self.input.as_ref().filter(|_| !self.waiting_input.is_empty()) {
            list.push((Place::Input, PollFd::new(fd, PollFlags::OUT)));
        }
        for (n, client) in self.attachments.iter().enumerate() {
            let room = self.input.is_some() && !self.input_ends && self.waiting_input.len() < MAX_INPUT;
            if let Some(fd) = client.input.as_ref().filter(|_| room) {
                list.push((Place::ClientInput(n), PollFd::new(fd, PollFlags::IN)));
            }
            for (i, fd) in client.outputs.iter().enumerate() {
                if let Some(fd) = fd {
                    let events = if client.waiting[i].is_empty() { PollFlags::empty() } else { PollFlags::OUT };
                    list.push((Place::ClientOutput(n, i), PollFd::new(fd, events)));
                }
            }
        }
        list
    }

    /// Does what can be done at `place`.
    pub fn serve(&mut self, place: Place) {
        match place {
            Place::Output(i) => {
                self.read_output(i);
            }
            Place::Input => self.write_input(),
            Place::ClientInput(n) => self.read_client(n),
            Place::ClientOutput(n, i) => {
                let client = &mut self.attachments[n];
                // Nothing may wait any more because what was read in the same round has just been written with the rest.
                if client.waiting[i].is_empty() && client.reader_has_gone(i) {
                    client.outputs[i] = None;
                }
                client.write(i);
            }
        }
    }

    /// Forgets clients that have gone; call after all ready places were served.
    pub fn sweep(&mut self) {
        self.attachments.retain(|a| a.input.is_some() || a.outputs.iter().any(Option::is_some));
    }

    /// Reads what is left after the program's end, writes all out, and closes everything. A client that does
    /// not read is given up after `patience` without progress.
    pub fn finish(&mut self, patience: std::time::Duration) {
        for i in 0..2 {
            while self.read_output(i) {}
            self.outputs[i] = None;
        }
        self.input = None;
        if let Some(log) = &mut self.log {
            report(log.finish());
        }
        for client in &mut self.attachments {
            client.input = None;
            for i in 0..2 {
                client.drain(i, patience);
            }
        }
        self.attachments.clear();
    }

    fn read_output(&mut self, i: usize) -> bool {
        let Some(fd) = &self.outputs[i] else { return false };
        let mut chunk = [0u8; CHUNK];
        match rustix::io::read(fd, &mut chunk) {
            Ok(0) => self.end_output(i),
            Ok(n) => {
                let stream = if i == 0 { Stream::Out } else { Stream::Err };
                if let Some(log) = &mut self.log {
                    report(log.write(stream, &chunk[..n]));
                }
                for client in &mut self.attachments {
                    client.give(i, &chunk[..n]);
                }
                return true;
            }
            Err(Errno::INTR) => return true,
            Err(Errno::AGAIN) => {}
            Err(_) => self.end_output(i),
        }
        false
    }

    fn end_output(&mut self, i: usize) {
        self.outputs[i] = None;
        for client in &mut self.attachments {
            client.end(i);
        }
    }

    fn write_input(&mut self) {
        while let Some(fd) = self.input.as_ref().filter(|_| !self.waiting_input.is_empty()) {
            match rustix::io::write(fd, &self.waiting_input) {
                Ok(n) => drop(self.waiting_input.drain(..n)),
                Err(Errno::AGAIN) => return,
                Err(Errno::INTR) => {}
                Err(_) => {
                    self.input = None;
                    self.waiting_input.clear();
                }
            }
        }
        self.close_finished_input();
    }

    fn read_client(&mut self, n: usize) {
        let Some(fd) = &self.attachments[n].input else { return };
        let mut chunk = [0u8; CHUNK];
        match rustix::io::read(fd, &mut chunk) {
            Ok(0) => self.end_client_input(n),
            Ok(length) => self.waiting_input.extend(&chunk[..length]),
            Err(Errno::AGAIN | Errno::INTR) => {}
            Err(_) => self.end_client_input(n),
        }
        self.write_input();
    }

    fn end_client_input(&mut self, n: usize) {
        self.attachments[n].input = None;
        self.input_ends |= self.input_once;
    }

    fn close_finished_input(&mut self) {
        if self.input_ends && self.waiting_input.is_empty() {
            self.input = None;
        }
    }
}

impl Attachment {
    fn give(&mut self, i: usize, bytes: &[u8]) {
        if self.outputs[i].is_some() {
            self.waiting[i].extend(bytes);
            self.write(i);
        }
    }

    fn write(&mut self, i: usize) {
        while let Some(fd) = &self.outputs[i] {
            if self.waiting[i].is_empty() {
                return;
            }
            match rustix::io::write(fd, &self.waiting[i]) {
                Ok(n) => drop(self.waiting[i].drain(..n)),
                Err(Errno::AGAIN) => return,
                Err(Errno::INTR) => {}
                Err(_) => {
                    self.outputs[i] = None;
                    self.waiting[i].clear();
                }
            }
        }
    }

    fn reader_has_gone(&self, i: usize) -> bool {
        let Some(fd) = &self.outputs[i] else { return true };
        let mut polled = [PollFd::new(fd, PollFlags::empty())];
        let now = rustix::event::Timespec { tv_sec: 0, tv_nsec: 0 };
        matches!(rustix::event::poll(&mut polled, Some(&now)), Ok(count) if count > 0)
    }

    fn end(&mut self, i: usize) {
        if self.waiting[i].is_empty() {
            self.outputs[i] = None;
        }
    }

    fn drain(&mut self, i: usize, patience: std::time::Duration) {
        self.write(i);
        while let Some(fd) = self.outputs[i].as_ref().filter(|_| !self.waiting[i].is_empty()) {
            let mut ready = [PollFd::new(fd, PollFlags::OUT)];
            let limit = rustix::event::Timespec::try_from(patience).ok();
            match rustix::event::poll(&mut ready, limit.as_ref()) {
                Ok(0) | Err(_) => break,
                Ok(_) => self.write(i),
            }
        }
        self.outputs[i] = None;
    }
}

fn report(result: io::Result<()>) {
    if let Err(error) = result {
        tracing::error!(%error, "cannot write the container's log");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::pipe::pipe;

    fn streams_with_client() -> (MainStreams, OwnedFd, OwnedFd) {
        let (program_end, program) = pipe().unwrap();
        let (client, client_end) = pipe().unwrap();
        let pipes = Pipes { output: Some(program_end), ..Pipes::default() };
        let mut streams = MainStreams::new(pipes, None, false).unwrap();
        streams.attach(Pipes { output: Some(client_end), ..Pipes::default() }).unwrap();
        (streams, program, client)
    }

    #[test]
    fn a_client_that_catches_up_in_the_round_in_which_more_comes_stays_attached() {
        let (mut streams, program, client) = streams_with_client();
        let mut sent = 0;
        while streams.attachments[0].waiting[0].is_empty() {
            sent += rustix::io::write(&program, &[1; 4096]).unwrap();
            streams.serve(Place::Output(0));
        }
        let mut room = vec![0; 1 << 20];
        let mut received = rustix::io::read(&client, &mut room[..]).unwrap();
        sent += rustix::io::write(&program, b"more").unwrap();
        streams.serve(Place::Output(0));
        streams.serve(Place::ClientOutput(0, 0));
        streams.sweep();
        sent += rustix::io::write(&program, b"and more").unwrap();
        drop(program);
        streams.finish(std::time::Duration::from_secs(60));
        loop {
            match rustix::io::read(&client, &mut room[..]).unwrap() {
                0 => break,
                count => received += count,
            }
        }
        assert_eq!(received, sent);
    }

    #[test]
    fn a_client_that_has_gone_is_forgotten() {
        let (mut streams, _program, client) = streams_with_client();
        drop(client);
        streams.serve(Place::ClientOutput(0, 0));
        streams.sweep();
        assert!(streams.attachments.is_empty());
    }
}
