//! `POST /containers/prune`.

use axum::Json;
use axum::Router;
use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use serde_json::json;

use super::Api;
use crate::http::error::{ApiError, Outcome};
use crate::http::request::Query;
use crate::http::time::moment;
use crate::prune::FILTERS;

pub(super) fn routes() -> Router<Api> {
    Router::new().route("/containers/prune", post(prune))
}

async fn prune(State(api): State<Api>, RawQuery(query): RawQuery) -> Outcome<Response> {
    let filters = Query::parse(&query.unwrap_or_default()).filters(&FILTERS)?;
    let until = match filters.get("until").map(Vec::as_slice) {
        None | Some([]) => None,
        Some([one]) => Some(moment(one)?),
        Some(_) => return Err(ApiError::bad_request("more than one until filter specified")),
    };
    let pruned = api.blocking(move |engine| Ok(engine.prune(&filters, until))).await?;
    // Go's null for a list without members.
    let deleted = Some(pruned.containers).filter(|containers| !containers.is_empty());
    Ok(Json(json!({ "ContainersDeleted": deleted, "SpaceReclaimed": pruned.bytes })).into_response())
}
