//! `/_ping`: whether the daemon is there, and what it is.

use axum::Router;
use axum::http::{HeaderName, HeaderValue, Method, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use super::Api;

pub(super) fn routes() -> Router<Api> {
    Router::new().route("/_ping", get(ping).head(ping))
}

async fn ping(method: Method) -> Response {
    let body = if method == Method::HEAD { "" } else { "OK" };
    let mut response = body.into_response();
    let headers = response.headers_mut();
    let mut set = |name, value| headers.insert(name, HeaderValue::from_static(value));
    set(header::CONTENT_TYPE, "text/plain; charset=utf-8");
    set(header::CACHE_CONTROL, "no-cache, no-store, must-revalidate");
    set(header::PRAGMA, "no-cache");
    // The classic builder: BuildKit does not build for Windows.
    set(HeaderName::from_static("builder-version"), "1");
    set(HeaderName::from_static("swarm"), "inactive");
    response
}
