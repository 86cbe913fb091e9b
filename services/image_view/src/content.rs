//! Reads contents of a layer: from its unpacked directory if it is here, else in one pass over its archive.

use crate::entry::Content;
use crate::error::ViewError;
use crate::index::LayerIndex;
use crate::scan::open_beneath;
use crate::source::{LayerSource, skip};
use crate::tree::At;
use casement_layers::Digest;
use casement_layers::layer::data_streams::open_in as open_stream;
use casement_wcifs::metadata::{Place, STREAM, STREAM_AT, StreamPlace};
use rustix::fs::{Mode, OFlags};
use sha2::{Digest as _, Sha256};
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::path::Path;

/// What is wanted: the entry, one of its streams if not the file, and what the index says of the content.
pub type Wanted<'a> = (At, Option<&'a str>, &'a Content);

/// Reads one layer.
pub struct LayerReader<'a> {
    source: &'a LayerSource,
    index: &'a LayerIndex,
    number: usize,
}

impl<'a> LayerReader<'a> {
    /// Reads layer `number`.
    pub fn new(source: &'a LayerSource, index: &'a LayerIndex, number: usize) -> Self {
        Self { source, index, number }
    }

    /// Hands each of `wanted` to `each`, with its number in the list.
    pub fn read(
        &self,
        wanted: &[Wanted<'_>],
        each: &mut dyn FnMut(usize, &mut dyn Read) -> Result<(), ViewError>,
    ) -> Result<(), ViewError> {
        match (&self.source.unpacked, &self.source.blob) {
            (Some(directory), blob) => match self.read_directory(directory, wanted, each) {
                // What the directory does not have as it was in the archive.
                Err(ViewError::Damaged { .. }) if blob.is_some() => self.read_archive(wanted, each),
                other => other,
            },
            (None, Some(_)) => self.read_archive(wanted, each),
            (None, None) => Err(ViewError::damaged(self.what(), "it is not here any more")),
        }
    }

    fn what(&self) -> String {
        format!("layer {} ({})", self.number, self.source.digest())
    }

    fn read_directory(
        &self,
        directory: &Path,
        wanted: &[Wanted<'_>],
        each: &mut dyn FnMut(usize, &mut dyn Read) -> Result<(), ViewError>,
    ) -> Result<(), ViewError> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let failed = |e: rustix::io::Errno| ViewError::io("open", directory.display())(e.into());
        let root = rustix::fs::open(directory, flags, Mode::empty()).map_err(failed)?;
        // All are looked at before the first is handed out, so that there is one way for all.
        for (at, stream, content) in wanted {
            self.open(&root, at.entry, *stream, content)?;
        }
        for (number, (at, stream, content)) in wanted.iter().enumerate() {
            self.hand_out(number, content, &mut self.open(&root, at.entry, *stream, content)?, each)?;
        }
        Ok(())
    }

    fn open(
        &self,
        root: &OwnedFd,
        entry: usize,
        stream: Option<&str>,
        content: &Content,
    ) -> Result<Box<dyn Read>, ViewError> {
        let path = self.index.entries.get(entry).map(|entry| entry.path.as_str()).unwrap_or_default();
        let differs = || ViewError::damaged(path, "the unpacked layer differs from its archive");
        let file = open_beneath(root, path, OFlags::RDONLY).map_err(|_| differs())?;
        if let Some(stream) = stream {
            let place = Place::File(&file);
            if let Ok(value) = place.get(&format!("{STREAM_AT}{stream}")) {
                let at = StreamPlace::from_bytes(&value).filter(|at| at.size == content.size).ok_or_else(differs)?;
                return Ok(Box::new(open_stream(root, &at).map_err(|_| differs())?));
            }
            let value = place.get(&format!("{STREAM}{stream}")).map_err(|_| differs())?;
            return match value.len() as u64 == content.size {
                true => Ok(Box::new(io::Cursor::new(value))),
                false => Err(differs()),
            };
        }
        let file = File::from(file);
        match file.metadata() {
            Ok(metadata) if metadata.is_file() && metadata.len() == content.size => Ok(Box::new(file)),
            _ => Err(differs()),
        }
    }

    fn read_archive(
        &self,
        wanted: &[Wanted<'_>],
        each: &mut dyn FnMut(usize, &mut dyn Read) -> Result<(), ViewError>,
    ) -> Result<(), ViewError> {
        let failed = |e| ViewError::io("read", self.what())(e);
        let blob =
            self.source.blob.as_ref().ok_or_else(|| ViewError::damaged(self.what(), "it is not here any more"))?;
        let mut order: Vec<(u64, usize)> = wanted
            .iter()
            .enumerate()
            .map(|(number, (_, _, content))| (content.position.unwrap_or(0), number))
            .collect();
        order.sort_unstable();
        let Some((mut position, _)) = order.first().copied() else { return Ok(()) };
        let mut archive = blob.unpacked(position, &self.index.checkpoints).map_err(failed)?;
        for (begin, number) in order {
            let (_, _, content) = wanted[number];
            if begin < position {
                // Two names of one content.
                archive = blob.unpacked(begin, &self.index.checkpoints).map_err(failed)?;
                position = begin;
            }
            skip(&mut archive, begin - position).map_err(failed)?;
            self.hand_out(number, content, &mut archive, each)?;
            position = begin + content.size;
        }
        Ok(())
    }

    /// Lets `each` read one content, and holds its digest against the index.
    fn hand_out(
        &self,
        number: usize,
        content: &Content,
        reader: &mut dyn Read,
        each: &mut dyn FnMut(usize, &mut dyn Read) -> Result<(), ViewError>,
    ) -> Result<(), ViewError> {
        let mut hashed = Hashed { inner: reader.take(content.size), hasher: Sha256::new() };
        each(number, &mut hashed)?;
        io::copy(&mut hashed, &mut io::sink()).map_err(ViewError::io("read", self.what()))?;
        let found = Digest::from_hex(&casement_nt::digest::hex(&hashed.hasher.finalize()));
        match found.as_ref() == Some(&content.digest) {
            true => Ok(()),
            false => Err(ViewError::damaged(self.what(), "its content is not what it was when the layer was indexed")),
        }
    }
}

struct Hashed<'a> {
    inner: io::Take<&'a mut dyn Read>,
    hasher: Sha256,
}

impl Read for Hashed<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.inner.read(buffer)?;
        self.hasher.update(&buffer[..length]);
        Ok(length)
    }
}
