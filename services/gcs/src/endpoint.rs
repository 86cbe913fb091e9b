//! One side of a bridge connection in a poll loop: never blocks, never holds more than its limits.

use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;

use rustix::event::PollFlags;
use serde::Serialize;

use crate::descriptors::{self, MAX_DESCRIPTORS, MessageReader, Received};
use crate::error::GcsError;
use crate::message::{self, Message, MessageType};

/// Most bytes that wait to be sent.
pub const MAX_QUEUED: usize = 1 << 20;
/// Most messages that one call of [`Endpoint::on_readable`] gives, so that one peer cannot hold the loop.
pub const MAX_BATCH: usize = 32;
/// Most reads of one call, for peers that send a byte at a time.
const MAX_READS: usize = 4 * MAX_BATCH;

/// A non-blocking connection. Poll it with [`Endpoint::poll_flags`] (level-triggered).
#[derive(Debug)]
pub struct Endpoint {
    stream: UnixStream,
    reader: MessageReader,
    queue: VecDeque<Outgoing>,
    queued: usize,
    ended: bool,
    fault: Option<GcsError>,
}

#[derive(Debug)]
struct Outgoing {
    bytes: Vec<u8>,
    sent: usize,
    fds: Vec<OwnedFd>,
}

impl Endpoint {
    /// Speaks over a connected socket, which becomes non-blocking.
    pub fn new(stream: UnixStream) -> io::Result<Endpoint> {
        stream.set_nonblocking(true)?;
        Ok(Endpoint {
            stream,
            reader: MessageReader::new(),
            queue: VecDeque::new(),
            queued: 0,
            ended: false,
            fault: None,
        })
    }

    /// Reads what has come in, at most [`MAX_BATCH`] messages. After an error the connection is of no more use: drop
    /// it. Messages that came whole before the error are given first; [`Endpoint::is_ended`] is then true and the
    /// next call gives the error.
    pub fn on_readable(&mut self) -> Result<Vec<Message>, GcsError> {
        if let Some(fault) = self.fault.take() {
            return Err(fault);
        }
        let mut messages = Vec::new();
        for _ in 0..MAX_READS {
            if self.ended || messages.len() >= MAX_BATCH {
                break;
            }
            match self.reader.read(&self.stream) {
                Ok(Received::Message(message)) => messages.push(message),
                Ok(Received::Part) => {}
                Ok(Received::End) => self.ended = true,
                Err(GcsError::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(GcsError::Io(error)) if error.kind() == io::ErrorKind::ConnectionReset => self.ended = true,
                Err(error) => {
                    self.fault = Some(error);
                    self.ended = true;
                }
            }
        }
        match self.fault.take_if(|_| messages.is_empty()) {
            Some(fault) => Err(fault),
            None => Ok(messages),
        }
    }

    /// Whether no more messages will come: the other side closed, or broke the protocol. What is queued may still be
    /// sent.
    pub fn is_ended(&self) -> bool {
        self.ended
    }

    /// Queues a message and sends what the socket takes at once. A message that does not fit in [`MAX_QUEUED`] is
    /// refused whole.
    pub fn queue<T: Serialize>(
        &mut self,
        message_type: MessageType,
        id: u64,
        payload: &T,
        fds: Vec<OwnedFd>,
    ) -> Result<(), GcsError> {
        self.queue_bytes(message::encode(message_type, id, payload)?, fds)
    }

    /// Queues the response to a request.
    pub fn respond<T: Serialize>(&mut self, request: &Message, payload: &T) -> Result<(), GcsError> {
        self.queue(request.message_type.response(), request.id, payload, Vec::new())
    }

    /// Passes a message on as it came, under another id if need be, with its descriptors.
    pub fn forward(&mut self, message: Message, id: u64) -> Result<(), GcsError> {
        self.queue_bytes(crate::frame::encode(message.message_type, id, &message.payload)?, message.fds)
    }

    fn queue_bytes(&mut self, bytes: Vec<u8>, fds: Vec<OwnedFd>) -> Result<(), GcsError> {
        if fds.len() > MAX_DESCRIPTORS {
            return Err(GcsError::TooManyDescriptors(fds.len()));
        }
        if self.queued + bytes.len() > MAX_QUEUED {
            return Err(GcsError::QueueFull(self.queued));
        }
        self.queued += bytes.len();
        self.queue.push_back(Outgoing { bytes, sent: 0, fds });
        self.on_writable()
    }

    /// Whether messages wait to be sent.
    pub fn wants_write(&self) -> bool {
        !self.queue.is_empty()
    }

    /// Sends what the socket takes. [`GcsError::Closed`] when the other side is gone.
    pub fn on_writable(&mut self) -> Result<(), GcsError> {
        while let Some(first) = self.queue.front_mut() {
            let fds: Vec<BorrowedFd<'_>> = first.fds.iter().map(AsFd::as_fd).collect();
            let sent = match descriptors::send(&self.stream, &first.bytes[first.sent..], &fds) {
                Ok(sent) => sent,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) if matches!(error.kind(), io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset) => {
                    return Err(GcsError::Closed);
                }
                Err(error) => return Err(error.into()),
            };
            // They went with the first byte; holding them would keep pipes open.
            first.fds.clear();
            first.sent += sent;
            self.queued -= sent;
            if first.sent == first.bytes.len() {
                self.queue.pop_front();
            }
        }
        Ok(())
    }

    /// Events to poll for.
    pub fn poll_flags(&self) -> PollFlags {
        let mut flags = PollFlags::empty();
        if !self.ended {
            flags |= PollFlags::IN;
        }
        if self.wants_write() {
            flags |= PollFlags::OUT;
        }
        flags
    }

    /// The socket, to look at the peer's credentials.
    pub fn stream(&self) -> &UnixStream {
        &self.stream
    }
}

impl AsFd for Endpoint {
    /// For poll(2); nothing may be read or written past the endpoint.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}
