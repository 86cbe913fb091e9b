//! Bytes between a client's connection and the pipes of a process.
//!
//! Nothing is kept here but one chunk each way: a client that does not read leaves what comes in the pipes, where the silo host waits for
//! it as long as it keeps the connection, as Docker does.

use std::io;
use std::os::fd::OwnedFd;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::unix::pipe::{Receiver, Sender};

use super::detach_keys::DetachKeys;
use super::frame::{self, FrameStream};
use super::line::Line;
use crate::attach::NearEnds;

/// Bytes that are copied in one go: the size of a pipe.
const CHUNK: usize = 64 << 10;
/// How long a client may go on sending when everything has been said to it.
const FAREWELL: Duration = Duration::from_secs(10);

/// How the streams of a process are shown to a client.
#[derive(Debug)]
pub(super) struct Shape {
    /// Whether output is in frames.
    pub(super) framed: bool,
    /// Keys that detach; only at a console.
    pub(super) detach_keys: Option<DetachKeys>,
    /// Whether the process's input ends with the client's. Otherwise the client has left when its input ends.
    pub(super) input_ends: bool,
    /// Whether the client gives input at all. What comes from one that does not is thrown away.
    pub(super) takes_input: bool,
    /// Whether it sees output, and errors.
    pub(super) shows: [bool; 2],
}

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// The process closed its outputs.
    Ended,
    /// The client typed the detach keys, or went away.
    Left,
}

/// The client's ends as asynchronous pipes.
pub(super) struct Pipes {
    stdin: Option<Sender>,
    outputs: [Option<Receiver>; 2],
}

impl Pipes {
    /// Takes the ends over.
    ///
    /// # Errors
    /// When they cannot be waited for.
    pub(super) fn new(near: NearEnds) -> io::Result<Self> {
        let receiver = |fd: Option<OwnedFd>| fd.map(Receiver::from_owned_fd).transpose();
        Ok(Self {
            stdin: near.stdin.map(Sender::from_owned_fd).transpose()?,
            outputs: [receiver(near.stdout)?, receiver(near.stderr)?],
        })
    }
}

/// Copies both ways until the process's outputs have ended and `end` has come, or the client has left.
pub(super) async fn relay<C>(
    connection: C,
    pipes: Pipes,
    shape: Shape,
    line: &Line,
    end: impl Future<Output = ()> + Send,
) -> Ending
where
    C: AsyncRead + AsyncWrite + Send,
{
    let (mut source, mut sink) = tokio::io::split(connection);
    let Shape { framed, detach_keys, input_ends, takes_input, shows } = shape;
    let ending = {
        let input = async {
            if takes_input {
                let left = give_input(&mut source, pipes.stdin, detach_keys).await;
                if left || !input_ends {
                    return;
                }
            } else {
                discard(&mut source).await;
            }
            line.hung_up().await;
        };
        let output = async {
            let shown = show_outputs(&mut sink, pipes.outputs, framed, shows).await;
            if shown.is_ok() {
                end.await;
            }
            shown
        };
        tokio::select! {
            biased;
            shown = output => match shown {
                Ok(()) => Ending::Ended,
                Err(_) => Ending::Left,
            },
            () = input => Ending::Left,
        }
    };
    part(source, sink).await;
    ending
}

/// Ends a stream on which everything has been said.
pub(super) async fn finish<C: AsyncRead + AsyncWrite>(connection: C) {
    let (source, sink) = tokio::io::split(connection);
    part(source, sink).await;
}

/// Whoever closes a socket in which something waits takes the last words away from the other side.
async fn part(mut source: impl AsyncRead + Unpin, mut sink: impl AsyncWrite + Unpin) {
    if sink.shutdown().await.is_ok() {
        let _ = tokio::time::timeout(FAREWELL, discard(&mut source)).await;
    }
}

/// Copies input until its end; says whether the client typed the detach keys.
async fn give_input(
    source: &mut (impl AsyncRead + Unpin),
    mut stdin: Option<Sender>,
    mut keys: Option<DetachKeys>,
) -> bool {
    let mut chunk = vec![0; CHUNK];
    let mut passed = Vec::new();
    loop {
        let count = match source.read(&mut chunk).await {
            Ok(0) | Err(_) => return false,
            Ok(count) => count,
        };
        let mut detached = false;
        let bytes = match &mut keys {
            None => &chunk[..count],
            Some(keys) => {
                passed.clear();
                detached = keys.typed(&chunk[..count], &mut passed);
                &passed[..]
            }
        };
        if let Some(pipe) = &mut stdin
            && pipe.write_all(bytes).await.is_err()
        {
            // The process reads no more. The client may go on to write and is not held up.
            stdin = None;
        }
        if detached {
            return true;
        }
    }
}

async fn discard(source: &mut (impl AsyncRead + Unpin)) {
    let mut chunk = vec![0; 4096];
    while source.read(&mut chunk).await.is_ok_and(|count| count > 0) {}
}

/// Copies outputs until both have ended.
async fn show_outputs(
    sink: &mut (impl AsyncWrite + Unpin),
    [mut stdout, mut stderr]: [Option<Receiver>; 2],
    framed: bool,
    shows: [bool; 2],
) -> io::Result<()> {
    let mut chunks = [vec![0; CHUNK + frame::HEADER_BYTES], vec![0; CHUNK + frame::HEADER_BYTES]];
    let [out, err] = &mut chunks;
    while stdout.is_some() || stderr.is_some() {
        let (stream, count) = tokio::select! {
            count = read(&mut stdout, out) => (FrameStream::Stdout, count),
            count = read(&mut stderr, err) => (FrameStream::Stderr, count),
        };
        let (pipe, chunk, shown) = match stream {
            FrameStream::Stdout => (&mut stdout, &mut *out, shows[0]),
            FrameStream::Stderr => (&mut stderr, &mut *err, shows[1]),
        };
        if count == 0 {
            *pipe = None;
        } else if shown {
            let whole = &mut chunk[..frame::HEADER_BYTES + count];
            whole[..frame::HEADER_BYTES].copy_from_slice(&frame::header(stream, count));
            sink.write_all(if framed { whole } else { &whole[frame::HEADER_BYTES..] }).await?;
            sink.flush().await?;
        }
    }
    Ok(())
}

/// Reads behind the room for a header. 0: the end. Waits for ever without a pipe.
async fn read(pipe: &mut Option<Receiver>, chunk: &mut [u8]) -> usize {
    match pipe {
        Some(pipe) => pipe.read(&mut chunk[frame::HEADER_BYTES..]).await.unwrap_or(0),
        None => std::future::pending().await,
    }
}
