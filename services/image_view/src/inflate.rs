//! Unpacks a layer's blob: plain tar or gzip. Of gzip archives with several members, as Casement and pigz-like packers
//! write them, the beginning of each is remembered, so that reading can begin there.

use flate2::bufread::GzDecoder;
use serde::{Deserialize, Serialize};
use std::io::{self, BufRead, Read};

/// Packed bytes between two checkpoints at least.
const SPACING: u64 = 1 << 20;
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

/// A place at which a member begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// Bytes of the packed archive before it.
    pub packed: u64,
    /// Bytes of the unpacked archive before it.
    pub unpacked: u64,
}

/// How a blob is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Packing {
    /// Not at all.
    Plain,
    /// gzip (RFC 1952).
    Gzip,
    /// Zstandard (RFC 8878).
    Zstd,
}

impl Packing {
    /// Told from the first bytes of the blob.
    pub fn of(first: &[u8]) -> Self {
        if first.starts_with(&GZIP_MAGIC) {
            Self::Gzip
        } else if first.starts_with(&casement_layers::zstd::MAGIC) {
            Self::Zstd
        } else {
            Self::Plain
        }
    }
}

/// Unpacks gzip members one after the other.
pub struct Members<R: BufRead> {
    state: State<R>,
    produced: u64,
    checkpoints: Vec<Checkpoint>,
}

enum State<R: BufRead> {
    In(Box<GzDecoder<Counted<R>>>),
    Between(Counted<R>),
    Ended,
}

impl<R: BufRead> Members<R> {
    /// Unpacks `packed`, which begins with a member.
    pub fn new(packed: R) -> Self {
        Self { state: State::Between(Counted { inner: packed, taken: 0 }), produced: 0, checkpoints: Vec::new() }
    }

    /// Where members began that have been read, not all of very short ones.
    pub fn checkpoints(&self) -> &[Checkpoint] {
        &self.checkpoints
    }

    fn begin(&mut self, mut packed: Counted<R>) -> io::Result<()> {
        let is_first = self.produced == 0 && packed.taken == 0;
        let next = packed.fill_buf()?;
        // What follows the last member and is none, such as padding, is not looked at, as with gzip(1).
        if next.is_empty() || !is_first && next.first() != Some(&GZIP_MAGIC[0]) {
            return Ok(());
        }
        let here = Checkpoint { packed: packed.taken, unpacked: self.produced };
        if self.checkpoints.last().is_some_and(|last| here.packed - last.packed >= SPACING) || here.packed == 0 {
            self.checkpoints.push(here);
        }
        self.state = State::In(Box::new(GzDecoder::new(packed)));
        Ok(())
    }
}

impl<R: BufRead> Read for Members<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        loop {
            match std::mem::replace(&mut self.state, State::Ended) {
                State::Ended => return Ok(0),
                State::Between(packed) => self.begin(packed)?,
                State::In(mut member) => match member.read(buffer)? {
                    0 => self.state = State::Between(member.into_inner()),
                    length => {
                        self.produced += length as u64;
                        self.state = State::In(member);
                        return Ok(length);
                    }
                },
            }
        }
    }
}

struct Counted<R> {
    inner: R,
    taken: u64,
}

impl<R: BufRead> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.inner.read(buffer)?;
        self.taken += length as u64;
        Ok(length)
    }
}

impl<R: BufRead> BufRead for Counted<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.inner.fill_buf()
    }

    fn consume(&mut self, length: usize) {
        self.taken += length as u64;
        self.inner.consume(length);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use std::io::Write;

    fn member(bytes: &[u8]) -> Vec<u8> {
        let mut packed = GzEncoder::new(Vec::new(), Compression::none());
        packed.write_all(bytes).unwrap();
        packed.finish().unwrap()
    }

    #[test]
    fn reading_can_begin_at_every_member() {
        let parts: Vec<Vec<u8>> = (0..4u8).map(|part| vec![part; 2 << 20]).collect();
        let packed: Vec<u8> = parts.iter().flat_map(|part| member(part)).collect();
        let whole = parts.concat();
        let mut members = Members::new(&packed[..]);
        let mut bytes = Vec::new();
        members.read_to_end(&mut bytes).unwrap();
        assert_eq!(bytes, whole);
        assert_eq!(members.checkpoints().len(), 4);
        for at in members.checkpoints() {
            let mut rest = Vec::new();
            Members::new(&packed[at.packed as usize..]).read_to_end(&mut rest).unwrap();
            assert_eq!(rest, whole[at.unpacked as usize..]);
        }
    }

    #[test]
    fn padding_is_no_member_and_a_cut_one_is_an_error() {
        let mut packed = member(b"hello");
        packed.extend([0; 512]);
        let mut text = String::new();
        Members::new(&packed[..]).read_to_string(&mut text).unwrap();
        assert_eq!(text, "hello");
        assert!(Members::new(&member(b"hello")[..20]).read_to_end(&mut Vec::new()).is_err());
        assert!(Members::new(&b"no gzip"[..]).read_to_end(&mut Vec::new()).is_err());
    }
}
