//! Writes layer archives. The same calls give the same bytes.

use crate::entry::{Entry, Kind};
use crate::error::LayerTarError;
use crate::metadata::Metadata;
use crate::path::LayerPath;
use crate::reader::WHITEOUT;
use crate::records;
use std::io::{self, Read, Write};
use tar::{EntryType, Header};

/// Type bits of a directory and a file, all that go-winio keeps of a mode.
const MODE_DIRECTORY: u32 = 0o040_000;
const MODE_FILE: u32 = 0o100_000;
const MODE_LINK: u32 = 0o120_000;
/// What exporters of Windows give hard links.
const MODE_HARD_LINK: u32 = 0o644;
/// Room for a name in the header; a longer one goes into a PAX record.
const HEADER_NAME: usize = 100;
/// Largest size that eleven octal digits say.
const HEADER_SIZE: u64 = 0o77_777_777_777;
const BLOCK: u64 = 512;

/// Writes a layer archive to `W`.
pub struct LayerWriter<W: Write> {
    out: W,
}

impl<W: Write> LayerWriter<W> {
    /// An archive with no entry yet.
    pub fn new(out: W) -> Self {
        Self { out }
    }

    /// Adds an entry of any kind; `content` has exactly the bytes that its kind states. Directories come before what is in
    /// them, files before their streams.
    ///
    /// # Errors
    /// When `content` cannot be read or is shorter, or the archive cannot be written.
    pub fn entry(&mut self, entry: &Entry, content: impl Read) -> Result<(), LayerTarError> {
        let path = entry.path.as_str();
        let (parent, last) = entry.path.split();
        let metadata = Some(&entry.metadata);
        match &entry.kind {
            Kind::Directory => self.head(&format!("{path}/"), EntryType::Directory, metadata, None, 0)?,
            Kind::File { size } => self.head(path, EntryType::Regular, metadata, None, *size)?,
            Kind::Stream { name, size } => {
                // No attributes: what they say would be taken for a file of this name.
                self.head(&format!("{path}:{name}"), EntryType::Regular, None, None, *size)?;
            }
            Kind::Reparse(point) => {
                let target = point.target.replace('\\', "/");
                let link = Some((target.as_str(), point.is_mount_point));
                self.head(path, EntryType::Symlink, metadata, link, 0)?;
            }
            Kind::HardLink(target) => {
                self.head(path, EntryType::Link, None, Some((target.as_str(), false)), 0)?;
            }
            Kind::Whiteout => {
                let directory = parent.map(|parent| format!("{parent}/")).unwrap_or_default();
                self.head(&format!("{directory}{WHITEOUT}{last}"), EntryType::Regular, None, None, 0)?;
            }
            Kind::Opaque => self.head(&format!("{path}/.wh..wh..opq"), EntryType::Regular, None, None, 0)?,
        }
        self.content(&entry.path, entry.kind.size(), content)
    }

    /// Adds a directory.
    ///
    /// # Errors
    /// As [`LayerWriter::entry`].
    pub fn directory(&mut self, path: &LayerPath, metadata: &Metadata) -> Result<(), LayerTarError> {
        let entry = Entry { path: path.clone(), kind: Kind::Directory, metadata: metadata.clone() };
        self.entry(&entry, io::empty())
    }

    /// Adds a file with exactly `size` bytes of `content`.
    ///
    /// # Errors
    /// As [`LayerWriter::entry`].
    pub fn file(
        &mut self,
        path: &LayerPath,
        metadata: &Metadata,
        size: u64,
        content: impl Read,
    ) -> Result<(), LayerTarError> {
        let entry = Entry { path: path.clone(), kind: Kind::File { size }, metadata: metadata.clone() };
        self.entry(&entry, content)
    }

    fn head(
        &mut self,
        name: &str,
        kind: EntryType,
        metadata: Option<&Metadata>,
        link: Option<(&str, bool)>,
        size: u64,
    ) -> Result<(), LayerTarError> {
        let in_header = |text: &str| text.len() <= HEADER_NAME && text.is_ascii();
        let mut others = Vec::new();
        if !in_header(name) {
            others.push(("path", name));
        }
        let (target, is_mount_point) = link.unwrap_or_default();
        if !in_header(target) {
            others.push(("linkpath", target));
        }
        let size_text = size.to_string();
        if size > HEADER_SIZE {
            others.push(("size", &size_text));
        }
        let records = records::write(metadata, is_mount_point, &others);
        if !records.is_empty() {
            let header = header("PaxHeaders.0/", name, EntryType::XHeader, records.len() as u64);
            self.out.write_all(sealed(header).as_bytes())?;
            self.out.write_all(&records)?;
            self.pad(records.len() as u64)?;
        }
        let mut header = header("", name, kind, if size > HEADER_SIZE { 0 } else { size });
        header.set_mode(match kind {
            EntryType::Directory => MODE_DIRECTORY,
            EntryType::Symlink => MODE_LINK,
            EntryType::Link => MODE_HARD_LINK,
            _ => MODE_FILE,
        });
        let seconds = metadata.map_or(0, |metadata| metadata.modified.seconds());
        header.set_mtime(u64::try_from(seconds).unwrap_or(0));
        put(&mut header.as_old_mut().linkname, target);
        self.out.write_all(sealed(header).as_bytes())?;
        Ok(())
    }

    fn content(&mut self, path: &LayerPath, size: u64, content: impl Read) -> Result<(), LayerTarError> {
        let copied = io::copy(&mut content.take(size), &mut self.out)?;
        if copied < size {
            return Err(io::Error::other(format!("{path} became shorter while it was read")).into());
        }
        self.pad(size)
    }

    fn pad(&mut self, size: u64) -> Result<(), LayerTarError> {
        let padding = (BLOCK - size % BLOCK) % BLOCK;
        Ok(self.out.write_all(&[0; BLOCK as usize][..padding as usize])?)
    }

    /// Ends the archive and gives the output back.
    ///
    /// # Errors
    /// When the end cannot be written.
    pub fn finish(mut self) -> Result<W, LayerTarError> {
        self.out.write_all(&[0; 2 * BLOCK as usize])?;
        Ok(self.out)
    }
}

fn header(prefix: &str, name: &str, kind: EntryType, size: u64) -> Header {
    let mut header = Header::new_ustar();
    put(&mut header.as_old_mut().name, &format!("{prefix}{name}"));
    header.set_entry_type(kind);
    header.set_mode(0o644);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header.set_size(size);
    header
}

/// What of a text fits into a field; the whole is in a record then.
fn put(field: &mut [u8], text: &str) {
    let short: Vec<u8> = text.bytes().filter(u8::is_ascii).take(field.len()).collect();
    field[..short.len()].copy_from_slice(&short);
}

fn sealed(mut header: Header) -> Header {
    header.set_cksum();
    header
}
