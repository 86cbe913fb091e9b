//! The bytes of a layer archive, unpacked in a thread of their own and hashed in another.

use crate::error::LayersError;
use flate2::bufread::MultiGzDecoder;
use sha2::{Digest as _, Sha256};
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::thread::{Scope, ScopedJoinHandle};

/// Bytes that go from thread to thread at a time.
const CHUNK: usize = 256 << 10;
/// Chunks that wait for a thread.
const QUEUE: usize = 16;
/// The first bytes of a gzip stream (RFC 1952) and of a zstd frame (RFC 8878).
const GZIP: [u8; 2] = [0x1f, 0x8b];
const ZSTD: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

type Chunk = Arc<Vec<u8>>;

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
    /// Starts with `archive`, packed with gzip or not.
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
            hashed.iter().for_each(|chunk| hasher.update(&*chunk));
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
        Box::new(MultiGzDecoder::new(archive))
    } else if start.starts_with(&ZSTD) {
        return Err(io::Error::other("it is packed with zstd, which cannot be read yet; gzip can"));
    } else {
        Box::new(archive)
    };
    loop {
        let mut chunk = vec![0; CHUNK];
        let mut filled = 0;
        while filled < chunk.len() {
            match unpacked.read(&mut chunk[filled..]) {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        if filled == 0 {
            return Ok(());
        }
        chunk.truncate(filled);
        let chunk = Arc::new(chunk);
        // Whoever reads or hashes may have given up.
        if to_hash.send(chunk.clone()).is_err() || chunks.send(Ok(chunk)).is_err() {
            return Ok(());
        }
    }
}

impl Read for Chunks {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.at == self.current.len() {
            match self.chunks.recv() {
                Ok(chunk) => (self.current, self.at) = (chunk?, 0),
                Err(_) => return Ok(0),
            }
        }
        let rest = &self.current[self.at..];
        let count = rest.len().min(buffer.len());
        buffer[..count].copy_from_slice(&rest[..count]);
        self.at += count;
        Ok(count)
    }
}
