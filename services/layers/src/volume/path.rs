//! Paths on volume `C:` as Docker's clients write them.

use super::error::VolumeError;
use casement_nt::path::is_file_name;
use std::fmt;

/// A path on volume `C:`: `C:\x`, `C:/x`, `/x` and `x` are the same one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VolumePath {
    components: Vec<String>,
    /// What it ends in, as the client wrote it: a name, `.`, or `/` for the root.
    base: String,
    relative: bool,
}

impl VolumePath {
    /// Parses a path; `..` stays within the volume.
    ///
    /// # Errors
    /// [`VolumeError::NoPath`] for a drive alone, [`VolumeError::OtherDrive`], and [`VolumeError::BadName`].
    pub fn parse(text: &str) -> Result<Self, VolumeError> {
        let mut letters = text.chars();
        let drive = match (letters.next(), letters.next()) {
            (Some(drive), Some(':')) if drive.is_ascii_alphabetic() => Some(drive),
            _ => None,
        };
        let rest = if drive.is_some() { letters.as_str() } else { text };
        match drive {
            Some(_) if rest.is_empty() => return Err(VolumeError::NoPath(text.to_owned())),
            Some('c' | 'C') | None => {}
            Some(_) => return Err(VolumeError::OtherDrive),
        }
        if drive.is_some() && !rest.starts_with(['/', '\\']) {
            return Err(VolumeError::BadName { path: text.to_owned(), part: text.to_owned() });
        }
        let relative = !rest.starts_with(['/', '\\']);
        let components = components(rest, text, Above::StaysAtRoot)?;
        let base = match rest.rsplit(['/', '\\']).next() {
            Some(".") => ".".to_owned(),
            _ => components.last().cloned().unwrap_or_else(|| "/".to_owned()),
        };
        Ok(Self { components, base, relative })
    }

    /// The components from the root.
    pub fn components(&self) -> &[String] {
        &self.components
    }

    /// The name that an archive of it has at its top: the last component as it was written, `.`, or `/`.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// Whether this is `.` without drive or slash: where a client that knows only `/` finds the parent of `C:\x`.
    pub fn is_client_parent(&self) -> bool {
        self.relative && self.components.is_empty()
    }
}

impl fmt::Display for VolumePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "C:\\{}", self.components.join("\\"))
    }
}

/// What `..` does where there is nothing above.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Above {
    /// Nothing, as in the root of a drive.
    StaysAtRoot,
    /// It is refused.
    IsRefused,
}

/// Splits `text` at slashes of both kinds; `whole` is what an error shows.
pub(super) fn components(text: &str, whole: &str, above: Above) -> Result<Vec<String>, VolumeError> {
    let mut components = Vec::new();
    for part in text.split(['/', '\\']) {
        match part {
            "" | "." => {}
            ".." if components.pop().is_none() && above == Above::IsRefused => {
                return Err(VolumeError::Archive(format!("{whole:?} is outside of the destination")));
            }
            ".." => {}
            _ if is_file_name(part) => components.push(part.to_owned()),
            _ => return Err(VolumeError::BadName { path: whole.to_owned(), part: part.to_owned() }),
        }
    }
    Ok(components)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_means_the_same_path() {
        for (text, shown, base) in [
            ("C:\\x\\y", "C:\\x\\y", "y"),
            ("c:/x/y/", "C:\\x\\y", "y"),
            ("/x/y/.", "C:\\x\\y", "."),
            ("x\\y", "C:\\x\\y", "y"),
            ("/../x", "C:\\x", "x"),
            ("C:/", "C:\\", "/"),
            ("/", "C:\\", "/"),
        ] {
            let path = VolumePath::parse(text).unwrap();
            assert_eq!((path.to_string().as_str(), path.base()), (shown, base), "{text}");
        }
        assert!(VolumePath::parse(".").unwrap().is_client_parent());
        assert!(!VolumePath::parse("/").unwrap().is_client_parent());
    }

    #[test]
    fn only_drive_c_and_only_names_of_files() {
        assert!(matches!(VolumePath::parse("C:"), Err(VolumeError::NoPath(_))));
        assert!(matches!(VolumePath::parse("d:\\x"), Err(VolumeError::OtherDrive)));
        for text in ["C:x", "C:\\nul", "C:\\a:b", "/a\0b", "/x."] {
            assert!(matches!(VolumePath::parse(text), Err(VolumeError::BadName { .. })), "{text:?}");
        }
    }
}
