//! Streams that count and hash what goes through.

use casement_layers::Digest;
use sha2::{Digest as _, Sha256};
use std::cell::Cell;
use std::io::{self, Read};
use std::rc::Rc;

/// Counts and hashes an archive while it is read.
pub struct Measured<R> {
    inner: R,
    hasher: Sha256,
    position: Rc<Cell<u64>>,
    most: u64,
}

impl<R: Read> Measured<R> {
    /// Reads `inner`, at most `most` bytes. The second value tells how many bytes have been read.
    pub fn new(inner: R, most: u64) -> (Self, Rc<Cell<u64>>) {
        let position = Rc::new(Cell::new(0));
        (Self { inner, hasher: Sha256::new(), position: position.clone(), most }, position)
    }

    /// The digest of all that was read, and what was read from.
    pub fn finish(self) -> (Option<Digest>, R) {
        (digest(self.hasher), self.inner)
    }
}

impl<R: Read> Read for Measured<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.inner.read(buffer)?;
        self.hasher.update(&buffer[..length]);
        let position = self.position.get() + length as u64;
        if position > self.most {
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, "the archive is larger than 1 TB when unpacked"));
        }
        self.position.set(position);
        Ok(length)
    }
}

/// Reads to the end, through `buffer`, and gives the digest and the number of bytes.
pub fn digest_of(reader: &mut dyn Read, buffer: &mut [u8]) -> io::Result<(Option<Digest>, u64)> {
    let mut hasher = Sha256::new();
    let mut size = 0u64;
    loop {
        match reader.read(buffer) {
            Ok(0) => return Ok((digest(hasher), size)),
            Ok(length) => {
                hasher.update(&buffer[..length]);
                size += length as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

fn digest(hasher: Sha256) -> Option<Digest> {
    Digest::from_hex(&casement_nt::digest::hex(&hasher.finalize()))
}
