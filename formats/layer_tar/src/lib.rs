//! The tar format of Windows container layers: PAX archives with `Files/`, `Hives/` and `UtilityVM/` at the top and
//! what NTFS knows of a file in PAX records, as `microsoft/go-winio/backuptar` and `hcsshim/ociwclayer` write and read
//! them. `FORMAT.md` beside this crate describes it.

#![forbid(unsafe_code)]

mod entry;
mod error;
pub mod limits;
mod metadata;
mod path;
mod reader;
mod records;
pub mod reparse;
pub mod sddl;
pub mod security;
mod time;
mod writer;

pub use entry::{Entry, Kind};
pub use error::LayerTarError;
pub use metadata::{Metadata, attribute};
pub use path::{LayerPath, fold};
pub use reader::LayerReader;
pub use reparse::ReparsePoint;
pub use time::NtTime;
pub use writer::LayerWriter;
