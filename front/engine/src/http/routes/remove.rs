//! `DELETE /containers/{id}`.

use axum::Router;
use axum::extract::{Path, RawQuery, State};
use axum::http::StatusCode;
use axum::routing::delete;

use super::Api;
use crate::engine::Engine;
use crate::http::error::{ApiError, Outcome};
use crate::http::request::Query;

pub(super) fn routes() -> Router<Api> {
    Router::new().route("/containers/{id}", delete(remove))
}

async fn remove(State(api): State<Api>, Path(key): Path<String>, RawQuery(query): RawQuery) -> Outcome<StatusCode> {
    let query = Query::parse(&query.unwrap_or_default());
    if query.flag("link") {
        api.engine().inspect(&key)?;
        let message = "Conflict, cannot remove the default link name of the container";
        return Err(ApiError::new(StatusCode::CONFLICT, message));
    }
    let (force, volumes) = (query.flag("force"), query.flag("v"));
    let remove = if volumes { Engine::remove_with_volumes } else { Engine::remove };
    api.blocking(move |engine| remove(engine, &key, force)).await?;
    Ok(StatusCode::NO_CONTENT)
}
