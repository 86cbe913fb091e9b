//! The disk that a file is on.

use std::{fs, io, path::Path};

/// A block device by its numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeviceNumber {
    /// Kind of driver.
    pub major: u32,
    /// Device among those of the driver.
    pub minor: u32,
}

impl std::fmt::Display for DeviceNumber {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{}:{}", self.major, self.minor)
    }
}

/// The disk that holds a file: the whole one, as its traffic cannot be limited by partition.
///
/// # Errors
/// When the file cannot be asked, or its file system is not on a block device.
pub fn device_of(path: &Path) -> io::Result<DeviceNumber> {
    let device = rustix::fs::stat(path)?.st_dev;
    let number = DeviceNumber { major: rustix::fs::major(device), minor: rustix::fs::minor(device) };
    let entry = Path::new("/sys/dev/block").join(number.to_string());
    if number.major == 0 || !entry.exists() {
        return Err(io::Error::new(io::ErrorKind::Unsupported, "its file system is not on a block device"));
    }
    if !entry.join("partition").exists() {
        return Ok(number);
    }
    let whole = fs::read_to_string(fs::canonicalize(&entry)?.join("../dev"))?;
    parse(&whole).ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "its partition is on no disk"))
}

fn parse(text: &str) -> Option<DeviceNumber> {
    let (major, minor) = text.trim().split_once(':')?;
    Some(DeviceNumber { major: major.parse().ok()?, minor: minor.parse().ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_without_a_disk_have_none() {
        assert_eq!(device_of(Path::new("/proc")).unwrap_err().kind(), io::ErrorKind::Unsupported);
        assert_eq!(parse("8:16\n"), Some(DeviceNumber { major: 8, minor: 16 }));
        assert_eq!(parse("8"), None);
    }
}
