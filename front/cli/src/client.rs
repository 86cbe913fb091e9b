//! The way to the daemon: its API, on the unix socket in the run directory.
//!
//! Calls whose answers bollard knows go through it. Streams and the JSON of `inspect` are asked for on the same connections and taken as they
//! come: bollard guesses at the bytes of consoles, and drops members that it does not know.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use bollard::errors::Error as BollardError;
use bollard::{BollardRequest, ClientVersion, Docker};
use bytes::Bytes;
use futures_util::Stream;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::upgrade::Upgraded;
use hyper::{Method, Request, Response, StatusCode, header};
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use serde_json::Value;
use tokio::net::UnixStream;

use casement_engine::http::DOCKER_SOCKET_FILE;

/// The version of the API that is spoken.
const VERSION: ClientVersion = ClientVersion { major_version: 1, minor_version: 50 };
/// Seconds until bollard gives an answer up: the end of a container may take as long as it likes.
const NO_LIMIT: u64 = 10 * 365 * 24 * 3600;

/// Why a request brought no answer to work with.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Nobody listens on the socket.
    #[error("Cannot connect to the casement daemon at {}: {source}. Is it running? Start it with: casement daemon", .path.display())]
    NotRunning {
        /// The socket.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// The connection broke before the whole answer came.
    #[error("the casement daemon went away before it answered: {0}")]
    WentAway(String),
    /// The daemon refused or failed.
    #[error("Error response from daemon: {message}")]
    Refused {
        /// The status of the answer.
        status: u16,
        /// What the daemon says.
        message: String,
    },
}

impl ClientError {
    /// Whether the daemon says that something does not exist.
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::Refused { status: 404, .. })
    }

    /// Whether there is no daemon, or none any more.
    pub fn is_gone(&self) -> bool {
        matches!(self, Self::NotRunning { .. } | Self::WentAway(_))
    }
}

/// A client of the daemon with this run directory. Connects only with the first request.
pub struct Client {
    docker: Docker,
    transport: Arc<Transport>,
    runtime: tokio::runtime::Runtime,
}

impl Client {
    /// The client of the daemon in the directory `run`.
    ///
    /// # Errors
    /// When the system cannot wait for connections.
    pub fn new(run: &Path) -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let transport = Arc::new(Transport { socket: run.join(DOCKER_SOCKET_FILE), idle: Mutex::new(None) });
        let carrier = transport.clone();
        let carry = move |request: BollardRequest| {
            let carrier = carrier.clone();
            async move { carrier.send(request).await }
        };
        let docker = Docker::connect_with_custom_transport(carry, Some("http://daemon"), NO_LIMIT, &VERSION)
            .map_err(io::Error::other)?;
        Ok(Self { docker, transport, runtime })
    }

    /// Does something that waits for answers.
    pub fn wait_for<T>(&self, work: impl Future<Output = T>) -> T {
        self.runtime.block_on(work)
    }

    /// The calls that bollard knows.
    pub fn docker(&self) -> &Docker {
        &self.docker
    }

    /// What a call of bollard's failed of.
    pub fn error(&self, error: BollardError) -> ClientError {
        match error {
            BollardError::DockerResponseServerError { status_code, message } => {
                ClientError::Refused { status: status_code, message }
            }
            BollardError::IOError { err } => {
                ClientError::NotRunning { path: self.transport.socket.clone(), source: err }
            }
            other => ClientError::WentAway(other.to_string()),
        }
    }

    /// The answer to a request, with a body that is still to be read.
    ///
    /// # Errors
    /// [`ClientError`], also for every status that is no success.
    pub async fn ask(&self, method: Method, path: &str) -> Result<Response<Incoming>, ClientError> {
        self.send(Request::builder().method(method).uri(path), bollard::body_full(Bytes::new())).await
    }

    /// Asks for long work that tells how far it is, and gives each of its lines to `show`.
    ///
    /// # Errors
    /// [`ClientError`], also for a failure that the last line tells.
    pub async fn told(
        &self,
        path: &str,
        account: Option<&str>,
        mut show: impl FnMut(&Value),
    ) -> Result<(), ClientError> {
        let mut request = Request::builder().method(Method::POST).uri(path);
        if let Some(account) = account {
            request = request.header("X-Registry-Auth", account);
        }
        let mut failure = None;
        let response = self.send(request, bollard::body_full(Bytes::new())).await?;
        lines(response, |line| match line.get("error").and_then(Value::as_str) {
            Some(message) => failure = Some(ClientError::Refused { status: 500, message: message.to_owned() }),
            None => show(line),
        })
        .await?;
        failure.map_or(Ok(()), Err)
    }

    /// Sends a context to build an image of, and gives each line of the answer to `show`: also that of a failure.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn build(
        &self,
        path: &str,
        headers: &[(&str, String)],
        context: impl Stream<Item = io::Result<Bytes>> + Send + 'static,
        show: impl FnMut(&Value),
    ) -> Result<(), ClientError> {
        let mut request = Request::builder().method(Method::POST).uri(path);
        request = request.header(header::CONTENT_TYPE, "application/x-tar");
        for (name, value) in headers.iter().filter(|(_, value)| !value.is_empty()) {
            request = request.header(*name, value);
        }
        lines(self.send(request, bollard::body_try_stream(context)).await?, show).await
    }

    /// Sends JSON that is answered by a status.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn post(&self, path: &str, body: Bytes) -> Result<(), ClientError> {
        let request =
            Request::builder().method(Method::POST).uri(path).header(header::CONTENT_TYPE, "application/json");
        self.send(request, bollard::body_full(body)).await.map(drop)
    }

    /// The JSON that a request brings.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn json(&self, path: &str) -> Result<Value, ClientError> {
        let bytes = whole(self.ask(Method::GET, path).await?).await?;
        serde_json::from_slice(&bytes).map_err(|error| ClientError::WentAway(error.to_string()))
    }

    /// The stream that a connection becomes.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn upgrade(&self, path: &str, body: Bytes) -> Result<TokioIo<Upgraded>, ClientError> {
        let request = Request::builder()
            .method(Method::POST)
            .uri(path)
            .header(header::CONNECTION, "Upgrade")
            .header(header::UPGRADE, "tcp")
            .header(header::CONTENT_TYPE, "application/json");
        let response = self.send(request, bollard::body_full(body)).await?;
        let upgraded = hyper::upgrade::on(response).await;
        upgraded.map(TokioIo::new).map_err(|error| ClientError::WentAway(error.to_string()))
    }

    async fn send(
        &self,
        request: hyper::http::request::Builder,
        body: Body,
    ) -> Result<Response<Incoming>, ClientError> {
        let request = request.body(body).map_err(|error| ClientError::WentAway(error.to_string()))?;
        let response = self.transport.send(request).await.map_err(|error| self.error(error))?;
        let status = response.status();
        if status.is_success() || status == StatusCode::SWITCHING_PROTOCOLS {
            return Ok(response);
        }
        #[derive(Deserialize)]
        struct Refusal {
            message: String,
        }
        let bytes = whole(response).await?;
        let message = match serde_json::from_slice::<Refusal>(&bytes) {
            Ok(refusal) => refusal.message,
            Err(_) => String::from_utf8_lossy(&bytes).into_owned(),
        };
        Err(ClientError::Refused { status: status.as_u16(), message })
    }
}

/// The whole body of an answer.
///
/// # Errors
/// [`ClientError::WentAway`] when it breaks off.
pub async fn whole(response: Response<Incoming>) -> Result<Bytes, ClientError> {
    let collected = response.into_body().collect().await;
    collected.map(|body| body.to_bytes()).map_err(|error| ClientError::WentAway(error.to_string()))
}

/// Gives each line of an answer, which is JSON, to `show`.
async fn lines(response: Response<Incoming>, mut show: impl FnMut(&Value)) -> Result<(), ClientError> {
    let mut body = response.into_body();
    let mut waiting = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| ClientError::WentAway(error.to_string()))?;
        waiting.extend_from_slice(&frame.into_data().unwrap_or_default());
        while let Some(end) = waiting.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = waiting.drain(..=end).collect();
            let line: Value =
                serde_json::from_slice(&line).map_err(|error| ClientError::WentAway(error.to_string()))?;
            show(&line);
        }
    }
    Ok(())
}

/// The part of a path that names a container. A name that none can have is not found, whatever the path would mean with it.
///
/// # Errors
/// [`ClientError::Refused`] in the daemon's words.
pub fn named(container: &str) -> Result<&str, ClientError> {
    let name = container.strip_prefix('/').unwrap_or(container);
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-');
    if name.bytes().all(fits) && name.bytes().next().is_some_and(|first| first.is_ascii_alphanumeric()) {
        return Ok(name);
    }
    Err(ClientError::Refused { status: 404, message: format!("No such container: {container}") })
}

/// Connections to the socket. One that has done its work serves the next request.
struct Transport {
    socket: PathBuf,
    idle: Mutex<Option<SendRequest<Body>>>,
}

/// The bodies of bollard's requests.
type Body = <BollardRequest as Parted>::Body;

/// Names the type of a request's body, which bollard does not.
trait Parted {
    type Body;
}

impl<B> Parted for Request<B> {
    type Body = B;
}

impl Transport {
    async fn send(&self, mut request: BollardRequest) -> Result<Response<Incoming>, BollardError> {
        if let Some(path) = request.uri().path_and_query().cloned() {
            *request.uri_mut() = path.into();
        }
        request.headers_mut().insert(header::HOST, header::HeaderValue::from_static("localhost"));
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).take();
        let mut sender = match idle.filter(SendRequest::is_ready) {
            Some(sender) => sender,
            None => self.connect().await?,
        };
        let response = sender.send_request(request).await?;
        *self.idle.lock().unwrap_or_else(PoisonError::into_inner) = Some(sender);
        Ok(response)
    }

    async fn connect(&self) -> Result<SendRequest<Body>, BollardError> {
        let stream = UnixStream::connect(&self.socket).await?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await?;
        tokio::spawn(async move {
            if let Err(error) = connection.with_upgrades().await {
                tracing::debug!(%error, "a connection to the daemon broke");
            }
        });
        Ok(sender)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_a_name_is_not_found() {
        assert_eq!(named("/web.1_a-b").unwrap(), "web.1_a-b");
        for name in ["", "../x", "a/b", "a b", "a?b", "-a", "ä"] {
            assert!(named(name).unwrap_err().is_not_found(), "{name}");
        }
    }
}
