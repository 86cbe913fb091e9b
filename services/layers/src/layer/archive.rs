//! Writes files as they lie on disk, with what NTFS knows of them, as entries of a layer archive.

use super::data_streams::{Stream, StreamSources};
use super::ntfs;
use crate::error::LayersError;
use casement_layer_tar::{
    Entry, Kind, LayerPath, LayerTarError, LayerWriter, Metadata, NtTime, ReparsePoint, attribute,
};
use casement_wcifs::metadata::{CREATED, Place};
use rustix::fd::{AsFd, AsRawFd, OwnedFd};
use rustix::fs::{AtFlags, Stat, Timestamps, XattrFlags};
use rustix::io::Errno;
use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;

/// The security descriptors of files of which none is kept.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum FileSecurity {
    /// The usual one: what Windows imports as a layer above others is written as it stands.
    Written,
    /// None: what Windows imports as a base layer is made file by file, and gets the one of its directory.
    Inherited,
}

/// An archive that is being written.
pub(crate) struct Archive<W: Write> {
    writer: LayerWriter<W>,
    /// Times after this one become this one, on disk, too.
    latest: Option<NtTime>,
    file_security: FileSecurity,
    /// Files with several names, by device and inode: the first name.
    first_names: HashMap<(u64, u64), LayerPath>,
    size: u64,
    sources: StreamSources,
}

impl<W: Write> Archive<W> {
    pub(crate) fn new(out: W, latest: Option<NtTime>, file_security: FileSecurity, sources: StreamSources) -> Self {
        Self { writer: LayerWriter::new(out), latest, file_security, first_names: HashMap::new(), size: 0, sources }
    }

    /// Bytes of the files and streams so far.
    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// Ends the archive and gives the output back.
    pub(crate) fn finish(self) -> Result<W, LayerTarError> {
        self.writer.finish()
    }

    /// Something of the layers below is gone.
    pub(crate) fn whiteout(&mut self, path: &LayerPath) -> Result<(), Failure> {
        self.entry(path, Kind::Whiteout, Metadata::file(NtTime::default()), io::empty())
    }

    /// A directory, or the reparse point that it stands for. `time` is given to it instead of its own, on disk, too.
    pub(crate) fn directory(
        &mut self,
        path: &LayerPath,
        directory: &OwnedFd,
        time: Option<NtTime>,
    ) -> Result<(), Failure> {
        let place = Place::File(directory);
        let mut kept = ntfs::read(&place, &rustix::fs::fstat(directory)?)?;
        if let Some(time) = time {
            (kept.metadata.modified, kept.metadata.created) = (time, time);
            rustix::fs::futimens(directory, &ntfs::times(&kept.metadata))?;
        }
        let metadata = self.complete(kept.metadata, &place, |times| rustix::fs::futimens(directory, times))?;
        let kind = match kept.reparse {
            Some(buffer) => Kind::Reparse(point(&buffer)?),
            None => Kind::Directory,
        };
        self.entry(path, kind, metadata, io::empty())?;
        self.streams(path, kept.streams)
    }

    /// A file as `stat` describes it: with its content and streams, as one more name of a file that is in the archive already, or as the
    /// reparse point that it stands for.
    pub(crate) fn file(
        &mut self,
        path: &LayerPath,
        stat: &Stat,
        open: impl FnOnce() -> rustix::io::Result<OwnedFd>,
    ) -> Result<(), Failure> {
        let identity = (stat.st_dev, stat.st_ino);
        let has_names = stat.st_nlink > 1 && path.is_of_a_volume();
        if has_names && let Some(first) = self.first_names.get(&identity).cloned() {
            return self.entry(path, Kind::HardLink(first), Metadata::file(NtTime::default()), io::empty());
        }
        let file = open()?;
        let size = rustix::fs::fstat(&file)?.st_size as u64;
        self.content(path, &file, size, File::from(file.try_clone()?))?;
        if has_names {
            self.first_names.insert(identity, path.clone());
        }
        self.size += size;
        Ok(())
    }

    /// What is known of `file`, with other content than its own.
    pub(crate) fn content(
        &mut self,
        path: &LayerPath,
        file: &OwnedFd,
        size: u64,
        content: impl Read,
    ) -> Result<(), Failure> {
        let place = Place::File(file);
        let kept = ntfs::read(&place, &rustix::fs::fstat(file)?)?;
        let metadata = self.complete(kept.metadata, &place, |times| rustix::fs::futimens(file, times))?;
        match kept.reparse {
            Some(buffer) => self.entry(path, Kind::Reparse(point(&buffer)?), metadata, io::empty())?,
            None => self.entry(path, Kind::File { size }, metadata, content)?,
        }
        self.streams(path, kept.streams)
    }

    /// A symbolic link, `name` in `parent`.
    pub(crate) fn link(
        &mut self,
        path: &LayerPath,
        parent: &OwnedFd,
        name: &str,
        leads_to_directory: impl FnOnce() -> bool,
    ) -> Result<(), Failure> {
        let stat = rustix::fs::statat(parent, name, AtFlags::SYMLINK_NOFOLLOW)?;
        let outer = format!("/proc/self/fd/{}/{name}", parent.as_raw_fd());
        let place = Place::<OwnedFd>::Path(outer.as_bytes());
        let kept = ntfs::read(&place, &stat)?;
        let mut metadata = kept.metadata;
        let point = match kept.reparse {
            Some(buffer) => point(&buffer)?,
            None => {
                if leads_to_directory() {
                    metadata.attributes = metadata.attributes & !attribute::ARCHIVE | attribute::DIRECTORY;
                }
                let text = rustix::fs::readlinkat(parent, name, Vec::new())?;
                let text = text.to_str().map_err(|_| Failure::Other("is a link to a name that is not UTF-8"))?;
                ReparsePoint { target: text.replace('/', "\\"), is_mount_point: false }
            }
        };
        let metadata = self.complete(metadata, &place, |times| {
            rustix::fs::utimensat(parent, name, times, AtFlags::SYMLINK_NOFOLLOW)
        })?;
        self.entry(path, Kind::Reparse(point), metadata, io::empty())
    }

    /// Any entry.
    pub(crate) fn entry(
        &mut self,
        path: &LayerPath,
        kind: Kind,
        metadata: Metadata,
        content: impl Read,
    ) -> Result<(), Failure> {
        Ok(self.writer.entry(&Entry { path: path.clone(), kind, metadata }, content)?)
    }

    fn streams(&mut self, path: &LayerPath, streams: Vec<(String, Stream)>) -> Result<(), Failure> {
        for (name, stream) in streams {
            let metadata = Metadata::file(NtTime::default());
            match stream {
                Stream::Short(content) => {
                    self.size += content.len() as u64;
                    self.entry(path, Kind::Stream { name, size: content.len() as u64 }, metadata, &content[..])?;
                }
                Stream::Long(place) => {
                    let missing = Failure::Other("has a stream that is in no layer");
                    self.size += place.size;
                    let content =
                        self.sources.open(&place).map_err(|e| if e == Errno::NOENT { missing } else { e.into() })?;
                    self.entry(path, Kind::Stream { name, size: place.size }, metadata, content)?;
                }
            }
        }
        Ok(())
    }

    /// Metadata as it goes into the archive: with a security descriptor, and no time later than the latest.
    fn complete<F: AsFd>(
        &self,
        mut metadata: Metadata,
        place: &Place<'_, F>,
        set_times: impl FnOnce(&Timestamps) -> rustix::io::Result<()>,
    ) -> Result<Metadata, Failure> {
        if let Some(latest) = self.latest {
            if metadata.modified > latest {
                metadata.modified = latest;
                set_times(&ntfs::times(&metadata))?;
            }
            if metadata.created > latest {
                metadata.created = latest;
                place.set(CREATED, &latest.file_time().to_le_bytes(), XattrFlags::empty())?;
            }
        }
        if metadata.security.is_none() && (metadata.is_directory() || self.file_security == FileSecurity::Written) {
            metadata.security = Some(ntfs::default_security(&metadata));
        }
        Ok(metadata)
    }
}

fn point(buffer: &[u8]) -> Result<ReparsePoint, Failure> {
    ReparsePoint::from_buffer(buffer).ok_or(Failure::Other("is a reparse point of a kind that layers cannot have"))
}

/// Why one file could not be written.
pub(crate) enum Failure {
    System(io::Error),
    Archive(LayerTarError),
    Other(&'static str),
}

impl Failure {
    pub(crate) fn about(self, path: &LayerPath) -> LayersError {
        match self {
            Self::System(e) => LayersError::io("pack", Path::new(path.as_str()))(e),
            Self::Archive(e) => e.into(),
            Self::Other(why) => LayersError::damaged(path.as_str(), why),
        }
    }
}

impl From<Errno> for Failure {
    fn from(e: Errno) -> Self {
        Self::System(e.into())
    }
}

impl From<io::Error> for Failure {
    fn from(e: io::Error) -> Self {
        Self::System(e)
    }
}

impl From<LayerTarError> for Failure {
    fn from(e: LayerTarError) -> Self {
        Self::Archive(e)
    }
}
