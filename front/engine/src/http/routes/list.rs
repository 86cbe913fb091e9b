//! `GET /containers/json`.

use axum::Json;
use axum::Router;
use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use super::Api;
use crate::container_filter::FILTERS;
use crate::http::error::Outcome;
use crate::http::request::Query;
use crate::listing::ListOptions;

pub(super) fn routes() -> Router<Api> {
    Router::new().route("/containers/json", get(list))
}

async fn list(State(api): State<Api>, RawQuery(query): RawQuery) -> Outcome<Response> {
    let query = Query::parse(&query.unwrap_or_default());
    let mut filters = query.filters(&FILTERS)?;
    // As parameters of their own these are older than filters.
    for name in ["before", "since"] {
        if let Some(value) = query.text(name).filter(|value| !value.is_empty()) {
            filters.entry(name.to_owned()).or_insert_with(|| vec![value.to_owned()]);
        }
    }
    let limit = query.number("limit")?.and_then(|limit| usize::try_from(limit).ok()).filter(|limit| *limit > 0);
    let options = ListOptions { all: query.flag("all"), limit, size: query.flag("size"), filters };
    let summaries = api.blocking(move |engine| engine.listing(&options)).await?;
    Ok(Json(summaries).into_response())
}
