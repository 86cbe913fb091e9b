//! `POST /build` and `POST /build/prune`: the classic builder, which clients use for Windows daemons.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Json;
use axum::Router;
use axum::body::Body;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE;
use bytes::Bytes;
use casement_builder::{
    BuildError, BuildSettings, Cancel, Context, ErrorKind, Event, Gone, Output, Secret, Workshop, build,
};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::sync::{Semaphore, oneshot};

use super::Api;
use crate::build::{CachedStep, Fetched, HostWorkshop, Outside, Remote};
use crate::engine::Engine;
use crate::http::blocking_body::BodyReader;
use crate::http::error::{ApiError, Outcome};
use crate::http::registry_auth;
use crate::http::request::Query;
use crate::http::stream::{self, Pieces, json_line};
use crate::http::time::moment;
use crate::http::version::ApiVersion;
use crate::label_filter;

/// Most builds at one time; further ones wait.
const MAX_BUILDS: usize = 16;
/// Most bytes of output that are kept for a client that wants to see it only when the build fails.
const MAX_QUIET: usize = 4 << 20;
/// Header with secrets: base64 of a JSON object of ids and values in base64. Not Docker's.
const SECRETS: &str = "x-casement-build-secrets";
/// The first version that is told the ids of stages.
const TELLS_IMAGES: ApiVersion = ApiVersion::minor(30);

pub(super) fn routes() -> Router<Api> {
    let builds = Builds(Arc::new(Semaphore::new(MAX_BUILDS)));
    Router::new().route("/build", post(start).layer(axum::Extension(builds))).route("/build/prune", post(prune))
}

/// The builds that are under way.
#[derive(Clone)]
struct Builds(Arc<Semaphore>);

async fn start(
    State(api): State<Api>,
    axum::Extension(builds): axum::Extension<Builds>,
    axum::Extension(version): axum::Extension<ApiVersion>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Outcome<Response> {
    let query = Query::parse(&query.unwrap_or_default());
    let settings = settings(&query, &headers)?;
    let remote = Remote::parse(query.text("remote").unwrap_or_default()).map_err(|error| refusal(&error))?;
    let outside = Outside::new(api.distribution().ok(), registry_auth::all_of(&headers));
    let slot = builds.0.acquire_owned().await.expect("the semaphore is never closed");
    let (pieces, answer) = stream::channel();
    let cancel = Cancel::default();
    let mut gone = EndOfClient { cancel: cancel.clone(), armed: true };
    let (first, begun) = oneshot::channel();
    let lines = Lines {
        pieces: pieces.clone(),
        first: Mutex::new(Some(first)),
        quiet: query.flag("q").then(Mutex::default),
        tells_images: version >= TELLS_IMAGES,
    };
    let (engine, archive, watched) = (api.engine().clone(), BodyReader::new(body), cancel.clone());
    let span = tracing::Span::current();
    let work = tokio::task::spawn_blocking(move || {
        let _slot = slot;
        let _span = span.entered();
        let result = perform(&engine, outside, &settings, remote, archive, &lines, &watched);
        lines.end(result);
    });
    tokio::spawn(async move {
        let client_left = async {
            pieces.closed().await;
            let _ = tokio::task::spawn_blocking(move || cancel.set()).await;
        };
        tokio::select! {
            () = client_left => {}
            _ = work => {}
        }
    });
    begun.await.map_err(|_| ApiError::internal("the daemon failed to build"))??;
    // From here on the end of the client is that of the answer's body.
    gone.armed = false;
    let media_type = HeaderValue::from_static("application/json");
    Ok(([(header::CONTENT_TYPE, media_type)], answer).into_response())
}

/// Ends the build when its request is dropped: the client has gone before the answer began.
struct EndOfClient {
    cancel: Cancel,
    armed: bool,
}

impl Drop for EndOfClient {
    fn drop(&mut self) {
        if self.armed {
            let cancel = self.cancel.clone();
            // Ending a container takes its time, and this thread has connections to serve.
            std::thread::spawn(move || cancel.set());
        }
    }
}

fn perform(
    engine: &Arc<Engine>,
    outside: Outside,
    settings: &BuildSettings,
    remote: Option<Remote>,
    archive: BodyReader,
    lines: &Lines,
    cancel: &Cancel,
) -> Result<String, BuildError> {
    let workshop =
        HostWorkshop::open(engine, outside.clone()).map_err(|error| BuildError::internal(error.to_string()))?;
    for name in &settings.tags {
        casement_layers::Reference::parse(name).map_err(|_| BuildError::invalid("invalid reference format"))?;
    }
    let directory = workshop.temporary_directory(false)?;
    let Some(remote) = remote else {
        let context = Context::receive(directory, archive)?;
        return Ok(build(&workshop, settings, Some(&context), None, lines, cancel)?.image.id.to_string());
    };
    let Fetched { context, dockerfile, distance } = remote.fetch(directory, &outside, lines, cancel)?;
    let workshop = workshop.fetched_from(distance);
    let built = build(&workshop, settings, context.as_ref(), dockerfile.as_deref(), lines, cancel)?;
    Ok(built.image.id.to_string())
}

/// The lines of the answer, JSON each.
struct Lines {
    pieces: Pieces,
    /// Told when the answer begins: with success, as everything after that is in it.
    first: Mutex<Option<oneshot::Sender<Outcome<()>>>>,
    /// What is kept back.
    quiet: Option<Mutex<Vec<u8>>>,
    tells_images: bool,
}

impl Lines {
    fn send(&self, line: Bytes) -> Result<(), Gone> {
        if let Some(first) = self.first.lock().unwrap_or_else(PoisonError::into_inner).take() {
            let _ = first.send(Ok(()));
        }
        self.pieces.blocking_send(line).map_err(|_| Gone)
    }

    fn end(&self, result: Result<String, BuildError>) {
        let kept =
            self.quiet.as_ref().map(|kept| std::mem::take(&mut *kept.lock().unwrap_or_else(PoisonError::into_inner)));
        let error = match result {
            Ok(id) => {
                if self.quiet.is_some() {
                    let _ = self.send(json_line(&json!({ "stream": format!("{id}\n") })));
                }
                return;
            }
            Err(error) => error,
        };
        tracing::info!(%error, "a build ended without an image");
        if let Some(kept) = kept.filter(|kept| !kept.is_empty()) {
            let _ = self.send(kept.into());
        }
        match self.first.lock().unwrap_or_else(PoisonError::into_inner).take() {
            Some(first) => drop(first.send(Err(refusal(&error)))),
            None => {
                let mut detail = json!({ "message": error.message });
                if let ErrorKind::Exit(code) = error.kind {
                    detail["code"] = json!(code);
                }
                let _ = self.pieces.blocking_send(json_line(&json!({ "errorDetail": detail, "error": error.message })));
            }
        }
    }
}

fn refusal(error: &BuildError) -> ApiError {
    let status = match error.kind {
        ErrorKind::Invalid => StatusCode::BAD_REQUEST,
        ErrorKind::NotFound => StatusCode::NOT_FOUND,
        ErrorKind::NotImplemented => StatusCode::NOT_IMPLEMENTED,
        ErrorKind::Exit(_) | ErrorKind::Cancelled | ErrorKind::Internal => StatusCode::INTERNAL_SERVER_ERROR,
    };
    ApiError::new(status, error.message.clone())
}

impl Output for Lines {
    fn show(&self, event: Event) -> Result<(), Gone> {
        let line = match event {
            Event::Out(text) => json!({ "stream": text }),
            Event::Error(text) => json!({ "stream": format!("\u{1b}[91m{text}\u{1b}[0m") }),
            Event::Image(id) if self.tells_images => json!({ "aux": { "ID": id } }),
            Event::Image(_) => return Ok(()),
            Event::Progress(line) => line,
        };
        let line = json_line(&line);
        let Some(kept) = &self.quiet else { return self.send(line) };
        let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() + line.len() <= MAX_QUIET {
            kept.extend_from_slice(&line);
        }
        if self.pieces.is_closed() { Err(Gone) } else { Ok(()) }
    }
}

fn settings(query: &Query, headers: &HeaderMap) -> Outcome<BuildSettings> {
    let text = |name: &str| query.text(name).unwrap_or_default().to_owned();
    if query.flag("squash") {
        return Err(ApiError::bad_request("squash is only supported with experimental mode"));
    }
    match query.text("version") {
        None | Some("" | "1") => {}
        Some("2") => return Err(ApiError::not_implemented("building images with BuildKit")),
        Some(other) => return Err(ApiError::bad_request(format!("invalid version \"{other}\""))),
    }
    if query.texts("securityopt").next().is_some() {
        return Err(ApiError::not_implemented("building with --security-opt"));
    }
    for (name, shown) in [("cpuperiod", "CPUPeriod"), ("cpuquota", "CPUQuota"), ("memswap", "MemorySwap")] {
        if query.number(name)?.is_some_and(|number| number != 0) {
            return Err(ApiError::bad_request(format!("invalid option: Windows does not support {shown}")));
        }
    }
    for (name, shown) in [("cpusetcpus", "CpusetCpus"), ("cpusetmems", "CpusetMems"), ("cgroupparent", "CgroupParent")]
    {
        if !text(name).is_empty() {
            return Err(ApiError::bad_request(format!("invalid option: Windows does not support {shown}")));
        }
    }
    let isolation = text("isolation");
    if !matches!(isolation.to_lowercase().as_str(), "" | "default" | "process" | "hyperv") {
        return Err(ApiError::bad_request(format!("unsupported isolation: \"{isolation}\"")));
    }
    let secrets: BTreeMap<String, String> = match headers.get(SECRETS) {
        None => BTreeMap::new(),
        Some(value) => BASE64_URL_SAFE
            .decode(value.as_bytes())
            .ok()
            .and_then(|json| serde_json::from_slice(&json).ok())
            .ok_or_else(|| ApiError::bad_request(format!("invalid header {SECRETS}")))?,
    };
    let mut opened = BTreeMap::new();
    for (id, value) in secrets {
        let value =
            BASE64_URL_SAFE.decode(value).map_err(|_| ApiError::bad_request(format!("invalid header {SECRETS}")))?;
        opened.insert(id, Secret(value));
    }
    let force_remove = query.flag("forcerm");
    Ok(BuildSettings {
        dockerfile: text("dockerfile"),
        tags: query.texts("t").filter(|tag| !tag.is_empty()).map(str::to_owned).collect(),
        arguments: document(query, "buildargs", "error reading build args")?,
        labels: document(query, "labels", "error reading labels")?,
        target: text("target"),
        no_cache: query.flag("nocache"),
        cache_from: document(query, "cachefrom", "error reading cache-from")?,
        pull: query.flag("pull"),
        remove: force_remove || text("rm").is_empty() || query.flag("rm"),
        force_remove,
        memory: query.number("memory")?.unwrap_or(0),
        cpu_shares: query.number("cpushares")?.unwrap_or(0),
        network: text("networkmode"),
        isolation,
        extra_hosts: query.texts("extrahosts").map(str::to_owned).collect(),
        platform: text("platform"),
        secrets: opened,
    })
}

/// A parameter that is JSON.
fn document<T: DeserializeOwned + Default>(query: &Query, name: &str, failed: &str) -> Outcome<T> {
    match query.text(name).filter(|text| !text.is_empty() && *text != "null") {
        None => Ok(T::default()),
        Some(text) => serde_json::from_str(text).map_err(|error| ApiError::bad_request(format!("{failed}: {error}"))),
    }
}

async fn prune(State(api): State<Api>, RawQuery(query): RawQuery) -> Outcome<Json<Value>> {
    let query = Query::parse(&query.unwrap_or_default());
    let filters = query.filters(&["until", "unused-for", "id", "label", "label!"])?;
    let before = match filters.get("until").or_else(|| filters.get("unused-for")).map(Vec::as_slice) {
        None | Some([]) => None,
        Some([one]) => Some(moment(one)?),
        Some(_) => return Err(ApiError::bad_request("filters expect only one value for until")),
    };
    let texts = |name: &str| filters.get(name).map_or(&[][..], Vec::as_slice);
    // What the cache keeps has no labels; `docker system prune` passes on those that it chooses containers by.
    let fits = label_filter::admits(texts("label"), texts("label!"), &BTreeMap::new());
    let ids = texts("id").to_vec();
    let all = query.flag("all");
    let chosen = move |step: &CachedStep| {
        let created = step.created.parse::<jiff::Timestamp>().unwrap_or_default();
        let old = before.is_none_or(|before| created < before);
        fits && old && (ids.is_empty() || ids.iter().any(|id| step.key.ends_with(id.as_str())))
    };
    let pruned = api
        .blocking(move |engine| {
            let is_chosen = before.is_some() || !filters.is_empty();
            engine.prune_build_cache(all, is_chosen.then_some(&chosen as &dyn Fn(&CachedStep) -> bool))
        })
        .await?;
    let steps = Some(pruned.steps).filter(|steps| !steps.is_empty());
    Ok(Json(json!({ "CachesDeleted": steps, "SpaceReclaimed": pruned.freed })))
}
