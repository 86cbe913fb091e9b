//! The sockets of the API.

use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;
use tracing::{debug, warn};

use super::api::Api;
use super::line::Line;
use super::origin::Gate;
use super::{connection, group, routes, tls};
use crate::config::{DaemonConfig, Protection, Tcp};
use crate::error::{Error, Result};

/// File name of the socket in the run directory.
pub const DOCKER_SOCKET_FILE: &str = "docker.sock";
/// Mode of the unix socket: whoever may open it may become root.
pub const SOCKET_MODE: u32 = 0o660;
/// Most connections of a socket at one time; further ones wait in its queue. Those of the network take none from the others.
pub const MAX_CONNECTIONS: usize = 1_024;
/// How long a client may take to show who it is.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// How long to wait when there are no more file descriptors.
const EXHAUSTION_PAUSE: Duration = Duration::from_millis(50);

/// The server of the API.
pub struct HttpServer {
    router: Router,
    unix: UnixListener,
    network: Option<Network>,
}

/// A socket on the network.
struct Network {
    listener: TcpListener,
    gate: Gate,
    tls: Option<TlsAcceptor>,
}

impl HttpServer {
    /// Makes the socket in `run`, and the one on the network if there is to be one. The engine's lock on the root says that a
    /// socket found in `run` is a dead one.
    ///
    /// # Errors
    /// When a socket cannot be made or a file of TLS is not what it should be.
    pub async fn bind(api: Api, run: &Path, config: &DaemonConfig) -> Result<Self> {
        let network = match &config.tcp {
            Some(tcp) => Some(Network::bind(tcp).await?),
            None => None,
        };
        let unix = bind_unix(run, config.group.as_deref())?;
        Ok(Self { router: routes::router(api), unix, network })
    }

    /// Serves for ever.
    ///
    /// # Errors
    /// When no more connections can be accepted.
    pub async fn serve(self) -> Result<()> {
        let Self { router, unix, network } = self;
        let network = async {
            match &network {
                Some(network) => network.serve(&router).await,
                None => std::future::pending().await,
            }
        };
        let slots = Arc::new(Semaphore::new(MAX_CONNECTIONS));
        let local = accept(
            &slots,
            async || unix.accept().await.map(|(stream, _)| stream),
            |stream, line| {
                tokio::spawn(connection::serve(stream, router.clone(), line, Gate::Local));
            },
        );
        tokio::select! {
            ended = network => ended,
            ended = local => ended,
        }
    }
}

impl Network {
    async fn bind(tcp: &Tcp) -> Result<Self> {
        let (gate, tls) = match tcp.protection()? {
            Protection::MutualTls { certificate, key, client_authority } => {
                (Gate::Encrypted, Some(tls::acceptor(&certificate, &key, &client_authority)?))
            }
            Protection::None => {
                warn!(address = %tcp.listen, "the API is served without encryption and authentication: whoever reaches this address becomes root on this host");
                let own = rustix::system::uname().nodename().to_string_lossy().into_owned();
                (Gate::Plain(Arc::new(tcp.names.iter().cloned().chain([own]).collect())), None)
            }
        };
        let failed = |source| Error::io(format!("cannot listen on {}", tcp.listen), source);
        let listener = TcpListener::bind(tcp.listen).await.map_err(failed)?;
        Ok(Self { listener, gate, tls })
    }

    async fn serve(&self, router: &Router) -> Result<()> {
        let slots = Arc::new(Semaphore::new(MAX_CONNECTIONS));
        let next = async || self.listener.accept().await.map(|(stream, _)| stream);
        accept(&slots, next, |stream, line| {
            let (router, gate) = (router.clone(), self.gate.clone());
            let _ = stream.set_nodelay(true);
            match self.tls.clone() {
                None => drop(tokio::spawn(connection::serve(stream, router, line, gate))),
                Some(tls) => drop(tokio::spawn(async move {
                    match tokio::time::timeout(HANDSHAKE_TIMEOUT, tls.accept(stream)).await {
                        Ok(Ok(stream)) => connection::serve(stream, router, line, gate).await,
                        Ok(Err(error)) => debug!(%error, "a client was not let in"),
                        Err(_) => debug!("a client did not show who it is in time"),
                    }
                })),
            }
        })
        .await
    }
}

/// Takes connections one by one, as long as there are slots, and hands them on.
async fn accept<S: AsyncRead + AsyncWrite + AsFd>(
    slots: &Arc<Semaphore>,
    next: impl AsyncFn() -> io::Result<S>,
    serve: impl Fn(S, Line),
) -> Result<()> {
    loop {
        let slot = slots.clone().acquire_owned().await.expect("the semaphore is never closed");
        match next().await {
            Ok(stream) => {
                let line = Line::new(&stream, slot);
                serve(stream, line);
            }
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
            Err(error) if is_exhaustion(&error) => {
                warn!(%error, "too many open files: waiting for connections to end");
                tokio::time::sleep(EXHAUSTION_PAUSE).await;
            }
            Err(error) => return Err(Error::io("cannot accept connections", error)),
        }
    }
}

fn is_exhaustion(error: &io::Error) -> bool {
    let exhausted = [rustix::io::Errno::MFILE, rustix::io::Errno::NFILE];
    exhausted.iter().any(|errno| error.raw_os_error() == Some(errno.raw_os_error()))
}

fn bind_unix(run: &Path, group: Option<&str>) -> Result<UnixListener> {
    let group = group.map(group::id).transpose()?;
    let path = run.join(DOCKER_SOCKET_FILE);
    let failed = |source| Error::io(format!("cannot listen on {}", path.display()), source);
    std::fs::create_dir_all(run).map_err(failed)?;
    match std::fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
        _ => {}
    }
    // Bound under another name first: nobody can connect before owner and mode are right.
    let hidden = run.join(format!(".{DOCKER_SOCKET_FILE}.{}", std::process::id()));
    let unix = UnixListener::bind(&hidden).map_err(failed)?;
    std::fs::set_permissions(&hidden, std::fs::Permissions::from_mode(SOCKET_MODE)).map_err(failed)?;
    if let Some(group) = group {
        std::os::unix::fs::chown(&hidden, None, Some(group.as_raw())).map_err(failed)?;
    }
    std::fs::rename(&hidden, &path).map_err(failed)?;
    Ok(unix)
}
