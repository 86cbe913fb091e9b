//! `/containers/{id}/changes`: `docker diff`.

use axum::Json;
use axum::Router;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use casement_layers::volume::changes::ChangeKind;
use serde_json::{Value, json};

use super::Api;
use crate::http::error::Outcome;

pub(super) fn routes() -> Router<Api> {
    Router::new().route("/containers/{id}/changes", get(changes))
}

async fn changes(State(api): State<Api>, Path(key): Path<String>) -> Outcome<Response> {
    let changes = api.blocking(move |engine| engine.changes(&key)).await?;
    let changes: Vec<Value> = changes
        .into_iter()
        .map(|change| {
            let kind = match change.kind {
                ChangeKind::Modified => 0,
                ChangeKind::Added => 1,
                ChangeKind::Deleted => 2,
            };
            json!({ "Path": change.path, "Kind": kind })
        })
        .collect();
    // No change at all is null, as clients know it.
    let changes = if changes.is_empty() { Value::Null } else { Value::Array(changes) };
    Ok(Json(changes).into_response())
}
