//! `POST /containers/{id}/update`.

use axum::Json;
use axum::Router;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use serde_json::json;

use super::Api;
use crate::http::error::Outcome;
use crate::http::request::json;
use crate::update::UpdateSettings;

pub(super) fn routes() -> Router<Api> {
    Router::new().route("/containers/{id}/update", post(update))
}

async fn update(State(api): State<Api>, Path(key): Path<String>, body: Body) -> Outcome<Response> {
    let settings: UpdateSettings = json(body).await?;
    let warnings = api.blocking(move |engine| engine.change(&key, &settings)).await?;
    Ok(Json(json!({ "Warnings": warnings })).into_response())
}
