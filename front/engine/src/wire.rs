//! Framing of the control socket: a little-endian `u32` length and that many bytes of JSON; descriptors travel with the length.

use std::io::{self, Read, Write};
use std::os::fd::{BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;

use casement_gcs::descriptors;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Bytes of the length in front of a message.
const LENGTH_BYTES: usize = 4;
/// How much memory is taken before the bytes that fill it have arrived.
const READ_STEP: u64 = 64 << 10;

/// Sends a message of at most `limit` bytes, with descriptors.
///
/// # Errors
/// When it is too large or the other side is gone.
pub fn send<T: Serialize>(stream: &UnixStream, message: &T, fds: &[BorrowedFd<'_>], limit: usize) -> io::Result<()> {
    let body = serde_json::to_vec(message)?;
    let length = u32::try_from(body.len()).ok().filter(|_| body.len() <= limit);
    let length = length.ok_or_else(|| invalid(format!("a message of {} bytes is larger than {limit}", body.len())))?;
    let mut frame = length.to_le_bytes().to_vec();
    frame.extend(body);
    let sent = descriptors::send(stream, &frame, fds)?;
    let mut writer = stream;
    writer.write_all(&frame[sent..])
}

/// Receives a message of at most `limit` bytes, and the descriptors that came with it.
///
/// # Errors
/// When it is too large, not what was expected, or the other side is gone.
pub fn receive<T: DeserializeOwned>(stream: &UnixStream, limit: usize) -> io::Result<(T, Vec<OwnedFd>)> {
    let mut head = [0u8; LENGTH_BYTES];
    let mut fds = Vec::new();
    let received = descriptors::receive(stream, &mut head, &mut fds)?;
    if received == 0 {
        return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the connection was closed"));
    }
    let mut reader = stream;
    reader.read_exact(&mut head[received..])?;
    let length = u32::from_le_bytes(head) as usize;
    if length > limit {
        return Err(invalid(format!("a message of {length} bytes is larger than {limit}")));
    }
    let mut body = Vec::new();
    let length = length as u64;
    while (body.len() as u64) < length {
        let step = READ_STEP.min(length - body.len() as u64);
        if reader.take(step).read_to_end(&mut body)? == 0 {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the connection was closed within a message"));
        }
    }
    Ok((serde_json::from_slice(&body)?, fds))
}

fn invalid(text: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::{MAX_REQUEST_BYTES, Request};
    use std::os::fd::AsFd;

    #[test]
    fn messages_and_descriptors_arrive() {
        let (near, far) = UnixStream::pair().unwrap();
        let (reader, writer) = io::pipe().unwrap();
        let request = Request::Inspect { container: "x".repeat(100_000) };
        let sender = std::thread::spawn({
            let request = request.clone();
            move || send(&near, &request, &[writer.as_fd()], MAX_REQUEST_BYTES).unwrap()
        });
        let (received, mut descriptors): (Request, _) = receive(&far, MAX_REQUEST_BYTES).unwrap();
        sender.join().unwrap();
        assert_eq!(received, request);
        let mut file = std::fs::File::from(descriptors.pop().unwrap());
        assert!(descriptors.is_empty());
        file.write_all(b"through").unwrap();
        drop(file);
        let mut text = String::new();
        { reader }.read_to_string(&mut text).unwrap();
        assert_eq!(text, "through");
    }

    #[test]
    fn hostile_messages_are_refused() {
        let frames: [&[u8]; 6] = [
            b"",
            b"\x05\0",
            b"\xff\xff\xff\xff",
            b"\x02\0\0\0{",
            b"\x02\0\0\0{}",
            b"\x18\0\0\0{\"Operation\":\"Nonsense\"}",
        ];
        for frame in frames {
            let (mut near, far) = UnixStream::pair().unwrap();
            near.write_all(frame).unwrap();
            drop(near);
            assert!(receive::<Request>(&far, MAX_REQUEST_BYTES).is_err(), "{frame:?}");
        }
    }
}
