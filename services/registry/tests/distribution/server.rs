//! A registry that serves what it is given, and remembers what it was asked for.

use casement_layers::Digest;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// What is at a path.
#[derive(Clone, Debug)]
pub struct Page {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// The connection breaks after so many bytes of the body, once.
    pub cut: Option<usize>,
}

impl Page {
    pub fn new(media_type: &str, body: Vec<u8>) -> Self {
        Self { status: 200, headers: vec![("Content-Type".into(), media_type.into())], body, cut: None }
    }
}

/// A request, and how much of the body went out for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    pub method: String,
    pub path: String,
    pub range: Option<u64>,
    pub sent: usize,
}

#[derive(Debug, Default)]
struct State {
    pages: BTreeMap<String, Page>,
    asked: Vec<Asked>,
}

/// A running registry; its thread ends with the test's process.
#[derive(Clone, Debug)]
pub struct Server {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
}

impl Server {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let server = Self { address: listener.local_addr().unwrap(), state: Arc::default() };
        server.put("/v2/", Page::new("application/json", b"{}".to_vec()));
        let accepting = server.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let server = accepting.clone();
                std::thread::spawn(move || server.serve(stream));
            }
        });
        server
    }

    /// `127.0.0.1:port`
    pub fn host(&self) -> String {
        self.address.to_string()
    }

    pub fn put(&self, path: &str, page: Page) {
        self.state.lock().unwrap().pages.insert(path.to_owned(), page);
    }

    pub fn change(&self, path: &str, change: impl FnOnce(&mut Page)) {
        change(self.state.lock().unwrap().pages.get_mut(path).unwrap());
    }

    /// A blob of a repository; gives its digest.
    pub fn blob(&self, repository: &str, bytes: &[u8]) -> Digest {
        let digest = Digest::of(bytes);
        self.put(&blob_path(repository, &digest), Page::new("application/octet-stream", bytes.to_vec()));
        digest
    }

    /// A manifest under a tag and its digest.
    pub fn manifest(&self, repository: &str, tag: &str, media_type: &str, bytes: &[u8]) -> Digest {
        let digest = Digest::of(bytes);
        for reference in [tag.to_owned(), digest.to_string()] {
            self.put(&format!("/v2/{repository}/manifests/{reference}"), Page::new(media_type, bytes.to_vec()));
        }
        digest
    }

    /// The requests for a path, in order.
    pub fn asked(&self, path: &str) -> Vec<Asked> {
        self.state.lock().unwrap().asked.iter().filter(|asked| asked.path == path).cloned().collect()
    }

    pub fn forget(&self) {
        self.state.lock().unwrap().asked.clear();
    }

    fn serve(&self, mut stream: TcpStream) -> Option<()> {
        let mut first = [0];
        stream.peek(&mut first).ok()?;
        // A client that tries TLS first.
        if first[0] == 0x16 {
            return None;
        }
        let mut reader = BufReader::new(stream.try_clone().ok()?);
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let mut words = line.split(' ');
        let (method, path) = (words.next()?.to_owned(), words.next()?.to_owned());
        let mut range = None;
        loop {
            let mut header = String::new();
            reader.read_line(&mut header).ok()?;
            let header = header.trim().to_ascii_lowercase();
            if header.is_empty() {
                break;
            }
            if let Some(text) = header.strip_prefix("range: bytes=") {
                range = text.trim_end_matches('-').parse::<u64>().ok();
            }
        }
        let (page, index) = {
            let mut state = self.state.lock().unwrap();
            let page = state.pages.get(&path).cloned();
            if let Some(page) = state.pages.get_mut(&path) {
                page.cut = None;
            }
            state.asked.push(Asked { method: method.clone(), path: path.clone(), range, sent: 0 });
            (page, state.asked.len() - 1)
        };
        let error = br#"{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]}"#;
        let page = page.unwrap_or(Page { status: 404, headers: vec![], body: error.to_vec(), cut: None });
        let start = range.filter(|start| *start < page.body.len() as u64).map(|start| start as usize);
        let body = &page.body[start.unwrap_or(0)..];
        let status = if start.is_some() { 206 } else { page.status };
        let mut head = format!("HTTP/1.1 {status} X\r\nContent-Length: {}\r\nConnection: close\r\n", body.len());
        if let Some(start) = start {
            head += &format!("Content-Range: bytes {start}-{}/{}\r\n", page.body.len() - 1, page.body.len());
        }
        for (name, value) in &page.headers {
            head += &format!("{name}: {value}\r\n");
        }
        let body = if method == "HEAD" { &[][..] } else { &body[..page.cut.unwrap_or(body.len()).min(body.len())] };
        self.state.lock().unwrap().asked[index].sent = body.len();
        stream.write_all(format!("{head}\r\n").as_bytes()).ok()?;
        stream.write_all(body).ok()
    }
}

pub fn blob_path(repository: &str, digest: &Digest) -> String {
    format!("/v2/{repository}/blobs/{digest}")
}
