//! `/commit`, `/images/get`, `/images/load`, and the part of `/images/create` that imports: images made here, and archives of them.

use std::io;

use axum::Json;
use axum::Router;
use axum::body::Body;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use bytes::Bytes;
use casement_layers::LoadProgress;
use serde_json::{Value, json};
use tokio::runtime::Handle;

use super::Api;
use crate::commit::CommitRequest;
use crate::error::{Error, Result};
use crate::http::blocking_body::{BodyReader, BodyWriter};
use crate::http::error::{ApiError, Outcome};
use crate::http::request::{Query, json};
use crate::http::stream::{self, Pieces, json_line};
use crate::model::Config;

pub(super) fn routes() -> Router<Api> {
    Router::new().route("/commit", post(commit)).route("/images/get", get(save_many)).route("/images/load", post(load))
}

async fn commit(State(api): State<Api>, RawQuery(query): RawQuery, body: Body) -> Outcome<Response> {
    let query = Query::parse(&query.unwrap_or_default());
    let text = |name| query.text(name).unwrap_or_default().to_owned();
    let request = CommitRequest {
        repository: text("repo"),
        tag: text("tag"),
        comment: text("comment"),
        author: text("author"),
        changes: changes(&query),
        config: json::<Config>(body).await?,
    };
    let container = text("container");
    let image = api.blocking(move |engine| engine.commit(&container, &request)).await?;
    Ok((StatusCode::CREATED, Json(json!({ "Id": image.id.to_string() }))).into_response())
}

/// Instructions, one a line, in any number of parameters.
fn changes(query: &Query) -> Vec<String> {
    query.texts("changes").flat_map(str::lines).map(str::to_owned).collect()
}

async fn save_many(State(api): State<Api>, RawQuery(query): RawQuery) -> Outcome<Response> {
    let query = Query::parse(&query.unwrap_or_default());
    save(&api, query.texts("names").map(str::to_owned).collect()).await
}

/// The archive of the images of these names.
///
/// # Errors
/// When one of them is none, before anything is sent.
pub(super) async fn save(api: &Api, names: Vec<String>) -> Outcome<Response> {
    let saving = api.blocking(move |engine| engine.saving(&names)).await?;
    let (mut writer, body) = BodyWriter::new();
    tokio::task::spawn_blocking(move || {
        if let Err(error) = saving.write(&mut writer) {
            let error = casement_silo::error_chain(&error);
            tracing::warn!(%error, "an archive of images broke off");
            writer.fail(io::Error::other(error));
        }
    });
    let mut response = Response::new(body);
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-tar"));
    Ok(response)
}

async fn load(State(api): State<Api>, RawQuery(query): RawQuery, body: Body) -> Outcome<Response> {
    let quiet = Query::parse(&query.unwrap_or_default()).flag("quiet");
    let mut archive = BodyReader::new(body);
    let lines = Lines::start(&api, move |engine, lines| {
        let loaded = engine.load(&mut archive, &mut |progress| match progress {
            LoadProgress::Layer { id, current, total } if !quiet => {
                lines.send(&json!({
                    "status": "Loading layer",
                    "progressDetail": { "current": current, "total": total },
                    "id": id.short(),
                }));
            }
            LoadProgress::Layer { .. } => {}
            LoadProgress::Replaced { name, id } => lines.stream(&format!(
                "The image {name} already exists, renaming the old one with ID {id} to empty string\n"
            )),
        })?;
        for image in loaded {
            if image.names.is_empty() {
                lines.stream(&format!("Loaded image ID: {}\n", image.id));
            }
            for name in image.names {
                lines.stream(&format!("Loaded image: {name}\n"));
            }
        }
        Ok(())
    });
    Ok(lines)
}

/// `docker import`: an archive that is a layer of Windows.
pub(super) async fn import(api: &Api, query: &Query, body: Body) -> Outcome<Response> {
    let text = |name| query.text(name).unwrap_or_default().to_owned();
    if text("fromSrc") != "-" {
        return Err(ApiError::not_implemented("importing from an address: download the archive, and importing it,"));
    }
    let platform = text("platform");
    if !platform.is_empty() && !platform.to_lowercase().starts_with("windows") {
        let refused = "operating system is not supported";
        return Err(ApiError::bad_request(refused));
    }
    let (repository, tag, comment, changes) = (text("repo"), text("tag"), text("message"), changes(query));
    let mut archive = BodyReader::new(body);
    Ok(Lines::start(api, move |engine, lines| {
        let image = engine.import(&repository, &tag, &changes, &comment, &mut archive)?;
        lines.send(&json!({ "status": image.id.to_string() }));
        Ok(())
    }))
}

/// Lines of JSON to a client that may have gone.
struct Lines {
    runtime: Handle,
    pieces: Pieces,
}

impl Lines {
    /// An answer whose lines `work` sends. When it fails before its first line, and after, the last line says why.
    fn start(
        api: &Api,
        work: impl FnOnce(&std::sync::Arc<crate::Engine>, &Self) -> Result<()> + Send + 'static,
    ) -> Response {
        let (pieces, body) = stream::channel();
        let lines = Self { runtime: Handle::current(), pieces };
        let engine = api.engine().clone();
        tokio::task::spawn_blocking(move || {
            if let Err(error) = work(&engine, &lines) {
                lines.send(&failure(&error));
            }
        });
        let mut response = Response::new(body);
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        response
    }

    fn stream(&self, text: &str) {
        self.send(&json!({ "stream": text }));
    }

    fn send(&self, line: &Value) {
        let line: Bytes = json_line(line);
        // The work goes on for a client that has gone, as with Docker.
        let _ = self.runtime.block_on(self.pieces.send(line));
    }
}

fn failure(error: &Error) -> Value {
    let text = error.to_string();
    json!({ "errorDetail": { "message": text }, "error": text })
}
