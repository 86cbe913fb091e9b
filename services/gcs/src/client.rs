//! A blocking client of the bridge.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::descriptors::{self, MAX_DESCRIPTORS, MessageReader, Received};
use crate::error::GcsError;
use crate::message::{self, Message, MessageKind, MessageType};
use crate::payload::{Notification, Response};

/// How long a request may take unless [`Client::set_timeout`] says otherwise; as in Microsoft's host.
pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(300);
/// Most notifications, and most responses, that wait to be taken.
pub const MAX_PENDING: usize = 256;

/// A connection to an agent or a silo host. Requests get ids from 1 upward.
#[derive(Debug)]
pub struct Client {
    stream: UnixStream,
    reader: MessageReader,
    next_id: u64,
    timeout: Option<Duration>,
    outstanding: BTreeSet<u64>,
    responses: BTreeMap<u64, Message>,
    notifications: VecDeque<Message>,
}

impl Client {
    /// Connects to the socket at `path`.
    pub fn connect(path: &Path) -> Result<Client, GcsError> {
        Client::new(UnixStream::connect(path)?)
    }

    /// Speaks over a connected socket, which becomes blocking.
    pub fn new(stream: UnixStream) -> Result<Client, GcsError> {
        stream.set_nonblocking(false)?;
        Ok(Client {
            stream,
            reader: MessageReader::new(),
            next_id: 1,
            timeout: Some(DEFAULT_TIMEOUT),
            outstanding: BTreeSet::new(),
            responses: BTreeMap::new(),
            notifications: VecDeque::new(),
        })
    }

    /// How long a request may take from its first byte to the end of its response; `None` waits forever.
    pub fn set_timeout(&mut self, timeout: Option<Duration>) {
        self.timeout = timeout;
    }

    /// Sends a request with descriptors and waits for its response. An error response becomes [`GcsError::Remote`].
    ///
    /// The connection stays usable after [`GcsError::Remote`], after [`GcsError::Payload`], and after a
    /// [`GcsError::Timeout`] that met the answer rather than the sending; after any other error it does not.
    pub fn request<Req: Serialize, Resp: Response>(
        &mut self,
        message_type: MessageType,
        request: &Req,
        fds: &[BorrowedFd<'_>],
    ) -> Result<Resp, GcsError> {
        let id = self.send(message_type, request, fds)?;
        let response = self.response(message_type, id);
        // A late response is then dropped instead of being kept for nobody.
        self.outstanding.remove(&id);
        response
    }

    /// Sends a request and gives its id, for [`Client::response`]. Several may be under way.
    pub fn send<Req: Serialize>(
        &mut self,
        message_type: MessageType,
        request: &Req,
        fds: &[BorrowedFd<'_>],
    ) -> Result<u64, GcsError> {
        if fds.len() > MAX_DESCRIPTORS {
            return Err(GcsError::TooManyDescriptors(fds.len()));
        }
        let id = self.next_id;
        let bytes = message::encode(message_type, id, request)?;
        self.next_id += 1;
        let deadline = deadline(self.timeout);
        let mut sent = 0;
        while sent < bytes.len() {
            self.stream.set_write_timeout(remaining(deadline)?)?;
            let fds = if sent == 0 { fds } else { &[] };
            sent += descriptors::send(&self.stream, &bytes[sent..], fds).map_err(timeout_or_closed)?;
        }
        self.outstanding.insert(id);
        Ok(id)
    }

    /// Waits for the response to the request `id` and reads it.
    pub fn response<Resp: Response>(&mut self, message_type: MessageType, id: u64) -> Result<Resp, GcsError> {
        let message = self.response_message(message_type, id)?;
        let response: Resp = message.parse()?;
        let base = response.base();
        if base.result.is_success() {
            return Ok(response);
        }
        let message = match base.error_message.is_empty() {
            true => base.result.describe(),
            false => base.error_message.clone(),
        };
        Err(GcsError::Remote { hresult: base.result, message })
    }

    /// Waits for the response to the request `id` and gives it unread, with its descriptors.
    pub fn response_message(&mut self, message_type: MessageType, id: u64) -> Result<Message, GcsError> {
        let deadline = deadline(self.timeout);
        loop {
            if let Some(message) = self.responses.remove(&id) {
                self.outstanding.remove(&id);
                if message.message_type != message_type.response() {
                    return Err(GcsError::Unexpected { message_type: message.message_type, id });
                }
                return Ok(message);
            }
            if !self.outstanding.contains(&id) {
                return Err(GcsError::Unexpected { message_type, id });
            }
            self.receive(deadline)?;
        }
    }

    /// Waits for a notification of the compute system `container_id`; those of others keep waiting.
    /// `None` waits forever, `Some(0)` looks at what has come in.
    pub fn wait_notification(
        &mut self,
        container_id: &str,
        timeout: Option<Duration>,
    ) -> Result<Notification, GcsError> {
        let deadline = deadline(timeout);
        let mut seen = 0;
        loop {
            while let Some(message) = self.notifications.get(seen) {
                let notification: Notification = match message.parse() {
                    Ok(notification) => notification,
                    Err(error) => {
                        self.notifications.remove(seen);
                        return Err(error);
                    }
                };
                if notification.base.container_id == container_id {
                    self.notifications.remove(seen);
                    return Ok(notification);
                }
                seen += 1;
            }
            self.receive(deadline)?;
        }
    }

    /// Waits for the next notification of any kind.
    pub fn next_notification(&mut self, timeout: Option<Duration>) -> Result<Message, GcsError> {
        let deadline = deadline(timeout);
        loop {
            if let Some(message) = self.notifications.pop_front() {
                return Ok(message);
            }
            self.receive(deadline)?;
        }
    }

    /// Receives one message and puts it where it is looked for.
    fn receive(&mut self, deadline: Option<Instant>) -> Result<(), GcsError> {
        let message = loop {
            self.stream.set_read_timeout(remaining(deadline)?)?;
            match self.reader.read(&self.stream) {
                Ok(Received::Message(message)) => break message,
                Ok(Received::Part) => {}
                Ok(Received::End) => return Err(GcsError::Closed),
                Err(GcsError::Io(error)) => return Err(timeout_or_closed(error)),
                Err(error) => return Err(error),
            }
        };
        match message.message_type.kind() {
            MessageKind::Response if self.outstanding.contains(&message.id) => {
                // One response to each request that is outstanding: bounded by what this side sent.
                self.responses.insert(message.id, message);
            }
            MessageKind::Notification => {
                if self.notifications.len() >= MAX_PENDING {
                    return Err(GcsError::TooManyPending(MAX_PENDING));
                }
                self.notifications.push_back(message);
            }
            // A late response to a request that nobody waits for any more.
            MessageKind::Response if message.id > 0 && message.id < self.next_id => {}
            _ => {
                return Err(GcsError::Unexpected { message_type: message.message_type, id: message.id });
            }
        }
        Ok(())
    }
}

impl AsFd for Client {
    /// For poll(2); nothing may be read or written past the client.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}

fn deadline(timeout: Option<Duration>) -> Option<Instant> {
    timeout.and_then(|timeout| Instant::now().checked_add(timeout))
}

/// Time until `deadline`. A zero timeout would mean none to the kernel, so what is left is at least a millisecond,
/// but an expired deadline is an error.
fn remaining(deadline: Option<Instant>) -> Result<Option<Duration>, GcsError> {
    match deadline {
        None => Ok(None),
        Some(deadline) => match deadline.checked_duration_since(Instant::now()) {
            Some(left) if !left.is_zero() => Ok(Some(left.max(Duration::from_millis(1)))),
            _ => Err(GcsError::Timeout),
        },
    }
}

fn timeout_or_closed(error: io::Error) -> GcsError {
    match error.kind() {
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => GcsError::Timeout,
        io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset => GcsError::Closed,
        _ => GcsError::Io(error),
    }
}
