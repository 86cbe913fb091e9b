//! `/containers/{id}/archive` and `/containers/{id}/export`: `docker cp` and `docker export`.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use casement_layers::volume::{Overwrite, PathKind, PathStat};
use serde_json::json;
use tokio::sync::{Semaphore, oneshot};

use super::Api;
use crate::Engine;
use crate::error::Error;
use crate::http::blocking_body::{BodyReader, BodyWriter};
use crate::http::error::{ApiError, Outcome};
use crate::http::request::Query;

/// Header with what is at the path, JSON in base64.
const PATH_STAT: HeaderName = HeaderName::from_static("x-docker-container-path-stat");
/// Most copies at one time: each has a thread, and holds files open. Further ones wait.
const MAX_COPIES: usize = 32;

pub(super) fn routes() -> Router<Api> {
    let copies = Copies(Arc::new(Semaphore::new(MAX_COPIES)));
    let archive = get(copy_out).head(stat).put(copy_in).layer(axum::Extension(copies.clone()));
    let export = get(export).layer(axum::Extension(copies.clone()));
    Router::new().route("/containers/{id}/archive", archive).route("/containers/{id}/export", export)
}

/// The copies that are under way.
#[derive(Clone)]
struct Copies(Arc<Semaphore>);

async fn stat(State(api): State<Api>, Path(key): Path<String>, RawQuery(query): RawQuery) -> Outcome<Response> {
    let path = path_of(&query)?;
    let stat = api.blocking(move |engine| engine.path_stat(&key, &path)).await?;
    Ok(with_stat(StatusCode::OK.into_response(), &stat))
}

async fn copy_out(
    State(api): State<Api>,
    copies: axum::Extension<Copies>,
    Path(key): Path<String>,
    RawQuery(query): RawQuery,
) -> Outcome<Response> {
    let path = path_of(&query)?;
    let (stat, body) = stream(&api, copies.0, format!("copy {path} out of {key}"), move |engine, begun| {
        engine.copy_out(&key, &path, |stat| begun.with(stat))
    })
    .await?;
    let mut response = Response::new(body);
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-tar"));
    Ok(with_stat(response, &stat))
}

async fn export(State(api): State<Api>, copies: axum::Extension<Copies>, Path(key): Path<String>) -> Outcome<Response> {
    let ((), body) =
        stream(&api, copies.0, format!("export {key}"), move |engine, begun| engine.export(&key, || begun.with(())))
            .await?;
    let mut response = Response::new(body);
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    Ok(response)
}

/// The beginning of an answer that is a stream.
struct Begin<'a, T> {
    writer: &'a mut BodyWriter,
    first: &'a mut Option<oneshot::Sender<crate::error::Result<T>>>,
}

impl<'a, T> Begin<'a, T> {
    /// Answers with what is known now; the rest is written.
    fn with(self, what: T) -> &'a mut BodyWriter {
        let _ = self.first.take().map(|first| first.send(Ok(what)));
        self.writer
    }
}

/// Lets `work` write the body of an answer, in a thread of its own, from where it calls [`Begin::with`]; an error before that is the
/// answer, and one after it breaks the body off.
async fn stream<T: Send + 'static>(
    api: &Api,
    copies: Copies,
    what: String,
    work: impl FnOnce(&Engine, Begin<'_, T>) -> crate::error::Result<()> + Send + 'static,
) -> Outcome<(T, Body)> {
    let slot = copies.0.acquire_owned().await.expect("the semaphore is never closed");
    let (sender, first) = oneshot::channel();
    let (writer, body) = BodyWriter::new();
    let engine = api.engine().clone();
    tokio::task::spawn_blocking(move || {
        let _slot = slot;
        let mut writer = writer;
        let mut sender = Some(sender);
        if let Err(error) = work(&engine, Begin { writer: &mut writer, first: &mut sender }) {
            match sender.take() {
                Some(sender) => drop(sender.send(Err(error))),
                None => {
                    tracing::warn!(what, %error, "it broke off");
                    writer.fail(std::io::Error::other(error.to_string()));
                }
            }
        }
    });
    let first = first.await.map_err(|_| ApiError::internal("the daemon failed to copy"))??;
    Ok((first, body))
}

async fn copy_in(
    State(api): State<Api>,
    copies: axum::Extension<Copies>,
    Path(key): Path<String>,
    RawQuery(query): RawQuery,
    body: Body,
) -> Outcome<StatusCode> {
    let path = path_of(&query)?;
    // `copyUIDGID` has no meaning: everything in a container belongs to its programs.
    let keep_kinds = Query::parse(query.as_deref().unwrap_or_default()).flag("noOverwriteDirNonDir");
    let overwrite = if keep_kinds { Overwrite::SameKind } else { Overwrite::Anything };
    let slot = copies.0.0.acquire_owned().await.expect("the semaphore is never closed");
    let archive = BodyReader::new(body);
    api.blocking(move |engine| {
        let _slot = slot;
        engine.copy_in(&key, &path, archive, overwrite)
    })
    .await?;
    Ok(StatusCode::OK)
}

fn path_of(query: &Option<String>) -> Outcome<String> {
    let query = Query::parse(query.as_deref().unwrap_or_default());
    match query.text("path") {
        Some(path) if !path.is_empty() => Ok(path.to_owned()),
        _ => Err(Error::InvalidParameter("bad parameter: 'path' cannot be empty".to_owned()).into()),
    }
}

fn with_stat(mut response: Response, stat: &PathStat) -> Response {
    let text = BASE64_STANDARD.encode(described(stat).to_string());
    let value = HeaderValue::from_str(&text).expect("base64 is a valid header value");
    response.headers_mut().insert(PATH_STAT, value);
    response
}

/// As Go's `os.FileMode` has it: kinds above the permission bits.
fn described(stat: &PathStat) -> serde_json::Value {
    const DIRECTORY: u32 = 1 << 31;
    const SYMLINK: u32 = 1 << 27;
    const IRREGULAR: u32 = 1 << 19;
    let (kind, target) = match &stat.kind {
        PathKind::File => (0, ""),
        PathKind::Directory => (DIRECTORY, ""),
        PathKind::Link(target) => (SYMLINK, target.as_str()),
        PathKind::Other => (IRREGULAR, ""),
    };
    let (seconds, nanoseconds) = stat.modified;
    let modified = jiff::Timestamp::new(seconds, i32::try_from(nanoseconds).unwrap_or(0)).unwrap_or_default();
    json!({
        "name": stat.name,
        "size": stat.size,
        "mode": kind | stat.permissions,
        "mtime": modified.to_string(),
        "linkTarget": target,
    })
}
