//! The files of a base image: Wine's prefix as it is laid out, cut down to the flavour.
//!
//! PE files are hard links to the runtime's where the file system allows it: one copy on disk and in the page cache
//! serves all images and all containers.

use super::Flavour;
use crate::atomic;
use crate::error::LayersError;
use casement_layer_tar::security;
use casement_nt::Runtime;
use casement_nt::runtime::has_builtin_signature;
use casement_nt::runtime::recipe::FILE_TIME;
use casement_wcifs::metadata::SECURITY;
use rustix::fs::XattrFlags;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

/// Windows-side files that Wine's own set-up does not put into a prefix.
const ADDED_TO_SYSTEM32: [&str; 4] = ["CExecSvc.exe", "iphlpapi_wine.dll", "nsi_wine.dll", "zlib1.dll"];
/// Directories that programs expect, besides those of the prefix.
const DIRECTORIES: [&str; 14] = [
    "ProgramData/Microsoft/Windows",
    "Program Files/Common Files",
    "users/Default/AppData/Local/Temp",
    "users/Public/Downloads",
    "windows/system32/config/systemprofile/AppData/Local/Temp",
    "windows/system32/config/systemprofile/AppData/Roaming",
    "windows/system32/drivers/etc",
    "windows/system32/LogFiles",
    "windows/servicing",
    "windows/ServiceProfiles/LocalService",
    "windows/ServiceProfiles/NetworkService",
    "windows/temp",
    "windows/logs",
    "windows/Fonts",
];
/// Parts of the prefix that only serve 32-bit programs, which the runtime does not run, or Wine's browser engine.
const LEFT_OUT: [&str; 4] =
    ["Program Files (x86)", "windows/syswow64", "windows/system32/gecko", "windows/system32/driverstore"];
/// Further parts that console programs have no use for.
const LEFT_OUT_OF_NANO: [&str; 11] = [
    "Program Files/Internet Explorer",
    "Program Files/Windows Media Player",
    "Program Files/Windows NT",
    "Program Files/Common Files/System",
    "windows/help",
    "windows/inf",
    "windows/resources",
    "windows/twain_64",
    "windows/winsxs",
    "windows/system32/Speech",
    "windows/system32/spool",
];
/// The account that Wine made its prefix for, and the one that gets the same directories.
const PROFILE: &str = "users/ContainerAdministrator";
const SECOND_PROFILE: &str = "users/ContainerUser";
/// Whose profiles they are: the accounts of containers have the same identifiers everywhere.
const OWNERS: [(&str, &str); 2] = [(PROFILE, "S-1-5-93-2-1"), (SECOND_PROFILE, "S-1-5-93-2-2")];

/// Copies `drive` (the prefix's drive_c) to `to`.
pub fn stage(drive: &Path, runtime: &Runtime, flavour: Flavour, to: &Path) -> Result<(), LayersError> {
    let windows_files = runtime.windows_files();
    let mut known = BTreeMap::new();
    for entry in fs::read_dir(&windows_files).map_err(LayersError::io("read", &windows_files))? {
        let entry = entry.map_err(LayersError::io("read", &windows_files))?;
        known.insert(entry.file_name().to_string_lossy().to_lowercase(), entry.path());
    }
    let stage = Stage { drive, to, flavour, wanted: flavour.files(), known };
    stage.directory(Path::new(""))?;
    for name in ADDED_TO_SYSTEM32 {
        let path = stage.known.get(&name.to_lowercase()).ok_or_else(|| LayersError::Base {
            image: flavour.to_string(),
            why: format!("the runtime has no {name}"),
        })?;
        let system32 = to.join("windows/system32");
        // Wine's set-up may have put it there in small letters, which is the same name to Windows.
        atomic::remove(&system32.join(name.to_lowercase()))?;
        link(path, &system32.join(name))?;
    }
    for name in DIRECTORIES {
        let path = to.join(name);
        fs::create_dir_all(&path).map_err(LayersError::io("create", &path))?;
    }
    copy_directories(&to.join(PROFILE), &to.join(SECOND_PROFILE))?;
    for (profile, owner) in OWNERS {
        let descriptor = security::of_directories_for(owner).unwrap_or_default();
        give(&to.join(profile), &descriptor)?;
    }
    let licence = to.join("License.txt");
    fs::write(&licence, licence_text(runtime)).map_err(LayersError::io("write", &licence))?;
    stage.check()?;
    set_times(to)
}

/// Gives everything the one time of the image, as it will be when the layer is unpacked elsewhere.
pub fn set_times(directory: &Path) -> Result<(), LayersError> {
    let time = UNIX_EPOCH + Duration::from_secs(FILE_TIME);
    for entry in fs::read_dir(directory).map_err(LayersError::io("read", directory))?.flatten() {
        let path = entry.path();
        let metadata = entry.metadata().map_err(LayersError::io("read", &path))?;
        if metadata.is_dir() {
            set_times(&path)?;
        } else if metadata.modified().ok() != Some(time) {
            let file = fs::File::options().append(true).open(&path).map_err(LayersError::io("open", &path))?;
            file.set_modified(time).map_err(LayersError::io("set the time of", &path))?;
        }
    }
    let file = fs::File::open(directory).map_err(LayersError::io("open", directory))?;
    file.set_modified(time).map_err(LayersError::io("set the time of", directory))
}

struct Stage<'a> {
    drive: &'a Path,
    to: &'a Path,
    flavour: Flavour,
    wanted: Option<BTreeSet<&'static str>>,
    known: BTreeMap<String, PathBuf>,
}

impl Stage<'_> {
    fn leaves_out(&self, relative: &Path) -> bool {
        let listed = |list: &[&str]| list.iter().any(|l| Path::new(l) == relative);
        listed(&LEFT_OUT) || self.flavour == Flavour::NanoServer && listed(&LEFT_OUT_OF_NANO)
    }

    fn directory(&self, relative: &Path) -> Result<(), LayersError> {
        let to = self.to.join(relative);
        fs::create_dir_all(&to).map_err(LayersError::io("create", &to))?;
        let from = self.drive.join(relative);
        for entry in fs::read_dir(&from).map_err(LayersError::io("read", &from))? {
            let entry = entry.map_err(LayersError::io("read", &from))?;
            let relative = relative.join(entry.file_name());
            let kind = entry.file_type().map_err(LayersError::io("read", &from))?;
            if self.leaves_out(&relative) {
                continue;
            }
            // Links would lead to the host's home directory.
            if kind.is_dir() {
                self.directory(&relative)?;
            } else if kind.is_file() {
                self.file(&relative)?;
            }
        }
        Ok(())
    }

    fn file(&self, relative: &Path) -> Result<(), LayersError> {
        let (from, to) = (self.drive.join(relative), self.to.join(relative));
        let name = relative.file_name().map(|n| n.to_string_lossy().to_lowercase()).unwrap_or_default();
        // The tables are read from the runtime; nanoserver saves 10 MB of copies.
        if self.flavour == Flavour::NanoServer && name.ends_with(".nls") {
            return Ok(());
        }
        let mut start = [0u8; 0x60];
        let builtin =
            fs::File::open(&from).and_then(|mut f| f.read_exact(&mut start)).is_ok() && has_builtin_signature(&start);
        if !builtin {
            return fs::copy(&from, &to).map(drop).map_err(LayersError::io("copy", &from));
        }
        if self.wanted.as_ref().is_some_and(|wanted| !wanted.contains(name.as_str())) {
            return Ok(());
        }
        match self.known.get(&name) {
            Some(runtime_file) => link(runtime_file, &to),
            None => fs::copy(&from, &to).map(drop).map_err(LayersError::io("copy", &from)),
        }
    }

    /// Nothing of the list may be missing: a program would fail at a time when nobody thinks of the list.
    fn check(&self) -> Result<(), LayersError> {
        let Some(wanted) = &self.wanted else {
            return Ok(());
        };
        let mut present = BTreeSet::new();
        names_below(self.to, &mut present)?;
        let missing: Vec<&str> = wanted.iter().filter(|name| !present.contains(**name)).copied().collect();
        match missing.is_empty() {
            true => Ok(()),
            false => Err(LayersError::Base {
                image: self.flavour.to_string(),
                why: format!("Wine's prefix lacks {}", missing.join(", ")),
            }),
        }
    }
}

fn names_below(directory: &Path, names: &mut BTreeSet<String>) -> Result<(), LayersError> {
    for entry in fs::read_dir(directory).map_err(LayersError::io("read", directory))?.flatten() {
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => names_below(&entry.path(), names)?,
            _ => {
                names.insert(entry.file_name().to_string_lossy().to_lowercase());
            }
        }
    }
    Ok(())
}

fn link(from: &Path, to: &Path) -> Result<(), LayersError> {
    match fs::hard_link(from, to) {
        Ok(()) => Ok(()),
        // Another file system, or one without links.
        Err(e) if e.kind() != ErrorKind::AlreadyExists => {
            fs::copy(from, to).map(drop).map_err(LayersError::io("copy", from))
        }
        Err(_) => Ok(()),
    }
}

fn copy_directories(from: &Path, to: &Path) -> Result<(), LayersError> {
    fs::create_dir_all(to).map_err(LayersError::io("create", to))?;
    for entry in fs::read_dir(from).map_err(LayersError::io("read", from))?.flatten() {
        if entry.file_type().is_ok_and(|k| k.is_dir()) {
            copy_directories(&entry.path(), &to.join(entry.file_name()))?;
        }
    }
    Ok(())
}

/// Gives a directory and those below it a security descriptor.
fn give(directory: &Path, descriptor: &[u8]) -> Result<(), LayersError> {
    rustix::fs::setxattr(directory, SECURITY, descriptor, XattrFlags::empty())
        .map_err(|e| LayersError::io("set the security of", directory)(e.into()))?;
    for entry in fs::read_dir(directory).map_err(LayersError::io("read", directory))?.flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            give(&entry.path(), descriptor)?;
        }
    }
    Ok(())
}

fn licence_text(runtime: &Runtime) -> String {
    let info = runtime.info();
    let mut text = format!(
        "This image was made on the machine that it runs on, by Casement, from Wine {}.\r\n\
         No part of it is from Microsoft, and it needs no Windows licence.\r\n\r\n\
         Wine is free software under the GNU Lesser General Public License, version 2.1 or later\r\n\
         (https://www.gnu.org/licenses/old-licenses/lgpl-2.1.html). It comes without any warranty.\r\n\
         CExecSvc.exe and wineboot.exe are parts of Casement, under the Apache License, version 2.0.\r\n\
         zlib1.dll is zlib, under the zlib licence.\r\n\r\n\
         The files were taken, stripped of debug data, from these Debian packages;\r\n\
         their sources are at https://sources.debian.org and with `apt-get source`:\r\n",
        info.wine_version
    );
    for package in info.packages.iter().filter(|p| p.name.contains("wine") || p.name.contains("mingw")) {
        text.push_str(&format!("  {} {}\r\n", package.name, package.version));
    }
    text
}
