//! Unpacks a gzip stream (RFC 1952) of any origin, one member or several, on several processors. `FORMAT.md` beside this crate says how.

#![forbid(unsafe_code)]

mod buffers;
mod chunk;
mod decoder;
mod dynamic;
mod error;
mod input;
mod member;
mod ordered;
mod search;
mod tables;
mod worker;

use flate2::read::MultiGzDecoder;
use ordered::Ordered;
use std::io::{self, Chain, Cursor, Read};

/// Most threads that unpack one stream.
const MAX_WORKERS: usize = 4;
/// Streams that are shorter are not worth the threads.
const LEAST: u64 = 4 << 20;
/// The beginning of a block must be in a chunk as a whole.
const MIN_OVERLAP: usize = 2 * dynamic::MAX_HEADER;

/// How a stream is divided, and so how much memory unpacking takes: for each worker and three more a chunk, its overlap, and twice
/// `most` at worst.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sizes {
    /// Packed bytes of a chunk.
    pub chunk: usize,
    /// Bytes that a worker may go on after the end of its chunk until a block begins.
    pub overlap: usize,
    /// Bytes that a worker makes of a chunk, a buffer more or less; what comes after them in the chunk is unpacked without it.
    pub most: usize,
    /// Threads, beside the one that reads.
    pub workers: usize,
}

impl Sizes {
    /// For a number of processors.
    pub fn for_processors(count: usize) -> Self {
        Self { chunk: 1 << 20, overlap: 256 << 10, most: 12 << 20, workers: count.min(MAX_WORKERS) }
    }
}

/// Reads what a gzip stream has in it. Other threads unpack ahead of it if the stream is long and there is more than one processor.
/// Errors are those of flate2.
pub struct GzipReader<R>(State<R>);

enum State<R> {
    Begins(R),
    Alone(Box<MultiGzDecoder<Begun<R>>>),
    Parallel(Box<Ordered<Begun<R>>>),
    Failed,
}

/// A stream whose beginning was read.
type Begun<R> = Chain<Cursor<Vec<u8>>, R>;

impl<R: Read> GzipReader<R> {
    /// Reads from `source` when it is read from.
    pub fn new(source: R) -> Self {
        Self(State::Begins(source))
    }

    /// With other sizes than usual, and other threads for a stream of any length.
    pub fn with_sizes(source: R, sizes: Sizes) -> Self {
        let begun = Cursor::new(Vec::new()).chain(source);
        Self(State::Parallel(Box::new(Ordered::new(begun, sizes))))
    }

    /// How many bytes workers have unpacked of what was read.
    pub fn by_workers(&self) -> u64 {
        match &self.0 {
            State::Parallel(reader) => reader.by_workers(),
            _ => 0,
        }
    }

    fn begin(mut source: R) -> io::Result<State<R>> {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        let mut start = Vec::new();
        if processors > 1 {
            source.by_ref().take(LEAST).read_to_end(&mut start)?;
        }
        let is_long = start.len() as u64 == LEAST;
        let begun = Cursor::new(start).chain(source);
        Ok(match is_long {
            true => State::Parallel(Box::new(Ordered::new(begun, Sizes::for_processors(processors)))),
            false => State::Alone(Box::new(MultiGzDecoder::new(begun))),
        })
    }
}

impl<R: Read> Read for GzipReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match &mut self.0 {
                State::Alone(reader) => return reader.read(buffer),
                State::Parallel(reader) => return reader.read(buffer),
                State::Failed => return Err(io::ErrorKind::UnexpectedEof.into()),
                State::Begins(_) => {
                    if let State::Begins(source) = std::mem::replace(&mut self.0, State::Failed) {
                        self.0 = Self::begin(source)?;
                    }
                }
            }
        }
    }
}
