//! Copies an image out into a directory: safe from what the image names, and as much of it as Linux can keep.

use crate::content::Wanted;
use crate::entry::Kind;
use crate::error::ViewError;
use crate::link::linux_text;
use crate::name::FILES;
use crate::stamp::Stamp;
use crate::tree::{At, NodeId};
use crate::view::ImageView;
use casement_wcifs::metadata::{DOS_ATTRIBUTES, dos_text};
use rustix::fs::{AtFlags, Mode, OFlags, ResolveFlags, Timespec, Timestamps, XattrFlags};
use rustix::io::Errno;
use serde::Serialize;
use std::collections::{BTreeMap, HashSet};
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;

/// Most left-out names that are told one by one.
const MAX_TOLD: usize = 1_000;
/// Before the name of a stream in an extended attribute, and after it: as Samba keeps them (vfs_streams_xattr).
const STREAM: (&str, &str) = ("user.DosStream.", ":$DATA");
/// Longest stream that an attribute takes on every file system, in bytes.
const MAX_STREAM: u64 = 3_500;

/// How files are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// With what Windows knows of them, as far as Linux keeps it: attributes and streams as Samba keeps them.
    Windows,
    /// Ordinary files of Linux, as scanners read them.
    Plain,
}

/// What was copied out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Extracted {
    /// Directories.
    pub directories: u64,
    /// Files, each name of those with several.
    pub files: u64,
    /// Symbolic links and junctions, as links of Linux.
    pub links: u64,
    /// Bytes of files.
    pub bytes: u64,
    /// What could not be made, and why.
    pub left_out: Vec<LeftOut>,
    /// How many more there are than in the list.
    pub left_out_more: u64,
}

/// Something that could not be made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LeftOut {
    /// Its path in the image.
    pub path: String,
    /// Why.
    pub why: String,
}

/// Copies `from` with all below it into `directory`, which must be empty or missing. What is on volume C: lands at the
/// directory's top, other parts of layers below their names.
///
/// # Errors
/// When the directory is not empty or cannot be written, or the image cannot be read.
pub fn extract(view: &ImageView, from: NodeId, directory: &Path, style: Style) -> Result<Extracted, ViewError> {
    let mut copy = Copy::into(view, directory, style)?;
    copy.names(from)?;
    copy.contents()?;
    copy.hard_links()?;
    copy.times()?;
    Ok(copy.done)
}

struct Copy<'a> {
    view: &'a ImageView,
    root: OwnedFd,
    style: Style,
    /// Names of files with their content, by layer.
    files: BTreeMap<usize, Vec<(NodeId, String, Wanted<'a>)>>,
    /// First name of each file.
    made: BTreeMap<At, String>,
    /// Further names: the name and the entry.
    others: Vec<(NodeId, String, At)>,
    directories: Vec<(String, Stamp)>,
    done: Extracted,
}

impl<'a> Copy<'a> {
    fn into(view: &'a ImageView, directory: &Path, style: Style) -> Result<Self, ViewError> {
        let shown = directory.display().to_string();
        std::fs::create_dir_all(directory).map_err(ViewError::io("create", &shown))?;
        let mut inside = std::fs::read_dir(directory).map_err(ViewError::io("read", &shown))?;
        if inside.next().is_some() {
            return Err(ViewError::unfit(&shown, "is not empty: name a directory that is, or a new one"));
        }
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let root = rustix::fs::open(directory, flags, Mode::empty());
        let root = root.map_err(|e| ViewError::io("open", &shown)(e.into()))?;
        Ok(Self {
            view,
            root,
            style,
            files: BTreeMap::new(),
            made: BTreeMap::new(),
            others: Vec::new(),
            directories: Vec::new(),
            done: Extracted::default(),
        })
    }

    /// Makes directories and links, and sorts the files by the layers that have their content.
    fn names(&mut self, from: NodeId) -> Result<(), ViewError> {
        let view = self.view;
        let mut left_out: HashSet<NodeId> = HashSet::new();
        for id in view.tree.walk(from) {
            let components = view.tree.path(id);
            let Some(name) = target_name(&components) else { continue };
            // What is in a directory that could not be made is left out with it, without a word for each.
            if left_out.contains(&view.tree.node(id).parent) {
                left_out.insert(id);
                continue;
            }
            if let Some(why) = unwritable(&name) {
                self.leave_out(id, why);
                left_out.insert(id);
                continue;
            }
            match view.file(id) {
                _ if view.is_directory(id) => {
                    if let Err(e) = self.make_directory(&name) {
                        self.leave_out(id, io::Error::from(e));
                        left_out.insert(id);
                        continue;
                    }
                    self.done.directories += 1;
                    if let Some((_, entry)) = view.file(id) {
                        self.directories.push((name.clone(), entry.modified));
                        self.windows_metadata(&name, id)?;
                    }
                }
                Some((at, entry)) => match &entry.kind {
                    Kind::File(content) => match self.made.get(&at) {
                        Some(_) => self.others.push((id, name, at)),
                        None => {
                            self.made.insert(at, name.clone());
                            self.files.entry(at.layer).or_default().push((id, name, (at, None, content)));
                        }
                    },
                    Kind::Symlink(target) | Kind::Junction(target) => self.link(id, &components, &name, target),
                    Kind::Reparse(tag) => self.leave_out(id, format!("a reparse point of another kind ({tag:#x})")),
                    Kind::Directory { .. } | Kind::HardLink(_) | Kind::Whiteout => {}
                },
                None => self.leave_out(id, "a hard link to nothing"),
            }
        }
        Ok(())
    }

    fn link(&mut self, id: NodeId, components: &[&str], name: &str, target: &str) {
        let below = if is_volume(components) { &components[1..] } else { components };
        let Some(text) = linux_text(below, target) else {
            return self.leave_out(id, format!("a link to {target}, which is not in the image"));
        };
        let made = name.rsplit_once('/').map_or(Ok(()), |(parent, _)| self.make_directory(parent));
        let made = made.and_then(|()| self.parent_of(name));
        match made.and_then(|(parent, last)| rustix::fs::symlinkat(&text, &parent, last)) {
            Ok(()) => self.done.links += 1,
            Err(e) => self.leave_out(id, io::Error::from(e)),
        }
    }

    /// Writes the contents, one pass over each layer.
    fn contents(&mut self) -> Result<(), ViewError> {
        for (layer, files) in std::mem::take(&mut self.files) {
            let wanted: Vec<Wanted<'_>> = files.iter().map(|(.., wanted)| *wanted).collect();
            let view = self.view;
            view.read_contents(layer, &wanted, &mut |number, reader| {
                let (id, name, (_, _, content)) = &files[number];
                let mut file = match self.make_file(name) {
                    Ok(file) => file,
                    Err(e) => {
                        self.leave_out(*id, io::Error::from(e));
                        return Ok(());
                    }
                };
                io::copy(reader, &mut file).map_err(ViewError::io("write", name))?;
                self.done.files += 1;
                self.done.bytes += content.size;
                self.finish_file(&file, *id).map_err(ViewError::io("write", name))
            })?;
            self.streams(layer, &files)?;
        }
        Ok(())
    }

    fn finish_file(&self, file: &File, id: NodeId) -> io::Result<()> {
        let Some((_, entry)) = self.view.file(id) else { return Ok(()) };
        if self.style == Style::Windows
            && let Some(text) = dos_text(&entry.shown_attributes().to_le_bytes())
        {
            set_attribute(file, DOS_ATTRIBUTES, text.as_bytes())?;
        }
        Ok(rustix::fs::futimens(file, &times(entry.modified))?)
    }

    /// Puts streams into extended attributes. Those that do not fit are told.
    fn streams(&mut self, layer: usize, files: &[(NodeId, String, Wanted<'a>)]) -> Result<(), ViewError> {
        let mut wanted: Vec<Wanted<'_>> = Vec::new();
        let mut names = Vec::new();
        let view = self.view;
        for (id, name, (at, ..)) in files {
            let streams = view.entry(*at).map(|entry| entry.streams.as_slice()).unwrap_or_default();
            for stream in streams {
                match self.style {
                    Style::Plain => {
                        self.leave_out(*id, format!("its stream {} has no place in a plain file", stream.name))
                    }
                    Style::Windows if stream.content.size > MAX_STREAM => {
                        self.leave_out(*id, format!("its stream {} is too large for an attribute", stream.name));
                    }
                    Style::Windows => {
                        wanted.push((*at, Some(stream.name.as_str()), &stream.content));
                        names.push((*id, name.clone(), stream.name.clone()));
                    }
                }
            }
        }
        view.read_contents(layer, &wanted, &mut |number, reader| {
            let (id, name, stream) = &names[number];
            let mut value = Vec::new();
            reader.read_to_end(&mut value).map_err(ViewError::io("read", name))?;
            let kept = self.open(name, OFlags::RDONLY).and_then(|file| {
                let attribute = format!("{}{stream}{}", STREAM.0, STREAM.1);
                rustix::fs::fsetxattr(&file, attribute.as_str(), &value, XattrFlags::empty())
            });
            if let Err(e) = kept {
                self.leave_out(*id, format!("its stream {stream}: {}", io::Error::from(e)));
            }
            Ok(())
        })
    }

    fn hard_links(&mut self) -> Result<(), ViewError> {
        for (id, name, at) in std::mem::take(&mut self.others) {
            let first = self.made.get(&at).cloned().unwrap_or_default();
            let linked = self.parent_of(&first).and_then(|(from, from_name)| {
                let (to, to_name) = self.parent_of(&name)?;
                rustix::fs::linkat(&from, from_name, &to, to_name, AtFlags::empty())
            });
            match linked {
                Ok(()) => self.done.files += 1,
                Err(e) => self.leave_out(id, io::Error::from(e)),
            }
        }
        Ok(())
    }

    /// Last, as filling a directory changes its time.
    fn times(&mut self) -> Result<(), ViewError> {
        for (name, modified) in std::mem::take(&mut self.directories).iter().rev() {
            let set = self.open(name, OFlags::RDONLY | OFlags::DIRECTORY);
            let set = set.and_then(|directory| rustix::fs::futimens(&directory, &times(*modified)));
            set.map_err(|e| ViewError::io("set the time of", name)(e.into()))?;
        }
        Ok(())
    }

    fn windows_metadata(&self, name: &str, id: NodeId) -> Result<(), ViewError> {
        let Some((_, entry)) = self.view.file(id).filter(|_| self.style == Style::Windows) else { return Ok(()) };
        let Some(text) = dos_text(&entry.shown_attributes().to_le_bytes()) else { return Ok(()) };
        let directory = self.open(name, OFlags::RDONLY | OFlags::DIRECTORY);
        let directory = directory.map_err(|e| ViewError::io("open", name)(e.into()))?;
        set_attribute(&directory, DOS_ATTRIBUTES, text.as_bytes()).map_err(ViewError::io("set attributes of", name))
    }

    fn leave_out(&mut self, id: NodeId, why: impl ToString) {
        if self.done.left_out.len() < MAX_TOLD {
            self.done.left_out.push(LeftOut { path: self.view.tree.shown(id), why: why.to_string() });
        } else {
            self.done.left_out_more += 1;
        }
    }

    /// Opens something that was made here; no link is followed and nothing leads out.
    fn open(&self, name: &str, flags: OFlags) -> rustix::io::Result<OwnedFd> {
        let inside = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
        let name = if name.is_empty() { "." } else { name };
        rustix::fs::openat2(&self.root, name, flags | OFlags::CLOEXEC, Mode::empty(), inside)
    }

    fn parent_of<'n>(&self, name: &'n str) -> rustix::io::Result<(OwnedFd, &'n str)> {
        let (parent, last) = name.rsplit_once('/').unwrap_or(("", name));
        Ok((self.open(parent, OFlags::PATH | OFlags::DIRECTORY)?, last))
    }

    fn make_directory(&self, name: &str) -> rustix::io::Result<()> {
        let mut at = String::new();
        for part in name.split('/').filter(|part| !part.is_empty()) {
            let parent = self.open(&at, OFlags::PATH | OFlags::DIRECTORY)?;
            match rustix::fs::mkdirat(&parent, part, Mode::from_raw_mode(0o755)) {
                Ok(()) | Err(Errno::EXIST) => {}
                Err(e) => return Err(e),
            }
            if !at.is_empty() {
                at.push('/');
            }
            at.push_str(part);
        }
        Ok(())
    }

    fn make_file(&self, name: &str) -> rustix::io::Result<File> {
        if let Some((parent, _)) = name.rsplit_once('/') {
            self.make_directory(parent)?;
        }
        let (parent, last) = self.parent_of(name)?;
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        Ok(File::from(rustix::fs::openat(&parent, last, flags, Mode::from_raw_mode(0o644))?))
    }
}

fn is_volume(components: &[&str]) -> bool {
    components.first().is_some_and(|top| crate::name::fold(top) == crate::name::fold(FILES))
}

/// Where a name of the image is below the directory; `None` for the top of the layers.
fn target_name(components: &[&str]) -> Option<String> {
    match components {
        [] => None,
        _ if is_volume(components) => Some(components[1..].join("/")),
        _ => Some(components.join("/")),
    }
}

/// Why no file of Linux can have this name.
fn unwritable(name: &str) -> Option<&'static str> {
    name.split('/').find_map(|part| match part {
        "." | ".." => Some("a name that leads elsewhere"),
        _ if part.contains('\0') => Some("a name with a zero"),
        _ if part.len() > 255 => Some("a name that is longer than 255 bytes"),
        _ => None,
    })
}

/// A file system without such attributes has the files all the same.
fn set_attribute(file: &impl std::os::fd::AsFd, name: &str, value: &[u8]) -> io::Result<()> {
    match rustix::fs::fsetxattr(file, name, value, XattrFlags::empty()) {
        Ok(()) | Err(Errno::OPNOTSUPP | Errno::PERM) => Ok(()),
        Err(e) => Err(e.into()),
    }
}

fn times(stamp: Stamp) -> Timestamps {
    let (seconds, nanoseconds) = stamp.unix();
    let time = Timespec { tv_sec: seconds, tv_nsec: nanoseconds.into() };
    Timestamps { last_access: time, last_modification: time }
}
