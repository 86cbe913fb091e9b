//! Bytes of a file: a blob of a layout, or a part of an archive.

use crate::error::ViewError;
use crate::inflate::{Checkpoint, Members, Packing};
use casement_layers::zstd::Frames;
use rustix::fs::{Mode, OFlags, ResolveFlags};
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

/// Bytes that are read at once.
const BUFFER: usize = 256 << 10;

/// A range of an open file.
#[derive(Debug, Clone)]
pub struct Blob {
    file: Arc<File>,
    offset: u64,
    size: u64,
}

impl Blob {
    /// A whole file. Nothing but a regular one is opened.
    ///
    /// # Errors
    /// When it cannot be opened or is no file.
    pub fn open(path: &Path) -> Result<Self, ViewError> {
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
        let file = rustix::fs::open(path, flags, Mode::empty());
        Self::of(file.map_err(|e| ViewError::io("open", path.display())(e.into()))?.into(), &path.display().to_string())
    }

    /// A whole file in a directory that somebody else filled: links in it lead nowhere else. `None` when it is not there.
    ///
    /// # Errors
    /// As [`Blob::open`].
    pub fn beneath(directory: &File, name: &str) -> Result<Option<Self>, ViewError> {
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
        let inside = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
        match rustix::fs::openat2(directory, name, flags, Mode::empty(), inside) {
            Ok(file) => Self::of(file.into(), name).map(Some),
            Err(rustix::io::Errno::NOENT) => Ok(None),
            Err(e) => Err(ViewError::io("open", name)(e.into())),
        }
    }

    /// All of an open file.
    ///
    /// # Errors
    /// When it is no regular file.
    pub fn of(file: File, name: &str) -> Result<Self, ViewError> {
        let metadata = file.metadata().map_err(ViewError::io("look at", name))?;
        match metadata.is_file() {
            true => Ok(Self { file: Arc::new(file), offset: 0, size: metadata.len() }),
            false => Err(ViewError::unfit(name, "is no regular file")),
        }
    }

    /// A part of it.
    pub fn part(&self, offset: u64, size: u64) -> Self {
        let offset = offset.min(self.size);
        Self { file: self.file.clone(), offset: self.offset + offset, size: size.min(self.size - offset) }
    }

    /// Its bytes.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Reads it from `offset` on.
    pub fn reader(&self, offset: u64) -> BlobReader {
        BlobReader { blob: self.clone(), at: offset.min(self.size) }
    }

    /// How it is packed.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn packing(&self) -> io::Result<Packing> {
        let mut first = Vec::new();
        self.reader(0).take(4).read_to_end(&mut first)?;
        Ok(Packing::of(&first))
    }

    /// Reads the unpacked archive from `position` on, beginning at the best of `checkpoints`.
    ///
    /// # Errors
    /// When it cannot be read or is packed in a way that is not known.
    pub fn unpacked(&self, position: u64, checkpoints: &[Checkpoint]) -> io::Result<Box<dyn Read + Send>> {
        match self.packing()? {
            Packing::Plain => Ok(Box::new(BufReader::with_capacity(BUFFER, self.reader(position)))),
            Packing::Gzip => {
                let fitting = |at: &&Checkpoint| at.unpacked <= position && at.packed < self.size;
                let from = checkpoints.iter().filter(fitting).max_by_key(|at| at.unpacked);
                let (packed, unpacked) = from.map_or((0, 0), |at| (at.packed, at.unpacked));
                let mut members = Members::new(BufReader::with_capacity(BUFFER, self.reader(packed)));
                skip(&mut members, position - unpacked)?;
                Ok(Box::new(members))
            }
            Packing::Zstd => {
                let mut frames = Frames::new(BufReader::with_capacity(BUFFER, self.reader(0)));
                skip(&mut frames, position)?;
                Ok(Box::new(frames))
            }
        }
    }
}

/// Reads `length` bytes and forgets them.
///
/// # Errors
/// When there are fewer.
pub fn skip(reader: &mut dyn Read, length: u64) -> io::Result<()> {
    match io::copy(&mut reader.take(length), &mut io::sink())? {
        skipped if skipped == length => Ok(()),
        _ => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}

/// Reads a blob; several may read one at the same time.
pub struct BlobReader {
    blob: Blob,
    at: u64,
}

impl Read for BlobReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.blob.size - self.at).unwrap_or(usize::MAX).min(buffer.len());
        let length = self.blob.file.read_at(&mut buffer[..left], self.blob.offset + self.at)?;
        self.at += length as u64;
        Ok(length)
    }
}
