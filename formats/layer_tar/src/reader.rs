//! Reads layer archives from anyone: nothing is allocated by a size that the archive states, and every name is checked.

use crate::error::LayerTarError;
use crate::metadata::{ATTRIBUTE_ARCHIVE, ATTRIBUTE_DIRECTORY, CREATION_TIME, FILE_ATTRIBUTES, Metadata, NtTime};
use crate::path::LayerPath;
use std::io::Read;
use tar::{Archive, Entries, EntryType, PaxExtensions};

/// Most bytes of the PAX records of one entry.
pub const MAX_RECORDS: u64 = 1 << 20;
/// Most entries in one layer.
pub const MAX_ENTRIES: u64 = 4_000_000;
/// Largest file in bytes.
pub const MAX_FILE: u64 = 1 << 40;

/// What an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A directory.
    Directory,
    /// A file.
    File {
        /// Its size in bytes.
        size: u64,
    },
}

/// An entry; reading from it gives the file's content.
pub struct Entry<'a, R: Read> {
    /// Its checked name.
    pub path: LayerPath,
    /// Directory or file.
    pub kind: Kind,
    /// Attributes and times.
    pub metadata: Metadata,
    content: tar::Entry<'a, R>,
}

impl<R: Read> Read for Entry<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        self.content.read(buffer)
    }
}

/// Walks through the entries of an archive.
pub struct LayerReader<'a, R: Read> {
    entries: Entries<'a, R>,
    seen: u64,
}

impl<'a, R: Read> LayerReader<'a, R> {
    /// Reads `archive` from its beginning.
    ///
    /// # Errors
    /// When the archive is not at its beginning.
    pub fn new(archive: &'a mut Archive<R>) -> Result<Self, LayerTarError> {
        Ok(Self { entries: archive.entries()?.raw(true), seen: 0 })
    }

    /// The next entry; `None` at the end.
    ///
    /// # Errors
    /// [`LayerTarError`] at the first entry that is refused; reading on makes no sense then.
    pub fn next_entry(&mut self) -> Result<Option<Entry<'a, R>>, LayerTarError> {
        let mut records: Option<Vec<u8>> = None;
        loop {
            let Some(entry) = self.entries.next() else {
                return Ok(None);
            };
            let mut entry = entry?;
            self.seen += 1;
            if self.seen > 2 * MAX_ENTRIES {
                return Err(LayerTarError::TooLarge(format!("more than {MAX_ENTRIES} entries")));
            }
            let kind = entry.header().entry_type();
            if matches!(kind, EntryType::XHeader | EntryType::XGlobalHeader) {
                let bytes = read_records(&mut entry)?;
                // Global records, which git and others write, say nothing about a layer.
                if kind == EntryType::XHeader {
                    records = Some(bytes);
                }
                continue;
            }
            return finish_entry(entry, records.as_deref().unwrap_or_default()).map(Some);
        }
    }
}

fn read_records<R: Read>(entry: &mut tar::Entry<'_, R>) -> Result<Vec<u8>, LayerTarError> {
    let mut bytes = Vec::new();
    entry.take(MAX_RECORDS + 1).read_to_end(&mut bytes)?;
    match bytes.len() as u64 > MAX_RECORDS {
        true => Err(LayerTarError::TooLarge(format!("PAX records of more than {MAX_RECORDS} bytes"))),
        false => Ok(bytes),
    }
}

fn finish_entry<'a, R: Read>(content: tar::Entry<'a, R>, records: &[u8]) -> Result<Entry<'a, R>, LayerTarError> {
    let header = content.header();
    let raw_name = header.path_bytes().into_owned();
    let mut name = String::from_utf8_lossy(&raw_name).into_owned();
    if std::str::from_utf8(&raw_name).is_err() {
        return Err(LayerTarError::bad_name(&name, "is not UTF-8"));
    }
    let size = header.entry_size()?;
    let mut times = (NtTime::from_seconds(i64::try_from(header.mtime()?).unwrap_or(0)), None);
    let mut attributes = None;
    for record in PaxExtensions::new(records) {
        let record = record?;
        let damaged = |name: &str, key: &str| LayerTarError::BadRecord {
            name: name.chars().take(120).collect(),
            key: key.chars().take(60).collect(),
        };
        let key = record.key().map_err(|_| damaged(&name, "?"))?.to_owned();
        let value = record.value().map_err(|_| damaged(&name, &key))?;
        match key.as_str() {
            "path" => name = value.to_owned(),
            "mtime" => times.0 = NtTime::parse(value).ok_or_else(|| damaged(&name, &key))?,
            CREATION_TIME => times.1 = Some(NtTime::parse(value).ok_or_else(|| damaged(&name, &key))?),
            FILE_ATTRIBUTES => attributes = Some(value.parse().map_err(|_| damaged(&name, &key))?),
            "size" if value.parse() != Ok(size) => {
                return Err(LayerTarError::Unsupported {
                    name,
                    what: "a file with its size in a PAX record".to_owned(),
                });
            }
            // Security descriptors are not enforced: all files belong to the container.
            _ => {}
        }
    }
    let path = LayerPath::new(&name)?;
    let (kind, default) = match header.entry_type() {
        EntryType::Directory if size == 0 => (Kind::Directory, ATTRIBUTE_DIRECTORY),
        EntryType::Regular if size > MAX_FILE => {
            return Err(LayerTarError::TooLarge(format!("{path} is larger than {MAX_FILE} bytes")));
        }
        EntryType::Regular => (Kind::File { size }, ATTRIBUTE_ARCHIVE),
        other => {
            return Err(LayerTarError::Unsupported { name, what: format!("an entry of type {other:?}") });
        }
    };
    let metadata =
        Metadata { attributes: attributes.unwrap_or(default), created: times.1.unwrap_or(times.0), modified: times.0 };
    Ok(Entry { path, kind, metadata, content })
}
