//! Names of entries: relative, with `/`, and never out of the layer.

use crate::error::LayerTarError;
use std::fmt;

/// Longest name in bytes.
pub const MAX_PATH: usize = 32_767;
/// Longest component in bytes (NTFS has 255 UTF-16 units, Linux file systems 255 bytes).
pub const MAX_COMPONENT: usize = 255;
/// Deepest name.
pub const MAX_DEPTH: usize = 512;
/// What may stand at the top of a layer.
const TOPS: [&str; 3] = ["Files", "Hives", "UtilityVM"];

/// A checked name inside a layer: `Files/windows/system32/ntdll.dll`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LayerPath(String);

impl LayerPath {
    /// Checks `name`; a trailing slash, as directories have it, is dropped.
    ///
    /// # Errors
    /// [`LayerTarError::BadName`] for absolute names, `..`, `.`, backslashes, drive letters, streams (`:`), control
    /// characters, names too long, and names outside of `Files`, `Hives` and `UtilityVM`.
    pub fn new(name: &str) -> Result<Self, LayerTarError> {
        let refuse = |why| Err(LayerTarError::bad_name(name, why));
        let path = name.strip_suffix('/').unwrap_or(name);
        if path.len() > MAX_PATH {
            return refuse("is too long");
        }
        if path.starts_with('/') {
            return refuse("is an absolute name");
        }
        for (depth, part) in path.split('/').enumerate() {
            match part {
                "" => return refuse("has an empty component"),
                "." | ".." => return refuse("has a component that moves out of its directory"),
                _ if part.contains('\\') => return refuse("has a backslash"),
                _ if part.contains(':') => return refuse("has a drive letter or stream name"),
                _ if part.chars().any(|c| c < ' ') => return refuse("has a control character"),
                _ if part.len() > MAX_COMPONENT => {
                    return refuse("has a component that is too long");
                }
                _ if depth >= MAX_DEPTH => return refuse("is too deep"),
                _ if depth == 0 && !TOPS.contains(&part) => {
                    return refuse("is outside of Files, Hives and UtilityVM");
                }
                _ => {}
            }
        }
        Ok(Self(path.to_owned()))
    }

    /// The name, without a slash at the end.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The components from the top.
    pub fn components(&self) -> impl Iterator<Item = &str> {
        self.0.split('/')
    }
}

impl fmt::Display for LayerPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_inside_the_layer_pass() {
        for name in ["Files", "Files/", "Hives/system.reg", "UtilityVM/Files/a", "Files/a b/ü.txt", "Files/..."] {
            assert_eq!(LayerPath::new(name).unwrap().as_str(), name.trim_end_matches('/'));
        }
    }

    #[test]
    fn escapes_are_refused() {
        let long = format!("Files/{}", "x".repeat(256));
        let deep = format!("Files{}", "/x".repeat(600));
        for name in [
            "",
            "/",
            "/etc/passwd",
            "..",
            "Files/../x",
            "Files/..",
            "Files/./x",
            "Files//x",
            "Files\\x",
            "C:/x",
            "Files/C:",
            "Files/a:b",
            "Files/a\0b",
            "Files/a\nb",
            "etc/passwd",
            "files/x",
            &long,
            &deep,
        ] {
            assert!(LayerPath::new(name).is_err(), "{name:?}");
        }
    }
}
