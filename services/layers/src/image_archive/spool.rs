//! Takes in an archive of images: what is named by its digest goes into the content store, the rest into a directory beside it
//! until it is known what it is.

use super::documents::BLOBS;
use crate::digest::Digest;
use crate::error::LayersError;
use crate::store::Store;
use crate::{oci, zstd};
use casement_inflate::GzipReader;
use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, Write};
use std::path::Path;
use tar::{Archive, EntryType};
use tempfile::TempDir;

/// Most entries in an archive.
const MAX_ENTRIES: usize = 200_000;
/// Longest name of an entry in bytes.
const MAX_NAME: usize = 4096;
/// Most bytes of an archive.
const MAX_ARCHIVE: u64 = 1 << 40;
/// Largest document.
const MAX_DOCUMENT: u64 = crate::content::MAX_DOCUMENT;
/// Most links that lead from one to the next.
const MAX_LINKS: usize = 16;

/// The files of an archive by their names.
pub(super) struct Spool {
    /// Those that are no blobs, under their numbers.
    directory: TempDir,
    files: HashMap<String, Spooled>,
}

/// A file of the archive.
#[derive(Debug, Clone)]
enum Spooled {
    /// In the content store.
    Blob(Digest, u64),
    /// In the directory.
    File(usize),
    /// The same as another, by its name.
    Link(String),
}

impl Spool {
    /// Takes in `archive`, which may be packed with gzip.
    pub(super) fn take_in(store: &Store, archive: impl Read) -> Result<Self, LayersError> {
        let parent = store.root().join("content");
        let directory = tempfile::Builder::new()
            .prefix(crate::atomic::UNFINISHED)
            .tempdir_in(&parent)
            .map_err(LayersError::io("create a directory in", &parent))?;
        let mut spool = Self { directory, files: HashMap::new() };
        let mut archive = BufReader::with_capacity(256 << 10, archive);
        let start = archive.fill_buf().map_err(unreadable)?;
        if start.starts_with(&[0x1f, 0x8b]) {
            spool.all(store, GzipReader::new(archive).take(MAX_ARCHIVE))?;
        } else {
            spool.all(store, archive.take(MAX_ARCHIVE))?;
        }
        Ok(spool)
    }

    fn all(&mut self, store: &Store, stream: impl Read) -> Result<(), LayersError> {
        let mut archive = Archive::new(stream);
        // Raw: long names of any length are not read into memory. No archive of images has them.
        for (number, entry) in archive.entries().map_err(unreadable)?.raw(true).enumerate() {
            let mut entry = entry.map_err(unreadable)?;
            if number >= MAX_ENTRIES {
                return Err(LayersError::damaged("archive of images", format!("more than {MAX_ENTRIES} entries")));
            }
            let name = name_of(&entry.header().path_bytes())?;
            let size = entry.header().entry_size().map_err(unreadable)?;
            match entry.header().entry_type() {
                EntryType::Regular | EntryType::Continuous => self.file(store, number, name, size, &mut entry)?,
                EntryType::Symlink | EntryType::Link => {
                    let target = entry.header().link_name_bytes().unwrap_or_default().into_owned();
                    let target = linked(&name, &name_of_link(&target)?);
                    self.files.insert(name, Spooled::Link(target));
                }
                // Directories, and what some tools write for all entries.
                EntryType::Directory | EntryType::XGlobalHeader | EntryType::XHeader => {}
                other => {
                    return Err(LayersError::damaged("archive of images", format!("{name} is of type {other:?}")));
                }
            }
        }
        Ok(())
    }

    fn file(
        &mut self,
        store: &Store,
        number: usize,
        name: String,
        size: u64,
        content: &mut impl Read,
    ) -> Result<(), LayersError> {
        let spooled = match name.strip_prefix(BLOBS).and_then(Digest::from_hex) {
            Some(digest) if store.content().contains(&digest) => {
                // What is there was checked when it came.
                io::copy(content, &mut io::sink()).map_err(unreadable)?;
                Spooled::Blob(digest, size)
            }
            Some(digest) => {
                let mut ingest = store.content().ingest()?;
                copy(content, &mut ingest, size, &name)?;
                ingest.commit(Some(&digest))?;
                Spooled::Blob(digest, size)
            }
            None => {
                let path = self.directory.path().join(number.to_string());
                let mut file = File::create_new(&path).map_err(LayersError::io("create", &path))?;
                copy(content, &mut file, size, &name)?;
                Spooled::File(number)
            }
        };
        // Of several entries of one name the last counts, as for tar.
        self.files.insert(name, spooled);
        Ok(())
    }

    pub(super) fn contains(&self, name: &str) -> bool {
        self.find(name).is_some()
    }

    fn find(&self, name: &str) -> Option<&Spooled> {
        let mut name = name;
        for _ in 0..MAX_LINKS {
            match self.files.get(name)? {
                Spooled::Link(target) => name = target,
                found => return Some(found),
            }
        }
        None
    }

    /// A JSON document.
    pub(super) fn document<T: serde::de::DeserializeOwned>(&self, store: &Store, name: &str) -> Result<T, LayersError> {
        let mut bytes = Vec::new();
        self.open(store, name)?.take(MAX_DOCUMENT + 1).read_to_end(&mut bytes).map_err(unreadable)?;
        if bytes.len() as u64 > MAX_DOCUMENT {
            return Err(LayersError::damaged(name, "the document is too large"));
        }
        serde_json::from_slice(&bytes).map_err(|e| LayersError::damaged(name, e))
    }

    fn open(&self, store: &Store, name: &str) -> Result<File, LayersError> {
        match self.find(name) {
            Some(Spooled::Blob(digest, _)) => store.content().read(digest),
            Some(Spooled::File(number)) => {
                let path = self.directory.path().join(number.to_string());
                File::open(&path).map_err(LayersError::io("open", &path))
            }
            _ => Err(LayersError::damaged("archive of images", format!("it has no {name}"))),
        }
    }

    /// The digest and size of a file, which is in the content store from now on, and its media type as a layer.
    pub(super) fn blob(&self, store: &Store, name: &str) -> Result<(Digest, u64, &'static str), LayersError> {
        let mut file = self.open(store, name)?;
        let mut start = [0; zstd::MAGIC.len()];
        let mut filled = 0;
        while filled < start.len() {
            match file.read(&mut start[filled..]).map_err(unreadable)? {
                0 => break,
                count => filled += count,
            }
        }
        if let Some(Spooled::Blob(digest, size)) = self.find(name) {
            return Ok((digest.clone(), *size, oci::layer_type(&start[..filled])));
        }
        file.rewind().map_err(unreadable)?;
        let mut ingest = store.content().ingest()?;
        io::copy(&mut file, &mut ingest).map_err(unreadable)?;
        let (digest, size) = ingest.commit(None)?;
        Ok((digest, size, oci::layer_type(&start[..filled])))
    }

    /// The names of all files.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.files.keys().map(String::as_str)
    }
}

fn copy(from: &mut impl Read, to: &mut impl Write, size: u64, name: &str) -> Result<(), LayersError> {
    match io::copy(from, to).map_err(unreadable)? {
        copied if copied == size => Ok(()),
        _ => Err(LayersError::damaged("archive of images", format!("{name} is cut short"))),
    }
}

/// The name of an entry; it is only looked up in a table.
fn name_of(bytes: &[u8]) -> Result<String, LayersError> {
    let text = std::str::from_utf8(bytes).ok().filter(|text| text.len() <= MAX_NAME);
    let text = text.ok_or_else(|| LayersError::damaged("archive of images", "a name in it is no text"))?;
    Ok(text.strip_prefix("./").unwrap_or(text).trim_end_matches('/').to_owned())
}

fn name_of_link(bytes: &[u8]) -> Result<String, LayersError> {
    let text = std::str::from_utf8(bytes).ok().filter(|text| text.len() <= MAX_NAME);
    text.map(str::to_owned).ok_or_else(|| LayersError::damaged("archive of images", "a link in it is no text"))
}

/// What a link in an archive names: old archives have a layer that two images share once, and links to it.
fn linked(name: &str, target: &str) -> String {
    let mut parts: Vec<&str> = match target.starts_with("..") || !target.contains('/') {
        true => name.rsplit_once('/').map_or_else(Vec::new, |(directory, _)| directory.split('/').collect()),
        false => Vec::new(),
    };
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            _ => parts.push(part),
        }
    }
    parts.join("/")
}

fn unreadable(error: io::Error) -> LayersError {
    LayersError::io("read", Path::new("the archive of images"))(error)
}
