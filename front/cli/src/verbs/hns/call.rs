//! A call of the network service on its socket.

use std::path::Path;

use bytes::Bytes;
use casement_hns::HNS_SOCKET_FILE;
use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper::client::conn::http1::handshake;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::UnixStream;

use crate::client::ClientError;
use crate::failure::Failure;

/// The answer of the service whose socket is in `run`.
pub(super) fn call(run: &Path, method: &str, path: &str, body: String) -> Result<Value, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Failure::new)?;
    runtime.block_on(ask(run, method, path, body)).map_err(Failure::new)
}

async fn ask(run: &Path, method: &str, path: &str, body: String) -> Result<Value, ClientError> {
    let socket = run.join(HNS_SOCKET_FILE);
    let stream = UnixStream::connect(&socket).await;
    let stream = stream.map_err(|source| ClientError::NotRunning { path: socket, source })?;
    let broken = |error: &dyn std::fmt::Display| ClientError::WentAway(error.to_string());
    let (mut sender, connection) = handshake(TokioIo::new(stream)).await.map_err(|error| broken(&error))?;
    tokio::spawn(connection);
    let request = Request::builder().method(method).uri(path).header("host", "hns").body(Full::new(Bytes::from(body)));
    let request = request.map_err(|error| broken(&error))?;
    let response = sender.send_request(request).await.map_err(|error| broken(&error))?;
    let body = response.into_body().collect().await.map_err(|error| broken(&error))?.to_bytes();
    serde_json::from_slice(&body).map_err(|error| broken(&error))
}
