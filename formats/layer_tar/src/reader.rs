//! Reads layer archives from anyone: nothing is allocated by a size that the archive states, and every name is checked.

use crate::entry::{Entry, Kind};
use crate::error::LayerTarError;
use crate::limits::{MAX_FILE, MAX_HEADERS, MAX_RECORDS, MAX_REPARSE, MAX_TRAILER};
use crate::metadata::attribute;
use crate::path::LayerPath;
use crate::records::Records;
use crate::reparse::ReparsePoint;
use crate::time::NtTime;
use std::io::{self, Read};
use tar::{EntryType, Header};

const BLOCK: usize = 512;
/// Before the name of what is gone (OCI image specification, "Whiteouts").
pub(crate) const WHITEOUT: &str = ".wh.";
/// In place of all names.
const OPAQUE: &str = ".wh..wh..opq";
/// The type that NTFS writes after the names of streams.
const DATA: &str = ":$DATA";

/// Walks through the entries of an archive. Reading from it gives the content of the entry that came last.
pub struct LayerReader<R> {
    stream: R,
    /// Of the current entry.
    content_left: u64,
    padding: u64,
    headers: u64,
    ended: bool,
}

impl<R: Read> LayerReader<R> {
    /// Reads the archive `stream` from its beginning.
    pub fn new(stream: R) -> Self {
        Self { stream, content_left: 0, padding: 0, headers: 0, ended: false }
    }

    /// The next entry; what was not read of the last one is skipped. `None` at the end, when the stream has been read to
    /// its own end.
    ///
    /// # Errors
    /// [`LayerTarError`] for an entry that is refused. After [`LayerTarError::BadName`], [`LayerTarError::BadRecord`] and
    /// [`LayerTarError::Unsupported`] the next call goes on behind it, for those who look for all that is wrong (when
    /// records were refused, without them); after any other, reading on makes no sense.
    pub fn next_entry(&mut self) -> Result<Option<Entry>, LayerTarError> {
        let mut records = Records::default();
        while !self.ended {
            self.skip()?;
            let Some(header) = self.header()? else {
                self.ended = true;
                let rest = io::copy(&mut (&mut self.stream).take(MAX_TRAILER + 1), &mut io::sink())?;
                if rest > MAX_TRAILER {
                    return Err(LayerTarError::TooLarge(format!("more than {MAX_TRAILER} bytes after its end")));
                }
                break;
            };
            let size = header.entry_size().map_err(|_| LayerTarError::Malformed("a size is no number"))?;
            self.expect(size);
            match header.entry_type() {
                EntryType::XHeader => {
                    let bytes = self.read_all()?;
                    records.read(&bytes, &String::from_utf8_lossy(&header.path_bytes()))?;
                }
                // What git and others write for all entries says nothing about a layer.
                EntryType::XGlobalHeader => drop(self.read_all()?),
                EntryType::GNULongName => records.path = Some(self.read_long()?),
                EntryType::GNULongLink => records.link = Some(self.read_long()?),
                kind => {
                    let entry = self.finish(&header, kind, records)?;
                    match entry {
                        Some(entry) => return Ok(Some(entry)),
                        None => records = Records::default(),
                    }
                }
            }
        }
        Ok(None)
    }

    /// `None` for the directory that holds the layer itself, which some tools write as `./`.
    fn finish(
        &mut self,
        header: &Header,
        kind: EntryType,
        mut records: Records,
    ) -> Result<Option<Entry>, LayerTarError> {
        if let Some(size) = records.size {
            self.expect(size);
        }
        let name = match records.path.take() {
            Some(name) => name,
            None => text(header.path_bytes().into_owned())?,
        };
        if matches!(name.as_str(), "." | "./") && kind == EntryType::Directory {
            return Ok(None);
        }
        let link = match records.link.take() {
            Some(link) => link,
            None => text(header.link_name_bytes().map(|name| name.into_owned()).unwrap_or_default())?,
        };
        let size = self.content_left;
        let is_mount_point = records.is_mount_point;
        let (path, kind) = match kind {
            EntryType::Directory => (LayerPath::new(&name)?, Kind::Directory),
            EntryType::Regular | EntryType::Continuous if name.ends_with('/') => {
                (LayerPath::new(&name)?, Kind::Directory)
            }
            EntryType::Regular | EntryType::Continuous => file(&name, size)?,
            EntryType::Symlink => (of_volume(&name)?, Kind::Reparse(reparse(&name, &link, is_mount_point)?)),
            EntryType::Link => (of_volume(&name)?, Kind::HardLink(of_volume(&link)?)),
            other => return Err(LayerTarError::unsupported(&name, format!("an entry of type {other:?}"))),
        };
        if size > 0 && kind.size() == 0 {
            // Whatever it says: links and directories have no content.
            self.padding = self.padding.saturating_add(self.content_left);
            self.content_left = 0;
        }
        let default = if kind == Kind::Directory { attribute::DIRECTORY } else { attribute::ARCHIVE };
        let time = header.mtime().map_err(|_| LayerTarError::Malformed("a time is no number"))?;
        let mut metadata = records.into_metadata(NtTime::from_seconds(i64::try_from(time).unwrap_or(0)), default);
        match &kind {
            Kind::Directory => metadata.attributes |= attribute::DIRECTORY,
            Kind::Reparse(_) => metadata.attributes |= attribute::REPARSE_POINT,
            _ => {}
        }
        Ok(Some(Entry { path, kind, metadata }))
    }

    /// The next header block; `None` for the block of zeroes, or the end of the stream, that ends an archive.
    fn header(&mut self) -> Result<Option<Header>, LayerTarError> {
        self.headers += 1;
        if self.headers > MAX_HEADERS {
            return Err(LayerTarError::TooLarge(format!("more than {MAX_HEADERS} headers")));
        }
        let mut header = Header::new_old();
        let block = header.as_mut_bytes();
        let mut filled = 0;
        while filled < BLOCK {
            match self.stream.read(&mut block[filled..]) {
                Ok(0) if filled == 0 => return Ok(None),
                Ok(0) => return Err(LayerTarError::Malformed("it ends within a header")),
                Ok(count) => filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
        if block.iter().all(|byte| *byte == 0) {
            return Ok(None);
        }
        let sum = block.iter().enumerate().map(|(at, byte)| match at {
            148..156 => u32::from(b' '),
            _ => u32::from(*byte),
        });
        let sum: u32 = sum.sum();
        match header.cksum() {
            Ok(stated) if stated == sum => Ok(Some(header)),
            _ => Err(LayerTarError::Malformed("it is no tar archive, or a header is damaged")),
        }
    }

    fn expect(&mut self, size: u64) {
        self.content_left = size;
        self.padding = (BLOCK as u64 - size % BLOCK as u64) % BLOCK as u64;
    }

    fn skip(&mut self) -> Result<(), LayerTarError> {
        let left = self.content_left.saturating_add(self.padding);
        (self.content_left, self.padding) = (0, 0);
        let skipped = io::copy(&mut (&mut self.stream).take(left), &mut io::sink())?;
        if skipped < left { Err(LayerTarError::Malformed("it ends within an entry")) } else { Ok(()) }
    }

    fn read_all(&mut self) -> Result<Vec<u8>, LayerTarError> {
        let wanted = self.content_left;
        if wanted > MAX_RECORDS {
            return Err(LayerTarError::TooLarge(format!("PAX records of more than {MAX_RECORDS} bytes")));
        }
        let mut bytes = Vec::new();
        (&mut *self).take(wanted).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    fn read_long(&mut self) -> Result<String, LayerTarError> {
        let mut bytes = self.read_all()?;
        let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
        bytes.truncate(end);
        text(bytes)
    }
}

impl<R: Read> Read for LayerReader<R> {
    /// The content of the current entry.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let wanted = usize::try_from(self.content_left).unwrap_or(usize::MAX).min(buffer.len());
        if wanted == 0 {
            return Ok(0);
        }
        let count = self.stream.read(&mut buffer[..wanted])?;
        if count == 0 {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "it ends within an entry"));
        }
        self.content_left -= count as u64;
        Ok(count)
    }
}

/// A file, one of its streams, or a whiteout.
fn file(name: &str, size: u64) -> Result<(LayerPath, Kind), LayerTarError> {
    if size > MAX_FILE {
        return Err(LayerTarError::TooLarge(format!("a file of more than {MAX_FILE} bytes")));
    }
    let last = name.rsplit('/').next().unwrap_or_default();
    if last == OPAQUE {
        let (directory, _) = name.rsplit_once('/').unwrap_or_default();
        let path = LayerPath::new(directory)?;
        let allowed = path.is_of_a_volume() || matches!(path.as_str(), "Files" | "UtilityVM/Files");
        return match allowed {
            true => Ok((path, Kind::Opaque)),
            false => Err(LayerTarError::bad_name(name, "is a whiteout outside of Files")),
        };
    }
    if let Some(gone) = last.strip_prefix(WHITEOUT) {
        let directory = &name[..name.len() - last.len()];
        let path = LayerPath::new(&format!("{directory}{gone}"))?;
        return match path.is_of_a_volume() && !gone.is_empty() {
            true => Ok((path, Kind::Whiteout)),
            false => Err(LayerTarError::bad_name(name, "is a whiteout outside of Files")),
        };
    }
    let Some(colon) = last.find(':') else { return Ok((LayerPath::new(name)?, Kind::File { size })) };
    let (file, stream) = (&name[..name.len() - last.len() + colon], &last[colon + 1..]);
    let stream = stream.strip_suffix(DATA).unwrap_or(stream);
    let path = of_volume(file)?;
    let is_name = !stream.is_empty()
        && stream.encode_utf16().count() <= crate::limits::MAX_COMPONENT
        && !stream.contains([':', '/', '\\'])
        && stream.chars().all(|c| c >= ' ');
    match is_name {
        true => Ok((path, Kind::Stream { name: stream.to_owned(), size })),
        false => Err(LayerTarError::bad_name(name, "has no name of a stream after its colon")),
    }
}

fn reparse(name: &str, target: &str, is_mount_point: bool) -> Result<ReparsePoint, LayerTarError> {
    let point = ReparsePoint { target: target.replace('/', "\\"), is_mount_point };
    if target.is_empty() || target.contains('\0') || target.len() > MAX_REPARSE {
        return Err(LayerTarError::bad_name(name, "is a link to nothing that can be named"));
    }
    Ok(point)
}

fn of_volume(name: &str) -> Result<LayerPath, LayerTarError> {
    let path = LayerPath::new(name)?;
    match path.is_of_a_volume() {
        true => Ok(path),
        false => Err(LayerTarError::bad_name(name, "is a link or stream outside of Files")),
    }
}

fn text(bytes: Vec<u8>) -> Result<String, LayerTarError> {
    String::from_utf8(bytes)
        .map_err(|e| LayerTarError::bad_name(&String::from_utf8_lossy(e.as_bytes()), "is not UTF-8"))
}
