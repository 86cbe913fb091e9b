//! Paths as Windows programs write them, parsed once at the edge.

use std::fmt;
use thiserror::Error;

/// Most characters of a path (UNICODE_STRING holds 32,767 UTF-16 units).
pub const MAX_PATH_UNITS: usize = 32_767;
/// Most characters of one component (NTFS).
pub const MAX_COMPONENT_UNITS: usize = 255;
/// Names that mean a device in every directory ("Naming Files, Paths, and Namespaces", Microsoft Learn).
const DEVICES: [&str; 6] = ["CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$"];

/// Why a path is refused.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum PathError {
    /// Not of the form `C:\dir`.
    #[error("\"{0}\" is not an absolute Windows path: write it like C:\\dir")]
    NotAbsolute(String),
    /// `..` above the root of the drive.
    #[error("\"{0}\" leads out of its drive")]
    Escapes(String),
    /// A character or a name that no file can have.
    #[error("\"{path}\" is not a valid Windows path: \"{part}\" cannot be the name of a file")]
    BadName {
        /// The whole path.
        path: String,
        /// The component that is refused.
        part: String,
    },
    /// Longer than [`MAX_PATH_UNITS`].
    #[error("path is longer than {MAX_PATH_UNITS} characters")]
    TooLong,
}

/// An absolute, normalised path on a drive: `C:\dir\file`.
///
/// The spelling of the components is kept; comparing paths is up to the file system.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct NtPath {
    drive: char,
    components: Vec<String>,
}

impl NtPath {
    /// Parses `C:\dir`, `c:/dir`, `\\?\C:\dir` or `\??\C:\dir`; `.` and `..` are resolved, trailing slashes dropped.
    ///
    /// # Errors
    /// [`PathError`] when it is relative, leaves its drive or holds a name that Windows does not allow.
    pub fn parse(text: &str) -> Result<Self, PathError> {
        if text.len() > MAX_PATH_UNITS && text.encode_utf16().count() > MAX_PATH_UNITS {
            return Err(PathError::TooLong);
        }
        let plain = text.strip_prefix("\\\\?\\").or_else(|| text.strip_prefix("\\??\\")).unwrap_or(text);
        let mut chars = plain.chars();
        let (drive, colon, slash) = (chars.next(), chars.next(), chars.next());
        let drive = match (drive, colon, slash) {
            (Some(d), Some(':'), Some('\\' | '/')) if d.is_ascii_alphabetic() => d.to_ascii_uppercase(),
            (Some(d), Some(':'), None) if d.is_ascii_alphabetic() => d.to_ascii_uppercase(),
            _ => return Err(PathError::NotAbsolute(text.to_owned())),
        };
        let mut path = Self { drive, components: Vec::new() };
        path.push_all(chars.as_str(), text)?;
        Ok(path)
    }

    /// Parses `text` as seen from this directory: absolute, rooted (`\dir`) or relative.
    ///
    /// # Errors
    /// As [`NtPath::parse`].
    pub fn join(&self, text: &str) -> Result<Self, PathError> {
        match Self::parse(text) {
            Err(PathError::NotAbsolute(_)) if !text.contains(':') && !text.starts_with("\\\\") => {
                let rooted = text.starts_with(['\\', '/']);
                let components = if rooted { Vec::new() } else { self.components.clone() };
                let mut path = Self { drive: self.drive, components };
                path.push_all(text, text)?;
                Ok(path)
            }
            other => other,
        }
    }

    fn push_all(&mut self, rest: &str, whole: &str) -> Result<(), PathError> {
        for part in rest.split(['\\', '/']) {
            match part {
                "" | "." => {}
                ".." => {
                    self.components.pop().ok_or_else(|| PathError::Escapes(whole.to_owned()))?;
                }
                _ if is_file_name(part) => self.components.push(part.to_owned()),
                _ => {
                    return Err(PathError::BadName { path: whole.to_owned(), part: part.to_owned() });
                }
            }
        }
        Ok(())
    }

    /// The drive letter, upper case.
    pub fn drive(&self) -> char {
        self.drive
    }

    /// The components below the drive; none for the root.
    pub fn components(&self) -> impl Iterator<Item = &str> {
        self.components.iter().map(String::as_str)
    }

    /// The path below the drive with `/`, for a Linux directory that stands for the drive: `dir/file`.
    pub fn relative(&self) -> String {
        self.components.join("/")
    }
}

impl fmt::Display for NtPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:\\{}", self.drive, self.components.join("\\"))
    }
}

impl std::str::FromStr for NtPath {
    type Err = PathError;

    fn from_str(text: &str) -> Result<Self, PathError> {
        Self::parse(text)
    }
}

/// Whether a file can have this name on Windows: no reserved character, no device name, no blank or dot at the end.
pub fn is_file_name(name: &str) -> bool {
    let bad = |c: char| c < ' ' || matches!(c, '<' | '>' | ':' | '"' | '|' | '?' | '*' | '/' | '\\');
    if name.is_empty() || name.contains(bad) || name.ends_with([' ', '.']) {
        return false;
    }
    if name.encode_utf16().count() > MAX_COMPONENT_UNITS {
        return false;
    }
    let stem = name.split('.').next().unwrap_or(name).trim_end().to_ascii_uppercase();
    let port = |prefix| matches!(stem.strip_prefix(prefix).map(str::as_bytes), Some([b'1'..=b'9']));
    !(DEVICES.contains(&stem.as_str()) || port("COM") || port("LPT"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_every_spelling_in_one_form() {
        for (text, shown, relative) in [
            ("c:/app//bin/", "C:\\app\\bin", "app/bin"),
            ("C:\\", "C:\\", ""),
            ("d:", "D:\\", ""),
            ("C:\\a\\.\\b\\..\\c", "C:\\a\\c", "a/c"),
            ("\\\\?\\C:\\x", "C:\\x", "x"),
            ("C:\\Program Files\\a.b", "C:\\Program Files\\a.b", "Program Files/a.b"),
        ] {
            let path = NtPath::parse(text).unwrap();
            assert_eq!((path.to_string().as_str(), path.relative().as_str()), (shown, relative));
        }
    }

    #[test]
    fn refuses_what_is_no_path_on_a_drive() {
        for text in ["", "app", "\\app", "/etc/passwd", "\\\\host\\share", "C:app", "1:\\x", "\\\\.\\unix\\etc"] {
            assert!(matches!(NtPath::parse(text), Err(PathError::NotAbsolute(_))), "{text:?}");
        }
        assert!(matches!(NtPath::parse("C:\\a\\..\\..\\b"), Err(PathError::Escapes(_))));
        for text in ["C:\\nul", "C:\\a\\COM1.txt", "C:\\a:b", "C:\\a*", "C:\\a\0b", "C:\\end.", "C:\\..."] {
            assert!(matches!(NtPath::parse(text), Err(PathError::BadName { .. })), "{text:?}");
        }
        assert_eq!(NtPath::parse(&format!("C:\\{}", "a\\".repeat(40_000))), Err(PathError::TooLong));
    }

    #[test]
    fn joins_as_a_change_of_directory() {
        let base = NtPath::parse("C:\\app").unwrap();
        for (text, joined) in [("bin", "C:\\app\\bin"), ("..\\x", "C:\\x"), ("\\y", "C:\\y"), ("D:\\z", "D:\\z")] {
            assert_eq!(base.join(text).unwrap().to_string(), joined);
        }
        assert!(base.join("..\\..\\x").is_err());
        assert!(base.join("D:x").is_err());
    }
}
