//! The index of an unpacked layer whose archive is not here. What NTFS knows of its files stands in extended attributes, as
//! `kernel/wcifs/FORMAT.md` says.

use super::MAX_ENTRIES;
use super::streams::digest_of;
use crate::entry::{Content, Entry, Kind, Stream};
use crate::error::ViewError;
use crate::index::LayerIndex;
use crate::name::TOPS;
use crate::stamp::Stamp;
use casement_layer_tar::{ReparsePoint, attribute, security};
use casement_layers::Digest;
use casement_wcifs::metadata::{self, ATTRIBUTES, CREATED, EXTENDED, Place, REPARSE, SECURITY, STREAM, STREAM_AT};
use rustix::fs::{AtFlags, FileType, Mode, OFlags, ResolveFlags, Stat};
use std::fs::File;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::Path;

/// Deepest directory.
const MAX_DEPTH: usize = 512;
/// Write permission of the owner.
const OWNER_WRITES: u32 = 0o200;

/// Lists the layer unpacked in `directory`, whose archive had this diff id.
///
/// # Errors
/// When something in it cannot be read.
pub fn scan_directory(directory: &Path, diff_id: &Digest) -> Result<LayerIndex, ViewError> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let root = rustix::fs::open(directory, flags, Mode::empty());
    let root = root.map_err(|e| ViewError::io("open", directory.display())(e.into()))?;
    let mut walk = Walk { index: LayerIndex::new(diff_id.clone()), shown: directory.display().to_string() };
    for top in TOPS {
        match rustix::fs::statat(&root, top, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => walk.entry(&root, top, top.to_owned(), &stat, 0)?,
            Err(rustix::io::Errno::NOENT) => {}
            Err(e) => return Err(walk.failed(top)(e)),
        }
    }
    Ok(walk.index)
}

/// Opens something in a directory; no link is followed.
pub fn open_beneath(at: &OwnedFd, path: &str, flags: OFlags) -> rustix::io::Result<OwnedFd> {
    let inside = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
    let flags = flags | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    rustix::fs::openat2(at, path, flags, Mode::empty(), inside)
}

struct Walk {
    index: LayerIndex,
    shown: String,
}

impl Walk {
    fn failed(&self, path: &str) -> impl FnOnce(rustix::io::Errno) -> ViewError {
        let object = format!("{}/{path}", self.shown);
        move |e| ViewError::io("read", object)(e.into())
    }

    fn entry(&mut self, at: &OwnedFd, name: &str, path: String, stat: &Stat, depth: usize) -> Result<(), ViewError> {
        if self.index.entries.len() >= MAX_ENTRIES || depth > MAX_DEPTH {
            let limit = format!("more than {MAX_ENTRIES} entries, or deeper than {MAX_DEPTH} directories");
            return Err(ViewError::TooLarge { what: self.shown.clone(), limit });
        }
        let kind = FileType::from_raw_mode(stat.st_mode);
        let modified = Stamp::from_unix(stat.st_mtime, u32::try_from(stat.st_mtime_nsec).unwrap_or(0));
        let mut entry = Entry {
            path,
            kind: Kind::Whiteout,
            attributes: None,
            modified,
            created: None,
            accessed: None,
            changed: None,
            security: None,
            streams: Vec::new(),
            extended: Vec::new(),
        };
        match kind {
            FileType::RegularFile => {
                let file = open_beneath(at, name, OFlags::RDONLY).map_err(self.failed(&entry.path))?;
                entry.kind =
                    Kind::File(self.content(&mut File::from(self.duplicate(&file, &entry.path)?), &entry.path)?);
                self.metadata(&Place::File(&file), &mut entry, stat)?;
                self.index.entries.push(entry);
            }
            FileType::Directory => {
                let directory = open_beneath(at, name, OFlags::RDONLY | OFlags::DIRECTORY);
                let directory = directory.map_err(self.failed(&entry.path))?;
                let opaque = metadata::is_opaque(&directory).map_err(self.failed(&entry.path))?;
                entry.kind = Kind::Directory { opaque };
                self.metadata(&Place::File(&directory), &mut entry, stat)?;
                let path = entry.path.clone();
                self.index.entries.push(entry);
                return self.children(&directory, &path, depth);
            }
            FileType::Symlink => {
                let target = rustix::fs::readlinkat(at, name, Vec::new()).map_err(self.failed(&entry.path))?;
                entry.kind = Kind::Symlink(target.to_string_lossy().replace('/', "\\"));
                let outer = format!("/proc/self/fd/{}/{name}", at.as_raw_fd());
                self.metadata(&Place::<OwnedFd>::Path(outer.as_bytes()), &mut entry, stat)?;
                self.index.entries.push(entry);
            }
            FileType::CharacterDevice if stat.st_rdev == 0 => self.index.entries.push(entry),
            _ => {}
        }
        Ok(())
    }

    fn duplicate(&self, file: &OwnedFd, path: &str) -> Result<OwnedFd, ViewError> {
        rustix::io::fcntl_dupfd_cloexec(file, 0).map_err(self.failed(path))
    }

    fn children(&mut self, directory: &OwnedFd, path: &str, depth: usize) -> Result<(), ViewError> {
        let mut names = Vec::new();
        for child in rustix::fs::Dir::read_from(directory).map_err(self.failed(path))? {
            let child = child.map_err(self.failed(path))?;
            match child.file_name().to_str() {
                Ok("." | "..") | Err(_) => {}
                Ok(name) => names.push(name.to_owned()),
            }
        }
        names.sort();
        for name in names {
            let stat = rustix::fs::statat(directory, &name, AtFlags::SYMLINK_NOFOLLOW).map_err(self.failed(path))?;
            self.entry(directory, &name, format!("{path}/{name}"), &stat, depth + 1)?;
        }
        Ok(())
    }

    fn content(&self, file: &mut File, path: &str) -> Result<Content, ViewError> {
        let (digest, size) = digest_of(file, &mut [0; 16 << 10]).map_err(ViewError::io("read", path))?;
        let digest = digest.ok_or_else(|| ViewError::damaged(path, "it has no digest"))?;
        Ok(Content { position: None, size, digest })
    }

    fn metadata<F: std::os::fd::AsFd>(
        &mut self,
        place: &Place<'_, F>,
        entry: &mut Entry,
        stat: &Stat,
    ) -> Result<(), ViewError> {
        let names = place.names().map_err(self.failed(&entry.path))?;
        for name in names {
            let value = place.get(&name).map_err(self.failed(&entry.path))?;
            match name.as_str() {
                ATTRIBUTES => entry.attributes = value.try_into().ok().map(u32::from_le_bytes),
                CREATED => entry.created = value.try_into().ok().map(u64::from_le_bytes).map(Stamp::from_filetime),
                SECURITY => entry.security = Some(self.security(value)),
                REPARSE => match ReparsePoint::from_buffer(&value) {
                    Some(point) if point.is_mount_point => entry.kind = Kind::Junction(point.target),
                    Some(point) => entry.kind = Kind::Symlink(point.target),
                    None => {
                        let tag = value.get(..4).and_then(|tag| tag.try_into().ok()).map_or(0, u32::from_le_bytes);
                        entry.kind = Kind::Reparse(tag);
                    }
                },
                _ => {
                    if let Some(stream) = name.strip_prefix(STREAM) {
                        let size = value.len() as u64;
                        let content = Content { position: None, size, digest: Digest::of(&value) };
                        entry.streams.push(Stream { name: stream.to_owned(), content });
                    } else if let Some(stream) = name.strip_prefix(STREAM_AT) {
                        let at = metadata::StreamPlace::from_bytes(&value);
                        let at =
                            at.ok_or_else(|| ViewError::damaged(&entry.path, format!("stream {stream} has no place")))?;
                        let digest = Digest::from_sha256(at.sha256);
                        let content = Content { position: None, size: at.size, digest };
                        entry.streams.push(Stream { name: stream.to_owned(), content });
                    } else if let Some(name) = name.strip_prefix(EXTENDED) {
                        entry.extended.push((name.to_owned(), value.len() as u64));
                    }
                }
            }
        }
        // What is not kept is what any file has.
        let is_directory = matches!(entry.kind, Kind::Directory { .. });
        let default = if is_directory { attribute::DIRECTORY } else { attribute::ARCHIVE };
        let attributes = entry.attributes.get_or_insert(default);
        if matches!(entry.kind, Kind::File(_)) && stat.st_mode & OWNER_WRITES == 0 {
            *attributes |= attribute::READ_ONLY;
        }
        if entry.security.is_none() {
            let default = if is_directory { security::of_directories() } else { security::of_files() };
            entry.security = Some(self.security(default));
        }
        Ok(())
    }

    fn security(&mut self, descriptor: Vec<u8>) -> u32 {
        let known = self.index.securities.iter().position(|known| *known == descriptor);
        let number = known.unwrap_or_else(|| {
            self.index.securities.push(descriptor);
            self.index.securities.len() - 1
        });
        u32::try_from(number).unwrap_or(u32::MAX)
    }
}
