//! Images into OCI layout directories: blobs first, the index last, each whole or not at all.

use crate::documents::MAX_DOCUMENT;
use crate::error::RegistryError;
use crate::layout::{Layout, NAME};
use casement_layers::{Digest, oci};
use rustix::fs::{AtFlags, FlockOperation, Mode, OFlags, ResolveFlags};
use rustix::io::Errno;
use serde_json::{Value, json};
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::path::Path;

const VERSION: &str = "oci-layout";
const INDEX: &str = "index.json";
/// What is not finished yet, in the directory of blobs and beside the index. One writer at a time has the directory.
const UNFINISHED: &str = ".unfinished";
const PERMISSIONS: Mode = Mode::from_raw_mode(0o644);

/// A layout directory that this process adds to; others that do wait until it is closed.
#[derive(Debug)]
pub struct LayoutWriter {
    directory: OwnedFd,
    blobs: OwnedFd,
    shown: String,
}

impl LayoutWriter {
    /// Opens a layout directory, or makes an empty directory one.
    ///
    /// # Errors
    /// [`RegistryError::Layout`] when it is neither, or cannot be written.
    pub fn open(path: &Path) -> Result<Self, RegistryError> {
        let shown = path.display().to_string();
        let failed =
            |what: &str, error: &dyn std::fmt::Display| RegistryError::Layout(format!("{shown}: {what}: {error}"));
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let directory = rustix::fs::open(path, flags, Mode::empty()).map_err(|e| failed("cannot open it", &e))?;
        rustix::fs::flock(&directory, FlockOperation::LockExclusive).map_err(|e| failed("cannot lock it", &e))?;
        match rustix::fs::statat(&directory, VERSION, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(_) => drop(Layout::open(path)?),
            Err(Errno::NOENT) if is_empty(&directory).map_err(|e| failed("cannot read it", &e))? => {
                let version = json!({ "imageLayoutVersion": "1.0.0" }).to_string();
                put(&directory, VERSION, version.as_bytes()).map_err(|e| failed("cannot write to it", &e))?;
            }
            Err(Errno::NOENT) => {
                return Err(RegistryError::Layout(format!(
                    "{shown} is neither an OCI layout directory nor empty; name one that is, or a new one"
                )));
            }
            Err(error) => return Err(failed("cannot look at it", &error)),
        }
        let mut blobs = rustix::io::dup(&directory).map_err(|e| failed("cannot open it", &e))?;
        for name in ["blobs", "sha256"] {
            match rustix::fs::mkdirat(&blobs, name, Mode::from_raw_mode(0o755)) {
                Ok(()) | Err(Errno::EXIST) => {}
                Err(error) => return Err(failed("cannot write to it", &error)),
            }
            let flags = flags | OFlags::NOFOLLOW;
            blobs = rustix::fs::openat(&blobs, name, flags, Mode::empty()).map_err(|e| failed(name, &e))?;
        }
        Ok(Self { directory, blobs, shown })
    }

    /// Whether it has a blob of this size.
    pub fn has(&self, digest: &Digest, size: u64) -> bool {
        rustix::fs::statat(&self.blobs, digest.hex(), AtFlags::SYMLINK_NOFOLLOW).is_ok_and(|stat| {
            rustix::fs::FileType::from_raw_mode(stat.st_mode).is_file() && u64::try_from(stat.st_size) == Ok(size)
        })
    }

    /// Adds a blob.
    ///
    /// # Errors
    /// When it cannot be written, or `from` has not as many bytes as it should; nothing of it is visible then.
    pub fn add(&self, digest: &Digest, size: u64, mut from: impl Read) -> Result<(), RegistryError> {
        let failed = |error: std::io::Error| RegistryError::Layout(format!("{}: blob {digest}: {error}", self.shown));
        let mut file = create(&self.blobs).map_err(failed)?;
        if std::io::copy(&mut from, &mut file).map_err(failed)? != size {
            return Err(RegistryError::Verification(digest.to_string()));
        }
        finish(&self.blobs, &file, digest.hex()).map_err(failed)
    }

    /// Lists an image under a tag. One that had the tag before is listed no more; its blobs stay.
    ///
    /// # Errors
    /// When the index is none, or cannot be written.
    pub fn list(&self, mut image: oci::Descriptor, tag: &str) -> Result<(), RegistryError> {
        let failed = |error: &dyn std::fmt::Display| RegistryError::Layout(format!("{}: {INDEX}: {error}", self.shown));
        image.annotations.insert(NAME.to_owned(), tag.to_owned());
        let mut index = match self.index().map_err(|e| failed(&e))? {
            Some(bytes) => serde_json::from_slice(&bytes).map_err(|e| failed(&e))?,
            None => json!({ "schemaVersion": 2, "mediaType": oci::INDEX, "manifests": [] }),
        };
        let Some(images) = index.get_mut("manifests").and_then(Value::as_array_mut) else {
            return Err(failed(&"it lists no images"));
        };
        images.retain(|image| image["annotations"][NAME] != tag);
        images.push(json!(image));
        put(&self.directory, INDEX, index.to_string().as_bytes()).map_err(|e| failed(&e))
    }

    fn index(&self) -> std::io::Result<Option<Vec<u8>>> {
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
        let file = match rustix::fs::openat2(&self.directory, INDEX, flags, Mode::empty(), resolve) {
            Err(Errno::NOENT) => return Ok(None),
            other => File::from(other?),
        };
        let mut bytes = Vec::new();
        file.take(MAX_DOCUMENT as u64 + 1).read_to_end(&mut bytes)?;
        match bytes.len() > MAX_DOCUMENT {
            true => Err(std::io::Error::other(format!("it is larger than {MAX_DOCUMENT} bytes"))),
            false => Ok(Some(bytes)),
        }
    }
}

fn is_empty(directory: &OwnedFd) -> std::io::Result<bool> {
    for entry in rustix::fs::Dir::read_from(directory)? {
        let entry = entry?;
        // What a writer that was killed left of its first file.
        if ![&b"."[..], b"..", UNFINISHED.as_bytes()].contains(&entry.file_name().to_bytes()) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Writes a file in a directory in the place of the one that had the name.
fn put(directory: &OwnedFd, name: &str, bytes: &[u8]) -> std::io::Result<()> {
    let mut file = create(directory)?;
    file.write_all(bytes)?;
    finish(directory, &file, name)
}

fn create(directory: &OwnedFd) -> std::io::Result<File> {
    match rustix::fs::unlinkat(directory, UNFINISHED, AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => {}
        Err(error) => return Err(error.into()),
    }
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(rustix::fs::openat(directory, UNFINISHED, flags, PERMISSIONS)?.into())
}

fn finish(directory: &OwnedFd, file: &File, name: &str) -> std::io::Result<()> {
    file.sync_all()?;
    rustix::fs::renameat(directory, UNFINISHED, directory, name)?;
    Ok(rustix::fs::fsync(directory)?)
}
