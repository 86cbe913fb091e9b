//! `/containers/{id}/logs`: what a container has written.

use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Extension, Router};

use super::Api;
use crate::container::{Container, Status};
use crate::engine::WaitCondition;
use crate::http::error::{ApiError, Outcome};
use crate::http::frame;
use crate::http::log_stream::{LogStreamer, Selection};
use crate::http::request::Query;
use crate::http::stream;
use crate::http::version::ApiVersion;

pub(super) fn routes() -> Router<Api> {
    Router::new().route("/containers/{id}/logs", get(logs))
}

async fn logs(
    State(api): State<Api>,
    Path(key): Path<String>,
    RawQuery(query): RawQuery,
    Extension(version): Extension<ApiVersion>,
) -> Outcome<Response> {
    let query = Query::parse(&query.unwrap_or_default());
    let engine = api.engine();
    // Before the look at its state: its end is not missed.
    let end = engine.until(&key, WaitCondition::NextExit)?;
    let container = engine.inspect(&key)?;
    let framed = !container.config.tty;
    let selection = Selection::parse(&query, framed)?;
    readable(&container)?;
    let streamer = LogStreamer::new(&engine.directory(&container), selection);
    let (pieces, body) = stream::channel();
    if query.flag("follow") && container.state.status == Status::Running {
        tokio::spawn(async move {
            report(streamer.follow(&pieces, async { drop(end.await) }).await);
        });
    } else {
        tokio::spawn(async move { report(streamer.show(&pieces).await.map(drop)) });
    }
    let media_type = HeaderValue::from_static(frame::media_type(framed, version));
    Ok(([(header::CONTENT_TYPE, media_type)], body).into_response())
}

/// Whether the container has a log that can be read.
///
/// # Errors
/// In Docker's words.
pub(super) fn readable(container: &Container) -> Outcome<()> {
    if container.host_config.log_config.kind == "none" {
        let text = "configured logging driver does not support reading";
        return Err(ApiError::new(StatusCode::NOT_IMPLEMENTED, text));
    }
    if matches!(container.state.status, Status::Removing | Status::Dead) {
        let text = "can not get logs from container which is dead or marked for removal";
        return Err(ApiError::new(StatusCode::CONFLICT, text));
    }
    Ok(())
}

fn report(shown: std::io::Result<()>) {
    if let Err(error) = shown {
        tracing::debug!(%error, "a log was not shown to its end");
    }
}
