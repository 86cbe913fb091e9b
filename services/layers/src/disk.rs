//! Scratches of a given size: the changes of volume `C:` are on an ext4 file system of their own, in a sparse file that whoever
//! serves the volume mounts for itself.

use crate::error::LayersError;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The file, in the directory of the scratch.
pub(crate) const IMAGE: &str = "volume.img";
/// Where it is mounted, in the mount namespace of the process that serves the volume; also in the directory of the scratch.
pub(crate) const MOUNT_POINT: &str = "volume";
/// Directories of the file system.
pub(crate) const DIRECTORIES: [&str; 2] = ["upper", "work"];
/// Smallest size in bytes: a file system and its journal take some of it.
pub const MIN_SIZE: u64 = 16 << 20;
/// Largest size in bytes: what ext4 can have in one file of the host.
pub const MAX_SIZE: u64 = 15 << 40;
/// Where distributions keep the program that makes file systems.
const MAKERS: [&str; 3] = ["/usr/sbin/mkfs.ext4", "/sbin/mkfs.ext4", "/usr/bin/mkfs.ext4"];

/// Makes the disk of a scratch in `directory`. It takes as much of the host's disk as is written to it.
pub(crate) fn make(directory: &Path, size: u64) -> Result<(), LayersError> {
    if !(MIN_SIZE..=MAX_SIZE).contains(&size) {
        return Err(LayersError::DiskSize(size));
    }
    let maker = MAKERS.iter().map(Path::new).find(|path| path.exists()).ok_or(LayersError::NoMkfs)?;
    let template = directory.join(MOUNT_POINT);
    fs::create_dir(&template).map_err(LayersError::io("create", &template))?;
    for name in DIRECTORIES {
        let path = template.join(name);
        fs::create_dir(&path).map_err(LayersError::io("create", &path))?;
    }
    let image: PathBuf = directory.join(IMAGE);
    File::create_new(&image).and_then(|file| file.set_len(size)).map_err(LayersError::io("create", &image))?;
    // What is not written yet reads as zeroes: nothing has to be cleared or discarded.
    let output = Command::new(maker)
        .args(["-q", "-F", "-m", "0", "-E", "lazy_itable_init=1,lazy_journal_init=1,nodiscard,root_owner=0:0", "-d"])
        .args([&template, &image])
        .stdin(Stdio::null())
        .output()
        .map_err(LayersError::io("start", maker))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr).trim().chars().take(1000).collect();
        return Err(LayersError::Mkfs(said));
    }
    for name in DIRECTORIES {
        let path = template.join(name);
        fs::remove_dir(&path).map_err(LayersError::io("remove", &path))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::MetadataExt;

    #[test]
    fn a_disk_is_sparse_and_has_a_file_system() {
        let directory = tempfile::tempdir().unwrap();
        make(directory.path(), 20 << 30).unwrap();
        let image = fs::metadata(directory.path().join(IMAGE)).unwrap();
        assert_eq!(image.len(), 20 << 30);
        assert!(image.blocks() * 512 < 64 << 20, "{} KiB", image.blocks() / 2);
        assert_eq!(fs::read_dir(directory.path().join(MOUNT_POINT)).unwrap().count(), 0);
        let mut magic = [0; 2];
        std::os::unix::fs::FileExt::read_exact_at(&File::open(directory.path().join(IMAGE)).unwrap(), &mut magic, 1080)
            .unwrap();
        assert_eq!(magic, [0x53, 0xef]);
    }

    #[test]
    fn sizes_that_no_disk_has_are_refused() {
        let directory = tempfile::tempdir().unwrap();
        for size in [0, MIN_SIZE - 1, MAX_SIZE + 1, u64::MAX] {
            assert!(matches!(make(directory.path(), size), Err(LayersError::DiskSize(_))), "{size}");
        }
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
    }
}
