//! `POST /containers/{id}/kill`.

use axum::Router;
use axum::extract::{Path, RawQuery, State};
use axum::http::StatusCode;
use axum::routing::post;

use super::Api;
use crate::http::error::Outcome;
use crate::http::request::Query;
use crate::signal::Signal;

pub(super) fn routes() -> Router<Api> {
    Router::new().route("/containers/{id}/kill", post(kill))
}

async fn kill(State(api): State<Api>, Path(key): Path<String>, RawQuery(query): RawQuery) -> Outcome<StatusCode> {
    let query = Query::parse(&query.unwrap_or_default());
    let name = key.clone();
    let signal = query.text("signal").filter(|signal| !signal.is_empty()).map(str::to_owned);
    api.blocking(move |engine| {
        let signal = signal.map_or(Ok(Signal::KILL), |signal| signal.parse())?;
        engine.kill(&key, signal)
    })
    .await
    .map_err(|error| error.within(&format!("cannot kill container: {name}")))?;
    Ok(StatusCode::NO_CONTENT)
}
