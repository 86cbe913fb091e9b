//! `POST /containers/{id}/rename`.

use axum::Router;
use axum::extract::{Path, RawQuery, State};
use axum::http::StatusCode;
use axum::routing::post;

use super::Api;
use crate::http::error::Outcome;
use crate::http::request::Query;

pub(super) fn routes() -> Router<Api> {
    Router::new().route("/containers/{id}/rename", post(rename))
}

async fn rename(State(api): State<Api>, Path(key): Path<String>, RawQuery(query): RawQuery) -> Outcome<StatusCode> {
    let query = Query::parse(&query.unwrap_or_default());
    let name = query.text("name").unwrap_or_default().to_owned();
    api.blocking(move |engine| engine.rename(&key, &name)).await?;
    Ok(StatusCode::NO_CONTENT)
}
