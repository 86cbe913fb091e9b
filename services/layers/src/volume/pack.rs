//! Part of a volume as a tar stream, as `docker cp` takes it out.

use super::error::VolumeError;
use super::names;
use super::path::VolumePath;
use super::stat::last_of;
use super::tree::{self, Directory, Leaf, MAX_DEPTH, Node, VolumeTree};
use rustix::fs::{AtFlags, FileType, OFlags, Stat};
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::ffi::OsStrExt;
use tar::{Builder, EntryType, Header};

/// Longest name that fits in a header; longer ones get a record of their own.
const HEADER_NAME: usize = 100;

impl VolumeTree {
    /// Writes what is at `path` as a tar stream. Names in it begin with [`VolumePath::base`]; what is not a file, directory or
    /// link is left out.
    ///
    /// # Errors
    /// [`VolumeError::NotFound`], or what could not be read or written; the stream is incomplete then.
    pub fn pack(&self, path: &VolumePath, out: &mut dyn Write) -> Result<(), VolumeError> {
        let _owner = self.as_owner()?;
        let node = self.find(path, last_of(path))?;
        let mut packer = Packer { out: Builder::new(out) };
        match node {
            Node::Directory(directory) => {
                // The names below the root begin with a slash: that is what Docker's clients rewrite.
                let top = if path.base() == "/" { "" } else { path.base() };
                packer.directory(&directory, top.as_bytes().to_vec())?;
            }
            Node::Leaf(leaf) => packer.leaf(&leaf.parent, &leaf, path.base().as_bytes().to_vec())?,
        }
        let finished = packer.out.into_inner().and_then(|out| out.flush());
        finished.map_err(VolumeError::io("write", "the archive"))
    }
}

struct Packer<'a> {
    out: Builder<&'a mut dyn Write>,
}

impl Packer<'_> {
    fn directory(&mut self, directory: &Directory, name: Vec<u8>) -> Result<(), VolumeError> {
        let shown = || String::from_utf8_lossy(&name).into_owned();
        if directory.depth() > MAX_DEPTH {
            return Err(VolumeError::TooDeep(shown()));
        }
        let stat = rustix::fs::fstat(directory).map_err(VolumeError::io("look at", shown()))?;
        let mut prefix = name.clone();
        prefix.push(b'/');
        self.head(EntryType::Directory, &prefix, &stat, 0, None).map_err(VolumeError::io("write", shown()))?;
        let mut inside = names::names(directory).map_err(VolumeError::io("list", shown()))?;
        inside.sort();
        for child in inside {
            let mut path = prefix.clone();
            path.extend(child.as_bytes());
            self.child(directory, &child, path)?;
        }
        Ok(())
    }

    fn child(&mut self, parent: &Directory, name: &OsStr, path: Vec<u8>) -> Result<(), VolumeError> {
        let stat = match rustix::fs::statat(parent, name, AtFlags::SYMLINK_NOFOLLOW) {
            // Removed meanwhile.
            Err(rustix::io::Errno::NOENT) => return Ok(()),
            other => other.map_err(VolumeError::io("look at", String::from_utf8_lossy(&path)))?,
        };
        if FileType::from_raw_mode(stat.st_mode) == FileType::Directory {
            return match parent.child(name) {
                Ok(directory) => self.directory(&directory, path),
                Err(VolumeError::NotFound(_)) => Ok(()),
                Err(error) => Err(error),
            };
        }
        self.leaf(parent, &Leaf { parent: parent.clone(), name: name.to_owned(), stat }, path)
    }

    fn leaf(&mut self, parent: &Directory, leaf: &Leaf, path: Vec<u8>) -> Result<(), VolumeError> {
        let shown = || String::from_utf8_lossy(&path).into_owned();
        match FileType::from_raw_mode(leaf.stat.st_mode) {
            FileType::RegularFile => {
                let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOFOLLOW | OFlags::CLOEXEC;
                let file = match tree::open(parent, &leaf.name, flags) {
                    Err(rustix::io::Errno::NOENT) => return Ok(()),
                    other => other.map_err(VolumeError::io("open", shown()))?,
                };
                // What was opened is what is described, whatever the name stands for by now.
                let stat = rustix::fs::fstat(&file).map_err(VolumeError::io("look at", shown()))?;
                if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
                    return Ok(());
                }
                let size = u64::try_from(stat.st_size).unwrap_or(0);
                let mut content = Exactly { file: File::from(file), left: size };
                self.records(&path, None, &stat)
                    .and_then(|()| self.out.append(&header(EntryType::Regular, &path, &stat, size), &mut content))
                    .map_err(VolumeError::io("read", shown()))
            }
            FileType::Symlink => {
                let target = match rustix::fs::readlinkat(parent, &leaf.name, Vec::new()) {
                    Err(rustix::io::Errno::NOENT | rustix::io::Errno::INVAL) => return Ok(()),
                    other => other.map_err(VolumeError::io("read the link", shown()))?,
                };
                self.head(EntryType::Symlink, &path, &leaf.stat, 0, Some(target.as_bytes()))
                    .map_err(VolumeError::io("write", shown()))
            }
            _ => Ok(()),
        }
    }

    fn head(&mut self, kind: EntryType, name: &[u8], stat: &Stat, size: u64, link: Option<&[u8]>) -> io::Result<()> {
        self.records(name, link, stat)?;
        let mut header = header(kind, name, stat, size);
        if let Some(link) = link {
            set_field(&mut header.as_old_mut().linkname, link);
            header.set_cksum();
        }
        self.out.append(&header, io::empty())
    }

    /// What does not fit in a header: long names, and fractions of seconds.
    fn records(&mut self, name: &[u8], link: Option<&[u8]>, stat: &Stat) -> io::Result<()> {
        let time = format!("{}.{:09}", stat.st_mtime, stat.st_mtime_nsec);
        let mut records: Vec<(&str, &[u8])> = Vec::new();
        if name.len() > HEADER_NAME || !name.is_ascii() {
            records.push(("path", name));
        }
        if let Some(link) = link.filter(|link| link.len() > HEADER_NAME || !link.is_ascii()) {
            records.push(("linkpath", link));
        }
        if stat.st_mtime_nsec != 0 && stat.st_mtime >= 0 {
            records.push(("mtime", time.as_bytes()));
        }
        if records.is_empty() { Ok(()) } else { self.out.append_pax_extensions(records) }
    }
}

fn header(kind: EntryType, name: &[u8], stat: &Stat, size: u64) -> Header {
    let mut header = Header::new_ustar();
    header.set_entry_type(kind);
    set_field(&mut header.as_old_mut().name, name);
    header.set_mode(stat.st_mode & 0o777);
    // Owners mean nothing outside: everything in a container belongs to its programs.
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(u64::try_from(stat.st_mtime).unwrap_or(0));
    header.set_size(size);
    header.set_cksum();
    header
}

fn set_field(field: &mut [u8; HEADER_NAME], value: &[u8]) {
    let length = value.len().min(HEADER_NAME);
    field[..length].copy_from_slice(&value[..length]);
}

/// As many bytes of a file as its header says: a file that grows is cut, one that shrinks breaks the archive.
struct Exactly {
    file: File,
    left: u64,
}

impl Read for Exactly {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let wanted = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        let count = self.file.read(&mut buffer[..wanted])?;
        if count == 0 && wanted > 0 {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the file became shorter while it was read"));
        }
        self.left -= count as u64;
        Ok(count)
    }
}
