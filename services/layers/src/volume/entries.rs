//! The entries of a tar stream from anyone: nothing is allocated by a size that the stream states.

use super::error::VolumeError;
use std::io::{self, Read};
use tar::{EntryType, Header, PaxExtensions};

const BLOCK: usize = 512;
/// Most bytes of the records of one entry, and of a long name.
const MAX_RECORDS: u64 = 1 << 20;
/// Most bytes that are read after the end of the archive, for clients that send what they have to the end.
const MAX_TRAILER: u64 = 1 << 20;

/// What an entry makes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum EntryKind {
    File,
    Directory,
    Symlink(String),
    HardLink(String),
    /// A device or a pipe: nothing that Windows has.
    Other,
}

/// The head of an entry.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) name: String,
    pub(super) kind: EntryKind,
    pub(super) mode: u32,
    pub(super) modified: (i64, u32),
}

/// Walks through a tar stream.
pub(super) struct Entries<R> {
    stream: R,
    /// Of the current entry.
    content_left: u64,
    padding: u64,
}

/// Records that stand before an entry and concern it.
#[derive(Default)]
struct Records {
    name: Option<String>,
    link: Option<String>,
    size: Option<u64>,
    modified: Option<(i64, u32)>,
}

impl<R: Read> Entries<R> {
    pub(super) fn new(stream: R) -> Self {
        Self { stream, content_left: 0, padding: 0 }
    }

    /// The head of the next entry; what was not read of the last one is skipped. `None` at the end.
    pub(super) fn next(&mut self) -> Result<Option<Entry>, VolumeError> {
        let mut records = Records::default();
        loop {
            self.skip()?;
            let Some(header) = self.header()? else {
                let mut rest = (&mut self.stream).take(MAX_TRAILER);
                io::copy(&mut rest, &mut io::sink()).map_err(unreadable)?;
                return Ok(None);
            };
            let size = header.entry_size().map_err(malformed)?;
            self.expect(size);
            match header.entry_type() {
                EntryType::XHeader => self.read_pax(&mut records)?,
                EntryType::XGlobalHeader => {}
                EntryType::GNULongName => records.name = Some(self.read_long()?),
                EntryType::GNULongLink => records.link = Some(self.read_long()?),
                kind => return self.finish(&header, kind, records).map(Some),
            }
        }
    }

    fn finish(&mut self, header: &Header, kind: EntryType, records: Records) -> Result<Entry, VolumeError> {
        if let Some(size) = records.size {
            self.expect(size);
        }
        let name = match records.name {
            Some(name) => name,
            None => text(header.path_bytes().into_owned())?,
        };
        let link = || match records.link.clone() {
            Some(link) => Ok(link),
            None => text(header.link_name_bytes().map(|name| name.into_owned()).unwrap_or_default()),
        };
        let kind = match kind {
            EntryType::Regular | EntryType::Continuous if name.ends_with('/') => EntryKind::Directory,
            EntryType::Regular | EntryType::Continuous => EntryKind::File,
            EntryType::Directory => EntryKind::Directory,
            EntryType::Symlink => EntryKind::Symlink(link()?),
            EntryType::Link => EntryKind::HardLink(link()?),
            EntryType::Char | EntryType::Block | EntryType::Fifo => EntryKind::Other,
            EntryType::GNUSparse => {
                return Err(VolumeError::Archive(format!(
                    "{name:?} is a sparse entry: pack the archive without --sparse"
                )));
            }
            other => return Err(VolumeError::Archive(format!("{name:?} has the unknown type {other:?}"))),
        };
        if kind != EntryKind::File {
            // Whatever it says: links and directories have no content.
            self.padding = self.padding.saturating_add(self.content_left);
            self.content_left = 0;
        }
        let modified = match records.modified {
            Some(time) => time,
            None => (i64::try_from(header.mtime().map_err(malformed)?).unwrap_or(0), 0),
        };
        Ok(Entry { name, kind, mode: header.mode().map_err(malformed)?, modified })
    }

    /// The next header block; `None` for the block of zeroes, or the end of the stream, that ends an archive.
    fn header(&mut self) -> Result<Option<Header>, VolumeError> {
        let mut header = Header::new_old();
        let block = header.as_mut_bytes();
        let mut filled = 0;
        while filled < BLOCK {
            match self.stream.read(&mut block[filled..]) {
                Ok(0) if filled == 0 => return Ok(None),
                Ok(0) => return Err(malformed("it ends within a header")),
                Ok(count) => filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(unreadable(error)),
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
            _ => Err(malformed("invalid tar header")),
        }
    }

    fn expect(&mut self, size: u64) {
        self.content_left = size;
        self.padding = (BLOCK as u64 - size % BLOCK as u64) % BLOCK as u64;
    }

    fn skip(&mut self) -> Result<(), VolumeError> {
        let left = self.content_left.saturating_add(self.padding);
        (self.content_left, self.padding) = (0, 0);
        let skipped = io::copy(&mut (&mut self.stream).take(left), &mut io::sink()).map_err(unreadable)?;
        if skipped < left { Err(malformed("it ends within an entry")) } else { Ok(()) }
    }

    fn read_all(&mut self) -> Result<Vec<u8>, VolumeError> {
        if self.content_left > MAX_RECORDS {
            return Err(malformed("an entry has too many records"));
        }
        let mut bytes = Vec::new();
        let wanted = self.content_left;
        (&mut *self).take(wanted).read_to_end(&mut bytes).map_err(unreadable)?;
        Ok(bytes)
    }

    fn read_long(&mut self) -> Result<String, VolumeError> {
        let mut bytes = self.read_all()?;
        let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
        bytes.truncate(end);
        text(bytes)
    }

    fn read_pax(&mut self, records: &mut Records) -> Result<(), VolumeError> {
        let bytes = self.read_all()?;
        for record in PaxExtensions::new(&bytes) {
            let record = record.map_err(malformed)?;
            let value = record.value_bytes();
            match record.key_bytes() {
                b"path" => records.name = Some(text(value.to_vec())?),
                b"linkpath" => records.link = Some(text(value.to_vec())?),
                b"size" => {
                    let size = record.value().ok().and_then(|value| value.parse().ok());
                    records.size = Some(size.ok_or_else(|| malformed("a size is no number"))?);
                }
                b"mtime" => records.modified = record.value().ok().and_then(time),
                _ => {}
            }
        }
        Ok(())
    }
}

impl<R: Read> Read for Entries<R> {
    /// The content of the current entry.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let wanted = usize::try_from(self.content_left).unwrap_or(usize::MAX).min(buffer.len());
        if wanted == 0 {
            return Ok(0);
        }
        let count = self.stream.read(&mut buffer[..wanted])?;
        if count == 0 {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the archive ends within an entry"));
        }
        self.content_left -= count as u64;
        Ok(count)
    }
}

/// `1700000000.123456789`; times before 1970 count as 1970, for want of anything that Windows has.
fn time(value: &str) -> Option<(i64, u32)> {
    let (seconds, fraction) = value.split_once('.').unwrap_or((value, ""));
    let digits: String = fraction.chars().chain("000000000".chars()).take(9).collect();
    let seconds: i64 = seconds.parse().ok()?;
    Some(if seconds < 0 { (0, 0) } else { (seconds, digits.parse().ok()?) })
}

fn text(bytes: Vec<u8>) -> Result<String, VolumeError> {
    String::from_utf8(bytes).map_err(|_| malformed("a name is not UTF-8"))
}

fn malformed(why: impl ToString) -> VolumeError {
    VolumeError::Archive(format!("the archive is malformed: {}", why.to_string()))
}

fn unreadable(error: io::Error) -> VolumeError {
    VolumeError::Archive(format!("cannot read the archive: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn damaged_streams_are_errors() {
        for bytes in [vec![1u8; 512], vec![0x20; 100], {
            let mut header = Header::new_ustar();
            header.set_path("x").unwrap();
            header.set_size(1000);
            header.set_cksum();
            header.as_bytes().to_vec()
        }] {
            let mut entries = Entries::new(&bytes[..]);
            let mut result = entries.next();
            if result.is_ok() {
                result = entries.next();
            }
            assert!(matches!(result, Err(VolumeError::Archive(_))), "{bytes:?}");
        }
    }

    #[test]
    fn a_size_that_lies_allocates_nothing() {
        let mut header = Header::new_ustar();
        header.set_entry_type(EntryType::XHeader);
        header.set_size(1 << 60);
        header.set_cksum();
        let error = Entries::new(&header.as_bytes()[..]).next().unwrap_err();
        assert!(error.to_string().contains("too many records"), "{error}");
    }

    #[test]
    fn times_have_fractions() {
        assert_eq!(time("12.5"), Some((12, 500_000_000)));
        assert_eq!(time("12"), Some((12, 0)));
        assert_eq!(time("-1.5"), Some((0, 0)));
        assert_eq!(time("x"), None);
    }
}
