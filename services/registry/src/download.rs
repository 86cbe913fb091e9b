//! Blobs on their way: kept by digest while they grow, so that a pull that was killed goes on where it was.

use crate::client::Client;
use crate::documents::Blob;
use crate::error::RegistryError;
use crate::foreign::Foreign;
use crate::progress::{Event, Reporter, tell};
use crate::transport::Answer;
use casement_layers::{Digest, content::ContentStore};
use hyper::StatusCode;
use hyper::header::CONTENT_RANGE;
use sha2::{Digest as _, Sha256};
use std::collections::BTreeSet;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How often a connection that breaks is opened again.
const ATTEMPTS: u32 = 5;
/// Between two looks whether whoever asked is still there.
const LOOK: Duration = Duration::from_millis(500);
/// Between two lines about one layer.
const BETWEEN_LINES: Duration = Duration::from_millis(100);

/// The blobs that are being fetched.
#[derive(Debug)]
pub struct Downloads {
    directory: PathBuf,
    content: ContentStore,
    busy: Mutex<BTreeSet<Digest>>,
    freed: Condvar,
}

/// A blob that no other pull fetches meanwhile.
struct Turn<'a> {
    downloads: &'a Downloads,
    digest: &'a Digest,
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.downloads.busy.lock().unwrap_or_else(PoisonError::into_inner).remove(self.digest);
        self.downloads.freed.notify_all();
    }
}

impl Downloads {
    /// Blobs grow in `directory` until they are taken into `content`.
    pub fn new(directory: PathBuf, content: ContentStore) -> Self {
        Self { directory, content, busy: Mutex::default(), freed: Condvar::new() }
    }

    /// Where a blob grows.
    pub fn path(&self, digest: &Digest) -> PathBuf {
        self.directory.join(digest.hex())
    }

    /// Fetches what is missing of a blob and checks it. Then it is whole in [`Downloads::path`].
    ///
    /// # Errors
    /// When no source has it, when it is not what its digest says, or when whoever asked has gone; what came so far is kept unless
    /// it is wrong.
    pub fn fetch(
        &self,
        client: &Client,
        foreign: &Foreign,
        blob: &Blob,
        label: &str,
        reporter: &dyn Reporter,
    ) -> Result<(), RegistryError> {
        let _turn = self.turn(&blob.digest, reporter)?;
        // Another pull may just have brought it.
        if self.content.contains(&blob.digest) {
            return tell(reporter, Event::about(label, "Download complete"));
        }
        let path = self.path(&blob.digest);
        let mut growing = Growing::open(&path, blob)?;
        let mut attempt = 0;
        while growing.length < blob.size {
            let before = growing.length;
            match self.once(client, foreign, blob, &mut growing, label, reporter) {
                Ok(()) => {}
                Err(Broken::For(error)) => return Err(error),
                Err(Broken::Perhaps(error)) => {
                    attempt = if growing.length > before { 1 } else { attempt + 1 };
                    if attempt >= ATTEMPTS {
                        return Err(error);
                    }
                    tracing::debug!(%error, digest = %blob.digest, "a download broke off");
                    let seconds = 1u64 << attempt.min(4);
                    tell(reporter, Event::about(label, format!("Retrying in {seconds} seconds")))?;
                    self.pause(Duration::from_secs(seconds), reporter, label)?;
                }
            }
        }
        tell(reporter, Event::about(label, "Verifying Checksum"))?;
        growing.finish(blob, &path)?;
        tell(reporter, Event::about(label, "Download complete"))
    }

    fn once(
        &self,
        client: &Client,
        foreign: &Foreign,
        blob: &Blob,
        growing: &mut Growing,
        label: &str,
        reporter: &dyn Reporter,
    ) -> Result<(), Broken> {
        let mut answer = match client.blob(&blob.digest, growing.length) {
            Ok(answer) => answer,
            // The registry first, then the places that the manifest names, in turn.
            Err(error) if !blob.urls.is_empty() => foreign.fetch(&blob.urls, growing.length).map_err(|other| {
                Broken::For(RegistryError::refused(format!("layer {}", blob.digest), format!("{other} (and {error})")))
            })?,
            Err(error @ RegistryError::Request { .. }) => return Err(Broken::Perhaps(error)),
            Err(error) => return Err(Broken::For(error)),
        };
        growing.begin(&answer).map_err(Broken::For)?;
        let broke = |error: std::io::Error| {
            Broken::Perhaps(RegistryError::refused(
                format!("blob {}", blob.digest),
                format!("the connection broke: {error}"),
            ))
        };
        let mut told = Instant::now();
        while let Some(piece) = answer.next().map_err(broke)? {
            if growing.length + piece.len() as u64 > blob.size {
                growing.discard().map_err(Broken::For)?;
                return Err(Broken::For(RegistryError::Verification(blob.digest.to_string())));
            }
            growing.push(&piece).map_err(Broken::For)?;
            if told.elapsed() >= BETWEEN_LINES {
                told = Instant::now();
                let event = Event::progress(label, "Downloading", growing.length, blob.size);
                tell(reporter, event).map_err(Broken::For)?;
            }
        }
        let event = Event::progress(label, "Downloading", growing.length, blob.size);
        tell(reporter, event).map_err(Broken::For)?;
        if growing.length < blob.size {
            return Err(broke(std::io::ErrorKind::UnexpectedEof.into()));
        }
        Ok(())
    }

    /// Waits until no other pull fetches the blob.
    fn turn<'a>(&'a self, digest: &'a Digest, reporter: &dyn Reporter) -> Result<Turn<'a>, RegistryError> {
        let mut busy = self.busy.lock().unwrap_or_else(PoisonError::into_inner);
        while !busy.insert(digest.clone()) {
            (busy, _) = self.freed.wait_timeout(busy, LOOK).unwrap_or_else(PoisonError::into_inner);
            if !reporter.report(Event::about(crate::pull::label(digest), "Waiting")) {
                return Err(RegistryError::Cancelled);
            }
        }
        Ok(Turn { downloads: self, digest })
    }

    /// Waits, and ends the wait when whoever asked has gone.
    fn pause(&self, time: Duration, reporter: &dyn Reporter, label: &str) -> Result<(), RegistryError> {
        let end = Instant::now() + time;
        while Instant::now() < end {
            std::thread::sleep(LOOK.min(time));
            tell(reporter, Event::about(label, "Waiting"))?;
        }
        Ok(())
    }
}

/// Why a transfer ended before its end.
enum Broken {
    /// Another attempt may do it.
    Perhaps(RegistryError),
    /// None will.
    For(RegistryError),
}

/// A blob that is not whole yet.
struct Growing {
    file: File,
    path: PathBuf,
    length: u64,
    hasher: Sha256,
}

impl Growing {
    /// Takes up what is there of a blob.
    fn open(path: &Path, blob: &Blob) -> Result<Self, RegistryError> {
        let file = File::options().read(true).write(true).create(true).truncate(false).open(path);
        let mut file = file.map_err(RegistryError::io("open", path))?;
        let mut hasher = Sha256::new();
        let mut length = 0;
        let mut buffer = vec![0; 1 << 20];
        loop {
            let count = file.read(&mut buffer).map_err(RegistryError::io("read", path))?;
            if count == 0 {
                break;
            }
            hasher.update(&buffer[..count]);
            length += count as u64;
        }
        let mut growing = Self { file, path: path.to_owned(), length, hasher };
        if growing.length > blob.size {
            growing.restart()?;
        }
        Ok(growing)
    }

    /// Fits what is there to what the answer begins with.
    fn begin(&mut self, answer: &Answer) -> Result<(), RegistryError> {
        let start = match answer.status {
            StatusCode::PARTIAL_CONTENT => {
                let range = answer.header(CONTENT_RANGE).and_then(|text| text.strip_prefix("bytes "));
                range.and_then(|text| text.split('-').next()?.parse::<u64>().ok())
            }
            StatusCode::OK => Some(0),
            _ => None,
        };
        match start {
            Some(start) if start == self.length => Ok(()),
            Some(0) => self.restart(),
            _ => {
                self.restart()?;
                let what = format!("the answer for {}", self.path.display());
                Err(RegistryError::refused(what, "it does not begin where it was asked to"))
            }
        }
    }

    fn push(&mut self, piece: &[u8]) -> Result<(), RegistryError> {
        self.file.write_all(piece).map_err(RegistryError::io("write", &self.path))?;
        self.hasher.update(piece);
        self.length += piece.len() as u64;
        Ok(())
    }

    fn restart(&mut self) -> Result<(), RegistryError> {
        self.file.set_len(0).map_err(RegistryError::io("truncate", &self.path))?;
        self.file.seek(SeekFrom::Start(0)).map_err(RegistryError::io("rewind", &self.path))?;
        self.hasher = Sha256::new();
        self.length = 0;
        Ok(())
    }

    fn discard(&mut self) -> Result<(), RegistryError> {
        self.restart()?;
        std::fs::remove_file(&self.path).map_err(RegistryError::io("remove", &self.path))
    }

    /// Checks the digest; a wrong blob is not kept.
    fn finish(mut self, blob: &Blob, path: &Path) -> Result<(), RegistryError> {
        let hash = self.hasher.finalize_reset();
        let hex = casement_nt::digest::hex(&hash);
        if hex != blob.digest.hex() {
            self.discard()?;
            return Err(RegistryError::Verification(blob.digest.to_string()));
        }
        self.file.sync_all().map_err(RegistryError::io("write", path))
    }
}
