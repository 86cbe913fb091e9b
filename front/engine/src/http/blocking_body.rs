//! Bodies for code that reads and writes as files are read and written, on a thread of its own.

use std::io::{self, Read, Write};
use std::time::Duration;

use axum::body::Body;
use bytes::{Buf, Bytes};
use futures_util::stream;
use http_body_util::BodyExt;
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::time::timeout;

/// How long a client may neither take nor send anything before the work for it ends.
const STALL: Duration = Duration::from_secs(120);
/// Most bytes of one piece.
const PIECE: usize = 64 << 10;
/// Pieces that may wait for a slow client.
const WAITING: usize = 4;

/// The body of a request as a stream to read.
pub(super) struct BodyReader {
    runtime: Handle,
    body: Body,
    piece: Bytes,
}

impl BodyReader {
    /// To be called within a tokio runtime; to be read outside of its threads.
    pub(super) fn new(body: Body) -> Self {
        Self { runtime: Handle::current(), body, piece: Bytes::new() }
    }
}

impl Read for BodyReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.piece.is_empty() {
            let next = self.runtime.block_on(async { timeout(STALL, self.body.frame()).await });
            match next {
                Err(_) => return Err(stalled()),
                Ok(None) => return Ok(0),
                Ok(Some(Err(error))) => return Err(io::Error::other(error)),
                Ok(Some(Ok(frame))) => self.piece = frame.into_data().unwrap_or_default(),
            }
        }
        let count = buffer.len().min(self.piece.len());
        self.piece.copy_to_slice(&mut buffer[..count]);
        Ok(count)
    }
}

/// The body of an answer as a stream to write. Writing fails when the client has gone.
pub(super) struct BodyWriter {
    runtime: Handle,
    pieces: mpsc::Sender<io::Result<Bytes>>,
    piece: Vec<u8>,
}

impl BodyWriter {
    /// A body and its writer. To be called within a tokio runtime; to be written outside of its threads.
    pub(super) fn new() -> (Self, Body) {
        let (pieces, receiver) = mpsc::channel(WAITING);
        let body = Body::from_stream(stream::unfold(receiver, |mut receiver| async move {
            let piece: io::Result<Bytes> = receiver.recv().await?;
            Some((piece, receiver))
        }));
        (Self { runtime: Handle::current(), pieces, piece: Vec::with_capacity(PIECE) }, body)
    }

    /// Breaks the answer off, so that the client sees that it is not whole.
    pub(super) fn fail(self, error: io::Error) {
        let _ = self.send(Err(error));
    }

    fn send(&self, piece: io::Result<Bytes>) -> io::Result<()> {
        match self.runtime.block_on(async { timeout(STALL, self.pieces.send(piece)).await }) {
            Err(_) => Err(stalled()),
            Ok(Err(_)) => Err(io::ErrorKind::BrokenPipe.into()),
            Ok(Ok(())) => Ok(()),
        }
    }
}

impl Write for BodyWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = bytes.len().min(PIECE - self.piece.len());
        self.piece.extend_from_slice(&bytes[..count]);
        if self.piece.len() == PIECE {
            self.flush()?;
        }
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.piece.is_empty() {
            return Ok(());
        }
        let piece = std::mem::replace(&mut self.piece, Vec::with_capacity(PIECE));
        self.send(Ok(piece.into()))
    }
}

fn stalled() -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, format!("the client did nothing for {} seconds", STALL.as_secs()))
}
