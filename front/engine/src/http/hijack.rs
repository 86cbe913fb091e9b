//! Connections that become a stream of bytes both ways: attach and exec.

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, Request, Response, StatusCode, header};
use hyper::upgrade::OnUpgrade;

use super::error::{ApiError, Outcome};

/// Whether the client asks for the connection itself. Those that do not get their output as an ordinary body.
pub(super) fn wanted(headers: &HeaderMap) -> bool {
    let has = |name, word: &str| {
        headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .is_some_and(|value| value.to_ascii_lowercase().contains(word))
    };
    has(header::CONNECTION, "upgrade") && headers.contains_key(header::UPGRADE)
}

/// The connection, once the answer of [`switching`] has been sent.
///
/// # Errors
/// 400 when the client did not ask for it.
pub(super) fn taken<B>(request: &mut Request<B>) -> Outcome<OnUpgrade> {
    let asked = request.extensions_mut().remove::<OnUpgrade>();
    asked.ok_or_else(|| ApiError::bad_request("the connection cannot be upgraded"))
}

/// The answer that turns the connection into a stream of this media type.
pub(super) fn switching(media_type: &'static str) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static("tcp"));
    response.extensions_mut().insert(hyper::ext::ReasonPhrase::from_static(b"UPGRADED"));
    response
}
