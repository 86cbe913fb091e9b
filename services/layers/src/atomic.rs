//! Files that are there whole or not at all.

use crate::error::LayersError;
use crate::volume::names::names;
use rustix::fs::{AtFlags, FileType, Mode, OFlags};
use rustix::io::Errno;
use std::fs::{self, File};
use std::io::Write;
use std::path::Path;

/// Files and directories that are written out one by one.
const MOST_SINGLE: usize = 64;
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
fn persist(temporary: tempfile::NamedTempFile, path: &Path) -> Result<(), LayersError> {
    rename(temporary, path)?;
    sync_parent(path)
}

/// Gives a finished temporary file, whose bytes are made durable, its name, which is not yet.
pub fn rename(temporary: tempfile::NamedTempFile, path: &Path) -> Result<(), LayersError> {
    temporary.as_file().sync_all().map_err(LayersError::io("write", path))?;
    temporary.persist(path).map_err(|e| LayersError::io("rename", path)(e.error))?;
    Ok(())
}

/// Makes the name of `path` durable.
pub fn sync_parent(path: &Path) -> Result<(), LayersError> {
    sync(path.parent().unwrap_or(Path::new(".")))
}

/// Makes the names in a directory durable.
pub fn sync(directory: &Path) -> Result<(), LayersError> {
    let opened = File::open(directory).map_err(LayersError::io("open", directory))?;
    opened.sync_all().map_err(LayersError::io("write", directory))
}

/// Makes a directory durable with all that is in it. Of few files each is written out by itself: all of the file system would be
/// waiting for whatever else others write to it.
pub fn sync_tree(directory: &Path) -> Result<(), LayersError> {
    let failed = |e: Errno| LayersError::io("write", directory)(e.into());
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let top = rustix::fs::open(directory, flags, Mode::empty()).map_err(failed)?;
    let (mut waiting, mut found) = (vec![top.try_clone().map_err(LayersError::io("open", directory))?], Vec::new());
    while let Some(at) = waiting.pop() {
        for name in names(&at).map_err(failed)? {
            if found.len() + waiting.len() >= MOST_SINGLE {
                return rustix::fs::syncfs(&top).map_err(failed);
            }
            let stat = rustix::fs::statat(&at, &name, AtFlags::SYMLINK_NOFOLLOW).map_err(failed)?;
            let open = |flags| rustix::fs::openat(&at, &name, flags, Mode::empty()).map_err(failed);
            match FileType::from_raw_mode(stat.st_mode) {
                FileType::Directory => waiting.push(open(flags)?),
                FileType::RegularFile => found.push(open(flags - OFlags::DIRECTORY)?),
                // Links and tombstones are in their directory.
                _ => {}
            }
        }
        found.push(at);
    }
    found.iter().try_for_each(rustix::fs::fsync).map_err(failed)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trees_of_any_size_and_kind_are_written_out() {
        let top = tempfile::tempdir().unwrap();
        fs::create_dir(top.path().join("inner")).unwrap();
        fs::write(top.path().join("inner/file"), "x").unwrap();
        std::os::unix::fs::symlink("nowhere", top.path().join("link")).unwrap();
        sync_tree(top.path()).unwrap();
        for number in 0..MOST_SINGLE {
            fs::write(top.path().join(format!("inner/{number}")), "x").unwrap();
        }
        sync_tree(top.path()).unwrap();
        assert!(sync_tree(&top.path().join("nothing")).is_err());
    }
}
