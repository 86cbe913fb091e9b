//! Unpacks layer archives from anyone: some threads inflate, one hashes, two write files, and this one walks through the archive.
//!
//! What has to wait until all files are there is done at the end: streams that come late, further names of files, whiteouts,
//! times of directories.

use super::below::Below;
use super::data_streams::{NewStreams, Stream};
use super::ntfs::{self, On};
use super::stream::Inflated;
use super::tree::{Made, Node, Tree};
use super::writers::{Content, LARGE_PIECE, NewFile, Writers};
use crate::error::LayersError;
use crate::volume::link_text;
use casement_layer_tar::{Entry, Kind, LayerPath, LayerReader, Metadata, ReparsePoint};
use casement_wcifs::metadata::{Place, StreamPlace, make_opaque};
use rustix::fd::{AsRawFd, OwnedFd};
use rustix::fs::{AtFlags, FileType, Mode, OFlags, Timestamps};
use rustix::io::Errno;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Largest layer in bytes when unpacked; those of Windows itself have some 15 GB.
pub const MAX_UNPACKED: u64 = 128 << 30;
/// Most bytes of the names of streams that do not come directly after their file.
const MAX_LATE_STREAMS: usize = 64 << 20;
/// Most names that a chain of further names goes through.
const MAX_LINKS: usize = 64;
/// Files up to this size are handed over as a whole; larger ones are written where they are read.
const WHOLE: u64 = 1 << 20;

/// Most names of files that were left out that are remembered.
const MAX_LEFT_OUT: usize = 1000;

/// What a layer lies upon.
#[derive(Clone, Copy)]
pub struct Beneath<'a> {
    /// Gives the layers, topmost first: directories with `Files/`. Asked once, when a further name of a file leads there.
    pub layers: &'a dyn Fn() -> Result<Vec<PathBuf>, LayersError>,
    /// Whose base they begin with.
    pub base: BaseLayers,
}

/// Whose base a layer lies upon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BaseLayers {
    /// The one that it was made upon: it has all that further names in the layer lead to.
    Original,
    /// Ours in place of that one, which has fewer files: further names of others are left out.
    Substituted,
}

impl Beneath<'_> {
    /// Nothing.
    pub const NOTHING: Self = Self { layers: &|| Ok(Vec::new()), base: BaseLayers::Original };
}

/// What was unpacked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unpacked {
    /// Digest of the archive, in hexadecimal digits.
    pub diff_id: String,
    /// Bytes of its files and streams.
    pub size: u64,
    /// Whether some of it came from the layers below, or would have.
    pub needs_below: bool,
    /// Further names of files that a substituted base does not have, as many as are remembered.
    pub left_out: Vec<String>,
}

/// Unpacks `archive`, packed with gzip or zstd or not, into the empty directory `to`, which nobody else uses.
///
/// # Errors
/// At the first entry that is refused or cannot be written; what was unpacked before it stays.
pub fn unpack(archive: File, to: &Path, below: Beneath<'_>) -> Result<Unpacked, LayersError> {
    let tree = Tree::new(to)?;
    let new_streams = NewStreams::new(to).map_err(|e| LayersError::io("open", to)(e.into()))?;
    std::thread::scope(|scope| {
        let inflated = Inflated::start(scope, archive);
        let writers = Writers::start(scope);
        let mut unpacker = Unpacker {
            reader: LayerReader::new(inflated.reader),
            tree,
            writers: Some(writers),
            waiting: None,
            piece: vec![0; LARGE_PIECE],
            total: 0,
            new_streams,
            late_streams: Vec::new(),
            late_bytes: 0,
            links: Vec::new(),
            whiteouts: Vec::new(),
            opaque: Vec::new(),
            directories: Vec::new(),
            below,
            needs_below: false,
            left_out: Vec::new(),
        };
        let walked = unpacker.all();
        // Whatever happened: the threads end before this does.
        let written = unpacker.writers.take().map_or(Ok(()), Writers::finish);
        let finished = match (walked, written) {
            // The walk ends early when a file cannot be written: that is the reason.
            (_, Err(e)) => Err(e),
            (Err(e), _) => Err(e),
            (Ok(()), Ok(())) => unpacker.finish(),
        };
        let (size, needs_below) = (unpacker.total, unpacker.needs_below);
        let left_out = std::mem::take(&mut unpacker.left_out);
        drop(unpacker);
        finished?;
        Ok(Unpacked { diff_id: inflated.hasher.finish()?, size, needs_below, left_out })
    })
}

struct Unpacker<'a, R> {
    reader: LayerReader<R>,
    tree: Tree,
    writers: Option<Writers<'a>>,
    /// A file that is read but not handed over: streams of it may follow.
    waiting: Option<(LayerPath, NewFile)>,
    /// What goes through it is part of a large file.
    piece: Vec<u8>,
    total: u64,
    new_streams: NewStreams,
    late_streams: Vec<(LayerPath, String, StreamPlace)>,
    late_bytes: usize,
    /// Further names: what they name. The tree knows them by their number.
    links: Vec<(LayerPath, LayerPath)>,
    whiteouts: Vec<LayerPath>,
    opaque: Vec<LayerPath>,
    directories: Vec<(String, Timestamps)>,
    below: Beneath<'a>,
    needs_below: bool,
    left_out: Vec<String>,
}

impl<R: Read> Unpacker<'_, R> {
    fn all(&mut self) -> Result<(), LayersError> {
        while let Some(entry) = self.reader.next_entry()? {
            if let Kind::Stream { name, size } = &entry.kind {
                self.stream(&entry.path, name, *size)?;
                continue;
            }
            self.hand_over()?;
            let path = entry.path.clone();
            self.one(entry).map_err(|e| e.about(&path))?;
        }
        self.hand_over()
    }

    fn one(&mut self, entry: Entry) -> Result<(), Failure> {
        let Entry { path, kind, metadata } = entry;
        match kind {
            Kind::Directory => {
                let directory = self.tree.directory(&path)?;
                ntfs::write(&Place::File(&*directory.file), &metadata, On::Directory)?;
                self.directories.push((directory.path, ntfs::times(&metadata)));
                Ok(())
            }
            Kind::File { size } => self.file(path, metadata, size),
            Kind::Reparse(point) => self.reparse(&path, &point, &metadata),
            Kind::HardLink(target) => {
                self.tree.add(&path, Node::Link(self.links.len()))?;
                self.links.push((path, target));
                Ok(())
            }
            Kind::Whiteout => {
                self.whiteouts.push(path);
                Ok(())
            }
            Kind::Opaque => {
                self.tree.directory(&path)?;
                self.opaque.push(path);
                Ok(())
            }
            Kind::Stream { .. } => Ok(()),
        }
    }

    fn file(&mut self, path: LayerPath, metadata: Metadata, size: u64) -> Result<(), Failure> {
        self.total = self.total.saturating_add(size);
        if self.total > MAX_UNPACKED {
            return Err(Failure::Other("makes the layer larger than any of Windows"));
        }
        let Made { parent, name } = self.tree.add(&path, Node::File)?;
        let mut file = NewFile { parent, name, metadata, content: Content::default(), streams: Vec::new() };
        if size > WHOLE {
            file.write_from(&mut self.reader, size, &mut self.piece)?;
            return Ok(());
        }
        file.content = self.writers.as_ref().map(Writers::room).unwrap_or_default();
        file.content.fill(&mut self.reader, size as usize)?;
        self.waiting = Some((path, file));
        Ok(())
    }

    fn hand_over(&mut self) -> Result<(), LayersError> {
        match (self.waiting.take(), &self.writers) {
            (Some((path, file)), Some(writers)) => writers.write(path, file),
            _ => Ok(()),
        }
    }

    fn stream(&mut self, path: &LayerPath, name: &str, size: u64) -> Result<(), LayersError> {
        self.total = self.total.saturating_add(size);
        if self.total > MAX_UNPACKED {
            return Err(Failure::Other("makes the layer larger than any of Windows").about(path));
        }
        let failed = |e: std::io::Error| LayersError::io("unpack", Path::new(path.as_str()))(e);
        if let Some((last, file)) = &mut self.waiting
            && last == path
        {
            let others = file.streams.iter().map(|(_, stream)| stream.in_attributes()).sum();
            let stream = if Stream::is_short(size, others) {
                let mut content = Vec::new();
                (&mut self.reader).take(size).read_to_end(&mut content).map_err(failed)?;
                Stream::Short(content)
            } else {
                Stream::Long(self.new_streams.add(&mut self.reader, size).map_err(failed)?)
            };
            file.streams.push((name.to_owned(), stream));
            return Ok(());
        }
        self.late_bytes += size_of::<StreamPlace>() + name.len() + path.as_str().len();
        if self.late_bytes > MAX_LATE_STREAMS {
            return Err(LayersError::damaged("layer", "too many streams come long after their files"));
        }
        let place = self.new_streams.add(&mut self.reader, size).map_err(failed)?;
        self.late_streams.push((path.clone(), name.to_owned(), place));
        Ok(())
    }

    /// A symbolic link where the host can have one that leads to the same place within the volume, else an empty file or directory.
    fn reparse(&mut self, path: &LayerPath, point: &ReparsePoint, metadata: &Metadata) -> Result<(), Failure> {
        let Made { parent, name } = self.tree.add(path, Node::Reparse)?;
        let depth = path.components().skip_while(|part| *part != "Files").count().saturating_sub(2);
        let target = point.target.strip_prefix(r"\\?\").or(point.target.strip_prefix(r"\??\"));
        if let Ok(text) = link_text(depth, path.as_str(), target.unwrap_or(&point.target)) {
            rustix::fs::symlinkat(text, &*parent, name.as_str())?;
            let outer = format!("/proc/self/fd/{}/{name}", parent.as_raw_fd());
            let place = Place::<OwnedFd>::Path(outer.as_bytes());
            ntfs::write(&place, metadata, On::Link)?;
            ntfs::write_reparse(&place, point)?;
            rustix::fs::utimensat(&*parent, name.as_str(), &ntfs::times(metadata), AtFlags::SYMLINK_NOFOLLOW)?;
            return Ok(());
        }
        let (file, on) = match metadata.is_directory() {
            true => {
                rustix::fs::mkdirat(&*parent, name.as_str(), ntfs::DIRECTORY_MODE)?;
                let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
                (rustix::fs::openat(&*parent, name.as_str(), flags, Mode::empty())?, On::Directory)
            }
            false => {
                let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
                (rustix::fs::openat(&*parent, name.as_str(), flags, ntfs::file_mode(metadata))?, On::File)
            }
        };
        ntfs::write(&Place::File(&file), metadata, on)?;
        ntfs::write_reparse(&Place::File(&file), point)?;
        Ok(rustix::fs::futimens(&file, &ntfs::times(metadata))?)
    }

    /// What had to wait until all files are there.
    fn finish(&mut self) -> Result<(), LayersError> {
        for (path, name, place) in std::mem::take(&mut self.late_streams) {
            self.late_stream(&path, &name, place).map_err(|e| e.about(&path))?;
        }
        self.make_links()?;
        for path in std::mem::take(&mut self.whiteouts) {
            self.whiteout(&path).map_err(|e| e.about(&path))?;
        }
        for path in std::mem::take(&mut self.opaque) {
            let directory = self.tree.directory(&path).map_err(|e| e.about(&path))?;
            make_opaque(&*directory.file).map_err(|e| Failure::from(e).about(&path))?;
        }
        for (path, times) in std::mem::take(&mut self.directories) {
            self.tree
                .open(&path, OFlags::DIRECTORY)
                .and_then(|directory| rustix::fs::futimens(&directory, &times))
                .map_err(|e| LayersError::io("unpack", Path::new(&path))(e.into()))?;
        }
        Ok(())
    }

    fn late_stream(&mut self, path: &LayerPath, name: &str, at: StreamPlace) -> Result<(), Failure> {
        match self.tree.find(path) {
            Some((real, Node::File | Node::Directory)) => {
                let file = self.tree.open(&real, OFlags::empty())?;
                Ok(Stream::Long(at).keep(name, &Place::File(&file))?)
            }
            _ => Err(Failure::Other("has a stream and is no file of this layer")),
        }
    }

    fn make_links(&mut self) -> Result<(), LayersError> {
        let mut cache = BelowCache::default();
        for at in 0..self.links.len() {
            let (path, target) = self.links[at].clone();
            self.make_link(&path, &target, &mut cache).map_err(|e| e.about(&path))?;
        }
        Ok(())
    }

    fn make_link(&mut self, path: &LayerPath, target: &LayerPath, cache: &mut BelowCache) -> Result<(), Failure> {
        let Made { parent, name } = self.tree.place(path)?;
        let mut target = target.clone();
        for _ in 0..MAX_LINKS {
            match self.tree.find(&target) {
                // One more name of a further name: of what that one names.
                Some((_, Node::Link(at))) => target = self.links[at].1.clone(),
                Some((real, Node::File)) => {
                    let (directory, file) = self.tree.parent_of(&real)?;
                    return Ok(rustix::fs::linkat(&directory, file, &*parent, name.as_str(), AtFlags::empty())?);
                }
                Some(_) => return Err(Failure::Other("is one more name of something that is no file")),
                None => return self.link_below(path, &target, &parent, &name, cache),
            }
        }
        Err(Failure::Other("is one more name of itself"))
    }

    /// One more name of a file of a layer below. Layers never change, so that both may be one file on disk, too.
    fn link_below(
        &mut self,
        path: &LayerPath,
        target: &LayerPath,
        parent: &OwnedFd,
        name: &str,
        cache: &mut BelowCache,
    ) -> Result<(), Failure> {
        let (directory, file) = target.split();
        self.needs_below = true;
        let found = cache.directory(self.below, directory.unwrap_or_default())?.file(file)?;
        let Some((at, real)) = found else {
            if self.below.base == BaseLayers::Original {
                return Err(Failure::Other(
                    "is one more name of a file that neither this layer nor those below it have",
                ));
            }
            if self.left_out.len() < MAX_LEFT_OUT {
                self.left_out.push(path.as_str().to_owned());
            }
            return Ok(());
        };
        match rustix::fs::linkat(at, &real, parent, name, AtFlags::empty()) {
            // The host's file systems allow some tens of thousands of names for a file.
            Err(Errno::MLINK) => Err(Failure::Other("is one name too many of its file")),
            other => Ok(other?),
        }
    }

    /// What of this name is in the layers below is gone: nothing of it shows through a directory of this layer, either.
    fn whiteout(&mut self, path: &LayerPath) -> Result<(), Failure> {
        match self.tree.find(path) {
            Some((real, Node::Directory)) => {
                let directory = self.tree.open(&real, OFlags::DIRECTORY)?;
                Ok(make_opaque(&directory)?)
            }
            Some(_) => Ok(()),
            None => {
                let Made { parent, name } = self.tree.add(path, Node::Whiteout)?;
                let mode = Mode::from_raw_mode(0);
                Ok(rustix::fs::mknodat(&*parent, name.as_str(), FileType::CharacterDevice, mode, 0)?)
            }
        }
    }
}

/// The layers below, once they are needed, and the directory of them that was last looked into: the links of one directory mostly come
/// together.
#[derive(Default)]
struct BelowCache {
    layers: Option<Vec<PathBuf>>,
    last: Option<(String, Below)>,
}

impl BelowCache {
    fn directory(&mut self, beneath: Beneath<'_>, path: &str) -> Result<&Below, Failure> {
        let layers = match self.layers.take() {
            Some(layers) => layers,
            None => (beneath.layers)()?,
        };
        let layers = self.layers.insert(layers);
        let found = match self.last.take() {
            Some((directory, below)) if directory == path => below,
            _ => find_below(layers, path)?,
        };
        Ok(&self.last.insert((path.to_owned(), found)).1)
    }
}

/// The directory at `path`, which begins at the top of layers, in the layers below.
fn find_below(layers: &[PathBuf], path: &str) -> Result<Below, Errno> {
    let (top, inside) = match path.strip_prefix("UtilityVM/Files") {
        Some(inside) => ("UtilityVM/Files", inside),
        None => ("Files", path.strip_prefix("Files").unwrap_or_default()),
    };
    let mut below = Below::open(layers, top)?;
    for name in inside.split('/').filter(|name| !name.is_empty()) {
        below = below.enter(name)?;
    }
    Ok(below)
}

/// Why one entry could not be unpacked.
#[derive(Debug)]
pub(super) enum Failure {
    System(std::io::Error),
    Layers(LayersError),
    Other(&'static str),
}

impl Failure {
    pub(super) fn about(self, path: &LayerPath) -> LayersError {
        match self {
            Self::System(e) => match Errno::from_io_error(&e) {
                Some(Errno::TOOBIG | Errno::RANGE | Errno::NAMETOOLONG) => {
                    LayersError::damaged(path.as_str(), format!("the host's file system cannot keep it: {e}"))
                }
                _ => LayersError::io("unpack", Path::new(path.as_str()))(e),
            },
            Self::Layers(error) => error,
            Self::Other(why) => LayersError::damaged(path.as_str(), format!("it {why}")),
        }
    }
}

impl From<LayersError> for Failure {
    fn from(e: LayersError) -> Self {
        Self::Layers(e)
    }
}

impl From<Errno> for Failure {
    fn from(e: Errno) -> Self {
        Self::System(e.into())
    }
}

impl From<std::io::Error> for Failure {
    fn from(e: std::io::Error) -> Self {
        Self::System(e)
    }
}
