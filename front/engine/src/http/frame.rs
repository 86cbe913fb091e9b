//! The frames of a multiplexed stream: one byte for the stream, three zeroes, the length (big-endian), the payload.

use bytes::{BufMut, Bytes, BytesMut};

/// Media type of a stream of frames.
pub(super) const MULTIPLEXED: &str = "application/vnd.docker.multiplexed-stream";
/// Media type of a stream of plain bytes: that of a console.
pub(super) const RAW: &str = "application/vnd.docker.raw-stream";

/// The stream that a frame belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FrameStream {
    /// Standard output.
    Stdout = 1,
    /// Standard error.
    Stderr = 2,
}

/// A frame around `payload`, which is shorter than 4 GiB.
pub(super) fn frame(stream: FrameStream, payload: &[u8]) -> Bytes {
    let mut frame = BytesMut::with_capacity(8 + payload.len());
    frame.put_u8(stream as u8);
    frame.put_bytes(0, 3);
    frame.put_u32(u32::try_from(payload.len()).expect("a frame is shorter than 4 GiB"));
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
}
