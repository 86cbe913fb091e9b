//! PAX records: which of them a layer has, and what they mean.

use crate::error::LayerTarError;
use crate::limits::{MAX_EXTENDED, MAX_SECURITY};
use crate::metadata::Metadata;
use crate::time::NtTime;
use crate::{sddl, security};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::collections::BTreeMap;

/// Windows attributes, in decimal.
const FILE_ATTRIBUTES: &str = "MSWINDOWS.fileattr";
/// Self-relative security descriptor in base64.
const RAW_SECURITY: &str = "MSWINDOWS.rawsd";
/// The same as text, in layers of early Windows containers.
const TEXT_SECURITY: &str = "MSWINDOWS.sd";
/// The symbolic link is a mount point.
const MOUNT_POINT: &str = "MSWINDOWS.mountpoint";
/// Before the name of an NT extended attribute, whose value is in base64.
const EXTENDED: &str = "MSWINDOWS.xattr.";
/// Time of creation.
const CREATION_TIME: &str = "LIBARCHIVE.creationtime";

/// What records say of the entry that follows.
#[derive(Default)]
pub(crate) struct Records {
    pub(crate) path: Option<String>,
    pub(crate) link: Option<String>,
    pub(crate) size: Option<u64>,
    pub(crate) is_mount_point: bool,
    attributes: Option<u32>,
    created: Option<NtTime>,
    modified: Option<NtTime>,
    accessed: Option<NtTime>,
    changed: Option<NtTime>,
    security: Option<Vec<u8>>,
    extended: BTreeMap<String, Vec<u8>>,
}

impl Records {
    /// Takes in a block of records. Of several with one key the last counts, as everywhere.
    pub(crate) fn read(&mut self, mut bytes: &[u8], name: &str) -> Result<(), LayerTarError> {
        while !bytes.is_empty() {
            let (key, value, rest) = record(bytes).ok_or_else(|| LayerTarError::bad_record(name, "?"))?;
            bytes = rest;
            let Ok(key) = std::str::from_utf8(key) else { continue };
            self.one(key, value).ok_or_else(|| LayerTarError::bad_record(name, key))?;
        }
        if self.extended.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>() > MAX_EXTENDED {
            return Err(LayerTarError::TooLarge(format!("extended attributes of more than {MAX_EXTENDED} bytes")));
        }
        Ok(())
    }

    fn one(&mut self, key: &str, value: &[u8]) -> Option<()> {
        let text = std::str::from_utf8(value).ok();
        match key {
            // An empty value takes back what a global record has said.
            "path" => self.path = Some(text?.to_owned()).filter(|text| !text.is_empty()),
            "linkpath" => self.link = Some(text?.to_owned()).filter(|text| !text.is_empty()),
            "size" => self.size = Some(text?.parse().ok()?),
            "mtime" => self.modified = Some(NtTime::parse(text?)?),
            "atime" => self.accessed = Some(NtTime::parse(text?)?),
            "ctime" => self.changed = Some(NtTime::parse(text?)?),
            CREATION_TIME => self.created = Some(NtTime::parse(text?)?),
            FILE_ATTRIBUTES => self.attributes = Some(text?.parse().ok()?),
            MOUNT_POINT => self.is_mount_point = true,
            // The raw form says the same with nothing left out.
            TEXT_SECURITY => {
                let descriptor = sddl::parse(text?).filter(|descriptor| security::is_valid(descriptor))?;
                self.security.get_or_insert(descriptor);
            }
            RAW_SECURITY => {
                let fits = value.len() <= MAX_SECURITY.div_ceil(3) * 4;
                let descriptor = STANDARD.decode(value).ok().filter(|_| fits)?;
                self.security = Some(descriptor).filter(|descriptor| security::is_valid(descriptor));
                self.security.as_ref()?;
            }
            _ => {
                if let Some(name) = key.strip_prefix(EXTENDED) {
                    let is_name = !name.is_empty() && name.len() < 255 && !name.contains('\0');
                    let value = STANDARD.decode(value).ok().filter(|_| is_name)?;
                    self.extended.insert(name.to_owned(), value);
                }
            }
        }
        Some(())
    }

    /// What the file is, with what only the header says of it.
    pub(crate) fn into_metadata(self, header_time: NtTime, default_attributes: u32) -> Metadata {
        let modified = self.modified.unwrap_or(header_time);
        Metadata {
            attributes: self.attributes.unwrap_or(default_attributes),
            attributes_stated: self.attributes.is_some(),
            created: self.created.unwrap_or(modified),
            modified,
            accessed: self.accessed,
            changed: self.changed,
            security: self.security,
            extended: self.extended,
        }
    }
}

/// Key, value and what follows of `<length> <key>=<value>\n`.
fn record(bytes: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let space = bytes.iter().take(20).position(|byte| *byte == b' ')?;
    let length: usize = std::str::from_utf8(bytes.get(..space)?).ok()?.parse().ok()?;
    let body = bytes.get(space + 1..length)?.strip_suffix(b"\n")?;
    let equals = body.iter().position(|byte| *byte == b'=')?;
    Some((&body[..equals], &body[equals + 1..], bytes.get(length..)?))
}

/// The records of an entry, sorted by their keys.
pub(crate) fn write(metadata: Option<&Metadata>, is_mount_point: bool, others: &[(&str, &str)]) -> Vec<u8> {
    let mut records: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    let mut put = |key: &str, value: &[u8]| drop(records.insert(key.to_owned(), value.to_vec()));
    for (key, value) in others {
        put(key, value.as_bytes());
    }
    if is_mount_point {
        put(MOUNT_POINT, b"1");
    }
    if let Some(metadata) = metadata {
        put(FILE_ATTRIBUTES, metadata.attributes.to_string().as_bytes());
        // What is the default, or in the header as well, is left out: it is in every entry.
        let created = Some(metadata.created).filter(|created| *created != metadata.modified);
        let modified = Some(metadata.modified).filter(|time| time.seconds() < 0 || time.nanoseconds() > 0);
        let times =
            [(CREATION_TIME, created), ("mtime", modified), ("atime", metadata.accessed), ("ctime", metadata.changed)];
        for (key, time) in times {
            if let Some(time) = time {
                put(key, time.to_pax().as_bytes());
            }
        }
        if let Some(security) = &metadata.security {
            put(RAW_SECURITY, STANDARD.encode(security).as_bytes());
        }
        for (name, value) in &metadata.extended {
            put(&format!("{EXTENDED}{name}"), STANDARD.encode(value).as_bytes());
        }
    }
    let mut bytes = Vec::new();
    for (key, value) in records {
        // The length counts its own digits.
        let rest = key.len() + value.len() + 3;
        let mut length = rest + 1;
        while length != rest + length.to_string().len() {
            length = rest + length.to_string().len();
        }
        bytes.extend(format!("{length} {key}=").bytes());
        bytes.extend(value);
        bytes.push(b'\n');
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &[u8]) -> Result<Records, LayerTarError> {
        let mut records = Records::default();
        records.read(text, "x").map(|()| records)
    }

    #[test]
    fn lengths_of_records_count_themselves() {
        for length in [1, 80, 85, 86, 87, 88, 89, 980, 985, 990, 995, 9990] {
            let value = "v".repeat(length);
            let bytes = write(None, false, &[("path", &value)]);
            assert_eq!(read(&bytes).unwrap().path.unwrap(), value);
        }
    }

    #[test]
    fn damaged_records_are_refused() {
        for bytes in [
            &b"9 path=x"[..],
            b"99 path=x\n",
            b"0 path=x\n",
            b"x path=y\n",
            b"9 pathxx\n",
            b"18446744073709551615 a=b\n",
            b"99999999999999999999999999 a=b\n",
        ] {
            assert!(read(bytes).is_err(), "{bytes:?}");
        }
        for (key, value) in [
            (FILE_ATTRIBUTES, "-1"),
            (FILE_ATTRIBUTES, "4294967296"),
            (RAW_SECURITY, "!!!"),
            (RAW_SECURITY, "AQAEgA=="),
            (TEXT_SECURITY, "nonsense"),
            (CREATION_TIME, "yesterday"),
            ("MSWINDOWS.xattr.A", "=="),
            ("MSWINDOWS.xattr.", "QQ=="),
            ("size", "-5"),
        ] {
            assert!(read(&write(None, false, &[(key, value)])).is_err(), "{key}={value}");
        }
        let huge = STANDARD.encode(vec![0; 66_000]);
        assert!(matches!(read(&write(None, false, &[("MSWINDOWS.xattr.A", &huge)])), Err(LayerTarError::TooLarge(_))));
    }

    #[test]
    fn the_last_of_several_counts() {
        let mut bytes = write(None, false, &[(FILE_ATTRIBUTES, "1")]);
        bytes.extend(write(None, false, &[(FILE_ATTRIBUTES, "2")]));
        assert_eq!(read(&bytes).unwrap().attributes, Some(2));
    }
}
