//! `GET /containers/{id}/top`.

use axum::Json;
use axum::Router;
use axum::extract::{Path, RawQuery, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde_json::json;

use super::Api;
use crate::http::error::{ApiError, Outcome};
use crate::http::request::Query;
use crate::process_list::TITLES;

pub(super) fn routes() -> Router<Api> {
    Router::new().route("/containers/{id}/top", get(top))
}

async fn top(State(api): State<Api>, Path(key): Path<String>, RawQuery(query): RawQuery) -> Outcome<Response> {
    let query = Query::parse(&query.unwrap_or_default());
    if query.text("ps_args").is_some_and(|arguments| !arguments.is_empty()) {
        return Err(ApiError::bad_request("Windows does not support arguments to top"));
    }
    let processes = api.blocking(move |engine| engine.top(&key)).await?;
    Ok(Json(json!({ "Titles": TITLES, "Processes": processes })).into_response())
}
