//! The body of a request. What nobody wants of it is taken from the client nevertheless, within bounds: a client that is still
//! sending when it is refused would meet a closed connection and never read why.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use http_body_util::BodyExt;
use hyper::body::{Body, Buf, Frame, Incoming, SizeHint};
use tokio::runtime::Handle;
use tokio::time::timeout;

/// Most bytes that are taken for nothing.
const MAX_BYTES: usize = 64 << 20;
/// How long a client may go on sending for nothing.
const MAX_TIME: Duration = Duration::from_secs(10);

/// A body that is taken to its end when it is dropped.
pub(super) struct RequestBody {
    body: Option<Incoming>,
    /// Whether the client sends it without being told to. One that waits for that (`Expect: 100-continue`) has nothing on its way.
    flows: bool,
    runtime: Handle,
}

impl RequestBody {
    /// The body of a request whose client sends at once, or else waits for the first read. To be called within a tokio runtime.
    pub(super) fn new(body: Incoming, sends_at_once: bool) -> Self {
        Self { body: Some(body), flows: sends_at_once, runtime: Handle::current() }
    }
}

impl Body for RequestBody {
    type Data = <Incoming as Body>::Data;
    type Error = <Incoming as Body>::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        self.flows = true;
        match &mut self.body {
            Some(body) => Pin::new(body).poll_frame(context),
            None => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map_or_else(|| SizeHint::with_exact(0), Body::size_hint)
    }
}

impl Drop for RequestBody {
    fn drop(&mut self) {
        if let Some(body) = self.body.take().filter(|body| self.flows && !body.is_end_stream()) {
            self.runtime.spawn(drain(body, MAX_BYTES, MAX_TIME));
        }
    }
}

/// Takes a body to its end, as long as it keeps within the bounds.
async fn drain(mut body: impl Body + Unpin, max_bytes: usize, max_time: Duration) {
    let mut left = max_bytes;
    let taking = async {
        while let Some(Ok(frame)) = body.frame().await {
            left = left.saturating_sub(frame.data_ref().map_or(0, Buf::remaining));
            if left == 0 {
                return;
            }
        }
    };
    if timeout(max_time, taking).await.is_err() {
        tracing::debug!("a client was too slow with what nobody wants");
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use axum::body::Body;
    use bytes::Bytes;
    use futures_util::stream::{self, StreamExt};

    use super::*;

    const FOREVER: Duration = Duration::from_secs(3600);

    #[tokio::test]
    async fn no_more_is_taken_than_the_bounds_say() {
        let sent = Arc::new(AtomicUsize::new(0));
        let endless = stream::repeat(()).map({
            let sent = sent.clone();
            move |()| {
                sent.fetch_add(1, Ordering::Relaxed);
                Ok::<_, Infallible>(Bytes::from_static(&[0; 100]))
            }
        });
        drain(Body::from_stream(endless), 1_000, FOREVER).await;
        assert_eq!(sent.load(Ordering::Relaxed), 10);
        let stalled = stream::pending::<Result<Bytes, Infallible>>();
        drain(Body::from_stream(stalled), 1_000, Duration::from_millis(1)).await;
        drain(Body::from("to its end"), 1_000, FOREVER).await;
    }
}
