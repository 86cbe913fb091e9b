//! The packed stream in chunks of one length, each with the beginning of the next.

use crate::buffers::Spare;
use crate::input::Input;
use std::io::{self, Read};
use std::sync::Arc;

/// A chunk and the beginning of the next one.
#[derive(Debug)]
pub(crate) struct Chunk {
    bytes: Vec<u8>,
    /// Bytes of the stream before it.
    base: u64,
    /// Bytes of it without those of the next one.
    length: usize,
    /// Whether the stream ends with it.
    is_last: bool,
    spare: Arc<Spare<u8>>,
}

impl Chunk {
    pub(crate) fn input(&self) -> Input<'_> {
        Input { bytes: &self.bytes, base: self.base, is_last: self.is_last }
    }

    /// The bit with which the next chunk begins; after the last one there is none.
    pub(crate) fn end(&self) -> u64 {
        if self.is_last { u64::MAX } else { (self.base + self.length as u64) * 8 }
    }

    /// Whether a bit is in it, and not only in what it has of the next one.
    pub(crate) fn has(&self, bit: u64) -> bool {
        (self.base * 8..self.end()).contains(&bit)
    }
}

impl Drop for Chunk {
    fn drop(&mut self) {
        self.spare.give(std::mem::take(&mut self.bytes));
    }
}

/// Cuts what it reads into chunks.
#[derive(Debug)]
pub(crate) struct Chunks<R> {
    source: R,
    length: usize,
    overlap: usize,
    base: u64,
    /// What the last chunk has of the next one.
    read_ahead: Vec<u8>,
    is_at_end: bool,
    spare: Arc<Spare<u8>>,
}

impl<R: Read> Chunks<R> {
    pub(crate) fn new(source: R, length: usize, overlap: usize) -> Self {
        Self { source, length, overlap, base: 0, read_ahead: Vec::new(), is_at_end: false, spare: Arc::default() }
    }

    /// The next one; `None` after the last one.
    pub(crate) fn next(&mut self) -> io::Result<Option<Chunk>> {
        if self.is_at_end {
            return Ok(None);
        }
        let whole = self.length + self.overlap;
        let mut bytes = self.spare.take().unwrap_or_else(|| Vec::with_capacity(whole));
        bytes.clear();
        bytes.append(&mut self.read_ahead);
        let missing = whole - bytes.len();
        if let Err(error) = self.source.by_ref().take(missing as u64).read_to_end(&mut bytes) {
            // What was read is not lost, should somebody try again.
            self.read_ahead = bytes;
            return Err(error);
        }
        self.is_at_end = bytes.len() < whole;
        if !self.is_at_end {
            self.read_ahead.extend_from_slice(&bytes[self.length..]);
        }
        let (base, length) = (self.base, self.length.min(bytes.len()));
        self.base += length as u64;
        Ok(Some(Chunk { bytes, base, length, is_last: self.is_at_end, spare: self.spare.clone() }))
    }
}
