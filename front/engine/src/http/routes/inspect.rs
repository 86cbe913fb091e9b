//! `GET /containers/{id}/json`.

use axum::Json;
use axum::Router;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use super::Api;
use crate::http::error::Outcome;
use crate::inspect::View;

pub(super) fn routes() -> Router<Api> {
    Router::new().route("/containers/{id}/json", get(inspect))
}

async fn inspect(State(api): State<Api>, Path(key): Path<String>) -> Outcome<Response> {
    let engine = api.engine();
    let container = engine.inspect(&key)?;
    Ok(Json(View::new(&container, &engine.directory(&container))).into_response())
}
