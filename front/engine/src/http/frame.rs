//! The frames of a multiplexed stream: one byte for the stream, three zeroes, the length (big-endian), the payload.

use bytes::{BufMut, Bytes, BytesMut};

use super::version::ApiVersion;

/// Media type of a stream of frames.
const MULTIPLEXED: &str = "application/vnd.docker.multiplexed-stream";
/// Media type of a stream of plain bytes: that of a console.
pub(super) const RAW: &str = "application/vnd.docker.raw-stream";
/// The first version of the API that tells frames from plain bytes by their media type. Frames are older.
const TELLS_FRAMES: ApiVersion = ApiVersion::minor(42);
/// Bytes in front of a payload.
pub(super) const HEADER_BYTES: usize = 8;

/// The stream that a frame belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FrameStream {
    /// Standard output.
    Stdout = 1,
    /// Standard error.
    Stderr = 2,
}

/// The media type of a stream for a client of this version.
pub(super) fn media_type(framed: bool, version: ApiVersion) -> &'static str {
    if framed && version >= TELLS_FRAMES { MULTIPLEXED } else { RAW }
}

/// What stands in front of `length` bytes, which are less than 4 GiB.
pub(super) fn header(stream: FrameStream, length: usize) -> [u8; HEADER_BYTES] {
    let mut header = [0; HEADER_BYTES];
    header[0] = stream as u8;
    header[4..].copy_from_slice(&u32::try_from(length).expect("a frame is shorter than 4 GiB").to_be_bytes());
    header
}

/// A frame around `payload`, which is shorter than 4 GiB.
pub(super) fn frame(stream: FrameStream, payload: &[u8]) -> Bytes {
    let mut frame = BytesMut::with_capacity(HEADER_BYTES + payload.len());
    frame.put_slice(&header(stream, payload.len()));
    frame.put_slice(payload);
    frame.freeze()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_names_its_stream_and_length() {
        assert_eq!(&frame(FrameStream::Stderr, b"abc")[..], b"\x02\0\0\0\0\0\0\x03abc");
    }

    #[test]
    fn older_clients_are_not_told_of_frames() {
        assert_eq!(media_type(true, ApiVersion::minor(42)), MULTIPLEXED);
        assert_eq!(media_type(true, ApiVersion::minor(41)), RAW);
        assert_eq!(media_type(false, ApiVersion::minor(50)), RAW);
    }
}
