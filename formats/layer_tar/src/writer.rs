//! Writes layer archives. The same calls give the same bytes.

use crate::error::LayerTarError;
use crate::metadata::{ATTRIBUTE_DIRECTORY, CREATION_TIME, FILE_ATTRIBUTES, Metadata};
use crate::path::LayerPath;
use std::io::{Read, Write};
use tar::{EntryType, Header};

/// Type bits of a directory and a file, all that go-winio keeps of a mode.
const MODE_DIRECTORY: u32 = 0o040_000;
const MODE_FILE: u32 = 0o100_000;
/// Room for a name in the header; a longer one goes into a PAX record.
const HEADER_NAME: usize = 100;

/// Writes a layer archive to `W`.
pub struct LayerWriter<W: Write> {
    tar: tar::Builder<W>,
}

impl<W: Write> LayerWriter<W> {
    /// An archive with no entry yet.
    pub fn new(out: W) -> Self {
        Self { tar: tar::Builder::new(out) }
    }

    /// Adds a directory. Parents come before what is in them.
    ///
    /// # Errors
    /// When the archive cannot be written.
    pub fn directory(&mut self, path: &LayerPath, metadata: &Metadata) -> Result<(), LayerTarError> {
        let metadata = Metadata { attributes: metadata.attributes | ATTRIBUTE_DIRECTORY, ..*metadata };
        let name = format!("{path}/");
        self.entry(&name, &metadata, EntryType::Directory, 0, std::io::empty())
    }

    /// Adds a file with exactly `size` bytes of `content`.
    ///
    /// # Errors
    /// When `content` cannot be read or has another size, or the archive cannot be written.
    pub fn file(
        &mut self,
        path: &LayerPath,
        metadata: &Metadata,
        size: u64,
        content: impl Read,
    ) -> Result<(), LayerTarError> {
        let mut counted = Counted { inner: content.take(size), read: 0 };
        self.entry(path.as_str(), metadata, EntryType::Regular, size, &mut counted)?;
        match counted.read == size {
            true => Ok(()),
            false => Err(LayerTarError::Io(std::io::Error::other(format!("{path} became shorter while it was read")))),
        }
    }

    fn entry(
        &mut self,
        name: &str,
        metadata: &Metadata,
        kind: EntryType,
        size: u64,
        content: impl Read,
    ) -> Result<(), LayerTarError> {
        let created = metadata.created.to_pax();
        let attributes = metadata.attributes.to_string();
        let modified = metadata.modified.to_pax();
        // In the order of their keys.
        let mut records = vec![
            (CREATION_TIME, created.as_bytes()),
            (FILE_ATTRIBUTES, attributes.as_bytes()),
            ("mtime", modified.as_bytes()),
        ];
        let in_header = name.len() <= HEADER_NAME && name.is_ascii();
        if !in_header {
            records.push(("path", name.as_bytes()));
        }
        self.tar.append_pax_extensions(records)?;

        let mut header = Header::new_ustar();
        let field = &mut header.as_old_mut().name;
        let short: Vec<u8> = name.bytes().filter(u8::is_ascii).take(HEADER_NAME).collect();
        field[..short.len()].copy_from_slice(&short);
        header.set_entry_type(kind);
        header.set_mode(if kind == EntryType::Directory { MODE_DIRECTORY } else { MODE_FILE });
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(u64::try_from(metadata.modified.seconds()).unwrap_or(0));
        header.set_size(size);
        header.set_cksum();
        self.tar.append(&header, content)?;
        Ok(())
    }

    /// Ends the archive and gives the output back.
    ///
    /// # Errors
    /// When the end cannot be written.
    pub fn finish(self) -> Result<W, LayerTarError> {
        Ok(self.tar.into_inner()?)
    }
}

struct Counted<R> {
    inner: R,
    read: u64,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let n = self.inner.read(buffer)?;
        self.read += n as u64;
        Ok(n)
    }
}
