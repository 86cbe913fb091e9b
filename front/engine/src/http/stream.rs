//! Bodies that come piece by piece: the head of the answer leaves at once, pieces when they are there.

use axum::body::Body;
use bytes::Bytes;
use futures_util::stream;
use std::convert::Infallible;
use tokio::sync::mpsc;

/// Pieces that may wait for a slow client before the one who makes them waits.
const WAITING: usize = 16;

/// Where pieces go. Sending fails when the client has gone.
pub(super) type Pieces = mpsc::Sender<Bytes>;

/// A body and where its pieces go. It ends when all senders are dropped.
pub(super) fn channel() -> (Pieces, Body) {
    let (sender, receiver) = mpsc::channel(WAITING);
    (sender, body(receiver))
}

/// A body of one piece that is made later, after the head has left.
pub(super) fn later(piece: impl Future<Output = Bytes> + Send + 'static) -> Body {
    Body::from_stream(stream::once(async move { Ok::<_, Infallible>(piece.await) }))
}

fn body(receiver: mpsc::Receiver<Bytes>) -> Body {
    Body::from_stream(stream::unfold(receiver, |mut receiver| async move {
        let piece = receiver.recv().await?;
        Some((Ok::<_, Infallible>(piece), receiver))
    }))
}

/// One line of a stream of JSON texts.
pub(super) fn json_line(value: &impl serde::Serialize) -> Bytes {
    let mut line = serde_json::to_vec(value).unwrap_or_default();
    line.push(b'\n');
    line.into()
}
