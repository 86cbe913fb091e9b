//! Lays the runtime tree out from the unpacked packages and our own pieces.

use super::error::RuntimeError;
use super::recipe::*;
use super::{GuestPieces, strip};
use crate::progress::Progress;
use std::fs::{self, File, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

/// Builds `runtime/{tree,build,licences}` from `packages` (the unpacked .debs).
pub fn assemble(
    packages: &Path,
    runtime: &Path,
    pieces: &GuestPieces,
    progress: &dyn Progress,
) -> Result<(), RuntimeError> {
    let tree = runtime.join("tree");
    for directory in DIRECTORIES {
        create_directory(&tree.join(directory))?;
    }
    link("usr/lib", &tree.join("lib"))?;
    link("usr/lib64", &tree.join("lib64"))?;
    for (name, text) in TEXT_FILES {
        write(&tree.join(name), text.as_bytes())?;
    }
    linux_side(packages, &tree)?;
    certificates(packages, &tree)?;
    licences(packages, &runtime.join("licences"))?;
    windows_side(packages, &tree, progress)?;
    guest_pieces(runtime, &tree, pieces)?;
    normalise(&tree)
}

fn linux_side(packages: &Path, tree: &Path) -> Result<(), RuntimeError> {
    let libraries = packages.join(LIBRARIES);
    copy(&libraries.join(INTERPRETER), &tree.join("usr/lib64").join(INTERPRETER))?;
    for name in SHARED_LIBRARIES {
        copy(&libraries.join(name), &tree.join(LIBRARIES).join(name))?;
    }
    for name in UNIX_HALVES {
        copy(&packages.join(UNIX_FILES).join(name), &tree.join(UNIX_FILES).join(name))?;
    }
    for name in PROGRAMS {
        let path = Path::new("usr/lib/wine").join(name);
        copy(&packages.join(&path), &tree.join(&path))?;
    }
    for directory in ["usr/lib/locale/C.utf8", "usr/share/wine/nls"] {
        copy_all(&packages.join(directory), &tree.join(directory))?;
    }
    copy(&packages.join("usr/share/wine/wine.inf"), &tree.join("usr/share/wine/wine.inf"))
}

/// One bundle of the trusted root certificates, where Wine's crypt32 looks for it.
fn certificates(packages: &Path, tree: &Path) -> Result<(), RuntimeError> {
    let directory = packages.join("usr/share/ca-certificates/mozilla");
    let mut bundle = Vec::new();
    for path in sorted_entries(&directory)? {
        let pem = fs::read(&path).map_err(RuntimeError::io("read", &path))?;
        bundle.extend_from_slice(pem.trim_ascii_end());
        bundle.push(b'\n');
    }
    write(&tree.join("etc/ssl/certs/ca-certificates.crt"), &bundle)
}

fn licences(packages: &Path, to: &Path) -> Result<(), RuntimeError> {
    for package in PACKAGES {
        let from = packages.join("usr/share/doc").join(package).join("copyright");
        // Packages of one source may share their directory by a link to a package that is not taken.
        if from.exists() {
            copy(&from, &to.join(package))?;
        }
    }
    Ok(())
}

fn windows_side(packages: &Path, tree: &Path, progress: &dyn Progress) -> Result<(), RuntimeError> {
    let to = tree.join(WINDOWS_FILES);
    create_directory(&to)?;
    let mut files = Vec::new();
    for path in sorted_entries(&packages.join(WINDOWS_FILES))? {
        let regular = fs::symlink_metadata(&path).map_err(RuntimeError::io("read", &path))?.is_file();
        if let (true, Some(name)) = (regular, path.file_name()) {
            files.push((path.clone(), to.join(name)));
        }
    }
    let zlib = to.join("zlib1.dll");
    files.push((packages.join(ZLIB_DLL), zlib.clone()));
    strip::strip_all(&files, progress)?;
    let mut bytes = fs::read(&zlib).map_err(RuntimeError::io("read", &zlib))?;
    if !strip::add_builtin_signature(&mut bytes) {
        return Err(RuntimeError::Incomplete("zlib1.dll has no room for the builtin signature".to_owned()));
    }
    write(&zlib, &bytes)
}

/// Puts our own files in. A DLL of ours goes on to the one of Wine that it stands before, which becomes `NAME_wine.dll`.
fn guest_pieces(runtime: &Path, tree: &Path, pieces: &GuestPieces) -> Result<(), RuntimeError> {
    let windows = tree.join(WINDOWS_FILES);
    for (name, path) in pieces.files()? {
        if !super::is_windows_file(&name) {
            copy(&path, &tree.join(LIBRARIES).join(&name))?;
            continue;
        }
        // Wine's loader looks its own files up in lower case.
        let name = name.to_lowercase();
        let place = windows.join(&name);
        if place.exists() {
            copy(&place, &runtime.join("build").join(&name))?;
            if let Some(stem) = name.strip_suffix(".dll") {
                copy(&place, &windows.join(format!("{stem}_wine.dll")))?;
            }
        }
        copy(&path, &place)?;
    }
    Ok(())
}

/// Directories and programs 0755, everything else 0644: no set-id bit, nothing that others may write. All files get one
/// time, which is also that of the images made from them.
fn normalise(directory: &Path) -> Result<(), RuntimeError> {
    for path in sorted_entries(directory)? {
        let kind = fs::symlink_metadata(&path).map_err(RuntimeError::io("read", &path))?.file_type();
        if kind.is_dir() {
            set_mode(&path, 0o755)?;
            normalise(&path)?;
        } else if kind.is_file() {
            let name = path.file_name().and_then(|n| n.to_str()).unwrap_or_default();
            let runs = PROGRAMS.contains(&name) || name.contains(".so");
            set_mode(&path, if runs { 0o755 } else { 0o644 })?;
            File::options()
                .append(true)
                .open(&path)
                .and_then(|file| file.set_modified(UNIX_EPOCH + Duration::from_secs(FILE_TIME)))
                .map_err(RuntimeError::io("set the time of", &path))?;
        }
    }
    Ok(())
}

fn set_mode(path: &Path, mode: u32) -> Result<(), RuntimeError> {
    fs::set_permissions(path, Permissions::from_mode(mode)).map_err(RuntimeError::io("set the mode of", path))
}

fn sorted_entries(directory: &Path) -> Result<Vec<PathBuf>, RuntimeError> {
    let entries = fs::read_dir(directory).map_err(RuntimeError::io("read", directory))?;
    let mut paths = entries
        .map(|e| e.map(|e| e.path()))
        .collect::<Result<Vec<_>, _>>()
        .map_err(RuntimeError::io("read", directory))?;
    paths.sort();
    Ok(paths)
}

fn create_directory(path: &Path) -> Result<(), RuntimeError> {
    fs::create_dir_all(path).map_err(RuntimeError::io("create", path))
}

fn link(target: &str, path: &Path) -> Result<(), RuntimeError> {
    symlink(target, path).map_err(RuntimeError::io("link", path))
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), RuntimeError> {
    if let Some(parent) = path.parent() {
        create_directory(parent)?;
    }
    fs::write(path, bytes).map_err(RuntimeError::io("write", path))
}

/// Copies what `from` names, following links, as a new file.
fn copy(from: &Path, to: &Path) -> Result<(), RuntimeError> {
    if let Some(parent) = to.parent() {
        create_directory(parent)?;
    }
    match fs::remove_file(to) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
            return Err(RuntimeError::io("replace", to)(e));
        }
        _ => {}
    }
    fs::copy(from, to).map(drop).map_err(RuntimeError::io("copy", from))
}

fn copy_all(from: &Path, to: &Path) -> Result<(), RuntimeError> {
    create_directory(to)?;
    for path in sorted_entries(from)? {
        let Some(name) = path.file_name() else {
            continue;
        };
        if path.is_dir() {
            copy_all(&path, &to.join(name))?;
        } else {
            copy(&path, &to.join(name))?;
        }
    }
    Ok(())
}
