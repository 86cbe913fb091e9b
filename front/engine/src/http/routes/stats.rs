//! `GET /containers/{id}/stats`.

use std::time::Duration;

use axum::Json;
use axum::Router;
use axum::extract::{Path, RawQuery, State};
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use super::Api;
use crate::http::error::Outcome;
use crate::http::request::Query;
use crate::http::stream::{Pieces, channel, json_line};
use crate::statistics::Sample;

/// Between two samples.
const INTERVAL: Duration = Duration::from_secs(1);

pub(super) fn routes() -> Router<Api> {
    Router::new().route("/containers/{id}/stats", get(stats))
}

async fn stats(State(api): State<Api>, Path(key): Path<String>, RawQuery(query): RawQuery) -> Outcome<Response> {
    let query = Query::parse(&query.unwrap_or_default());
    let stream = query.text("stream").is_none() || query.flag("stream");
    let first = sample(&api, &key, None).await?;
    if !stream {
        // A second sample, from which clients tell how busy the container is; `one-shot` does without.
        if query.flag("one-shot") || !runs(&api, &key) {
            return Ok(Json(first).into_response());
        }
        tokio::time::sleep(INTERVAL).await;
        return Ok(Json(sample(&api, &key, Some(first)).await?).into_response());
    }
    let (pieces, body) = channel();
    tokio::spawn(send_samples(api, key, first, pieces));
    Ok(([(CONTENT_TYPE, "application/json")], body).into_response())
}

/// Sends samples until the client goes or the container is removed.
async fn send_samples(api: Api, key: String, first: Sample, pieces: Pieces) {
    let mut last = first;
    loop {
        if pieces.send(json_line(&last)).await.is_err() {
            return;
        }
        tokio::select! {
            () = pieces.closed() => return,
            () = tokio::time::sleep(INTERVAL) => {}
        }
        match sample(&api, &key, Some(last)).await {
            Ok(next) => last = next,
            Err(_) => return,
        }
    }
}

fn runs(api: &Api, key: &str) -> bool {
    api.engine().inspect(key).is_ok_and(|container| crate::inspect::is_running(container.state.status))
}

async fn sample(api: &Api, key: &str, before: Option<Sample>) -> Outcome<Sample> {
    let key = key.to_owned();
    api.blocking(move |engine| engine.sample(&key, before.as_ref())).await
}
