//! `/containers/{id}/resize`: the size of a console.

use axum::Router;
use axum::extract::{Path, RawQuery, State};
use axum::http::StatusCode;
use axum::routing::post;

use super::Api;
use crate::http::error::{ApiError, Outcome};
use crate::http::request::Query;

pub(super) fn routes() -> Router<Api> {
    Router::new().route("/containers/{id}/resize", post(resize))
}

async fn resize(State(api): State<Api>, Path(key): Path<String>, RawQuery(query): RawQuery) -> Outcome<StatusCode> {
    let (height, width) = size(&Query::parse(&query.unwrap_or_default()))?;
    api.blocking(move |engine| engine.resize(&key, height, width)).await?;
    Ok(StatusCode::OK)
}

/// Height and width of a request, in characters.
///
/// # Errors
/// 400 when one is missing or no console can have it.
pub(super) fn size(query: &Query) -> Outcome<(u16, u16)> {
    let number = |name: &str| {
        let text = query.text(name).unwrap_or_default();
        text.parse::<u16>().map_err(|error| ApiError::bad_request(format!("invalid resize {name} {text:?}: {error}")))
    };
    Ok((number("h")?, number("w")?))
}
