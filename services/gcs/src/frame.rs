//! Frames of the bridge: a header of 16 bytes and a JSON payload.
//!
//! | Bytes | Little-endian field |
//! |---|---|
//! | 0..4 | message type |
//! | 4..8 | total size, header included |
//! | 8..16 | id, chosen by the requester and repeated in the response |
//!
//! Source: `internal/gcs/prot` of microsoft/hcsshim.

use crate::message::MessageType;

/// Bytes of the header.
pub const HEADER: usize = 16;
/// Longest frame in bytes, header included. Microsoft's host refuses longer ones.
pub const MAX_MESSAGE: usize = 0x10000;
/// Longest payload in bytes.
pub const MAX_PAYLOAD: usize = MAX_MESSAGE - HEADER;

/// Bytes that are no frame. The stream cannot be read on after one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// The size does not even hold the header.
    #[error("frame size {0} is shorter than its header of {HEADER} bytes")]
    TooShort(u32),
    /// The size is above [`MAX_MESSAGE`].
    #[error("frame size {0} is above the limit of {MAX_MESSAGE} bytes")]
    TooLong(u64),
    /// The stream ended within a frame.
    #[error("the stream ended within a frame")]
    Truncated,
}

/// One frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// What the payload is.
    pub message_type: MessageType,
    /// Joins a response to its request.
    pub id: u64,
    /// JSON text.
    pub payload: Vec<u8>,
}

/// The bytes of a frame.
pub fn encode(message_type: MessageType, id: u64, payload: &[u8]) -> Result<Vec<u8>, FrameError> {
    let size = HEADER + payload.len();
    if size > MAX_MESSAGE {
        return Err(FrameError::TooLong(size as u64));
    }
    let mut bytes = Vec::with_capacity(size);
    bytes.extend_from_slice(&message_type.raw().to_le_bytes());
    bytes.extend_from_slice(&(size as u32).to_le_bytes());
    bytes.extend_from_slice(&id.to_le_bytes());
    bytes.extend_from_slice(payload);
    Ok(bytes)
}

/// Puts frames together from bytes that come in any portions.
///
/// The caller fills [`FrameReader::space`] as far as it can and reports how far with [`FrameReader::filled`]. The
/// space ends where the header or the frame ends, so no read takes bytes of two frames: descriptors that come with a
/// read belong to the frame that is being read.
#[derive(Debug)]
pub struct FrameReader {
    header: [u8; HEADER],
    header_len: usize,
    payload: Vec<u8>,
    payload_len: usize,
}

impl Default for FrameReader {
    fn default() -> FrameReader {
        FrameReader::new()
    }
}

impl FrameReader {
    /// A reader at the start of a frame.
    pub fn new() -> FrameReader {
        FrameReader { header: [0; HEADER], header_len: 0, payload: Vec::new(), payload_len: 0 }
    }

    /// Where the next bytes belong; never empty.
    pub fn space(&mut self) -> &mut [u8] {
        if self.header_len < HEADER {
            &mut self.header[self.header_len..]
        } else {
            &mut self.payload[self.payload_len..]
        }
    }

    /// Takes note of `count` bytes that were put into [`FrameReader::space`]; gives the frame that they complete.
    /// A `count` beyond the space counts as the whole space.
    pub fn filled(&mut self, count: usize) -> Result<Option<Frame>, FrameError> {
        let count = count.min(self.space().len());
        if self.header_len < HEADER {
            self.header_len += count;
            if self.header_len < HEADER {
                return Ok(None);
            }
            let size = self.word(4);
            if (size as usize) < HEADER {
                return Err(FrameError::TooShort(size));
            }
            if size as usize > MAX_MESSAGE {
                return Err(FrameError::TooLong(size.into()));
            }
            self.payload = vec![0; size as usize - HEADER];
            self.payload_len = 0;
        } else {
            self.payload_len += count;
        }
        if self.payload_len < self.payload.len() {
            return Ok(None);
        }
        let id = u64::from(self.word(8)) | u64::from(self.word(12)) << 32;
        let frame =
            Frame { message_type: MessageType::from_raw(self.word(0)), id, payload: std::mem::take(&mut self.payload) };
        self.header_len = 0;
        self.payload_len = 0;
        Ok(Some(frame))
    }

    /// Whether some bytes of an unfinished frame are held.
    pub fn is_within_frame(&self) -> bool {
        self.header_len > 0
    }

    fn word(&self, at: usize) -> u32 {
        u32::from_le_bytes([self.header[at], self.header[at + 1], self.header[at + 2], self.header[at + 3]])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Feeds `bytes` in portions of at most `portion` bytes.
    fn read(bytes: &[u8], portion: usize) -> Result<Vec<Frame>, FrameError> {
        let mut reader = FrameReader::new();
        let mut frames = Vec::new();
        let mut rest = bytes;
        while !rest.is_empty() {
            let space = reader.space();
            let count = rest.len().min(space.len()).min(portion);
            assert!(count > 0, "space is never empty");
            space[..count].copy_from_slice(&rest[..count]);
            rest = &rest[count..];
            frames.extend(reader.filled(count)?);
        }
        if reader.is_within_frame() { Err(FrameError::Truncated) } else { Ok(frames) }
    }

    fn header(size: u32) -> [u8; HEADER] {
        let mut bytes = [0; HEADER];
        bytes[4..8].copy_from_slice(&size.to_le_bytes());
        bytes
    }

    #[test]
    fn frames_survive_any_split() {
        let mut bytes = encode(MessageType::CREATE, 7, b"{\"a\":1}").unwrap();
        bytes.extend(encode(MessageType::START, u64::MAX, b"").unwrap());
        bytes.extend(encode(MessageType::NOTIFICATION, 0, &vec![b' '; MAX_PAYLOAD]).unwrap());
        let whole = read(&bytes, usize::MAX).unwrap();
        assert_eq!(whole.len(), 3);
        assert_eq!(whole[0], Frame { message_type: MessageType::CREATE, id: 7, payload: b"{\"a\":1}".to_vec() });
        assert_eq!((whole[1].id, whole[1].payload.len()), (u64::MAX, 0));
        assert_eq!(whole[2].payload.len(), MAX_PAYLOAD);
        for portion in [1, 2, 3, 15, 16, 17, 4096] {
            assert_eq!(read(&bytes, portion).unwrap(), whole, "portion {portion}");
        }
    }

    #[test]
    fn the_header_has_the_layout_of_the_bridge() {
        let bytes = encode(MessageType::NEGOTIATE, 0x0102_0304_0506_0708, b"{}").unwrap();
        assert_eq!(bytes, *b"\x01\x0b\x10\x10\x12\0\0\0\x08\x07\x06\x05\x04\x03\x02\x01{}");
    }

    #[test]
    fn sizes_outside_the_limits_are_refused_before_anything_is_allocated() {
        assert_eq!(read(&header(0), 16), Err(FrameError::TooShort(0)));
        assert_eq!(read(&header(15), 1), Err(FrameError::TooShort(15)));
        assert_eq!(read(&header(0x10001), 16), Err(FrameError::TooLong(0x10001)));
        assert_eq!(read(&header(u32::MAX), 16), Err(FrameError::TooLong(u32::MAX.into())));
        assert_eq!(read(&header(100), 16), Err(FrameError::Truncated));
        assert_eq!(encode(MessageType::CREATE, 0, &vec![0; MAX_PAYLOAD + 1]), Err(FrameError::TooLong(0x10001)));
    }
}
