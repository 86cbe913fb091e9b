//! `POST /containers/{id}/start`.

use axum::Router;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::routing::post;

use super::Api;
use crate::http::error::{ApiError, Outcome};
use crate::http::request::Query;

/// Bodies up to this length are taken for nothing: clients send `{}`, `null` and line ends.
const EMPTY_BODY: u64 = 7;

pub(super) fn routes() -> Router<Api> {
    Router::new().route("/containers/{id}/start", post(start))
}

async fn start(
    State(api): State<Api>,
    Path(key): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Outcome<StatusCode> {
    let query = Query::parse(&query.unwrap_or_default());
    if has_body(&headers) {
        let message =
            "starting container with non-empty request body was deprecated since API v1.22 and removed in v1.24";
        return Err(ApiError::bad_request(message));
    }
    if query.text("checkpoint").is_some_and(|name| !name.is_empty()) {
        return Err(ApiError::bad_request("checkpoint is only supported in experimental mode"));
    }
    api.blocking(move |engine| engine.start(&key)).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn has_body(headers: &HeaderMap) -> bool {
    let length = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    headers.contains_key(header::TRANSFER_ENCODING) || length.is_some_and(|length| length > EMPTY_BODY)
}
