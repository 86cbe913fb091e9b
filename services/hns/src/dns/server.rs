//! The server of one range: datagrams and connections, from its addresses only, and never more than so many at a time.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use casement_schema::Guid;
use casement_vswitch::Prefix;
use hickory_proto::op::{Message, ResponseCode};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tracing::debug;

use super::answer::{Verdict, answer, datagram, judge, taken_size};
use super::forward::{self, Way};
use super::names::{Client, Names};
use crate::host;

/// Where the host's name servers are listed.
const RESOLVER_FILE: &str = "/etc/resolv.conf";
/// Questions of one network that are passed on at a time; further ones fail at once.
const MOST_FORWARDED: usize = 256;
/// The same of one endpoint, so that it cannot take the others' turns.
const MOST_FORWARDED_OF_ONE: usize = 64;
/// Connections at a time.
const MOST_STREAMS: usize = 64;
/// The same of one endpoint.
const MOST_STREAMS_OF_ONE: usize = 16;
/// Bytes of a datagram that is read: no question is longer.
const MOST_DATAGRAM: usize = 4096;
/// How long a connection may be silent.
const STREAM_PATIENCE: Duration = Duration::from_secs(10);
/// How long to wait when the system has no more descriptors.
const EXHAUSTION_PAUSE: Duration = Duration::from_millis(50);

/// A server.
pub(super) struct Server {
    network: Guid,
    subnet: Prefix,
    names: Arc<RwLock<Names>>,
    forwarded: Arc<Semaphore>,
    streams: Arc<Semaphore>,
    busy: Mutex<HashMap<(IpAddr, Way), usize>>,
}

/// One of a client's turns; given back when it is dropped.
struct Turn<'a> {
    server: &'a Server,
    key: (IpAddr, Way),
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut busy = self.server.busy.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = busy.get_mut(&self.key) {
            *count -= 1;
            if *count == 0 {
                busy.remove(&self.key);
            }
        }
    }
}

impl Server {
    pub(super) fn new(network: Guid, subnet: Prefix, names: Arc<RwLock<Names>>) -> Self {
        let forwarded = Arc::new(Semaphore::new(MOST_FORWARDED));
        let streams = Arc::new(Semaphore::new(MOST_STREAMS));
        Self { network, subnet, names, forwarded, streams, busy: Mutex::default() }
    }

    /// Answers datagrams for ever.
    pub(super) async fn answer_datagrams(self: Arc<Self>, socket: Arc<UdpSocket>) {
        let mut buffer = vec![0; MOST_DATAGRAM];
        loop {
            let Ok((length, from)) = socket.recv_from(&mut buffer).await else {
                tokio::time::sleep(EXHAUSTION_PAUSE).await;
                continue;
            };
            // Nobody but the network's endpoints is answered.
            if !self.subnet.contains(from.ip()) || length == MOST_DATAGRAM {
                continue;
            }
            let question = &buffer[..length];
            let client = self.client(from.ip());
            match self.judge(&client, question) {
                Verdict::Silence => {}
                Verdict::Answer(answer) => {
                    if let Some(bytes) = datagram(&answer, taken_size(question)) {
                        let _ = socket.send_to(&bytes, from).await;
                    }
                }
                Verdict::Forward(_) => {
                    let (server, socket, question) = (self.clone(), socket.clone(), question.to_vec());
                    tokio::spawn(async move {
                        if let Some(answer) = server.forward(&client, from.ip(), &question, Way::Datagram).await
                            && let Some(bytes) = datagram(&answer, taken_size(&question))
                        {
                            let _ = socket.send_to(&bytes, from).await;
                        }
                    });
                }
            }
        }
    }

    /// Answers connections for ever.
    pub(super) async fn answer_streams(self: Arc<Self>, listener: TcpListener) {
        loop {
            let Ok(slot) = self.streams.clone().acquire_owned().await else { return };
            let (stream, from) = match listener.accept().await {
                Ok(accepted) => accepted,
                Err(error) => {
                    debug!(%error, "a connection for names cannot be accepted");
                    tokio::time::sleep(EXHAUSTION_PAUSE).await;
                    continue;
                }
            };
            if !self.subnet.contains(from.ip()) {
                continue;
            }
            let server = self.clone();
            tokio::spawn(async move {
                if let Some(_turn) = server.turn((from.ip(), Way::Stream), MOST_STREAMS_OF_ONE) {
                    let _ = server.answer_stream(stream, from).await;
                }
                drop(slot);
            });
        }
    }

    async fn answer_stream(&self, mut stream: TcpStream, from: SocketAddr) -> std::io::Result<()> {
        loop {
            let length = timeout(STREAM_PATIENCE, stream.read_u16()).await??;
            let mut question = vec![0; usize::from(length)];
            timeout(STREAM_PATIENCE, stream.read_exact(&mut question)).await??;
            let client = self.client(from.ip());
            let answer = match self.judge(&client, &question) {
                Verdict::Silence => return Ok(()),
                Verdict::Answer(answer) => Some(answer),
                Verdict::Forward(_) => self.forward(&client, from.ip(), &question, Way::Stream).await,
            };
            let Some(bytes) = answer.and_then(|answer| answer.to_vec().ok()) else { return Ok(()) };
            let Ok(length) = u16::try_from(bytes.len()) else { return Ok(()) };
            let message = [&length.to_be_bytes()[..], &bytes].concat();
            timeout(STREAM_PATIENCE, stream.write_all(&message)).await??;
        }
    }

    fn client(&self, address: IpAddr) -> Client {
        self.names.read().unwrap_or_else(PoisonError::into_inner).client(self.network, address)
    }

    fn judge(&self, client: &Client, question: &[u8]) -> Verdict {
        judge(&self.names.read().unwrap_or_else(PoisonError::into_inner), client, &self.subnet, question)
    }

    /// The answer of other servers, under the identifier of the question.
    async fn forward(&self, client: &Client, from: IpAddr, question: &[u8], way: Way) -> Option<Message> {
        let question = Message::from_vec(question).ok()?;
        let query = question.queries.first()?.clone();
        let failed = || answer(&question, ResponseCode::ServFail);
        let Some(_turn) = self.turn((from, Way::Datagram), MOST_FORWARDED_OF_ONE) else { return Some(failed()) };
        let Ok(_slot) = self.forwarded.try_acquire() else { return Some(failed()) };
        let servers = self.servers(client).await;
        let Some(mut found) = forward::ask(&query, &servers, way).await else { return Some(failed()) };
        found.metadata.id = question.metadata.id;
        found.metadata.recursion_available = true;
        found.queries.clone_from(&question.queries);
        // What was agreed on with the server does not concern the client.
        found.edns = None;
        Some(found)
    }

    /// The servers that a client's questions go to; never this service itself.
    async fn servers(&self, client: &Client) -> Vec<IpAddr> {
        let listed = if client.servers.is_empty() {
            let read = tokio::task::spawn_blocking(|| host::name_servers(Path::new(RESOLVER_FILE)));
            read.await.unwrap_or_default()
        } else {
            client.servers.clone()
        };
        let names = self.names.read().unwrap_or_else(PoisonError::into_inner);
        listed.into_iter().filter(|server| !names.is_own(*server)).collect()
    }

    /// One of a client's turns, if it has one left.
    fn turn(&self, key: (IpAddr, Way), most: usize) -> Option<Turn<'_>> {
        let mut busy = self.busy.lock().unwrap_or_else(PoisonError::into_inner);
        let count = busy.entry(key).or_default();
        (*count < most).then(|| {
            *count += 1;
            Turn { server: self, key }
        })
    }
}
