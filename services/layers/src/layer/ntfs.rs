//! What NTFS knows of a file, kept on Linux as `FORMAT.md` of `kernel/wcifs` says.

use super::data_streams::Stream;
use casement_layer_tar::{Metadata, NtTime, ReparsePoint, attribute, security};
use casement_wcifs::metadata::{
    ATTRIBUTES, CREATED, EXTENDED, Place, REPARSE, SECURITY, STREAM, STREAM_AT, StreamPlace,
};
use rustix::fd::AsFd;
use rustix::fs::{FileType, Mode, Stat, Timespec, Timestamps, XattrFlags};
use rustix::io::Errno;

/// Permissions of directories, of files, and of files that Windows calls read-only.
pub(crate) const DIRECTORY_MODE: Mode = Mode::from_raw_mode(0o755);
pub(crate) const FILE_MODE: Mode = Mode::from_raw_mode(0o644);
const READ_ONLY_MODE: Mode = Mode::from_raw_mode(0o444);
const WRITE_BITS: u32 = 0o222;

/// A file or directory of a layer, but for its content.
pub(crate) struct Kept {
    pub(crate) metadata: Metadata,
    pub(crate) streams: Vec<(String, Stream)>,
    pub(crate) reparse: Option<Vec<u8>>,
}

/// What a file is on Linux, for what its absent attributes mean.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum On {
    File,
    Directory,
    Link,
}

impl On {
    fn default_attributes(self) -> u32 {
        match self {
            Self::File | Self::Link => attribute::ARCHIVE,
            Self::Directory => 0,
        }
    }

    /// Attributes that the file says by itself.
    fn implied(self) -> u32 {
        match self {
            Self::File => attribute::READ_ONLY | attribute::DIRECTORY | attribute::REPARSE_POINT,
            Self::Directory => attribute::DIRECTORY | attribute::REPARSE_POINT,
            Self::Link => attribute::REPARSE_POINT,
        }
    }
}

/// Reads what is kept of a file.
pub(crate) fn read<F: AsFd>(place: &Place<'_, F>, stat: &Stat) -> Result<Kept, Errno> {
    let on = match FileType::from_raw_mode(stat.st_mode) {
        FileType::Directory => On::Directory,
        FileType::Symlink => On::Link,
        _ => On::File,
    };
    let modified = NtTime::from_unix(stat.st_mtime, stat.st_mtime_nsec as u32);
    let mut metadata = Metadata { attributes: on.default_attributes(), ..Metadata::file(modified) };
    let (mut streams, mut reparse) = (Vec::new(), None);
    for name in place.names()? {
        let value = || place.get(&name);
        match name.as_str() {
            ATTRIBUTES => {
                if let Ok(bytes) = value()?.try_into() {
                    metadata.attributes = u32::from_le_bytes(bytes);
                }
            }
            CREATED => {
                if let Ok(bytes) = value()?.try_into() {
                    metadata.created = NtTime::from_file_time(u64::from_le_bytes(bytes));
                }
            }
            SECURITY => metadata.security = Some(value()?).filter(|descriptor| security::is_valid(descriptor)),
            REPARSE => reparse = Some(value()?),
            other => {
                if let Some(stream) = other.strip_prefix(STREAM) {
                    streams.push((stream.to_owned(), Stream::Short(value()?)));
                } else if let Some(stream) = other.strip_prefix(STREAM_AT) {
                    let place = StreamPlace::from_bytes(&value()?).ok_or(Errno::INVAL)?;
                    streams.push((stream.to_owned(), Stream::Long(place)));
                } else if let Some(name) = other.strip_prefix(EXTENDED) {
                    metadata.extended.insert(name.to_owned(), value()?);
                }
            }
        }
    }
    streams.sort();
    metadata.attributes &= !(on.implied() & !attribute::READ_ONLY);
    match on {
        On::Directory => metadata.attributes |= attribute::DIRECTORY,
        On::File if stat.st_mode & WRITE_BITS == 0 => metadata.attributes |= attribute::READ_ONLY,
        On::File => metadata.attributes &= !attribute::READ_ONLY,
        On::Link => {}
    }
    if reparse.is_some() || on == On::Link {
        metadata.attributes |= attribute::REPARSE_POINT;
    }
    Ok(Kept { metadata, streams, reparse })
}

/// Keeps what is not said by the file itself or by default.
pub(crate) fn write<F: AsFd>(place: &Place<'_, F>, metadata: &Metadata, on: On) -> Result<(), Errno> {
    let set = |name: &str, value: &[u8]| place.set(name, value, XattrFlags::empty());
    let attributes = metadata.attributes & !on.implied();
    if attributes != on.default_attributes() {
        set(ATTRIBUTES, &attributes.to_le_bytes())?;
    }
    if metadata.created != metadata.modified {
        set(CREATED, &metadata.created.file_time().to_le_bytes())?;
    }
    if let Some(descriptor) = metadata.security.as_ref().filter(|d| **d != default_security(metadata)) {
        set(SECURITY, descriptor)?;
    }
    for (name, value) in &metadata.extended {
        set(&format!("{EXTENDED}{name}"), value)?;
    }
    Ok(())
}

/// Keeps a reparse point; `INVAL` for one that is longer than Windows allows.
pub(crate) fn write_reparse<F: AsFd>(place: &Place<'_, F>, point: &ReparsePoint) -> Result<(), Errno> {
    place.set(REPARSE, &point.to_buffer().ok_or(Errno::INVAL)?, XattrFlags::empty())
}

/// The security descriptor that a file has of which none is kept.
pub(crate) fn default_security(metadata: &Metadata) -> Vec<u8> {
    if metadata.is_directory() { security::of_directories() } else { security::of_files() }
}

/// The permissions of a file.
pub(crate) fn file_mode(metadata: &Metadata) -> Mode {
    if metadata.attributes & attribute::READ_ONLY != 0 { READ_ONLY_MODE } else { FILE_MODE }
}

/// The times of a file.
pub(crate) fn times(metadata: &Metadata) -> Timestamps {
    let of = |time: NtTime| Timespec { tv_sec: time.seconds(), tv_nsec: time.nanoseconds().into() };
    Timestamps {
        last_access: of(metadata.accessed.unwrap_or(metadata.modified)),
        last_modification: of(metadata.modified),
    }
}
