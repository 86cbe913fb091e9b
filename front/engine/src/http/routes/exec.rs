//! `/exec`: further processes in running containers.

use axum::body::Body;
use axum::extract::{Path, RawQuery, Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Json, Router};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;

use super::{Api, resize};
use crate::attach::Wanted;
use crate::document::ExecSettings;
use crate::exec::{Exec, ExecConfig, ExecState};
use crate::http::detach_keys::DetachKeys;
use crate::http::error::{ApiError, Outcome};
use crate::http::frame::{self, FrameStream};
use crate::http::hijack::Stream;
use crate::http::line::Line;
use crate::http::relay::{self, Ending, Pipes, Shape};
use crate::http::request::{Query, json};
use crate::http::version::ApiVersion;
use crate::model::Words;

/// How long a resize waits for the start of its process. Docker's value.
const START_PATIENCE: std::time::Duration = std::time::Duration::from_secs(10);

pub(super) fn routes() -> Router<Api> {
    Router::new()
        .route("/containers/{id}/exec", post(create))
        .route("/exec/{id}/start", post(start))
        .route("/exec/{id}/resize", post(resize))
        .route("/exec/{id}/json", get(inspect))
}

/// The body of a create request.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct CreateRequest {
    user: String,
    privileged: bool,
    tty: bool,
    console_size: Option<(u16, u16)>,
    attach_stdin: bool,
    attach_stdout: bool,
    attach_stderr: bool,
    detach_keys: String,
    env: Vec<String>,
    working_dir: String,
    cmd: Words,
}

async fn create(State(api): State<Api>, Path(key): Path<String>, body: Body) -> Outcome<Response> {
    let request: CreateRequest = json(body).await?;
    DetachKeys::parse(&request.detach_keys)?;
    let present = |text: String| Some(text).filter(|text| !text.is_empty());
    let config = ExecConfig {
        settings: ExecSettings {
            command: request.cmd.0,
            env: request.env,
            working_dir: present(request.working_dir),
            user: present(request.user),
            tty: request.tty,
            console_size: request.console_size,
            open_stdin: request.attach_stdin,
            detach: false,
        },
        wanted: Wanted { stdin: request.attach_stdin, stdout: request.attach_stdout, stderr: request.attach_stderr },
        detach_keys: request.detach_keys,
        privileged: request.privileged,
    };
    let exec = api.engine().exec_create(&key, config)?;
    Ok((StatusCode::CREATED, Json(json!({ "Id": exec.id }))).into_response())
}

/// The body of a start request.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct StartRequest {
    detach: bool,
    console_size: Option<(u16, u16)>,
}

async fn start(
    State(api): State<Api>,
    Path(id): Path<String>,
    Extension(version): Extension<ApiVersion>,
    Extension(line): Extension<Line>,
    request: Request<Body>,
) -> Outcome<Response> {
    let (mut head, body) = request.into_parts();
    let asked: StartRequest = json(body).await?;
    let exec = api.engine().exec_claim(&id)?;
    let size = asked.console_size;
    let starting = exec.clone();
    let started = api.blocking(move |engine| engine.exec_start(&starting, asked.detach, size)).await;
    if asked.detach {
        return started.map(|_| StatusCode::OK.into_response());
    }
    let tty = exec.config.settings.tty;
    let media_type = frame::media_type(!tty, version);
    head.headers.remove(axum::http::header::CONTENT_LENGTH);
    let (response, stream) = Stream::take(Request::from_parts(head, Body::empty()), media_type);
    let engine = api.engine().clone();
    tokio::spawn(async move {
        let Ok(mut connection) = stream.open(&line).await else { return };
        let pipes = match started.and_then(|near| Pipes::new(near).map_err(ApiError::from)) {
            Ok(pipes) => pipes,
            Err(error) => {
                // The words of a failure, where the output would be; its code is with the exec.
                let text = format!("{}\r\n", error.message);
                let bytes = if tty { text.into() } else { frame::frame(FrameStream::Stdout, text.as_bytes()) };
                let _ = connection.write_all(&bytes).await;
                return relay::finish(connection).await;
            }
        };
        let wanted = exec.config.wanted;
        let shape = Shape {
            framed: !tty,
            detach_keys: DetachKeys::parse(&exec.config.detach_keys).ok().filter(|_| tty),
            input_ends: !tty,
            takes_input: wanted.stdin,
            shows: [wanted.stdout, wanted.stderr],
        };
        let ending = relay::relay(connection, pipes, shape, &line, ended(&exec)).await;
        if ending == Ending::Left && matches!(exec.state(), ExecState::Running { .. }) {
            engine.exec_detached(&exec);
        }
    });
    Ok(response)
}

/// Clients ask for the exit code as soon as their stream has ended.
async fn ended(exec: &Exec) {
    let mut states = exec.watch();
    let _ = states.wait_for(|state| matches!(state, ExecState::Ended { .. })).await;
}

async fn resize(State(api): State<Api>, Path(id): Path<String>, RawQuery(query): RawQuery) -> Outcome<StatusCode> {
    let (height, width) = resize::size(&Query::parse(&query.unwrap_or_default()))?;
    let exec = api.engine().exec_find(&id)?;
    // Clients set the size as soon as they have asked for the start.
    let mut states = exec.watch();
    let started = states.wait_for(|state| !matches!(state, ExecState::Created | ExecState::Starting));
    if tokio::time::timeout(START_PATIENCE, started).await.is_err() {
        return Err(ApiError::internal("timeout waiting for exec session ready"));
    }
    api.blocking(move |engine| engine.exec_resize(&exec, height, width)).await?;
    Ok(StatusCode::OK)
}

async fn inspect(State(api): State<Api>, Path(id): Path<String>) -> Outcome<Json<Value>> {
    Ok(Json(view(&*api.engine().exec_find(&id)?)?))
}

fn view(exec: &Exec) -> Outcome<Value> {
    let (pid, exit_code, running) = match exec.state() {
        ExecState::Created | ExecState::Starting => (0, None, false),
        ExecState::Running { pid } => (pid, None, true),
        ExecState::Ended { pid, exit_code } => (pid, Some(exit_code), false),
    };
    let ExecConfig { settings, wanted, detach_keys, privileged } = &exec.config;
    let (entrypoint, arguments) = settings.command.split_first().unzip();
    let keys = if detach_keys.is_empty() { Vec::new() } else { DetachKeys::parse(detach_keys)?.bytes().to_vec() };
    Ok(json!({
        "ID": exec.id,
        "Running": running,
        "ExitCode": exit_code,
        "ProcessConfig": {
            "tty": settings.tty,
            "entrypoint": entrypoint,
            "arguments": arguments.unwrap_or_default(),
            "privileged": privileged,
            "user": settings.user.as_deref().unwrap_or_default(),
        },
        "OpenStdin": wanted.stdin,
        "OpenStderr": wanted.stderr,
        "OpenStdout": wanted.stdout,
        "CanRemove": exit_code.is_some(),
        "ContainerID": exec.container.as_str(),
        "DetachKeys": BASE64_STANDARD.encode(keys),
        "Pid": pid,
    }))
}
