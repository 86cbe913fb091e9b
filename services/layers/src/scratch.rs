//! Scratches: what one container changes, and the Wine prefix that holds its registry.
//!
//! `scratches/<container id>/` has `upper/` and `work/` (changes of volume `C:`; of a given size: `volume.img`, a file system with
//! these directories) and `prefix/` (the `WINEPREFIX`).

use crate::atomic::{self, UNFINISHED};
use crate::digest::Digest;
use crate::disk;
use crate::error::LayersError;
use crate::image::Image;
use crate::store::Store;
use crate::volume::UnionMount;
use casement_nt::registry::MAX_TEXT;
use serde::{Deserialize, Serialize};
use std::fs;
use std::io::Read;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, chown, symlink};
use std::path::{Path, PathBuf};

const RECORD: &str = "scratch.json";
/// The registry files of a prefix: HKEY_LOCAL_MACHINE, the user, and the default user.
pub const REGISTRY_FILES: [&str; 3] = ["system.reg", "user.reg", "userdef.reg"];
/// Longest container id.
const MAX_ID: usize = 128;
/// How a base image's registry writes a machine GUID: the digits stand for those of each container.
const MACHINE_GUID: &[u8] = b"\"MachineGuid\"=\"";
const GUID_LENGTH: usize = 36;

/// The scratch of one container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scratch {
    directory: PathBuf,
}

impl Scratch {
    /// The scratch in this directory.
    pub fn at(directory: impl Into<PathBuf>) -> Self {
        Self { directory: directory.into() }
    }

    /// Its directory.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// The Wine prefix: registry files, `dosdevices/c:` and the empty `drive_c` to mount the volume on.
    pub fn prefix(&self) -> PathBuf {
        self.directory.join("prefix")
    }

    /// The volume `C:` over `layers` (top first).
    pub fn union(&self, layers: &[PathBuf]) -> UnionMount {
        UnionMount::new(layers, &self.directory)
    }
}

/// `scratch.json`: what the container needs to go on existing.
#[derive(Debug, Serialize, Deserialize)]
struct Record {
    image: Digest,
    diff_ids: Vec<Digest>,
}

impl Store {
    /// Makes the scratch of container `id` for `image`. Its files belong to host user and group `owner`: the id that
    /// the container's programs have outside of it.
    ///
    /// # Errors
    /// [`LayersError::ScratchExists`], [`LayersError::NoRegistry`], or when files cannot be made. Nothing is left then.
    pub fn create_scratch(&self, id: &str, image: &Image, owner: u32) -> Result<Scratch, LayersError> {
        self.new_scratch(id, image, owner, None)
    }

    /// As [`Store::create_scratch`], with `size` bytes for changes of volume `C:`.
    ///
    /// # Errors
    /// Also [`LayersError::DiskSize`], [`LayersError::NoMkfs`], [`LayersError::Mkfs`].
    pub fn create_sized_scratch(&self, id: &str, image: &Image, owner: u32, size: u64) -> Result<Scratch, LayersError> {
        self.new_scratch(id, image, owner, Some(size))
    }

    fn new_scratch(&self, id: &str, image: &Image, owner: u32, size: Option<u64>) -> Result<Scratch, LayersError> {
        let _lock = self.lock_shared()?;
        let directory = self.scratch_directory(id)?;
        if directory.exists() {
            return Err(LayersError::ScratchExists(id.to_owned()));
        }
        // The image may have been removed since it was found; from here on, its layers stay for the scratch.
        if image.layers.iter().any(|layer| !layer.is_dir()) {
            return Err(LayersError::NoSuchImage(image.reference.clone(), String::new()));
        }
        let parent = self.root().join("scratches");
        let new = tempfile::Builder::new()
            .prefix(UNFINISHED)
            .tempdir_in(&parent)
            .map_err(LayersError::io("create a directory in", &parent))?;
        let registry = self
            .wine_registry(&image.layers, &image.diff_ids)?
            .ok_or_else(|| LayersError::NoRegistry(image.reference.clone()))?;
        fill(new.path(), image, &registry, owner)?;
        match size {
            Some(size) => disk::make(new.path(), size)?,
            None => make_directories(new.path())?,
        }
        let from = new.keep();
        if let Err(e) = fs::rename(&from, &directory) {
            let _ = fs::remove_dir_all(&from);
            return Err(LayersError::io("rename", &from)(e));
        }
        Ok(Scratch::at(directory))
    }

    /// The scratch of container `id`, if it has one.
    ///
    /// # Errors
    /// [`LayersError::BadId`]
    pub fn scratch(&self, id: &str) -> Result<Option<Scratch>, LayersError> {
        let directory = self.scratch_directory(id)?;
        Ok(directory.is_dir().then(|| Scratch::at(directory)))
    }

    /// Removes the scratch of container `id`; one that is not there is fine.
    ///
    /// # Errors
    /// When files cannot be removed; calling again goes on where it stopped.
    pub fn remove_scratch(&self, id: &str) -> Result<(), LayersError> {
        let directory = self.scratch_directory(id)?;
        let condemned = self.root().join("scratches").join(format!("{UNFINISHED}{id}"));
        atomic::remove(&condemned)?;
        match fs::rename(&directory, &condemned) {
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(()),
            Err(e) => Err(LayersError::io("rename", &directory)(e)),
            Ok(()) => atomic::remove(&condemned),
        }
    }

    /// Ids of all containers that have a scratch.
    ///
    /// # Errors
    /// When the directory cannot be read.
    pub fn scratches(&self) -> Result<Vec<String>, LayersError> {
        let parent = self.root().join("scratches");
        let mut ids = Vec::new();
        for entry in fs::read_dir(&parent).map_err(LayersError::io("read", &parent))? {
            let entry = entry.map_err(LayersError::io("read", &parent))?;
            if let Ok(name) = entry.file_name().into_string()
                && is_id(&name)
            {
                ids.push(name);
            }
        }
        ids.sort();
        Ok(ids)
    }

    /// The layers that containers need, those of each base first.
    pub(crate) fn layers_of_containers(&self) -> Result<Vec<Vec<Digest>>, LayersError> {
        Ok(self.records()?.into_iter().map(|(_, record)| record.diff_ids).collect())
    }

    fn records(&self) -> Result<Vec<(String, Record)>, LayersError> {
        let mut records = Vec::new();
        for id in self.scratches()? {
            let path = self.root().join("scratches").join(&id).join(RECORD);
            match fs::read(&path) {
                Ok(bytes) => {
                    let record = serde_json::from_slice(&bytes)
                        .map_err(|e| LayersError::damaged(path.display().to_string(), e))?;
                    records.push((id, record));
                }
                // Removed meanwhile.
                Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
                Err(e) => return Err(LayersError::io("read", &path)(e)),
            }
        }
        Ok(records)
    }

    fn scratch_directory(&self, id: &str) -> Result<PathBuf, LayersError> {
        match is_id(id) {
            true => Ok(self.root().join("scratches").join(id)),
            false => Err(LayersError::BadId(id.chars().take(100).collect())),
        }
    }
}

fn is_id(id: &str) -> bool {
    let good = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    !id.is_empty() && id.len() <= MAX_ID && !id.starts_with('.') && id.bytes().all(good)
}

fn fill(directory: &Path, image: &Image, registry: &Path, owner: u32) -> Result<(), LayersError> {
    let prefix = directory.join("prefix");
    for (name, owned) in [
        ("prefix", true),
        // Of the host's root: programs cannot add a drive.
        ("prefix/dosdevices", false),
        ("prefix/drive_c", true),
    ] {
        let path = directory.join(name);
        fs::DirBuilder::new().mode(0o755).create(&path).map_err(LayersError::io("create", &path))?;
        if owned {
            give(&path, owner)?;
        }
    }
    let drive = prefix.join("dosdevices/c:");
    symlink("../drive_c", &drive).map_err(LayersError::io("link", &drive))?;
    // Tells Wine that there is nothing to update; any other content starts a prefix update of seconds.
    write(&prefix.join(".update-timestamp"), b"disable\n", owner)?;
    for name in REGISTRY_FILES {
        let from = registry.join(name);
        let mut text = Vec::new();
        fs::File::open(&from)
            .and_then(|file| file.take(MAX_TEXT as u64 + 1).read_to_end(&mut text))
            .map_err(LayersError::io("read", &from))?;
        if text.len() > MAX_TEXT {
            return Err(LayersError::damaged(from.display().to_string(), "it is larger than any registry"));
        }
        if name == REGISTRY_FILES[0] {
            set_machine_guid(&mut text, &random_guid()?);
        }
        write(&prefix.join(name), &text, owner)?;
    }
    let record = Record { image: image.id.clone(), diff_ids: image.diff_ids.clone() };
    let text = serde_json::to_vec_pretty(&record).map_err(|e| LayersError::damaged(RECORD, e))?;
    let path = directory.join(RECORD);
    fs::write(&path, text).map_err(LayersError::io("write", &path))
}

/// The changes of volume `C:` in the directory of the scratch. They belong to the host's root, as all files of the volume do.
fn make_directories(directory: &Path) -> Result<(), LayersError> {
    for name in disk::DIRECTORIES {
        let path = directory.join(name);
        fs::DirBuilder::new().mode(0o755).create(&path).map_err(LayersError::io("create", &path))?;
    }
    Ok(())
}

fn write(path: &Path, bytes: &[u8], owner: u32) -> Result<(), LayersError> {
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o644)
        .open(path)
        .map_err(LayersError::io("create", path))?;
    std::io::Write::write_all(&mut file, bytes).map_err(LayersError::io("write", path))?;
    give(path, owner)
}

fn give(path: &Path, owner: u32) -> Result<(), LayersError> {
    chown(path, Some(owner), Some(owner)).map_err(LayersError::io("change the owner of", path))
}

/// Each container is a machine of its own. The text is changed in place: parsing a megabyte of registry for
/// one value would be felt at every start.
fn set_machine_guid(text: &mut [u8], guid: &str) {
    let at = text.windows(MACHINE_GUID.len()).position(|w| w == MACHINE_GUID);
    let field = at.map(|at| at + MACHINE_GUID.len()).and_then(|at| text.get_mut(at..at + GUID_LENGTH));
    if let Some(field) = field.filter(|_| guid.len() == GUID_LENGTH) {
        field.copy_from_slice(guid.as_bytes());
    }
}

/// A random GUID of version 4 (RFC 9562).
fn random_guid() -> Result<String, LayersError> {
    let mut bytes = [0u8; 16];
    rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty())
        .map_err(|e| LayersError::io("read", Path::new("random numbers"))(e.into()))?;
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex = casement_nt::digest::hex(&bytes);
    Ok(format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_plain_names() {
        for (id, good) in [("web-1", true), ("a.b_c", true), ("", false), ("..", false), (".x", false), ("a/b", false)]
        {
            assert_eq!(is_id(id), good, "{id:?}");
        }
    }

    #[test]
    fn the_machine_guid_is_replaced_in_place() {
        let mut text =
            b"[Software\\\\Microsoft\\\\Cryptography]\n\"MachineGuid\"=\"00000000-0000-0000-0000-000000000000\"\n"
                .to_vec();
        let length = text.len();
        let guid = random_guid().unwrap();
        set_machine_guid(&mut text, &guid);
        assert_eq!(text.len(), length);
        assert!(String::from_utf8(text).unwrap().contains(&guid));
        set_machine_guid(&mut b"\"MachineGuid\"=\"cut".to_vec(), &guid);
    }
}
