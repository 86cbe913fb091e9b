//! The headers of every answer. By them clients take the daemon for a Windows one.

use axum::http::{HeaderName, HeaderValue, Response};

use super::version::MAXIMUM;

/// Casement's own version, which clients show as the engine's.
pub(super) const ENGINE_VERSION: &str = env!("CARGO_PKG_VERSION");

/// Adds them. The text in parentheses of `Server` makes `docker stats` use the columns for Windows, `Ostype` everything else.
pub(super) fn stamp<B>(response: &mut Response<B>) {
    let headers = response.headers_mut();
    let fixed = |text: String| HeaderValue::from_str(&text).expect("a version is a valid header value");
    headers.insert(HeaderName::from_static("api-version"), fixed(MAXIMUM.to_string()));
    headers.insert(HeaderName::from_static("docker-experimental"), HeaderValue::from_static("false"));
    headers.insert(HeaderName::from_static("ostype"), HeaderValue::from_static("windows"));
    headers.insert(axum::http::header::SERVER, fixed(format!("Docker/{ENGINE_VERSION} (windows)")));
}
