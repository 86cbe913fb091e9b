//! Bytes and descriptors over Unix sockets (`SCM_RIGHTS`, unix(7)).
//!
//! The descriptors of a message travel with the first byte of its frame. By the convention of this house,
//! ExecuteProcess carries those of standard input, output and error, in that order, each only if the process
//! parameters ask for its pipe.

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags,
    recvmsg, sendmsg,
};

use crate::error::GcsError;
use crate::frame::{Frame, FrameError, FrameReader};
use crate::message::Message;

/// Most descriptors of one message: the three standard streams, and a connection.
pub const MAX_DESCRIPTORS: usize = 4;

const ANCILLARY_SPACE: usize = rustix::cmsg_space!(ScmRights(MAX_DESCRIPTORS));

/// Sends some of `bytes`, with `fds` at the first of them; says how many bytes went. `fds` went if any byte did.
/// Never raises SIGPIPE. On a non-blocking socket, an error of kind `WouldBlock` means that nothing went.
pub fn send(socket: impl AsFd, bytes: &[u8], fds: &[BorrowedFd<'_>]) -> io::Result<usize> {
    if fds.len() > MAX_DESCRIPTORS {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "too many descriptors for one message"));
    }
    let mut space = [MaybeUninit::uninit(); ANCILLARY_SPACE];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if !fds.is_empty() && !control.push(SendAncillaryMessage::ScmRights(fds)) {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "too many descriptors for one message"));
    }
    let sent =
        rustix::io::retry_on_intr(|| sendmsg(&socket, &[IoSlice::new(bytes)], &mut control, SendFlags::NOSIGNAL))?;
    Ok(sent)
}

/// Receives into `space` and appends descriptors to `fds`, up to [`MAX_DESCRIPTORS`] in all; further ones are closed.
/// 0 means that the other side will send no more. Descriptors are close-on-exec.
pub fn receive(socket: impl AsFd, space: &mut [u8], fds: &mut Vec<OwnedFd>) -> io::Result<usize> {
    loop {
        let mut ancillary = [MaybeUninit::uninit(); ANCILLARY_SPACE];
        let mut control = RecvAncillaryBuffer::new(&mut ancillary);
        let received = recvmsg(&socket, &mut [IoSliceMut::new(space)], &mut control, RecvFlags::CMSG_CLOEXEC);
        // The alignment of the space leaves room for more descriptors than were asked for.
        for message in control.drain() {
            if let RecvAncillaryMessage::ScmRights(rights) = message {
                for fd in rights {
                    if fds.len() < MAX_DESCRIPTORS {
                        fds.push(fd);
                    }
                }
            }
        }
        match received {
            Ok(received) => return Ok(received.bytes),
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// What one read brought.
#[derive(Debug)]
pub enum Received {
    /// A whole message.
    Message(Message),
    /// Part of a message.
    Part,
    /// The end of the stream, between two messages.
    End,
}

/// Puts messages together: a [`FrameReader`] with the descriptors of the frame that it reads.
#[derive(Debug, Default)]
pub struct MessageReader {
    frames: FrameReader,
    fds: Vec<OwnedFd>,
}

impl MessageReader {
    /// A reader at the start of a message.
    pub fn new() -> MessageReader {
        MessageReader::default()
    }

    /// Reads once from `socket`. An end of the stream within a message is an error, as is `WouldBlock` of a
    /// non-blocking socket; after the latter reading goes on.
    pub fn read(&mut self, socket: impl AsFd) -> Result<Received, GcsError> {
        let count = receive(socket, self.frames.space(), &mut self.fds)?;
        if count == 0 {
            self.fds.clear();
            return if self.frames.is_within_frame() { Err(FrameError::Truncated.into()) } else { Ok(Received::End) };
        }
        let frame: Option<Frame> = self.frames.filled(count)?;
        Ok(match frame {
            Some(frame) => Received::Message(Message::new(frame, std::mem::take(&mut self.fds))),
            None => Received::Part,
        })
    }
}
