//! The service on a unix socket: HTTP, as `HNSCall` is one already.
//!
//! `GET /networks/` and so on are calls of version 1; `POST /hcn/HcnCreateNetwork` calls a function of version 2 with an
//! [`HcnCall`](crate::HcnCall) as its body. The status is always 200: whether a call succeeded stands in the answer.

use std::convert::Infallible;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use casement_schema::hcn::HcnError;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response, header};
use hyper_util::rt::{TokioIo, TokioTimer};
use serde_json::Value;
use tokio::net::UnixListener;
use tokio::sync::Semaphore;
use tracing::{debug, warn};

use crate::error::NetworkError;
use crate::service::NetworkService;

/// File name of the socket in the run directory.
pub const HNS_SOCKET_FILE: &str = "hns.sock";
/// Only root may use it: whoever may can send any packet anywhere.
const SOCKET_MODE: u32 = 0o600;
/// Longest body, in bytes.
const MAX_BODY: usize = 4 << 20;
/// Most connections at a time; further ones wait.
const MAX_CONNECTIONS: usize = 128;
/// How long a client may take for the head of a request.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
/// How long to wait when there are no more file descriptors.
const EXHAUSTION_PAUSE: Duration = Duration::from_millis(50);

/// The socket of the service.
pub struct HnsServer {
    service: Arc<NetworkService>,
    listener: UnixListener,
}

impl HnsServer {
    /// Makes the socket in `run`. One that is there is a dead one: the daemon's lock on its root says so.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn bind(service: Arc<NetworkService>, run: &Path) -> io::Result<Self> {
        std::fs::create_dir_all(run)?;
        let path = run.join(HNS_SOCKET_FILE);
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            other => other?,
        }
        // Nobody comes in between: the run directory is root's, and the socket does not listen before its mode is set.
        let socket = rustix::net::socket_with(
            rustix::net::AddressFamily::UNIX,
            rustix::net::SocketType::STREAM,
            rustix::net::SocketFlags::CLOEXEC | rustix::net::SocketFlags::NONBLOCK,
            None,
        )?;
        rustix::net::bind(&socket, &rustix::net::SocketAddrUnix::new(&path)?)?;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(SOCKET_MODE))?;
        rustix::net::listen(&socket, 128)?;
        let listener = UnixListener::from_std(std::os::unix::net::UnixListener::from(socket))?;
        Ok(Self { service, listener })
    }

    /// Serves for ever.
    pub async fn serve(self) {
        let slots = Arc::new(Semaphore::new(MAX_CONNECTIONS));
        loop {
            let Ok(slot) = slots.clone().acquire_owned().await else { return };
            let stream = match self.listener.accept().await {
                Ok((stream, _)) => stream,
                Err(error) => {
                    warn!(%error, "a client of the network service cannot be accepted");
                    tokio::time::sleep(EXHAUSTION_PAUSE).await;
                    continue;
                }
            };
            let service = self.service.clone();
            tokio::spawn(async move {
                let answer = service_fn(move |request| answer(service.clone(), request));
                let served = hyper::server::conn::http1::Builder::new()
                    .timer(TokioTimer::new())
                    .header_read_timeout(HEAD_TIMEOUT)
                    .serve_connection(TokioIo::new(stream), answer)
                    .await;
                if let Err(error) = served {
                    debug!(%error, "a client of the network service went away");
                }
                drop(slot);
            });
        }
    }
}

async fn answer(service: Arc<NetworkService>, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let (method, path) = (request.method().as_str().to_owned(), request.uri().path().to_owned());
    let value = match Limited::new(request.into_body(), MAX_BODY).collect().await {
        Ok(body) => {
            let body = body.to_bytes();
            let done = tokio::task::spawn_blocking(move || call(&service, &method, &path, &body)).await;
            done.unwrap_or_else(|error| failure(&error.to_string()))
        }
        Err(error) => failure(&error.to_string()),
    };
    let mut response = Response::new(Full::new(Bytes::from(value.to_string())));
    response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/json"));
    Ok(response)
}

fn call(service: &NetworkService, method: &str, path: &str, body: &[u8]) -> Value {
    match path.strip_prefix("/hcn/") {
        Some(function) => service.hcn(function, body),
        None => {
            serde_json::to_value(service.call(method, path, body)).unwrap_or_else(|error| failure(&error.to_string()))
        }
    }
}

fn failure(detail: &str) -> Value {
    NetworkError::refused(HcnError::InvalidJson, detail).document()
}
