//! What a program is told about a file.

use rustix::fs::{FileType, Stat};

/// Attributes of a file as FUSE tells them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attributes {
    /// Number of the inode, which stays when the file is copied up.
    pub number: u64,
    /// Bytes.
    pub size: u64,
    /// Blocks of 512 bytes.
    pub blocks: u64,
    /// Seconds and nanoseconds.
    pub accessed: (i64, u32),
    /// As above.
    pub modified: (i64, u32),
    /// As above.
    pub changed: (i64, u32),
    /// As above; what `statx` gives as time of birth.
    pub born: (i64, u32),
    /// Type and permissions.
    pub mode: u32,
    /// Hard links.
    pub links: u32,
    /// Owner and group: the container's programs.
    pub owner: u32,
    /// Size of I/O, in bytes.
    pub block_size: u32,
}

impl Attributes {
    /// Bytes of `fuse_attr`.
    pub const LENGTH: usize = 88;

    /// Of a file on the host that belongs to `owner` inside. Set-id bits mean nothing and are not shown.
    pub fn of(stat: &Stat, number: u64, owner: u32) -> Self {
        let is_directory = FileType::from_raw_mode(stat.st_mode) == FileType::Directory;
        let modified = (stat.st_mtime, stat.st_mtime_nsec as u32);
        Self {
            number,
            size: stat.st_size as u64,
            blocks: stat.st_blocks as u64,
            accessed: (stat.st_atime, stat.st_atime_nsec as u32),
            modified,
            changed: (stat.st_ctime, stat.st_ctime_nsec as u32),
            born: modified,
            mode: stat.st_mode & !0o6000,
            // A merged directory's links are those of one layer: 1 says that they mean nothing (as btrfs does).
            links: if is_directory { 1 } else { stat.st_nlink as u32 },
            owner,
            block_size: stat.st_blksize as u32,
        }
    }
}
