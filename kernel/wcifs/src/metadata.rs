//! What Windows knows of a file beyond Linux: kept in attributes of the name space `trusted.wcifs.`, which only the
//! host's root can read or write. See FORMAT.md.

use crate::layer::Kind;
use rustix::fd::AsFd;
use rustix::fs::XattrFlags;
use rustix::io::Errno;

/// All attributes of this crate.
pub const PREFIX: &str = "trusted.wcifs.";
/// On a directory of a layer: nothing of lower layers is in it. Its value is [`YES`].
pub const OPAQUE: &str = "trusted.wcifs.opaque";
/// DOS attributes: a little-endian `u32` of `FILE_ATTRIBUTE_` bits.
pub const ATTRIBUTES: &str = "trusted.wcifs.attributes";
/// Self-relative security descriptor.
pub const SECURITY: &str = "trusted.wcifs.security";
/// Time of creation: a little-endian `u64`, 100 ns since 1601.
pub const CREATED: &str = "trusted.wcifs.created";
/// Reparse point: tag, length and data as in `REPARSE_DATA_BUFFER`.
pub const REPARSE: &str = "trusted.wcifs.reparse";
/// Before the name of an alternate data stream; the value is its content.
pub const STREAM: &str = "trusted.wcifs.stream.";
/// Before the name of an alternate data stream that is kept beside the files; the value says where ([`StreamPlace`]).
pub const STREAM_AT: &str = "trusted.wcifs.stream-at.";
/// Before the name of an NT extended attribute.
pub const EXTENDED: &str = "trusted.wcifs.extended.";
/// Value of a mark.
pub const YES: &[u8] = b"y";
/// Where Wine and Samba keep DOS attributes.
pub const DOS_ATTRIBUTES: &str = "user.DOSATTRIB";
/// `FILE_ATTRIBUTE_ARCHIVE`.
const ARCHIVE: u32 = 0x20;
/// `FILE_ATTRIBUTE_HIDDEN` and `FILE_ATTRIBUTE_SYSTEM`: all that Wine keeps in [`DOS_ATTRIBUTES`].
const KNOWN_TO_WINE: u32 = 2 | 4;
/// Attributes that programs may have.
pub const USER: &str = "user.";
/// Largest attribute and longest list of attributes (Linux: `XATTR_SIZE_MAX`, `XATTR_LIST_MAX`), in bytes.
pub const MAX_VALUE: usize = 65_536;

/// Which stream it is, among those in the `Streams/` of a layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct StreamPlace {
    /// SHA-256 of its content.
    pub sha256: [u8; 32],
    /// Its length in bytes.
    pub size: u64,
}

impl StreamPlace {
    /// The value of an attribute; `None` if it is none.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (sha256, size) = bytes.split_at_checked(32)?;
        Some(Self { sha256: sha256.try_into().ok()?, size: u64::from_le_bytes(size.try_into().ok()?) })
    }

    /// The value of an attribute.
    pub fn to_bytes(self) -> Vec<u8> {
        [&self.sha256[..], &self.size.to_le_bytes()].concat()
    }
}

/// Whether a directory of a layer hides what lower layers have.
pub fn is_opaque(directory: &impl AsFd) -> Result<bool, Errno> {
    let mut value = [0u8; 4];
    match rustix::fs::fgetxattr(directory, OPAQUE, &mut value) {
        Ok(length) => Ok(&value[..length] == YES),
        Err(Errno::NODATA | Errno::OPNOTSUPP | Errno::RANGE) => Ok(false),
        Err(e) => Err(e),
    }
}

/// Marks a directory as opaque.
pub fn make_opaque(directory: &impl AsFd) -> Result<(), Errno> {
    rustix::fs::fsetxattr(directory, OPAQUE, YES, XattrFlags::empty())
}

/// Where attributes are read and written: files through their descriptor, links by a path that is not followed.
pub enum Place<'a, F: AsFd> {
    /// An open file.
    File(&'a F),
    /// A path.
    Path(&'a [u8]),
}

impl<F: AsFd> Place<'_, F> {
    /// The value of an attribute.
    pub fn get(&self, name: &str) -> Result<Vec<u8>, Errno> {
        let mut value = vec![0; 256];
        loop {
            let got = match self {
                Self::File(file) => rustix::fs::fgetxattr(file, name, &mut value[..]),
                Self::Path(path) => rustix::fs::lgetxattr(*path, name, &mut value[..]),
            };
            match got {
                Ok(length) => {
                    value.truncate(length);
                    return Ok(value);
                }
                Err(Errno::RANGE) if value.len() < MAX_VALUE => value.resize(MAX_VALUE, 0),
                Err(Errno::OPNOTSUPP) => return Err(Errno::NODATA),
                Err(e) => return Err(e),
            }
        }
    }

    /// Sets an attribute.
    pub fn set(&self, name: &str, value: &[u8], flags: XattrFlags) -> Result<(), Errno> {
        match self {
            Self::File(file) => rustix::fs::fsetxattr(file, name, value, flags),
            Self::Path(path) => rustix::fs::lsetxattr(*path, name, value, flags),
        }
    }

    /// Removes an attribute.
    pub fn remove(&self, name: &str) -> Result<(), Errno> {
        match self {
            Self::File(file) => rustix::fs::fremovexattr(file, name),
            Self::Path(path) => rustix::fs::lremovexattr(*path, name),
        }
    }

    /// The names of all attributes that belong to a file: Windows' metadata and those of programs.
    pub fn names(&self) -> Result<Vec<String>, Errno> {
        let mut list = vec![0; 1024];
        let length = loop {
            let got = match self {
                Self::File(file) => rustix::fs::flistxattr(file, &mut list[..]),
                Self::Path(path) => rustix::fs::llistxattr(*path, &mut list[..]),
            };
            match got {
                Ok(length) => break length,
                Err(Errno::RANGE) if list.len() < MAX_VALUE => list.resize(MAX_VALUE, 0),
                Err(Errno::OPNOTSUPP) => return Ok(Vec::new()),
                Err(e) => return Err(e),
            }
        };
        let names = list[..length].split(|b| *b == 0).filter_map(|name| std::str::from_utf8(name).ok());
        Ok(names.filter(|n| n.starts_with(PREFIX) || n.starts_with(USER)).map(str::to_owned).collect())
    }
}

/// Copies Windows' metadata and the attributes of programs. Marks of the layer itself stay behind.
pub fn copy<A: AsFd, B: AsFd>(from: &Place<'_, A>, to: &Place<'_, B>) -> Result<(), Errno> {
    for name in from.names()?.iter().filter(|name| *name != OPAQUE) {
        match to.set(name, &from.get(name)?, XattrFlags::empty()) {
            // A scratch on a file system without attributes of programs.
            Err(Errno::OPNOTSUPP) if name.starts_with(USER) => {}
            other => other?,
        }
    }
    Ok(())
}

/// DOS attributes as text, as Samba's first version of `user.DOSATTRIB` has them.
pub fn dos_text(value: &[u8]) -> Option<String> {
    Some(format!("0x{:x}", u32::from_le_bytes(value.try_into().ok()?)))
}

/// The reverse of [`dos_text`].
fn dos_bits(text: &[u8]) -> Option<u32> {
    let text = std::str::from_utf8(text).ok()?.trim_end_matches('\0');
    u32::from_str_radix(text.strip_prefix("0x")?, 16).ok()
}

/// DOS attributes of a file that has none of its own.
pub fn default_bits(kind: Kind) -> u32 {
    if kind == Kind::Directory { 0 } else { ARCHIVE }
}

/// The attributes of a file that has `old` ones when a program sets these. Wine knows only two of them, so all others stay. Whether a
/// file is read-only is in its mode.
pub fn dos_set(old: u32, text: &[u8]) -> Option<u32> {
    Some(dos_removed(old) | dos_bits(text)? & KNOWN_TO_WINE)
}

/// The attributes of a file that has `old` ones when a program removes those it knows.
pub fn dos_removed(old: u32) -> u32 {
    old & !KNOWN_TO_WINE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dos_attributes_are_samba_text() {
        assert_eq!(dos_text(&0x26u32.to_le_bytes()).as_deref(), Some("0x26"));
        assert_eq!((dos_bits(b"0x26"), dos_bits(b"0x26\0")), (Some(0x26), Some(0x26)));
        for bad in [&b"26"[..], b"0x", b"0x123456789", b"", b"\xff"] {
            assert_eq!(dos_bits(bad), None);
        }
        assert_eq!(dos_text(b"abc"), None);
    }
    #[test]
    fn programs_change_only_the_attributes_that_wine_knows() {
        assert_eq!(dos_set(default_bits(Kind::File), b"0x3"), Some(0x22));
        assert_eq!(dos_set(default_bits(Kind::Directory), b"0x2"), Some(2));
        assert_eq!(dos_set(0x2025, b"0x2"), Some(0x2023));
        assert_eq!(dos_set(0x2022, b"junk"), None);
        assert_eq!((dos_removed(0x2026), dos_removed(6)), (0x2020, 0));
    }
}
