//! How much disk a container takes: what it changed, and its image.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Bytes on the disk of the files below a directory, each file once. What vanishes meanwhile does not count.
#[must_use]
pub fn of_directory(directory: &Path) -> u64 {
    let mut seen = BTreeSet::new();
    let mut waiting = vec![directory.to_owned()];
    let mut bytes = 0u64;
    while let Some(directory) = waiting.pop() {
        let Ok(entries) = fs::read_dir(&directory) else { continue };
        for entry in entries.flatten() {
            let Ok(metadata) = entry.metadata() else { continue };
            if metadata.is_dir() {
                waiting.push(entry.path());
            } else if metadata.nlink() == 1 || seen.insert((metadata.dev(), metadata.ino())) {
                bytes = bytes.saturating_add(metadata.blocks().saturating_mul(512));
            }
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_counts_once() {
        let directory = tempfile::tempdir().unwrap();
        fs::create_dir(directory.path().join("a")).unwrap();
        fs::write(directory.path().join("a/one"), vec![1; 8192]).unwrap();
        let once = of_directory(directory.path());
        assert!(once >= 8192, "{once}");
        fs::hard_link(directory.path().join("a/one"), directory.path().join("two")).unwrap();
        assert_eq!(of_directory(directory.path()), once);
        assert_eq!(of_directory(&directory.path().join("nowhere")), 0);
    }
}
