//! Files that are there whole or not at all.

use crate::error::LayersError;
use std::fs::{self, File};
use std::io::Write;
use std::path::Path;

/// Name prefix of what is not finished yet; the store removes leftovers when it opens.
pub const UNFINISHED: &str = ".unfinished-";

/// Replaces the file at `path` by one with `bytes`, durably.
pub fn write(path: &Path, bytes: &[u8]) -> Result<(), LayersError> {
    let parent = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(parent).map_err(LayersError::io("create", parent))?;
    let mut temporary = tempfile::Builder::new()
        .prefix(UNFINISHED)
        .tempfile_in(parent)
        .map_err(LayersError::io("create a file in", parent))?;
    temporary.write_all(bytes).map_err(LayersError::io("write", path))?;
    persist(temporary, path)
}

/// Gives a finished temporary file its name, durably.
pub fn persist(temporary: tempfile::NamedTempFile, path: &Path) -> Result<(), LayersError> {
    temporary.as_file().sync_all().map_err(LayersError::io("write", path))?;
    temporary.persist(path).map_err(|e| LayersError::io("rename", path)(e.error))?;
    sync_parent(path)
}

/// Makes the name of `path` durable.
pub fn sync_parent(path: &Path) -> Result<(), LayersError> {
    let parent = path.parent().unwrap_or(Path::new("."));
    let directory = File::open(parent).map_err(LayersError::io("open", parent))?;
    directory.sync_all().map_err(LayersError::io("write", parent))
}

/// Removes a file or a whole tree; one that is not there is fine.
pub fn remove(path: &Path) -> Result<(), LayersError> {
    let result = match fs::symlink_metadata(path) {
        Ok(m) if m.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(e) => Err(e),
    };
    match result {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(LayersError::io("remove", path)(e)),
        _ => Ok(()),
    }
}
