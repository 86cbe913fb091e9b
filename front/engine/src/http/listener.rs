//! The sockets of the API.

use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use tokio::net::UnixListener;
use tokio::sync::Semaphore;
use tracing::warn;

use super::api::Api;
use super::line::Line;
use super::{connection, routes};
use crate::api::SOCKET_MODE;
use crate::error::{Error, Result};

/// File name of the socket in the run directory.
pub const DOCKER_SOCKET_FILE: &str = "docker.sock";
/// Most connections at one time; further ones wait in the socket's queue.
pub const MAX_CONNECTIONS: usize = 1_024;

/// The server of the API.
pub struct HttpServer {
    router: Router,
    unix: UnixListener,
    connections: Arc<Semaphore>,
}

impl HttpServer {
    /// Makes the socket in `run`. The engine's lock on the root says that a socket found there is a dead one.
    ///
    /// # Errors
    /// When the socket cannot be made. To be called within a tokio runtime.
    pub fn bind(api: Api, run: &Path) -> Result<Self> {
        let path = run.join(DOCKER_SOCKET_FILE);
        let failed = |source| Error::io(format!("cannot listen on {}", path.display()), source);
        std::fs::create_dir_all(run).map_err(failed)?;
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
            _ => {}
        }
        // Bound under another name first: nobody can connect before the mode is right.
        let hidden = run.join(format!(".{DOCKER_SOCKET_FILE}.{}", std::process::id()));
        let unix = UnixListener::bind(&hidden).map_err(failed)?;
        std::fs::set_permissions(&hidden, std::fs::Permissions::from_mode(SOCKET_MODE)).map_err(failed)?;
        std::fs::rename(&hidden, &path).map_err(failed)?;
        Ok(Self { router: routes::router(api), unix, connections: Arc::new(Semaphore::new(MAX_CONNECTIONS)) })
    }

    /// Serves for ever.
    ///
    /// # Errors
    /// When no more connections can be accepted.
    pub async fn serve(self) -> Result<()> {
        loop {
            let slot = self.connections.clone().acquire_owned().await.expect("the semaphore is never closed");
            match self.unix.accept().await {
                Ok((stream, _)) => {
                    let router = self.router.clone();
                    let line = Line::new(&stream, slot);
                    tokio::spawn(connection::serve(stream, router, line));
                }
                Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
                Err(error) if error.raw_os_error() == Some(rustix::io::Errno::MFILE.raw_os_error()) => {
                    warn!(%error, "too many open files: waiting for connections to end");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
                Err(error) => return Err(Error::io("cannot accept connections", error)),
            }
        }
    }
}
