//! `/containers/{id}/attach`: the streams of a container's first process.

use axum::body::Body;
use axum::extract::{Path, RawQuery, Request, State};
use axum::response::Response;
use axum::routing::post;
use axum::{Extension, Router};

use super::{Api, logs};
use crate::container::Status;
use crate::http::detach_keys::DetachKeys;
use crate::http::error::{ApiError, Outcome};
use crate::http::frame;
use crate::http::hijack::Stream;
use crate::http::line::Line;
use crate::http::log_stream::{LogStreamer, Selection};
use crate::http::relay::{self, Ending, Pipes, Shape};
use crate::http::request::Query;
use crate::http::version::ApiVersion;

pub(super) fn routes() -> Router<Api> {
    Router::new().route("/containers/{id}/attach", post(attach))
}

async fn attach(
    State(api): State<Api>,
    Path(key): Path<String>,
    RawQuery(query): RawQuery,
    Extension(version): Extension<ApiVersion>,
    Extension(line): Extension<Line>,
    request: Request<Body>,
) -> Outcome<Response> {
    let query = Query::parse(&query.unwrap_or_default());
    let keys = DetachKeys::parse(query.text("detachKeys").unwrap_or_default())?;
    let shows = [query.flag("stdout"), query.flag("stderr")];
    let engine = api.engine().clone();
    let container = engine.inspect(&key)?;
    let tty = container.config.tty;
    let replay = if query.flag("logs") && (shows[0] || shows[1]) {
        logs::readable(&container)?;
        let selection = Selection::everything(shows[0], shows[1], !tty);
        Some(LogStreamer::new(&engine.directory(&container), selection))
    } else {
        None
    };
    let attached = if query.flag("stream") {
        let takes_input = query.flag("stdin");
        let (container, near) = api.blocking(move |engine| engine.attach(&key, takes_input)).await?;
        let shape = Shape {
            framed: !tty,
            detach_keys: tty.then_some(keys),
            input_ends: container.config.stdin_once && !tty,
            takes_input,
            shows,
        };
        Some((container, Pipes::new(near).map_err(ApiError::from)?, shape))
    } else {
        None
    };
    let (response, stream) = Stream::take(request, frame::media_type(!tty, version));
    tokio::spawn(async move {
        let Ok(mut connection) = stream.open(&line).await else { return };
        if let Some(replay) = replay
            && let Err(error) = replay.write(&mut connection).await
        {
            tracing::debug!(%error, "a log was not shown to its end");
            return;
        }
        let Some((container, pipes, shape)) = attached else {
            return relay::finish(connection).await;
        };
        let ending = relay::relay(connection, pipes, shape, &line, std::future::ready(())).await;
        let still_runs = || engine.inspect(container.id.as_str()).is_ok_and(|it| it.state.status == Status::Running);
        if ending == Ending::Left && still_runs() {
            engine.detached(&container);
        }
    });
    Ok(response)
}
