//! Makes the index of a layer: by one pass over its archive, or from its directory.

mod archive;
mod directory;
mod names;
mod streams;

pub use archive::scan_archive;
pub use directory::{open_beneath, scan_directory};

/// Most entries of one layer; an index is kept in memory.
pub const MAX_ENTRIES: usize = 2_000_000;
/// Most bytes of a layer's archive when unpacked.
pub const MAX_ARCHIVE: u64 = 1 << 40;
