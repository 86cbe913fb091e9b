//! Packs with gzip on all processors: members of a fixed length, one after the other (RFC 1952, section 2.2), so that
//! the bytes do not depend on the number of processors.

use libdeflater::{CompressionLvl, Compressor};
use std::io::{self, Write};

/// Bytes that go into one member.
const MEMBER: usize = 8 << 20;
/// libdeflate's level for what is packed once: 4 % smaller than the best of zlib in twice its time; higher ones take long for
/// 0.2 %.
pub(crate) const SMALL: i32 = 10;
/// The level for what somebody waits for: as small as zlib's default in half its time.
pub(crate) const FAST: i32 = 5;

/// Compresses what is written to it into `W`.
pub struct GzipMembers<W: Write> {
    out: W,
    waiting: Vec<Vec<u8>>,
    parallel: usize,
    member: usize,
    level: i32,
}

impl<W: Write> GzipMembers<W> {
    /// Nothing is written before the first member is full.
    pub fn new(out: W, level: i32) -> Self {
        let parallel = std::thread::available_parallelism().map_or(1, usize::from);
        Self { out, waiting: vec![Vec::new()], parallel, member: MEMBER, level }
    }

    /// Writes what is left and gives the output back.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn finish(mut self) -> io::Result<W> {
        self.compress()?;
        Ok(self.out)
    }

    fn compress(&mut self) -> io::Result<()> {
        let waiting = std::mem::replace(&mut self.waiting, vec![Vec::new()]);
        let level = self.level;
        let members: Vec<io::Result<Vec<u8>>> = std::thread::scope(|scope| {
            let threads: Vec<_> = waiting.iter().map(|bytes| scope.spawn(|| member(bytes, level))).collect();
            let panicked = || io::Error::other("the compressor failed");
            threads.into_iter().map(|t| t.join().unwrap_or_else(|_| Err(panicked()))).collect()
        });
        for member in members {
            self.out.write_all(&member?)?;
        }
        Ok(())
    }
}

fn member(bytes: &[u8], level: i32) -> io::Result<Vec<u8>> {
    let level = CompressionLvl::new(level).map_err(|_| io::Error::other("no such level"))?;
    let mut compressor = Compressor::new(level);
    let mut packed = vec![0; compressor.gzip_compress_bound(bytes.len())];
    let length = compressor.gzip_compress(bytes, &mut packed).map_err(io::Error::other)?;
    packed.truncate(length);
    Ok(packed)
}

impl<W: Write> Write for GzipMembers<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.waiting.last().is_none_or(|last| last.len() == self.member) {
            if self.waiting.len() == self.parallel {
                self.compress()?;
            } else {
                self.waiting.push(Vec::new());
            }
        }
        let Some(last) = self.waiting.last_mut() else {
            return Ok(0);
        };
        let taken = bytes.len().min(self.member - last.len());
        last.extend_from_slice(&bytes[..taken]);
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    const SHORT: usize = 40_000;

    #[test]
    fn several_members_read_back_as_one_and_do_not_depend_on_the_writes() {
        let bytes: Vec<u8> = (0..(SHORT * 2 + 77)).map(|n| (n / 7) as u8).collect();
        let pack = |step: usize, parallel: usize| {
            let mut gzip = GzipMembers { parallel, member: SHORT, ..GzipMembers::new(Vec::new(), SMALL) };
            bytes.chunks(step).for_each(|chunk| gzip.write_all(chunk).unwrap());
            gzip.finish().unwrap()
        };
        let packed = pack(SHORT / 3, 1);
        assert_eq!(packed, pack(1000, 4));
        let mut again = Vec::new();
        flate2::read::MultiGzDecoder::new(&packed[..]).read_to_end(&mut again).unwrap();
        assert!(again == bytes);
    }
}
