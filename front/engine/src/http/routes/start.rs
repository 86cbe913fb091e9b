//! `POST /containers/{id}/start`.

use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::post;

use super::Api;
use crate::compute::Stdio;
use crate::http::error::Outcome;

pub(super) fn routes() -> Router<Api> {
    Router::new().route("/containers/{id}/start", post(start))
}

async fn start(State(api): State<Api>, Path(key): Path<String>) -> Outcome<StatusCode> {
    api.blocking(move |engine| engine.start(&key, Stdio::default())).await?;
    Ok(StatusCode::NO_CONTENT)
}
