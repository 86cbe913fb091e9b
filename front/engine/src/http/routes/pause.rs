//! `POST /containers/{id}/pause` and `/unpause`.

use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::post;

use super::Api;
use crate::http::error::Outcome;

pub(super) fn routes() -> Router<Api> {
    Router::new().route("/containers/{id}/pause", post(pause)).route("/containers/{id}/unpause", post(unpause))
}

async fn pause(State(api): State<Api>, Path(key): Path<String>) -> Outcome<StatusCode> {
    api.blocking(move |engine| engine.pause(&key)).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn unpause(State(api): State<Api>, Path(key): Path<String>) -> Outcome<StatusCode> {
    api.blocking(move |engine| engine.unpause(&key)).await?;
    Ok(StatusCode::NO_CONTENT)
}
