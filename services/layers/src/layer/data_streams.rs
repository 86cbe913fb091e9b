//! Alternate data streams as a layer keeps them: short ones as attributes of their file, long ones as files of their own in `Streams/`,
//! named by their digest (FORMAT.md of `kernel/wcifs`).

use casement_wcifs::metadata::{Place, STREAM, STREAM_AT, StreamPlace};
use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{AtFlags, Mode, OFlags, ResolveFlags, XattrFlags};
use rustix::io::Errno;
use sha2::{Digest as _, Sha256};
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

/// Beside `Files/`.
pub(crate) const DIRECTORY: &str = "Streams";
/// Longest stream that is kept as an attribute, and most bytes of all such streams of a file: ext4 has 4 KiB for everything.
const LONGEST: u64 = 512;
const MOST: u64 = 1 << 10;
const UNFINISHED: &str = ".unfinished";

/// The content of a stream.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Stream {
    /// All of it.
    Short(Vec<u8>),
    /// Where it is.
    Long(StreamPlace),
}

impl Stream {
    /// Whether a stream of this size is kept as an attribute, beside others with so many bytes together.
    pub(super) fn is_short(size: u64, others: u64) -> bool {
        size <= LONGEST && size + others <= MOST
    }

    /// Bytes that it takes among the attributes of its file.
    pub(super) fn in_attributes(&self) -> u64 {
        match self {
            Self::Short(content) => content.len() as u64,
            Self::Long(_) => 0,
        }
    }

    /// Keeps it under its name.
    pub(super) fn keep<F: AsFd>(&self, name: &str, place: &Place<'_, F>) -> Result<(), Errno> {
        match self {
            Self::Short(content) => place.set(&format!("{STREAM}{name}"), content, XattrFlags::empty()),
            Self::Long(at) => place.set(&format!("{STREAM_AT}{name}"), &at.to_bytes(), XattrFlags::empty()),
        }
    }
}

/// The long streams of a layer that is being unpacked.
pub(super) struct NewStreams {
    layer: OwnedFd,
    directory: Option<OwnedFd>,
}

impl NewStreams {
    pub(super) fn new(layer: &Path) -> Result<Self, Errno> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        Ok(Self { layer: rustix::fs::open(layer, flags, Mode::empty())?, directory: None })
    }

    /// Takes a stream of `size` bytes.
    pub(super) fn add(&mut self, content: &mut dyn Read, size: u64) -> io::Result<StreamPlace> {
        let directory = match self.directory.take() {
            Some(directory) => directory,
            None => make(&self.layer)?,
        };
        let directory = self.directory.insert(directory);
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mut file = File::from(rustix::fs::openat(&*directory, UNFINISHED, flags, super::ntfs::FILE_MODE)?);
        let mut hashing = Hashing { file: &mut file, hasher: Sha256::new() };
        if io::copy(&mut content.take(size), &mut hashing)? != size {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let place = StreamPlace { sha256: hashing.hasher.finalize().into(), size };
        rustix::fs::renameat(&*directory, UNFINISHED, &*directory, name(&place))?;
        Ok(place)
    }
}

struct Hashing<'a> {
    file: &'a mut File,
    hasher: Sha256,
}

impl Write for Hashing<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.file.write(bytes)?;
        self.hasher.update(&bytes[..count]);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Where the long streams of files are, which may have come up from the layers below with their files.
pub(crate) struct StreamSources {
    /// Topmost first.
    layers: Vec<PathBuf>,
    /// A layer that is to have what its files need.
    own: Option<OwnedFd>,
}

impl StreamSources {
    /// Those of these layers, topmost first.
    pub(crate) fn of(layers: &[PathBuf]) -> Self {
        Self { layers: layers.to_vec(), own: None }
    }

    /// Those of a layer that is being made, which gets those that it lacks, and of the layers below it.
    pub(super) fn of_new(layer: &OwnedFd, path: &Path, below: &[PathBuf]) -> Result<Self, Errno> {
        let layers = std::iter::once(path.to_owned()).chain(below.iter().cloned()).collect();
        Ok(Self { layers, own: Some(rustix::io::fcntl_dupfd_cloexec(layer, 0)?) })
    }

    /// Opens a stream.
    pub(super) fn open(&self, place: &StreamPlace) -> Result<File, Errno> {
        for (depth, layer) in self.layers.iter().enumerate() {
            let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
            let layer = rustix::fs::open(layer, flags, Mode::empty())?;
            let file = match open_in(&layer, place) {
                Err(Errno::NOENT) => continue,
                other => other?,
            };
            if depth > 0
                && let Some(own) = &self.own
            {
                let directory = make(own)?;
                let from = rustix::fs::openat(&layer, DIRECTORY, flags | OFlags::NOFOLLOW, Mode::empty())?;
                match rustix::fs::linkat(&from, name(place), &directory, name(place), AtFlags::empty()) {
                    Ok(()) | Err(Errno::EXIST) => {}
                    Err(error) => return Err(error),
                }
            }
            return Ok(file);
        }
        Err(Errno::NOENT)
    }
}

/// Opens a long stream of a layer; `NOENT` when the layer does not have it.
pub fn open_in(layer: &OwnedFd, place: &StreamPlace) -> Result<File, Errno> {
    let inside = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let path = format!("{DIRECTORY}/{}", name(place));
    Ok(rustix::fs::openat2(layer, path, flags, Mode::empty(), inside)?.into())
}

fn name(place: &StreamPlace) -> String {
    casement_nt::digest::hex(&place.sha256)
}

fn make(layer: &OwnedFd) -> Result<OwnedFd, Errno> {
    match rustix::fs::mkdirat(layer, DIRECTORY, super::ntfs::DIRECTORY_MODE) {
        Ok(()) | Err(Errno::EXIST) => {}
        Err(error) => return Err(error),
    }
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    rustix::fs::openat(layer, DIRECTORY, flags, Mode::empty())
}
