//! `GET /containers/{id}/json`.

use axum::Router;
use axum::extract::{Path, RawQuery, State};
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use super::Api;
use crate::error::Error;
use crate::http::error::Outcome;
use crate::http::request::Query;
use crate::inspect::View;

pub(super) fn routes() -> Router<Api> {
    Router::new().route("/containers/{id}/json", get(inspect))
}

async fn inspect(State(api): State<Api>, Path(key): Path<String>, RawQuery(query): RawQuery) -> Outcome<Response> {
    let size = Query::parse(&query.unwrap_or_default()).flag("size");
    let text = api
        .blocking(move |engine| {
            let container = engine.inspect(&key)?;
            let mut view =
                View::new(&container, &engine.directory(&container)).with_execs(engine.exec_ids(&container.id));
            if size {
                view = view.with_sizes(engine.sizes(&container));
            }
            serde_json::to_vec(&view).map_err(|error| Error::Store(error.to_string()))
        })
        .await?;
    Ok(([(CONTENT_TYPE, "application/json")], text).into_response())
}
