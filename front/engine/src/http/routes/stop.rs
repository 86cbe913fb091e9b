//! `POST /containers/{id}/stop` and `/restart`, which take the same query.

use axum::Router;
use axum::extract::{Path, RawQuery, State};
use axum::http::StatusCode;
use axum::routing::post;

use super::Api;
use crate::http::error::Outcome;
use crate::http::request::Query;
use crate::stop::StopOptions;

pub(super) fn routes() -> Router<Api> {
    Router::new().route("/containers/{id}/stop", post(stop)).route("/containers/{id}/restart", post(restart))
}

async fn stop(State(api): State<Api>, Path(key): Path<String>, RawQuery(query): RawQuery) -> Outcome<StatusCode> {
    let options = options(query)?;
    api.blocking(move |engine| engine.stop(&key, options)).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn restart(State(api): State<Api>, Path(key): Path<String>, RawQuery(query): RawQuery) -> Outcome<StatusCode> {
    let options = options(query)?;
    let name = key.clone();
    api.blocking(move |engine| engine.restart(&key, options))
        .await
        .map_err(|error| error.within(&format!("Cannot restart container {name}")))?;
    Ok(StatusCode::NO_CONTENT)
}

fn options(query: Option<String>) -> Outcome<StopOptions> {
    let query = Query::parse(&query.unwrap_or_default());
    let signal = query.text("signal").filter(|signal| !signal.is_empty()).map(str::parse).transpose()?;
    Ok(StopOptions { signal, timeout: query.number("t")? })
}
