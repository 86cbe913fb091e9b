//! A plain root file system: what scanners of files and packages read, who know neither layers nor hives.
//!
//! The files of volume `C:` as ordinary files of Linux, and the registry where an offline volume has it: whole hives in
//! `Windows/System32/config`, made of the bases and deltas of all layers.

use crate::error::ViewError;
use crate::extract::{Extracted, Style, extract};
use crate::name::FILES;
use crate::registry::Registry;
use crate::tree::TOP;
use crate::view::ImageView;
use casement_hive::Hive;
use casement_nt::hives::Mount;
use rustix::fs::{Mode, OFlags, ResolveFlags};
use serde::Serialize;
use std::fs::File;
use std::io::Write;
use std::path::Path;

/// Where an installation has its hives.
const CONFIG: [&str; 3] = ["Windows", "System32", "config"];

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RootFileSystem {
    /// The files.
    #[serde(flatten)]
    pub extracted: Extracted,
    /// The hives, by their paths below the directory.
    pub hives: Vec<String>,
}

/// Writes the root file system of an image into `directory`, which must be empty or missing.
///
/// # Errors
/// As [`extract`], or when a hive does not load.
pub fn export(view: &ImageView, directory: &Path) -> Result<RootFileSystem, ViewError> {
    let registry = Registry::of(view)?;
    let from = view.tree.find([FILES]).unwrap_or(TOP);
    let extracted = extract(view, from, directory, Style::Plain)?;
    let mut hives = Vec::new();
    for mount in Mount::OF_LAYERS {
        let (Some(tree), Some(name)) = (registry.merged(mount), mount.config_file()) else { continue };
        let bytes = Hive::new(tree, name).write();
        let bytes = bytes.map_err(|source| ViewError::Hive { hive: name.to_owned(), layer: 0, source })?;
        hives.push(put(directory, name, &bytes)?);
    }
    Ok(RootFileSystem { extracted, hives })
}

/// Writes a hive over the file of the layers, in the directory as the image spells it.
fn put(directory: &Path, name: &str, bytes: &[u8]) -> Result<String, ViewError> {
    let failed = |e: rustix::io::Errno| ViewError::io("write the hive", name)(e.into());
    let inside = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let mut at = rustix::fs::open(directory, flags, Mode::empty()).map_err(failed)?;
    let mut path = Vec::new();
    for part in CONFIG {
        let spelled = spelling(&at, part).map_err(failed)?;
        if spelled.is_none() {
            rustix::fs::mkdirat(&at, part, Mode::from_raw_mode(0o755)).map_err(failed)?;
        }
        let part = spelled.unwrap_or_else(|| part.to_owned());
        at = rustix::fs::openat2(&at, part.as_str(), flags, Mode::empty(), inside).map_err(failed)?;
        path.push(part);
    }
    if let Some(there) = spelling(&at, name).map_err(failed)? {
        rustix::fs::unlinkat(&at, there.as_str(), rustix::fs::AtFlags::empty()).map_err(failed)?;
    }
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let file = rustix::fs::openat(&at, name, flags, Mode::from_raw_mode(0o644)).map_err(failed)?;
    File::from(file).write_all(bytes).map_err(ViewError::io("write the hive", name))?;
    path.push(name.to_owned());
    Ok(path.join("/"))
}

/// How a name is spelled in a directory, if it is there.
fn spelling(directory: &std::os::fd::OwnedFd, name: &str) -> rustix::io::Result<Option<String>> {
    for entry in rustix::fs::Dir::read_from(directory)? {
        let entry = entry?;
        if let Ok(there) = entry.file_name().to_str()
            && crate::name::fold(there) == crate::name::fold(name)
        {
            return Ok(Some(there.to_owned()));
        }
    }
    Ok(None)
}
