//! Mounts: what `-v` and `--mount` ask for, and what a container gets.

mod long_form;
mod plan;
mod short_form;

use std::path::{Path, PathBuf};

use casement_nt::NtPath;
use casement_schema::ComputeSystem;

use crate::error::{Error, Result};
use crate::model::{MountPoint, MountType};
use crate::volumes::VolumeName;

/// What is mounted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// A directory of the host.
    Directory(PathBuf),
    /// A volume, or a directory in it.
    Volume {
        /// Its name.
        name: VolumeName,
        /// Path below its root, with `/`.
        subpath: Option<PathBuf>,
        /// Labels, when the mount makes it.
        labels: std::collections::BTreeMap<String, String>,
    },
    /// A volume without a name of its own.
    Anonymous,
}

/// A mount that is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wanted {
    source: Source,
    target: NtPath,
    read_only: bool,
    /// As typed: ``, `ro` or `rw`.
    mode: String,
}

/// A place in the container: below the root of drive C.
fn target(text: &str) -> Result<NtPath> {
    let refuse = |why: &str| Err(Error::InvalidParameter(format!("invalid mount path: '{text}'{why}")));
    let is_root = || Error::InvalidParameter("destination path (c:\\) cannot be 'c:' or 'c:\\'".to_owned());
    if is_pipe(text) {
        return Err(no_pipes());
    }
    let path = match NtPath::parse(text) {
        Ok(_) if text.len() == 2 => return Err(is_root()),
        Ok(path) => path,
        Err(casement_nt::path::PathError::NotAbsolute(_)) => return refuse(" mount path must be absolute"),
        Err(error) => return refuse(&format!(": {error}")),
    };
    if path.drive() != 'C' {
        return refuse(": only drive C: is available");
    }
    if path.components().next().is_none() {
        return Err(is_root());
    }
    Ok(path)
}

/// Puts the real paths of bound directories of the host into a document that is about to be started: silo hosts follow no links.
/// What is in volumes stays as it is, as programs may have made links there.
///
/// # Errors
/// [`Error::InvalidParameter`] when one does not exist any more.
pub(crate) fn follow_links(document: &mut ComputeSystem, mounts: &[MountPoint]) -> Result<()> {
    let Some(container) = &mut document.container else { return Ok(()) };
    let bound = |place: &str| mounts.iter().any(|mount| mount.kind == MountType::Bind && mount.destination == place);
    for mapped in container.mapped_directories.iter_mut().filter(|mapped| bound(&mapped.container_path)) {
        check_directory(Path::new(&mapped.host_path))?;
        let real = std::fs::canonicalize(&mapped.host_path)
            .map_err(|error| Error::io(format!("cannot find {}", mapped.host_path), error))?;
        mapped.host_path = real.display().to_string();
    }
    Ok(())
}

/// Whether a text names a pipe of Windows, with either slash.
fn is_pipe(text: &str) -> bool {
    let plain = text.replace('/', "\\").to_ascii_lowercase();
    plain.strip_prefix(r"\\.\pipe\").is_some_and(|name| !name.is_empty())
}

fn no_pipes() -> Error {
    Error::NotImplemented(
        "named pipes of the host as mounts are not implemented by this version of Casement".to_owned(),
    )
}

/// Whether a text is a path of a Windows host.
fn is_windows_path(text: &str) -> bool {
    let bytes = text.as_bytes();
    text.starts_with('\\') || (bytes.len() >= 2 && bytes[0].is_ascii_alphabetic() && bytes[1] == b':')
}

/// Checks that a source is a directory of this host. The wording is the Windows engine's.
fn check_directory(source: &Path) -> Result<()> {
    let shown = source.display();
    match std::fs::metadata(source) {
        Ok(metadata) if metadata.is_dir() => Ok(()),
        Ok(_) => Err(Error::InvalidParameter(format!(
            "file '{shown}' cannot be mapped. Only directories can be mapped on this platform"
        ))),
        Err(_) => Err(Error::InvalidParameter(format!(
            "invalid mount config for type \"bind\": bind source path does not exist: {shown}"
        ))),
    }
}
