//! `-v HOST:C:\path[:ro]`: a host directory shown in the container.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use casement_nt::NtPath;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::model::{MountPoint, MountType};

/// A host directory and the place in the container where it is shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Bind {
    /// Absolute path on the host.
    pub source: PathBuf,
    /// Absolute Windows path on drive C.
    pub target: String,
    /// Whether the container may not write.
    pub read_only: bool,
}

impl Bind {
    /// Checks the host's side: the source is a directory.
    ///
    /// # Errors
    /// [`Error::InvalidParameter`] with the texts of the Windows engine.
    pub fn check_source(&self) -> Result<()> {
        let source = self.source.display();
        match std::fs::metadata(&self.source) {
            Ok(metadata) if metadata.is_dir() => Ok(()),
            Ok(_) => Err(Error::InvalidParameter(format!(
                "file '{source}' cannot be mapped. Only directories can be mapped on this platform"
            ))),
            Err(_) => Err(Error::InvalidParameter(format!(
                "invalid mount config for type \"bind\": bind source path does not exist: {source}"
            ))),
        }
    }
}

impl FromStr for Bind {
    type Err = Error;

    /// Reads `source:target[:ro|rw]`. The target starts at the last `:X:\` or `:X:/` in the text, so the source may hold colons.
    fn from_str(text: &str) -> Result<Self> {
        let invalid = || Error::InvalidParameter(format!("invalid volume specification: '{text}'"));
        let (rest, read_only) = match text.rsplit_once(':') {
            Some((rest, mode)) if mode.eq_ignore_ascii_case("ro") => (rest, true),
            Some((rest, mode)) if mode.eq_ignore_ascii_case("rw") => (rest, false),
            _ => (text, false),
        };
        let drive = |at: &usize| {
            let tail = &rest.as_bytes()[*at..];
            tail.len() >= 3
                && tail[0] == b':'
                && tail[1].is_ascii_alphabetic()
                && tail[2] == b':'
                && matches!(tail.get(3), None | Some(b'\\' | b'/'))
        };
        let split = (0..rest.len()).rev().find(drive).ok_or_else(invalid)?;
        let (source, target) = (&rest[..split], &rest[split + 1..]);
        if !source.starts_with('/') || source.contains('\0') {
            return Err(Error::InvalidParameter(format!(
                "invalid volume specification: '{text}': the host path must be absolute"
            )));
        }
        let target = target_path(target)?;
        Ok(Self { source: PathBuf::from(source), target, read_only })
    }
}

impl From<Bind> for MountPoint {
    fn from(bind: Bind) -> Self {
        Self {
            kind: MountType::Bind,
            source: bind.source.display().to_string(),
            destination: bind.target,
            writable: !bind.read_only,
            ..Self::default()
        }
    }
}

impl fmt::Display for Bind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mode = if self.read_only { "ro" } else { "rw" };
        write!(formatter, "{}:{}:{mode}", self.source.display(), self.target)
    }
}

/// The target as `C:\dir`, below the root of drive C.
fn target_path(target: &str) -> Result<String> {
    let invalid = |why: &dyn fmt::Display| Error::InvalidParameter(format!("invalid mount path: '{target}': {why}"));
    if target.len() == 2 {
        return Err(Error::InvalidParameter("destination path (c:\\) cannot be 'c:' or 'c:\\'".to_owned()));
    }
    let path = NtPath::parse(target).map_err(|error| invalid(&error))?;
    if path.drive() != 'C' {
        return Err(invalid(&"only drive C: is available"));
    }
    if path.components().next().is_none() {
        return Err(Error::InvalidParameter("destination path (c:\\) cannot be 'c:' or 'c:\\'".to_owned()));
    }
    Ok(path.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bind(text: &str) -> Bind {
        text.parse().unwrap()
    }

    #[test]
    fn source_target_and_mode_are_told_apart() {
        let plain = bind(r"/data:C:\data");
        assert_eq!(
            (plain.source.to_str().unwrap(), plain.target.as_str(), plain.read_only),
            ("/data", r"C:\data", false)
        );
        assert!(bind(r"/data:c:\data:ro").read_only);
        assert!(!bind(r"/data:c:/data:RW").read_only);
        assert_eq!(bind("/a:b:c:/x//y/").source.to_str().unwrap(), "/a:b");
        assert_eq!(bind("/a:b:c:/x//y/").target, r"C:\x\y");
    }

    #[test]
    fn hostile_specifications_are_refused() {
        for text in [
            "",
            ":",
            "/data",
            "/data:",
            "data:C:\\x",
            "/data:/x",
            "/data:D:\\x",
            "/data:C:",
            "/data:C:\\",
            "/data:C:x",
            "/data:C:\\..\\x",
            "/data:C:\\a:b",
            "/data:C:\\a*",
            "/data:C:\\x:zz",
            "C:\\x:C:\\y",
        ] {
            assert!(text.parse::<Bind>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_source_must_be_a_directory() {
        assert!(bind("/proc:C:\\x").check_source().is_ok());
        assert!(bind("/proc/version:C:\\x").check_source().is_err());
        assert!(bind("/nowhere/at/all:C:\\x").check_source().is_err());
    }
}
