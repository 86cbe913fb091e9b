//! One HTTP exchange at a time: looks the host up, checks the address that is connected to, and speaks HTTP/1.1 with or without TLS.
//!
//! Redirects are left to the caller, and the address that was checked is the one that is connected to, so that no name server can lead
//! a request elsewhere in between.

use crate::address::Distance;
use crate::error::RegistryError;
use crate::tls::Tls;
use bytes::Bytes;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::client::conn::http1;
use hyper::header::{CONTENT_LENGTH, HOST, HeaderMap, HeaderName, HeaderValue, USER_AGENT};
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use std::fs::File;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::runtime::Handle;
use tokio::time::timeout;
use url::{Host, Url};

/// How long a connection may take to stand, TLS included.
const CONNECT: Duration = Duration::from_secs(30);
/// How long the head of an answer may take.
const HEAD: Duration = Duration::from_secs(120);
/// How long nothing may come of a body.
const STALL: Duration = Duration::from_secs(60);
/// Between two looks at how far an upload is.
const TICK: Duration = Duration::from_millis(200);
/// Bytes of a file that are read at once.
const PIECE: usize = 256 << 10;

/// What is sent.
#[derive(Clone, Debug, Default)]
pub enum Payload {
    /// Nothing.
    #[default]
    Empty,
    /// These bytes.
    Bytes(Bytes),
    /// A whole file of this many bytes.
    File(PathBuf, u64),
}

/// A request.
#[derive(Clone, Debug)]
pub struct Ask {
    pub method: Method,
    pub url: Url,
    pub headers: Vec<(HeaderName, HeaderValue)>,
    pub payload: Payload,
    /// The furthest inward that the address may be.
    pub reach: Distance,
}

impl Ask {
    /// A request without headers and body.
    pub fn new(method: Method, url: Url, reach: Distance) -> Self {
        Self { method, url, headers: Vec::new(), payload: Payload::Empty, reach }
    }

    /// With one more header; one that cannot be a header is left out.
    pub fn header(mut self, name: HeaderName, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.retain(|(known, _)| *known != name);
            self.headers.push((name, value));
        }
        self
    }

    /// The request as errors name it, as Go's clients do.
    pub fn failed(&self, why: impl ToString) -> RegistryError {
        let method = match self.method {
            Method::HEAD => "Head",
            Method::POST => "Post",
            Method::PUT => "Put",
            Method::PATCH => "Patch",
            _ => "Get",
        };
        RegistryError::Request { method, url: self.url.to_string(), why: why.to_string() }
    }
}

/// Opens connections.
#[derive(Clone, Debug)]
pub struct Transport {
    runtime: Handle,
    tls: Arc<Tls>,
}

impl Transport {
    /// Connections that `runtime` drives. Everything here blocks and is to be called outside of its threads.
    pub fn new(runtime: Handle, tls: Tls) -> Self {
        Self { runtime, tls: Arc::new(tls) }
    }

    /// Whether the certificate of `host` is not to be checked.
    pub fn is_insecure(&self, host: &str) -> bool {
        self.tls.is_insecure(host)
    }

    /// Sends a request and gives its answer, of which the body is still to be read. `uploaded` is told how much of the payload went.
    ///
    /// # Errors
    /// [`RegistryError::Request`] in Go's words.
    pub fn send(&self, ask: &Ask, uploaded: &mut dyn FnMut(u64) -> bool) -> Result<Answer, RegistryError> {
        let sent = Arc::new(AtomicU64::new(0));
        let mut exchange = Box::pin(self.exchange(ask, sent.clone()));
        loop {
            // Whoever is told may block, and so is told outside of the runtime.
            match self.runtime.block_on(async { timeout(TICK, &mut exchange).await }) {
                Ok(answer) => return answer,
                Err(_) if uploaded(sent.load(Ordering::Relaxed)) => {}
                Err(_) => return Err(RegistryError::Cancelled),
            }
        }
    }

    async fn exchange(&self, ask: &Ask, sent: Arc<AtomicU64>) -> Result<Answer, RegistryError> {
        let connected = timeout(CONNECT, self.connect(ask)).await;
        let (stream, peer) = connected.unwrap_or_else(|_| Err(ask.failed("i/o timeout")))?;
        let (mut sender, connection) =
            http1::handshake(TokioIo::new(stream)).await.map_err(|error| ask.failed(error))?;
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection to a registry broke");
            }
        });
        let request = request(ask, sent).map_err(|error| ask.failed(error))?;
        // An upload takes as long as it takes, as long as the registry takes any of it.
        let limit = if matches!(ask.payload, Payload::File(..)) { None } else { Some(HEAD) };
        let response = match limit {
            Some(limit) => timeout(limit, sender.send_request(request)).await.map_err(|_| ask.failed("i/o timeout"))?,
            None => sender.send_request(request).await,
        };
        let (parts, body) = response.map_err(|error| ask.failed(casement_silo::error_chain(&error)))?.into_parts();
        Ok(Answer {
            status: parts.status,
            headers: parts.headers,
            distance: Distance::of(peer),
            body,
            runtime: self.runtime.clone(),
        })
    }

    /// Where the host of a request is: the first address that may be connected to.
    ///
    /// # Errors
    /// When there is no such host, or none of its addresses may be.
    pub fn look_up(&self, ask: &Ask) -> Result<SocketAddr, RegistryError> {
        let found = self.runtime.block_on(async { timeout(CONNECT, addresses(ask)).await });
        let found = found.unwrap_or_else(|_| Err(ask.failed("i/o timeout")))?;
        let mut last = None;
        for address in found {
            match check(ask, address) {
                Ok(()) => return Ok(address),
                Err(error) => last = Some(error),
            }
        }
        Err(last.unwrap_or_else(|| ask.failed("no such host")))
    }

    async fn connect(&self, ask: &Ask) -> Result<(Box<dyn Stream>, IpAddr), RegistryError> {
        let mut last = ask.failed("dial tcp: no such host");
        for address in addresses(ask).await? {
            if let Err(error) = check(ask, address) {
                last = error;
                continue;
            }
            match TcpStream::connect(address).await {
                Ok(stream) => {
                    let _ = stream.set_nodelay(true);
                    let secured = self.secure(ask, stream).await;
                    return Ok((secured.map_err(|why| ask.failed(why))?, address.ip()));
                }
                Err(error) => last = ask.failed(format!("dial tcp {address}: connect: {}", reason(&error))),
            }
        }
        Err(last)
    }

    async fn secure(&self, ask: &Ask, stream: TcpStream) -> Result<Box<dyn Stream>, String> {
        if ask.url.scheme() != "https" {
            return Ok(Box::new(stream));
        }
        let (connector, name) = self.tls.connector(&ask.url)?;
        match connector.connect(name, stream).await {
            Ok(stream) => Ok(Box::new(stream)),
            Err(error) => Err(crate::tls::reason(&error)),
        }
    }
}

/// All addresses of the host of a request.
async fn addresses(ask: &Ask) -> Result<Vec<SocketAddr>, RegistryError> {
    let port = ask.url.port_or_known_default().unwrap_or(443);
    match ask.url.host().ok_or_else(|| ask.failed("no Host in request URL"))? {
        Host::Ipv4(address) => Ok(vec![SocketAddr::new(address.into(), port)]),
        Host::Ipv6(address) => Ok(vec![SocketAddr::new(address.into(), port)]),
        Host::Domain(name) => match tokio::net::lookup_host((name, port)).await {
            Ok(found) => Ok(found.collect()),
            Err(_) => Err(ask.failed(format!("dial tcp: lookup {name}: no such host"))),
        },
    }
}

/// Whether a request may go to this address of its host.
fn check(ask: &Ask, address: SocketAddr) -> Result<(), RegistryError> {
    if Distance::of(address.ip()) <= ask.reach {
        return Ok(());
    }
    let why = format!("{} is an address that a registry may not send anyone to", address.ip());
    Err(RegistryError::refused(ask.url.to_string(), why))
}

/// A connection.
trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

fn request(ask: &Ask, sent: Arc<AtomicU64>) -> Result<Request<BoxBody<Bytes, io::Error>>, hyper::http::Error> {
    let authority = match ask.url.port() {
        Some(port) => format!("{}:{port}", ask.url.host_str().unwrap_or_default()),
        None => ask.url.host_str().unwrap_or_default().to_owned(),
    };
    let path = match ask.url.query() {
        Some(query) => format!("{}?{query}", ask.url.path()),
        None => ask.url.path().to_owned(),
    };
    let mut request = Request::builder().method(ask.method.clone()).uri(path).header(HOST, authority);
    request = request.header(USER_AGENT, concat!("casement/", env!("CARGO_PKG_VERSION")));
    for (name, value) in &ask.headers {
        request = request.header(name, value);
    }
    let body = match &ask.payload {
        Payload::Empty if matches!(ask.method, Method::POST | Method::PUT | Method::PATCH) => {
            request = request.header(CONTENT_LENGTH, 0);
            BoxBody::default()
        }
        Payload::Empty => BoxBody::default(),
        Payload::Bytes(bytes) => {
            request = request.header(CONTENT_LENGTH, bytes.len());
            Full::new(bytes.clone()).map_err(|never| match never {}).boxed()
        }
        Payload::File(path, size) => {
            request = request.header(CONTENT_LENGTH, *size);
            file_body(path.clone(), sent)
        }
    };
    request.body(body)
}

/// A file as a body. Reads of local files are short, so that they are done where they are needed.
fn file_body(path: PathBuf, sent: Arc<AtomicU64>) -> BoxBody<Bytes, io::Error> {
    let pieces = futures_util::stream::try_unfold(None::<File>, move |file| {
        let piece = next_piece(file, &path);
        if let Ok(Some((bytes, _))) = &piece {
            sent.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        }
        std::future::ready(piece.map(|piece| piece.map(|(bytes, file)| (Frame::data(bytes), Some(file)))))
    });
    BodyExt::boxed(StreamBody::new(pieces))
}

fn next_piece(file: Option<File>, path: &std::path::Path) -> io::Result<Option<(Bytes, File)>> {
    let mut file = match file {
        Some(file) => file,
        None => File::open(path)?,
    };
    let mut buffer = vec![0; PIECE];
    let count = io::Read::read(&mut file, &mut buffer)?;
    buffer.truncate(count);
    Ok((count > 0).then(|| (buffer.into(), file)))
}

/// An answer.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    /// Where it came from.
    pub distance: Distance,
    body: Incoming,
    runtime: Handle,
}

impl Answer {
    /// A header as text.
    pub fn header(&self, name: impl hyper::header::AsHeaderName) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The next piece of the body; `None` at its end.
    ///
    /// # Errors
    /// When the connection broke, or nothing came for a minute.
    pub fn next(&mut self) -> io::Result<Option<Bytes>> {
        loop {
            let next = self.runtime.block_on(async { timeout(STALL, self.body.frame()).await });
            match next {
                Err(_) => return Err(io::ErrorKind::TimedOut.into()),
                Ok(None) => return Ok(None),
                Ok(Some(Err(error))) => return Err(io::Error::other(casement_silo::error_chain(&error))),
                Ok(Some(Ok(frame))) => {
                    if let Ok(bytes) = frame.into_data() {
                        return Ok(Some(bytes));
                    }
                }
            }
        }
    }

    /// The whole body, which must not have more than `limit` bytes.
    ///
    /// # Errors
    /// When it is longer, or the connection broke.
    pub fn whole(&mut self, limit: usize) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        while let Some(piece) = self.next()? {
            if bytes.len() + piece.len() > limit {
                return Err(io::Error::other(format!("the answer is larger than {limit} bytes")));
            }
            bytes.extend_from_slice(&piece);
        }
        Ok(bytes)
    }
}

/// The system's reason in Go's words.
fn reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => "connection refused".to_owned(),
        io::ErrorKind::NetworkUnreachable => "network is unreachable".to_owned(),
        io::ErrorKind::HostUnreachable => "no route to host".to_owned(),
        io::ErrorKind::TimedOut => "connection timed out".to_owned(),
        _ => error.to_string(),
    }
}
