//! Names of entries: relative, with `/`, and never out of the layer.

use crate::error::LayerTarError;
use crate::limits::{MAX_COMPONENT, MAX_DEPTH, MAX_PATH};
use std::fmt;

/// What may stand at the top of a layer.
const TOPS: [&str; 3] = ["Files", "Hives", "UtilityVM"];

/// A checked name inside a layer: `Files/windows/system32/ntdll.dll`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LayerPath(String);

impl LayerPath {
    /// Checks `name`; a trailing slash, as directories have it, is dropped, and so is a leading `./`.
    ///
    /// Names that only Win32 cannot say (`aux.txt`, `a.`) are names in NTFS and pass.
    ///
    /// # Errors
    /// [`LayerTarError::BadName`] for absolute names, `..`, `.`, characters that NTFS has not in names (backslashes,
    /// colons, control characters), names too long, and names outside of `Files`, `Hives` and `UtilityVM`.
    pub fn new(name: &str) -> Result<Self, LayerTarError> {
        let refuse = |why| Err(LayerTarError::bad_name(name, why));
        let path = name.strip_suffix('/').unwrap_or(name);
        let path = path.strip_prefix("./").unwrap_or(path);
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
                _ if part.contains(['"', '*', '<', '>', '?', '|']) => {
                    return refuse("has a character that no name has in NTFS");
                }
                _ if part.len() > MAX_COMPONENT && part.encode_utf16().count() > MAX_COMPONENT => {
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

    /// The name of something in the directory of this name.
    ///
    /// # Errors
    /// As [`LayerPath::new`].
    pub fn join(&self, name: &str) -> Result<Self, LayerTarError> {
        Self::new(&format!("{}/{name}", self.0))
    }

    /// The name, without a slash at the end.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The components from the top.
    pub fn components(&self) -> impl DoubleEndedIterator<Item = &str> {
        self.0.split('/')
    }

    /// The directory and the name in it; no directory for what stands at the top.
    pub fn split(&self) -> (Option<&str>, &str) {
        match self.0.rsplit_once('/') {
            Some((parent, name)) => (Some(parent), name),
            None => (None, &self.0),
        }
    }

    /// Whether files here belong to a volume: `Files/…` or `UtilityVM/Files/…`. Only there links and whiteouts have a meaning.
    pub fn is_of_a_volume(&self) -> bool {
        self.0.starts_with("Files/") || self.0.starts_with("UtilityVM/Files/")
    }
}

impl fmt::Display for LayerPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What two names have in common exactly if they are the same to NTFS.
pub fn fold(name: &str) -> String {
    if name.is_ascii() {
        return name.to_ascii_uppercase();
    }
    let units: Vec<u16> = name.encode_utf16().map(casement_upcase::upcase).collect();
    // Surrogates have no upper case, so that the text stays one.
    String::from_utf16_lossy(&units)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_inside_the_layer_pass() {
        for name in [
            "Files",
            "Files/",
            "Hives/system.reg",
            "UtilityVM/Files/a",
            "Files/a b/ü.txt",
            "Files/...",
            "Files/aux.txt",
            "Files/dot.",
        ] {
            assert_eq!(LayerPath::new(name).unwrap().as_str(), name.trim_end_matches('/'));
        }
        assert_eq!(LayerPath::new("./Files/a").unwrap().as_str(), "Files/a");
        assert!(LayerPath::new(&format!("Files/{}", "字".repeat(255))).is_ok());
    }

    #[test]
    fn escapes_are_refused() {
        let long = format!("Files/{}", "x".repeat(256));
        let deep = format!("Files{}", "/x".repeat(600));
        for name in [
            "",
            "/",
            "./",
            "/etc/passwd",
            "..",
            "Files/../x",
            "Files/..",
            "Files/./x",
            "Files//x",
            "Files\\x",
            "C:/x",
            "Files/C:",
            "Files/C:/x",
            "Files/a:b",
            "Files/a\0b",
            "Files/a\nb",
            "Files/a?b",
            "//server/share",
            "//?/C:/x",
            "\\\\?\\C:\\x",
            "etc/passwd",
            "files/x",
            &long,
            &deep,
        ] {
            assert!(LayerPath::new(name).is_err(), "{name:?}");
        }
    }

    #[test]
    fn names_fold_as_in_ntfs() {
        for (one, other, same) in
            [("a", "A", true), ("ß", "SS", false), ("ı", "I", false), ("İ", "i", false), ("é", "É", true)]
        {
            assert_eq!(fold(one) == fold(other), same, "{one} {other}");
        }
        assert_eq!(fold("😀"), "😀");
    }
}
