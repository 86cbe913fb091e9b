//! A tar stream put into a volume, as `docker cp` does it.
//!
//! Everything is made by a directory's descriptor and one name. What an archive or the container's programs make of the names on
//! the way, links included, stays in the volume.

use super::entries::{Entries, Entry, EntryKind};
use super::error::VolumeError;
use super::names;
use super::path::{Above, VolumePath, components};
use super::tree::{Directory, Last, MAX_DEPTH, Node, VolumeTree};
use casement_nt::path::NtPath;
use flate2::bufread::MultiGzDecoder;
use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, Timespec, Timestamps};
use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};

/// Most directories whose times are put right at the end.
const MAX_DIRECTORIES: usize = 1 << 20;
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];
/// First bytes of the compressed forms that are not read: bzip2, xz, Zstandard.
const OTHER_MAGICS: [&[u8]; 3] = [b"BZh", &[0xfd, b'7', b'z', b'X', b'Z'], &[0x28, 0xb5, 0x2f, 0xfd]];

/// How existing things are treated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Overwrite {
    /// Files replace directories and the other way round.
    Anything,
    /// Files replace files only, directories go into directories only.
    SameKind,
}

impl VolumeTree {
    /// Puts the tar stream `archive`, which may be a gzip one, into the directory `path`. Files belong to the container's
    /// programs and keep their times; devices and pipes, which Windows does not have, are left out.
    ///
    /// A client that splits paths at `/` alone takes `C:\a\b` for a name in the directory `.`, and names its entries so: when
    /// `path` is that directory, such names are taken for what they mean.
    ///
    /// # Errors
    /// [`VolumeError::NotFound`], [`VolumeError::NotADirectory`], [`VolumeError::Archive`] and the like; what was unpacked
    /// before stays.
    pub fn unpack(&self, path: &VolumePath, archive: impl Read, overwrite: Overwrite) -> Result<(), VolumeError> {
        let _owner = self.as_owner()?;
        let Node::Directory(top) = self.find(path, Last::Followed)? else { return Err(VolumeError::NotADirectory) };
        let mut unpacker = Unpacker {
            tree: self,
            top,
            whole_paths: path.is_client_parent(),
            overwrite,
            current: None,
            directories: Vec::new(),
        };
        let mut archive = BufReader::with_capacity(1 << 16, archive);
        let start = archive.fill_buf().map_err(VolumeError::io("read", "the archive"))?;
        if start.starts_with(&GZIP_MAGIC) {
            unpacker.all(MultiGzDecoder::new(archive))
        } else if OTHER_MAGICS.iter().any(|magic| start.starts_with(magic)) {
            Err(VolumeError::Archive("the archive is compressed: only gzip can be read".to_owned()))
        } else {
            unpacker.all(archive)
        }
    }
}

struct Unpacker<'a> {
    tree: &'a VolumeTree,
    top: Directory,
    whole_paths: bool,
    overwrite: Overwrite,
    /// The directory that the last entry went to: the next one mostly goes there, too.
    current: Option<Current>,
    /// Times of directories, which change while they are filled.
    directories: Vec<(Vec<String>, (i64, u32))>,
}

struct Current {
    path: Vec<String>,
    directory: Directory,
    /// Its names by their folded form.
    names: HashMap<String, OsString>,
}

impl Unpacker<'_> {
    fn all(&mut self, archive: impl Read) -> Result<(), VolumeError> {
        let mut entries = Entries::new(archive);
        while let Some(entry) = entries.next()? {
            self.one(&entry, &mut entries)?;
        }
        for (path, modified) in &self.directories {
            // The container's programs may have put something else there.
            if let Ok(Node::Directory(directory)) = self.top.walk(path, Last::Kept) {
                set_times(&directory, *modified).map_err(VolumeError::io("set the time of", directory.shown()))?;
            }
        }
        Ok(())
    }

    fn one(&mut self, entry: &Entry, content: &mut impl Read) -> Result<(), VolumeError> {
        let path = self.place(&entry.name)?;
        let Some((name, parent)) = path.split_last() else { return Ok(()) };
        if path.len() > MAX_DEPTH {
            return Err(VolumeError::TooDeep(shorten(&entry.name)));
        }
        if entry.kind == EntryKind::Other {
            return Ok(());
        }
        self.enter(parent)?;
        // A link's target is looked for before what has the link's name is gone.
        let target = match &entry.kind {
            EntryKind::HardLink(target) => Some(self.hard_link_target(&entry.name, target)?),
            _ => None,
        };
        let made = self.make_room(name, entry)?;
        let failed = VolumeError::io::<rustix::io::Errno>;
        let shown = shorten(&entry.name);
        let current = self.current.as_mut().expect("a directory was entered");
        let at = &current.directory;
        match &entry.kind {
            EntryKind::Directory => {
                if made == Room::Directory {
                    self.remember(path, entry)?;
                    return Ok(());
                }
                rustix::fs::mkdirat(at, name.as_str(), Mode::from_raw_mode(0o755)).map_err(failed("make", shown))?;
            }
            EntryKind::File => write_file(at, name, entry, content)?,
            EntryKind::Symlink(target) => {
                let target = link_text(at.depth(), &entry.name, target)?;
                rustix::fs::symlinkat(target, at, name.as_str()).map_err(failed("link", shown.clone()))?;
                let times = times(entry.modified);
                rustix::fs::utimensat(at, name.as_str(), &times, AtFlags::SYMLINK_NOFOLLOW)
                    .map_err(failed("set the time of", shown))?;
            }
            EntryKind::HardLink(_) => {
                let (directory, real) = target.expect("it was looked for");
                rustix::fs::linkat(&directory, &real, at, name.as_str(), AtFlags::empty())
                    .map_err(failed("link", shown))?;
            }
            EntryKind::Other => {}
        }
        current.names.insert(names::fold(name), OsString::from(name));
        match entry.kind {
            EntryKind::Directory => self.remember(path, entry),
            _ => Ok(()),
        }
    }

    fn remember(&mut self, directory: Vec<String>, entry: &Entry) -> Result<(), VolumeError> {
        if self.directories.len() >= MAX_DIRECTORIES {
            return Err(VolumeError::Archive(format!("the archive has more than {MAX_DIRECTORIES} directories")));
        }
        self.directories.push((directory, entry.modified));
        Ok(())
    }

    /// The components that a name stands for, from the volume's root if it begins with a drive, else from the destination.
    fn place(&self, name: &str) -> Result<Vec<String>, VolumeError> {
        if self.whole_paths && name.as_bytes().get(1) == Some(&b':') {
            let path = VolumePath::parse(name)?;
            // The client has seen that it does not exist, and takes for granted that its parent does.
            let first = VolumePath::parse(name.split('/').next().unwrap_or(name))?;
            let parent = first.components().split_last().map(|(_, parent)| parent).unwrap_or_default();
            if let Node::Leaf(_) = self.tree.root().walk(parent, Last::Followed)? {
                return Err(VolumeError::NotADirectory);
            }
            return Ok(path.components().to_vec());
        }
        components(name, name, Above::IsRefused)
    }

    /// Makes `path` the current directory; what is missing of it is made.
    fn enter(&mut self, path: &[String]) -> Result<(), VolumeError> {
        if self.current.as_ref().is_some_and(|current| current.path == path) {
            return Ok(());
        }
        let mut at = self.top.clone();
        for name in path {
            at = match at.walk(std::slice::from_ref(name), Last::Followed) {
                Ok(Node::Directory(directory)) => directory,
                Ok(Node::Leaf(_)) => return Err(VolumeError::NotADirectory),
                Err(VolumeError::NotFound(_)) => {
                    rustix::fs::mkdirat(&at, name.as_str(), Mode::from_raw_mode(0o755))
                        .map_err(VolumeError::io("make", name))?;
                    at.child(OsStr::new(name))?
                }
                Err(error) => return Err(error),
            };
        }
        let names = names::names(&at).map_err(VolumeError::io("list", at.shown()))?;
        let folded = names.into_iter().filter_map(|name| Some((names::fold(name.to_str()?), name))).collect();
        self.current = Some(Current { path: path.to_vec(), directory: at, names: folded });
        Ok(())
    }

    /// Removes what is in the place of an entry, unless it is a directory where one is wanted.
    fn make_room(&mut self, name: &str, entry: &Entry) -> Result<Room, VolumeError> {
        let current = self.current.as_mut().expect("a directory was entered");
        let at = &current.directory;
        let exact = OsString::from(name);
        let real = match rustix::fs::statat(at, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(_) => exact,
            Err(_) => match current.names.get(&names::fold(name)) {
                Some(real) => real.clone(),
                None => return Ok(Room::Empty),
            },
        };
        let stat = match rustix::fs::statat(at, &real, AtFlags::SYMLINK_NOFOLLOW) {
            Err(rustix::io::Errno::NOENT) => return Ok(Room::Empty),
            other => other.map_err(VolumeError::io("look at", shorten(&entry.name)))?,
        };
        let is_directory = FileType::from_raw_mode(stat.st_mode) == FileType::Directory;
        let wants_directory = entry.kind == EntryKind::Directory;
        if is_directory && wants_directory {
            return Ok(Room::Directory);
        }
        if self.overwrite == Overwrite::SameKind && is_directory != wants_directory {
            let shown = format!("{}/{}", at.shown(), names::shown(&real));
            let name = shorten(&entry.name);
            return Err(VolumeError::Overwrite(match is_directory {
                true => format!("directory {shown:?} with non-directory {name:?}"),
                false => format!("non-directory {shown:?} with directory {name:?}"),
            }));
        }
        if is_directory {
            remove_tree(at, &real, 0)?;
        } else {
            rustix::fs::unlinkat(at, &real, AtFlags::empty())
                .map_err(VolumeError::io("replace", shorten(&entry.name)))?;
        }
        current.names.remove(&names::fold(name));
        Ok(Room::Empty)
    }

    fn hard_link_target(&self, name: &str, target: &str) -> Result<(Directory, OsString), VolumeError> {
        let path = self.place(target)?;
        match self.top.walk(&path, Last::Kept)? {
            Node::Leaf(leaf) if FileType::from_raw_mode(leaf.stat.st_mode) == FileType::RegularFile => {
                Ok((leaf.parent, leaf.name))
            }
            _ => Err(VolumeError::Archive(format!("invalid hardlink {:?} -> {:?}", shorten(name), shorten(target)))),
        }
    }
}

/// What is where an entry goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Room {
    /// Nothing.
    Empty,
    /// A directory, which the entry only describes.
    Directory,
}

fn write_file(at: &Directory, name: &str, entry: &Entry, content: &mut impl Read) -> Result<(), VolumeError> {
    let shown = || shorten(&entry.name);
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let file =
        rustix::fs::openat(at, name, flags, Mode::from_raw_mode(0o600)).map_err(VolumeError::io("create", shown()))?;
    let mut file = File::from(file);
    io::copy(content, &mut file).map_err(VolumeError::io("write", shown()))?;
    // Without any bit for writing, Windows programs see the read-only attribute. Everyone may read.
    let mode = Mode::from_raw_mode(entry.mode & 0o755 | 0o444);
    rustix::fs::fchmod(&file, mode).map_err(VolumeError::io("set the mode of", shown()))?;
    rustix::fs::futimens(&file, &times(entry.modified)).map_err(VolumeError::io("set the time of", shown()))
}

fn set_times(directory: &Directory, modified: (i64, u32)) -> rustix::io::Result<()> {
    use std::os::fd::AsFd;
    // The descriptor is one of a place only, which the call by descriptor refuses.
    match rustix::fs::utimensat(directory.as_fd(), "", &times(modified), AtFlags::EMPTY_PATH) {
        Err(rustix::io::Errno::INVAL) => {
            use std::os::fd::AsRawFd;
            let path = format!("/proc/self/fd/{}", directory.as_fd().as_raw_fd());
            rustix::fs::utimensat(CWD, path, &times(modified), AtFlags::empty())
        }
        other => other,
    }
}

fn times((seconds, nanoseconds): (i64, u32)) -> Timestamps {
    let time = Timespec { tv_sec: seconds, tv_nsec: i64::from(nanoseconds) };
    Timestamps { last_access: time, last_modification: time }
}

/// What is written into a link in a directory at this depth: relative, so that programs, for whom the volume is no root, follow it
/// to the same place.
pub(crate) fn link_text(depth: usize, name: &str, target: &str) -> Result<String, VolumeError> {
    let refused = || VolumeError::Archive(format!("invalid symlink {:?} -> {:?}", shorten(name), shorten(target)));
    let absolute = match NtPath::parse(target) {
        Ok(path) if path.drive() == 'C' => Some(path.relative()),
        Ok(_) => return Err(refused()),
        Err(_) if target.starts_with(['/', '\\']) => {
            Some(components(target, target, Above::StaysAtRoot).map_err(|_| refused())?.join("/"))
        }
        Err(_) => None,
    };
    if let Some(path) = absolute {
        let text = format!("{}{path}", "../".repeat(depth));
        return Ok(if text.is_empty() { ".".to_owned() } else { text });
    }
    let mut depth = depth;
    let mut parts = Vec::new();
    for part in target.split(['/', '\\']) {
        match part {
            "" | "." => continue,
            ".." => depth = depth.checked_sub(1).ok_or_else(refused)?,
            _ if casement_nt::path::is_file_name(part) => depth += 1,
            _ => return Err(refused()),
        }
        parts.push(part);
    }
    match parts.is_empty() {
        true if target.is_empty() => Err(refused()),
        true => Ok(".".to_owned()),
        false => Ok(parts.join("/")),
    }
}

fn remove_tree(at: &Directory, name: &OsStr, depth: usize) -> Result<(), VolumeError> {
    let failed = |error| VolumeError::io("remove", names::shown(name))(error);
    if depth > MAX_DEPTH {
        return Err(VolumeError::TooDeep(names::shown(name).into_owned()));
    }
    let directory = at.child(name)?;
    for inside in names::names(&directory).map_err(failed)? {
        match rustix::fs::unlinkat(&directory, &inside, AtFlags::empty()) {
            Err(rustix::io::Errno::ISDIR) => remove_tree(&directory, &inside, depth + 1)?,
            Ok(()) | Err(rustix::io::Errno::NOENT) => {}
            Err(error) => return Err(failed(error)),
        }
    }
    drop(directory);
    rustix::fs::unlinkat(at, name, AtFlags::REMOVEDIR).map_err(failed)
}

/// A name for an error: no archive fills a log.
fn shorten(name: &str) -> String {
    name.chars().take(200).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_stay_in_the_volume() {
        for (depth, target, text) in [
            (1, "x", "x"),
            (2, "../x/./y", "../x/y"),
            (2, "/x", "../../x"),
            (0, "C:\\x\\y", "x/y"),
            (1, "c:/", "../"),
            (1, "..\\x", "../x"),
            (1, "/../../etc", "../etc"),
        ] {
            assert_eq!(link_text(depth, "l", target).unwrap(), text, "{target}");
        }
        for (depth, target) in [(1, "../../etc"), (0, ".."), (1, "D:\\x"), (1, ""), (1, "a\0b"), (1, "x/../../..")] {
            assert!(link_text(depth, "l", target).is_err(), "{target:?}");
        }
    }
}
