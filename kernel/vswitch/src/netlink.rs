//! Netlink messages and sockets (RFC 3549, netlink(7)): what rtnetlink and nfnetlink have in common.

use std::io;
use std::os::fd::OwnedFd;

use rustix::io::Errno;
use rustix::net::{AddressFamily, Protocol, RecvFlags, SendFlags, SocketFlags, SocketType, netlink, sockopt};

/// Message and attribute flags.
pub(crate) mod flags {
    pub(crate) const REQUEST: u16 = 0x1;
    pub(crate) const ACK: u16 = 0x4;
    pub(crate) const DUMP_INTERRUPTED: u16 = 0x10;
    pub(crate) const DUMP: u16 = 0x300;
    pub(crate) const REPLACE: u16 = 0x100;
    pub(crate) const EXCL: u16 = 0x200;
    pub(crate) const CREATE: u16 = 0x400;
    pub(crate) const APPEND: u16 = 0x800;
}

const NESTED: u16 = 0x8000;
const TYPE_MASK: u16 = 0x3fff;
const HEADER: usize = 16;
const ERROR: u16 = 2;
const DONE: u16 = 3;
/// Bytes that one attribute can hold, with its header.
const ATTRIBUTE_LIMIT: usize = u16::MAX as usize;
/// Times that a dump is begun anew because the objects changed under it.
const DUMP_TRIES: usize = 16;

/// A message under construction.
#[derive(Clone, Debug)]
pub(crate) struct Message {
    bytes: Vec<u8>,
    too_long: bool,
}

impl Message {
    /// A message of a type with flags (REQUEST is added) and the fixed part that comes before attributes.
    pub(crate) fn new(kind: u16, message_flags: u16, fixed: &[u8]) -> Self {
        let mut bytes = vec![0; HEADER];
        bytes[4..6].copy_from_slice(&kind.to_ne_bytes());
        bytes[6..8].copy_from_slice(&(message_flags | flags::REQUEST).to_ne_bytes());
        let mut message = Self { bytes, too_long: false };
        message.raw(fixed);
        message
    }

    /// Appends bytes, padded to a multiple of four.
    pub(crate) fn raw(&mut self, bytes: &[u8]) -> &mut Self {
        self.bytes.extend_from_slice(bytes);
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
        self
    }

    /// Appends an attribute.
    pub(crate) fn attribute(&mut self, kind: u16, value: &[u8]) -> &mut Self {
        let length = value.len() + 4;
        self.too_long |= length > ATTRIBUTE_LIMIT;
        self.bytes.extend_from_slice(&(length as u16).to_ne_bytes());
        self.bytes.extend_from_slice(&kind.to_ne_bytes());
        self.raw(value)
    }

    /// Appends a number in the host's order.
    pub(crate) fn u32(&mut self, kind: u16, value: u32) -> &mut Self {
        self.attribute(kind, &value.to_ne_bytes())
    }

    /// Appends a number in the network's order.
    pub(crate) fn be32(&mut self, kind: u16, value: u32) -> &mut Self {
        self.attribute(kind, &value.to_be_bytes())
    }

    /// Appends a byte.
    pub(crate) fn u8(&mut self, kind: u16, value: u8) -> &mut Self {
        self.attribute(kind, &[value])
    }

    /// Appends text with its closing zero.
    pub(crate) fn text(&mut self, kind: u16, value: &str) -> &mut Self {
        let mut bytes = Vec::with_capacity(value.len() + 1);
        bytes.extend_from_slice(value.as_bytes());
        bytes.push(0);
        self.attribute(kind, &bytes)
    }

    /// Appends an attribute whose content `fill` writes.
    pub(crate) fn nested(&mut self, kind: u16, fill: impl FnOnce(&mut Self)) -> &mut Self {
        let start = self.bytes.len();
        self.attribute(kind | NESTED, &[]);
        fill(self);
        let length = self.bytes.len() - start;
        self.too_long |= length > ATTRIBUTE_LIMIT;
        self.bytes[start..start + 2].copy_from_slice(&(length as u16).to_ne_bytes());
        self
    }

    /// Bytes so far.
    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// What follows the header.
    #[cfg(test)]
    pub(crate) fn body(&self) -> &[u8] {
        &self.bytes[HEADER..]
    }

    /// Adds flags.
    pub(crate) fn add_flags(&mut self, more: u16) {
        let now = u16::from_ne_bytes([self.bytes[6], self.bytes[7]]) | more;
        self.bytes[6..8].copy_from_slice(&now.to_ne_bytes());
    }

    fn is_dump(&self) -> bool {
        u16::from_ne_bytes([self.bytes[6], self.bytes[7]]) & flags::DUMP == flags::DUMP
            && u16::from_ne_bytes([self.bytes[6], self.bytes[7]]) & flags::CREATE == 0
    }

    fn finish(&mut self, sequence: u32) -> io::Result<()> {
        if self.too_long {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "a netlink attribute is longer than 65,535 bytes"));
        }
        let length = self.bytes.len() as u32;
        self.bytes[0..4].copy_from_slice(&length.to_ne_bytes());
        self.bytes[8..12].copy_from_slice(&sequence.to_ne_bytes());
        Ok(())
    }
}

/// An answer's type and what follows its header.
pub(crate) struct Answer {
    pub(crate) kind: u16,
    pub(crate) body: Vec<u8>,
}

/// The attributes of a message or of a nest, each as its type and its value. Stops where the lengths make no sense.
pub(crate) struct Attributes<'a>(pub(crate) &'a [u8]);

impl<'a> Iterator for Attributes<'a> {
    type Item = (u16, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let header = self.0.get(..4)?;
        let length = usize::from(u16::from_ne_bytes([header[0], header[1]]));
        let kind = u16::from_ne_bytes([header[2], header[3]]) & TYPE_MASK;
        let value = self.0.get(4..length)?;
        self.0 = self.0.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some((kind, value))
    }
}

impl<'a> Attributes<'a> {
    /// The attributes after a fixed part of `skip` bytes.
    pub(crate) fn after(body: &'a [u8], skip: usize) -> Self {
        Self(body.get(skip..).unwrap_or_default())
    }

    /// The value of the first attribute of a type.
    pub(crate) fn find(self, kind: u16) -> Option<&'a [u8]> {
        { self }.find_map(|(found, value)| (found == kind).then_some(value))
    }
}

/// A number in the host's order, if the value has its size.
pub(crate) fn ne_u32(value: &[u8]) -> Option<u32> {
    Some(u32::from_ne_bytes(value.try_into().ok()?))
}

/// A number in the network's order, if the value has its size.
pub(crate) fn be_u32(value: &[u8]) -> Option<u32> {
    Some(u32::from_be_bytes(value.try_into().ok()?))
}

/// Text up to its closing zero.
pub(crate) fn text(value: &[u8]) -> String {
    String::from_utf8_lossy(value.split(|&byte| byte == 0).next().unwrap_or_default()).into_owned()
}

/// A netlink socket of the network namespace that the thread was in that opened it.
pub(crate) struct Socket {
    fd: OwnedFd,
    sequence: u32,
    send_buffer: usize,
    buffer: Vec<u8>,
}

impl Socket {
    /// Opens a socket for rtnetlink.
    pub(crate) fn route() -> io::Result<Self> {
        // Protocol 0, which is the family's default.
        Self::open(None)
    }

    /// Opens a socket for nfnetlink.
    pub(crate) fn netfilter() -> io::Result<Self> {
        Self::open(Some(netlink::NETFILTER))
    }

    fn open(protocol: Option<Protocol>) -> io::Result<Self> {
        let fd = rustix::net::socket_with(AddressFamily::NETLINK, SocketType::RAW, SocketFlags::CLOEXEC, protocol)?;
        Ok(Self { fd, sequence: 0, send_buffer: 64 << 10, buffer: vec![0; 64 << 10] })
    }

    /// Sends requests in one call, waits for the answer to each, and returns what each brought: the objects that a request
    /// for some has found, or its error.
    pub(crate) fn exchange(&mut self, messages: &mut [Message]) -> io::Result<Vec<io::Result<Vec<Answer>>>> {
        if messages.is_empty() {
            return Ok(Vec::new());
        }
        let first = self.sequence.wrapping_add(1);
        let mut bytes = Vec::new();
        for message in &mut *messages {
            self.sequence = self.sequence.wrapping_add(1);
            if !message.is_dump() {
                message.add_flags(flags::ACK);
            }
            message.finish(self.sequence)?;
            bytes.extend_from_slice(&message.bytes);
        }
        self.send(&bytes)?;
        let mut results: Vec<_> = messages.iter().map(|_| Ok(Vec::new())).collect();
        let mut open = messages.len();
        while open > 0 {
            self.receive(|sequence, header_flags, kind, body| {
                let at = sequence.wrapping_sub(first) as usize;
                let Some(result) = results.get_mut(at) else { return };
                let finished = match kind {
                    ERROR | DONE => body.get(..4).and_then(|code| Some(i32::from_ne_bytes(code.try_into().ok()?))),
                    _ => {
                        if let Ok(answers) = result {
                            answers.push(Answer { kind, body: body.to_vec() });
                        }
                        None
                    }
                };
                if header_flags & flags::DUMP_INTERRUPTED != 0 {
                    *result = Err(Errno::INTR.into());
                }
                if let Some(code) = finished {
                    open = open.saturating_sub(1);
                    if code < 0 {
                        *result = Err(io::Error::from_raw_os_error(-code));
                    }
                }
            })?;
        }
        Ok(results)
    }

    /// Sends requests as [`Socket::exchange`] does; the first error is the error.
    pub(crate) fn exchange_all(&mut self, messages: &mut [Message]) -> io::Result<Vec<Vec<Answer>>> {
        self.exchange(messages)?.into_iter().collect()
    }

    /// Asks for all objects of a kind.
    pub(crate) fn dump(&mut self, mut message: Message) -> io::Result<Vec<Answer>> {
        message.add_flags(flags::DUMP);
        for _ in 0..DUMP_TRIES {
            match self.exchange(std::slice::from_mut(&mut message))?.pop() {
                Some(Err(error)) if error.kind() == io::ErrorKind::Interrupted => {}
                Some(result) => return result,
                None => break,
            }
        }
        Err(io::Error::other("the kernel's objects changed all the time while they were listed"))
    }

    /// Sends messages that take effect together or not at all (nfnetlink's batches).
    pub(crate) fn transact(&mut self, messages: &mut [Message]) -> io::Result<()> {
        if let Some(last) = messages.iter_mut().nth_back(1) {
            // One answer tells that the batch was read; the messages bring one each only on failure.
            last.add_flags(flags::ACK);
        }
        let mut bytes = Vec::new();
        for message in &mut *messages {
            self.sequence = self.sequence.wrapping_add(1);
            message.finish(self.sequence)?;
            bytes.extend_from_slice(&message.bytes);
        }
        self.send(&bytes)?;
        let (mut answered, mut failure) = (false, None);
        loop {
            let received = self.receive(|_, _, kind, body| {
                let code = body.get(..4).and_then(|code| Some(i32::from_ne_bytes(code.try_into().ok()?)));
                if let (ERROR, Some(code)) = (kind, code) {
                    answered = true;
                    if code < 0 && failure.is_none() {
                        failure = Some(io::Error::from_raw_os_error(-code));
                    }
                }
            });
            match received {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                // More errors than the buffer holds: the batch has failed all the same.
                Err(error) if error.raw_os_error() == Some(libc::ENOBUFS) => {
                    failure.get_or_insert(error);
                }
                Err(error) => return Err(error),
            }
        }
        match failure {
            Some(error) => Err(error),
            None if answered => Ok(()),
            None => Err(io::Error::other("the kernel did not answer")),
        }
    }

    fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        if bytes.len() > self.send_buffer {
            sockopt::set_socket_send_buffer_size_force(&self.fd, bytes.len())?;
            self.send_buffer = bytes.len();
        }
        let sent = rustix::io::retry_on_intr(|| rustix::net::send(&self.fd, bytes, SendFlags::empty()))?;
        if sent == bytes.len() { Ok(()) } else { Err(io::ErrorKind::WriteZero.into()) }
    }

    /// Reads one datagram and hands over its messages: sequence, flags, type and body. The kernel has answered when the call that
    /// sent returns, so there is nothing to wait for.
    fn receive(&mut self, mut each: impl FnMut(u32, u16, u16, &[u8])) -> io::Result<()> {
        let (length, _) =
            rustix::io::retry_on_intr(|| rustix::net::recv(&self.fd, self.buffer.as_mut_slice(), RecvFlags::DONTWAIT))?;
        let mut rest = self.buffer.get(..length).unwrap_or_default();
        while let Some(header) = rest.get(..HEADER) {
            let length = u32::from_ne_bytes([header[0], header[1], header[2], header[3]]) as usize;
            let kind = u16::from_ne_bytes([header[4], header[5]]);
            let message_flags = u16::from_ne_bytes([header[6], header[7]]);
            let sequence = u32::from_ne_bytes([header[8], header[9], header[10], header[11]]);
            let Some(body) = rest.get(HEADER..length) else { break };
            each(sequence, message_flags, kind, body);
            rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_nested_is_found_again() {
        let mut message = Message::new(16, flags::CREATE, &[1, 2, 3]);
        message.text(3, "eth0").nested(18, |inner| {
            inner.u32(1, 7).be32(2, 7);
        });
        let body = &message.bytes[HEADER + 4..];
        assert_eq!(text(Attributes(body).find(3).unwrap()), "eth0");
        let inner = Attributes(body).find(18).unwrap();
        assert_eq!(Attributes(inner).find(1).and_then(ne_u32), Some(7));
        assert_eq!(Attributes(inner).find(2).and_then(be_u32), Some(7));
        assert_eq!(Attributes(body).count(), 2);
    }

    #[test]
    fn lengths_that_make_no_sense_end_the_attributes() {
        for bytes in [&[3, 0, 1, 0][..], &[255, 255, 1, 0, 1], &[0, 0, 0, 0], &[5, 0, 1], &[]] {
            assert_eq!(Attributes(bytes).count(), 0, "{bytes:?}");
        }
    }

    #[test]
    fn an_attribute_that_is_too_long_is_refused() {
        let mut message = Message::new(0, 0, &[]);
        message.nested(1, |inner| {
            inner.attribute(1, &[0; 40_000]).attribute(1, &[0; 40_000]);
        });
        assert!(message.finish(1).is_err());
    }
}
