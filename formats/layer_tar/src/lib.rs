//! The tar format of Windows container layers: PAX archives with `Files/`, `Hives/` and `UtilityVM/` at the top and
//! Windows metadata in PAX records, as `microsoft/go-winio/backuptar` writes and reads them.
//!
//! Directories and files with attributes and times are here; security descriptors, reparse points, alternate
//! streams, hard links and whiteouts are refused until they are needed.

mod error;
mod metadata;
mod path;
mod reader;
mod writer;

pub use error::LayerTarError;
pub use metadata::{Metadata, NtTime};
pub use path::LayerPath;
pub use reader::{Entry, Kind, LayerReader};
pub use tar::Archive as LayerArchive;
pub use writer::LayerWriter;
