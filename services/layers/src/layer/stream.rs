//! The bytes of a layer archive, unpacked in threads of their own and hashed in another.

use crate::error::LayersError;
use crate::zstd;
use casement_inflate::GzipReader;
use sha2::{Digest as _, Sha256};
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{Scope, ScopedJoinHandle};

/// Bytes that go from thread to thread at a time.
const CHUNK: usize = 256 << 10;
/// Chunks that wait for a thread.
const QUEUE: usize = 16;
/// The first bytes of a gzip stream (RFC 1952).
const GZIP: [u8; 2] = [0x1f, 0x8b];

type Chunk = Arc<Buffer>;
/// Buffers that nobody reads any more.
type Spare = Arc<Mutex<Vec<Vec<u8>>>>;

/// A part of the archive. What it is in is filled again when nobody reads it any more.
#[derive(Default)]
struct Buffer {
    bytes: Vec<u8>,
    filled: usize,
    spare: Spare,
}

impl Buffer {
    fn new(spare: &Spare) -> Self {
        let bytes = spare.lock().unwrap_or_else(PoisonError::into_inner).pop();
        Self { bytes: bytes.unwrap_or_else(|| vec![0; CHUNK]), filled: 0, spare: spare.clone() }
    }

    fn filled(&self) -> &[u8] {
        &self.bytes[..self.filled]
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        self.spare.lock().unwrap_or_else(PoisonError::into_inner).push(std::mem::take(&mut self.bytes));
    }
}

/// An archive that is being unpacked.
pub(super) struct Inflated<'a> {
    pub(super) reader: Chunks,
    pub(super) hasher: Hasher<'a>,
}

/// Reads what the thread has unpacked.
pub(super) struct Chunks {
    chunks: Receiver<io::Result<Chunk>>,
    current: Chunk,
    at: usize,
}

/// The digest of all of it.
pub(super) struct Hasher<'a>(ScopedJoinHandle<'a, String>);

impl<'a> Inflated<'a> {
    /// Starts with `archive`, packed with gzip or zstd or not.
    pub(super) fn start<'b>(scope: &'a Scope<'a, 'b>, archive: File) -> Self {
        let (chunks, received) = mpsc::sync_channel(QUEUE);
        let (to_hash, hashed) = mpsc::sync_channel::<Chunk>(QUEUE);
        scope.spawn(move || {
            if let Err(e) = inflate(archive, &chunks, &to_hash) {
                // Whoever reads has given up if nobody is there.
                let _ = chunks.send(Err(e));
            }
        });
        let hasher = scope.spawn(move || {
            let mut hasher = Sha256::new();
            hashed.iter().for_each(|chunk| hasher.update(chunk.filled()));
            casement_nt::digest::hex(&hasher.finalize())
        });
        let reader = Chunks { chunks: received, current: Arc::default(), at: 0 };
        Self { reader, hasher: Hasher(hasher) }
    }
}

impl Hasher<'_> {
    /// In hexadecimal digits, when the archive has been read to its end.
    pub(super) fn finish(self) -> Result<String, LayersError> {
        self.0.join().map_err(|_| LayersError::damaged("layer", "its digest could not be computed"))
    }
}

fn inflate(archive: File, chunks: &SyncSender<io::Result<Chunk>>, to_hash: &SyncSender<Chunk>) -> io::Result<()> {
    let mut archive = BufReader::with_capacity(CHUNK, archive);
    let start = archive.fill_buf()?;
    let mut unpacked: Box<dyn Read> = if start.starts_with(&GZIP) {
        Box::new(GzipReader::new(archive))
    } else if start.starts_with(&zstd::MAGIC) {
        Box::new(zstd::Frames::new(archive))
    } else {
        Box::new(archive)
    };
    let spare = Spare::default();
    loop {
        let mut chunk = Buffer::new(&spare);
        while chunk.filled < chunk.bytes.len() {
            match unpacked.read(&mut chunk.bytes[chunk.filled..]) {
                Ok(0) => break,
                Ok(count) => chunk.filled += count,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        if chunk.filled == 0 {
            return Ok(());
        }
        let chunk = Arc::new(chunk);
        // Whoever reads or hashes may have given up.
        if to_hash.send(chunk.clone()).is_err() || chunks.send(Ok(chunk)).is_err() {
            return Ok(());
        }
    }
}

impl Read for Chunks {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.at == self.current.filled {
            match self.chunks.recv() {
                Ok(chunk) => (self.current, self.at) = (chunk?, 0),
                Err(_) => return Ok(0),
            }
        }
        let rest = &self.current.filled()[self.at..];
        let count = rest.len().min(buffer.len());
        buffer[..count].copy_from_slice(&rest[..count]);
        self.at += count;
        Ok(count)
    }
}
