//! Unpacks Zstandard (RFC 8878): one frame after the other, skippable ones left out, as zstd(1) does.

use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};
use std::io::{self, BufRead, Read};

/// The first bytes of a frame.
pub const MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
/// Bytes that are unpacked at a time.
const PIECE: usize = 256 << 10;

/// Reads what frames unpack to. The decoder refuses windows of more than 100 MiB, so that no frame takes more memory.
pub struct Frames<R: BufRead> {
    packed: R,
    decoder: FrameDecoder,
    is_in_frame: bool,
}

impl<R: BufRead> Frames<R> {
    /// Unpacks `packed`, which begins with a frame.
    pub fn new(packed: R) -> Self {
        Self { packed, decoder: FrameDecoder::new(), is_in_frame: false }
    }

    /// The next frame; false at the end.
    fn begin(&mut self) -> io::Result<bool> {
        if self.packed.fill_buf()?.is_empty() {
            return Ok(false);
        }
        match self.decoder.reset(&mut self.packed) {
            Ok(()) => self.is_in_frame = true,
            Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame { length, .. })) => {
                let length = u64::from(length);
                if io::copy(&mut (&mut self.packed).take(length), &mut io::sink())? < length {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
            }
            Err(error) => return Err(invalid(error)),
        }
        Ok(true)
    }
}

impl<R: BufRead> Read for Frames<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        loop {
            if !self.is_in_frame {
                if !self.begin()? {
                    return Ok(0);
                }
                continue;
            }
            let count = self.decoder.read(buffer)?;
            if count > 0 {
                return Ok(count);
            }
            match self.decoder.is_finished() {
                true => self.is_in_frame = false,
                false => {
                    let piece = BlockDecodingStrategy::UptoBytes(PIECE);
                    self.decoder.decode_blocks(&mut self.packed, piece).map_err(invalid)?;
                }
            }
        }
    }
}

fn invalid(error: FrameDecoderError) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("zstd: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ruzstd::encoding::{CompressionLevel, compress_to_vec};

    fn unpacked(packed: &[u8]) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        // In small pieces, so that frames begin anywhere in them.
        Frames::new(io::BufReader::with_capacity(7, packed)).read_to_end(&mut bytes).map(|_| bytes)
    }

    #[test]
    fn frames_follow_one_another_and_skippable_ones_are_left_out() {
        let parts: Vec<Vec<u8>> = (1..4u8).map(|part| [part, 0, 7].repeat(200_000)).collect();
        let mut packed = Vec::new();
        for part in &parts {
            packed.extend([0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3]);
            packed.extend(compress_to_vec(&part[..], CompressionLevel::Fastest));
        }
        assert!(unpacked(&packed).unwrap() == parts.concat());
        for cut in [1, 5, 10, 30, packed.len() - 1] {
            assert!(unpacked(&packed[..cut]).is_err(), "{cut}");
        }
    }

    /// `printf 'a layer, a layer, a layer, a layer\n' | zstd -19 --no-progress`
    #[test]
    fn what_zstd_writes_is_read() {
        let packed = include_bytes!("zstd/layer.zst");
        assert_eq!(unpacked(packed).unwrap(), b"a layer, a layer, a layer, a layer\n");
    }

    #[test]
    fn frames_with_a_window_beyond_all_measure_are_refused() {
        // A window of 2 TiB (descriptor 0xf8), no content size.
        assert!(unpacked(&[0x28, 0xb5, 0x2f, 0xfd, 0x00, 0xf8, 0x01, 0x00, 0x00]).is_err());
    }
}
