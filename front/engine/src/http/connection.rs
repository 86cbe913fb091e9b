//! One connection: bounded heads, a limit on the time a head may take, half-close, upgrades.

use std::convert::Infallible;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, Response, Uri, header};
use axum::response::IntoResponse;
use hyper::body::Incoming;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tower_service::Service;

use super::headers;
use super::line::Line;
use super::origin::Gate;
use super::request_body::RequestBody;
use super::version;

/// Most bytes of a request's head.
const MAX_HEAD_BYTES: usize = 128 << 10;
/// Most headers of a request.
const MAX_HEADERS: usize = 128;
/// How long a client may take for a request's head, also on a connection that waits for its next request.
const HEAD_TIMEOUT: Duration = Duration::from_secs(60);

/// Serves a connection to its end. A client that goes away altogether ends what is done for it; one that only ends its own side
/// still gets its answers. `line` stays with a connection that becomes a stream.
pub(super) async fn serve<S>(stream: S, router: Router, line: Line, gate: Gate)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let theirs = line.clone();
    let service = hyper::service::service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(theirs.clone());
        answer(router.clone(), gate.clone(), request)
    });
    let serving = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(MAX_HEAD_BYTES)
        .max_headers(MAX_HEADERS)
        .half_close(true)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    tokio::select! {
        served = serving => {
            if let Err(error) = served {
                tracing::debug!(%error, "a connection ended early");
            }
        }
        () = line.hung_up() => tracing::debug!("a client has gone away"),
    }
}

async fn answer(mut router: Router, gate: Gate, request: Request<Incoming>) -> Result<Response<Body>, Infallible> {
    let sends_at_once = !request.headers().contains_key(header::EXPECT);
    let mut request = request.map(|body| RequestBody::new(body, sends_at_once));
    let admitted = gate.admit(request.headers(), request.uri());
    let mut response = match admitted.and_then(|()| version::split(request.uri().path())) {
        Ok((api_version, path)) => {
            let unversioned = unversioned(request.uri(), path);
            request.extensions_mut().insert(api_version);
            *request.uri_mut() = unversioned;
            router.call(request.map(Body::new)).await.unwrap_or_else(|never| match never {})
        }
        Err(error) => error.into_response(),
    };
    headers::stamp(&mut response);
    Ok(response)
}

/// The address of the route: without the version, and without the host that some clients write in front.
fn unversioned(uri: &Uri, path: &str) -> Uri {
    let text = match uri.query() {
        Some(query) => format!("{path}?{query}"),
        None => path.to_owned(),
    };
    text.parse().unwrap_or_else(|_| uri.clone())
}
