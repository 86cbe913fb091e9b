//! The limits on what is read and written.

/// Longest name in bytes.
pub const MAX_PATH: usize = 32_767;
/// Longest component in UTF-16 units, as in NTFS.
pub const MAX_COMPONENT: usize = 255;
/// Deepest name.
pub const MAX_DEPTH: usize = 512;
/// Most bytes of the PAX records of one entry.
pub const MAX_RECORDS: u64 = 1 << 20;
/// Most headers in one layer, those of records included. The largest images of Microsoft have some 300,000 files.
pub const MAX_HEADERS: u64 = 8_000_000;
/// Largest file in bytes.
pub const MAX_FILE: u64 = 1 << 40;
/// Longest security descriptor: the lengths of its lists are kept in 16 bits, and there are two.
pub const MAX_SECURITY: usize = 0x2_0200;
/// Most bytes of all NT extended attributes of a file (`EaSize` has 16 bits).
pub const MAX_EXTENDED: usize = 65_535;
/// Longest data of a reparse point (`MAXIMUM_REPARSE_DATA_BUFFER_SIZE`).
pub const MAX_REPARSE: usize = 16 << 10;
/// Most bytes after the end of the archive, which tools fill up to whole records.
pub const MAX_TRAILER: u64 = 64 << 20;
