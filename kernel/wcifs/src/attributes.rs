//! What a program is told about a file.

use crate::fuse::reply::Keep;
use rustix::fd::OwnedFd;
use rustix::fs::{AtFlags, FileType, Stat, StatxFlags, statx};
use rustix::io::Errno;

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
    /// How long the kernel may keep them.
    pub keep: Keep,
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
            keep: Keep::ForGood,
        }
    }

    /// Of an empty file that was just made with these permission bits, by its time of birth; `None` where the host keeps
    /// none. Since Linux 6.13 the first change after somebody has looked at a file's times is written to disk at
    /// once, so that it can be told from that look: every first write would pay for it.
    pub fn of_new(file: &OwnedFd, number: u64, owner: u32, mode: u32) -> Result<Option<Self>, Errno> {
        let stat = statx(file, "", AtFlags::EMPTY_PATH, StatxFlags::BTIME)?;
        if !StatxFlags::from_bits_retain(stat.stx_mask).contains(StatxFlags::BTIME) {
            return Ok(None);
        }
        let born = (stat.stx_btime.tv_sec, stat.stx_btime.tv_nsec);
        Ok(Some(Self {
            number,
            size: 0,
            blocks: 0,
            accessed: born,
            modified: born,
            changed: born,
            born,
            mode: FileType::RegularFile.as_raw_mode() | mode & 0o777,
            links: 1,
            owner,
            block_size: stat.stx_blksize,
            keep: Keep::ForGood,
        }))
    }
}
