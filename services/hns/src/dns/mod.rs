//! Names: one server a network, at its gateway's addresses, for its endpoints alone.

mod answer;
mod forward;
mod names;
mod server;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use casement_schema::Guid;
use rustix::net::{AddressFamily, SocketFlags, SocketType, sockopt};
use tokio::runtime::Handle;
use tokio::task::AbortHandle;

use crate::error::{NetworkError, Result};
use crate::record::NetworkRecord;
use crate::state::State;
use names::Names;
use server::Server;

/// The port of name servers.
const PORT: u16 = 53;
/// Connections that may wait to be accepted.
const BACKLOG: i32 = 128;

/// The name servers of all networks.
pub(crate) struct NameServers {
    runtime: Option<Handle>,
    names: Arc<RwLock<Names>>,
    running: Mutex<HashMap<Guid, Vec<AbortHandle>>>,
}

impl NameServers {
    pub(crate) fn new(runtime: Option<Handle>) -> Self {
        Self { runtime, names: Arc::default(), running: Mutex::default() }
    }

    /// Takes over the names of all endpoints.
    pub(crate) fn publish(&self, state: &State) {
        if self.runtime.is_some() {
            let names = Names::of(state);
            *self.names.write().unwrap_or_else(PoisonError::into_inner) = names;
        }
    }

    /// Whether a network has the servers that it is to have.
    pub(crate) fn serves(&self, network: &NetworkRecord) -> bool {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        self.runtime.is_none() || network.is_type("Private") || running.contains_key(&network.document.id)
    }

    /// Starts the servers of a network, in place of those that run.
    pub(crate) fn serve(&self, network: &NetworkRecord) -> Result<()> {
        let Some(runtime) = &self.runtime else { return Ok(()) };
        if network.is_type("Private") {
            return Ok(());
        }
        let id = network.document.id;
        self.end(&id);
        let mut tasks = Vec::new();
        for pool in network.pools()? {
            let Some(gateway) = pool.gateway else { continue };
            let address = SocketAddr::new(gateway, PORT);
            let failed = |source| NetworkError::NameServer { network: network.document.name.clone(), source };
            let datagrams = bind(address, SocketType::DGRAM).map_err(|error| failed(error.into()))?;
            let streams = bind(address, SocketType::STREAM).map_err(|error| failed(error.into()))?;
            let _context = runtime.enter();
            let datagrams = tokio::net::UdpSocket::from_std(datagrams.into()).map_err(failed)?;
            let streams = tokio::net::TcpListener::from_std(streams.into()).map_err(failed)?;
            let server = Arc::new(Server::new(id, pool.prefix, self.names.clone()));
            tasks.push(runtime.spawn(server.clone().answer_datagrams(Arc::new(datagrams))).abort_handle());
            tasks.push(runtime.spawn(server.answer_streams(streams)).abort_handle());
        }
        self.running.lock().unwrap_or_else(PoisonError::into_inner).insert(id, tasks);
        Ok(())
    }

    /// Ends the servers of a network.
    pub(crate) fn end(&self, network: &Guid) {
        let ended = self.running.lock().unwrap_or_else(PoisonError::into_inner).remove(network);
        for task in ended.into_iter().flatten() {
            task.abort();
        }
    }
}

/// A socket at an address that may be one of an adapter that is just coming up.
fn bind(address: SocketAddr, kind: SocketType) -> rustix::io::Result<OwnedFd> {
    let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let socket = rustix::net::socket_with(family, kind, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK, None)?;
    sockopt::set_socket_reuseaddr(&socket, true)?;
    sockopt::set_ip_freebind(&socket, true)?;
    if address.is_ipv6() {
        sockopt::set_ipv6_v6only(&socket, true)?;
    }
    rustix::net::bind(&socket, &address)?;
    if kind == SocketType::STREAM {
        rustix::net::listen(&socket, BACKLOG)?;
    }
    Ok(socket)
}
