//! `/containers/{id}/wait`: the exit code, when there is one.

use axum::Router;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use serde_json::json;

use super::Api;
use crate::engine::WaitCondition;
use crate::http::error::{ApiError, Outcome};
use crate::http::request::Query;
use crate::http::stream::{json_line, later};

pub(super) fn routes() -> Router<Api> {
    Router::new().route("/containers/{id}/wait", post(wait))
}

async fn wait(State(api): State<Api>, Path(key): Path<String>, RawQuery(query): RawQuery) -> Outcome<Response> {
    let query = Query::parse(&query.unwrap_or_default());
    let condition = match query.text("condition").unwrap_or_default() {
        "" | "not-running" => WaitCondition::NotRunning,
        "next-exit" => WaitCondition::NextExit,
        "removed" => WaitCondition::Removed,
        other => return Err(ApiError::bad_request(format!("invalid condition: {other:?}"))),
    };
    // From here on nothing is missed; the client starts the container when it has the head of this answer.
    let end = api.engine().until(&key, condition)?;
    let body = later(async move {
        let state = end.await;
        let mut answer = json!({ "StatusCode": state.exit_code });
        if !state.error.is_empty() {
            answer["Error"] = json!({ "Message": state.error });
        }
        json_line(&answer)
    });
    let mut response = body.into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(response)
}
