//! What comes from the daemon as the streams of a process: frames, or the bytes of a console.

use bytes::{Buf, Bytes, BytesMut};

/// Bytes in front of a payload: the stream, three zeroes, the length (big-endian).
const HEADER_BYTES: usize = 8;

/// One of the two streams that a process writes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// Standard output, and the console.
    Out = 0,
    /// Standard error.
    Err = 1,
}

/// Takes pieces as they come and gives what they hold. A payload is given piece by piece too: however long it claims to be, nothing is kept.
#[derive(Debug)]
pub enum Frames {
    /// Plain bytes.
    Console,
    /// Frames.
    Framed {
        /// A header that is not yet whole.
        header: BytesMut,
        /// The payload that is being given, and how much of it is to come.
        payload: Option<(Stream, usize)>,
    },
}

impl Frames {
    /// For the stream of a process with or without a console.
    pub fn new(console: bool) -> Self {
        if console { Self::Console } else { Self::Framed { header: BytesMut::new(), payload: None } }
    }

    /// What a piece holds.
    pub fn take(&mut self, mut piece: Bytes) -> Vec<(Stream, Bytes)> {
        let (header, payload) = match self {
            Self::Console => return vec![(Stream::Out, piece)],
            Self::Framed { header, payload } => (header, payload),
        };
        let mut taken = Vec::new();
        while !piece.is_empty() {
            if let Some((stream, left)) = payload {
                let bytes = piece.split_to(piece.len().min(*left));
                *left -= bytes.len();
                taken.push((*stream, bytes));
            } else {
                let missing = HEADER_BYTES - header.len();
                header.extend_from_slice(&piece.split_to(piece.len().min(missing)));
                if header.len() == HEADER_BYTES {
                    let stream = if header[0] == 2 { Stream::Err } else { Stream::Out };
                    header.advance(4);
                    *payload = Some((stream, header.get_u32() as usize));
                }
            }
            *payload = payload.filter(|(_, left)| *left > 0);
        }
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_read_whatever_the_pieces() {
        let bytes = b"\x01\0\0\0\0\0\0\x03one\x02\0\0\0\0\0\0\x00\x02\0\0\0\0\0\0\x02er\x01\0\0\0\0\0\0\x01!";
        for length in 1..=bytes.len() {
            let mut frames = Frames::new(false);
            let (mut out, mut err) = (Vec::new(), Vec::new());
            for piece in bytes.chunks(length) {
                for (stream, text) in frames.take(Bytes::copy_from_slice(piece)) {
                    if stream == Stream::Out { &mut out } else { &mut err }.extend_from_slice(&text);
                }
            }
            assert_eq!((&out[..], &err[..]), (&b"one!"[..], &b"er"[..]), "{length}");
        }
    }

    #[test]
    fn a_console_has_no_frames() {
        let text = Bytes::from_static(b"\x01\0\0");
        assert_eq!(Frames::new(true).take(text.clone()), [(Stream::Out, text)]);
    }
}
