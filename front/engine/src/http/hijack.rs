//! Connections that become a stream of bytes both ways: attach and exec.

use std::convert::Infallible;
use std::io;

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, Request, Response, StatusCode, header};
use bytes::Bytes;
use futures_util::stream;
use http_body_util::BodyExt;
use hyper::body::Body as _;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream};

use super::line::Line;

/// Bytes on their way in a stream that is carried by ordinary bodies.
const CARRIED: usize = 64 << 10;

/// What is read from and written to.
pub(super) trait Duplex: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Duplex for T {}

/// An open stream.
pub(super) type Connection = Box<dyn Duplex>;

/// A stream to a client: the connection itself if it asks for that; else the bodies of its request and of the answer.
pub(super) enum Stream {
    Upgrade(OnUpgrade),
    Bodies(DuplexStream),
}

impl Stream {
    /// Takes the stream of a request; what is written comes out when the answer has been sent.
    pub(super) fn take(mut request: Request<Body>, media_type: &'static str) -> (Response<Body>, Self) {
        let upgrade = request.extensions_mut().remove::<OnUpgrade>().filter(|_| wanted(request.headers()));
        match upgrade {
            Some(upgrade) => (switching(media_type), Self::Upgrade(upgrade)),
            None => {
                let (ours, theirs) = tokio::io::duplex(CARRIED);
                let (source, sink) = tokio::io::split(theirs);
                let mut response = Response::new(read_body(source));
                response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
                tokio::spawn(write_body(request.into_body(), sink));
                (response, Self::Bodies(ours))
            }
        }
    }

    /// The stream, once the answer's head has been sent on `line` and read.
    ///
    /// # Errors
    /// When the client has gone away before.
    pub(super) async fn open(self, line: &Line) -> io::Result<Connection> {
        match self {
            Self::Upgrade(upgrade) => {
                let upgraded = upgrade.await.map_err(io::Error::other)?;
                line.read().await;
                Ok(Box::new(TokioIo::new(upgraded)))
            }
            Self::Bodies(stream) => Ok(Box::new(stream)),
        }
    }
}

/// Whether the client asks for the connection itself.
fn wanted(headers: &HeaderMap) -> bool {
    let connection = headers.get(header::CONNECTION).and_then(|value| value.to_str().ok()).unwrap_or_default();
    connection.to_ascii_lowercase().contains("upgrade") && headers.contains_key(header::UPGRADE)
}

/// The answer that turns the connection into a stream of this media type.
fn switching(media_type: &'static str) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static("tcp"));
    response.extensions_mut().insert(hyper::ext::ReasonPhrase::from_static(b"UPGRADED"));
    response
}

fn read_body(source: impl AsyncRead + Unpin + Send + 'static) -> Body {
    Body::from_stream(stream::unfold(source, |mut source| async move {
        let mut chunk = Vec::with_capacity(CARRIED);
        match source.read_buf(&mut chunk).await {
            Ok(0) | Err(_) => None,
            Ok(_) => Some((Ok::<_, Infallible>(Bytes::from(chunk)), source)),
        }
    }))
}

/// A request without a body gives no input, and also no end of it.
async fn write_body(mut body: Body, mut sink: impl AsyncWrite + Unpin) {
    if body.is_end_stream() {
        return;
    }
    while let Some(Ok(piece)) = body.frame().await {
        if let Ok(bytes) = piece.into_data()
            && sink.write_all(&bytes).await.is_err()
        {
            return;
        }
    }
    let _ = sink.shutdown().await;
}
