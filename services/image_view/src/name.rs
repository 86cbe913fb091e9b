//! Names and paths: which are the same to NTFS, and how people write them.

use crate::error::ViewError;
pub use casement_layer_tar::fold;
use std::fmt;

/// The directory of a layer that is volume `C:`.
pub const FILES: &str = "Files";
/// The directory of a layer that has the registry.
pub const HIVES: &str = "Hives";
/// The directory of a base layer that has the utility VM.
pub const UTILITY_VM: &str = "UtilityVM";
/// What may stand at the top of a layer.
pub const TOPS: [&str; 3] = [FILES, HIVES, UTILITY_VM];

/// What a path argument is relative to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Space {
    /// Volume `C:`.
    Volume,
    /// The layer, as its archive is: `Files/…`, `Hives/…`, `UtilityVM/…`.
    Layer,
}

/// A path in an image as somebody wrote it: either slash, any case, with or without `C:`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ViewPath {
    components: Vec<String>,
    stream: Option<String>,
}

impl ViewPath {
    /// Parses `C:\dir\file:stream`, `/dir/file`, `dir\file`; in [`Space::Layer`] `Files/dir/file`.
    ///
    /// # Errors
    /// For another drive, `..` above the root, and an empty name of a stream.
    pub fn parse(text: &str, space: Space) -> Result<Self, ViewError> {
        let bad = |why: &str| ViewError::unfit(format!("\"{}\"", text.chars().take(200).collect::<String>()), why);
        let mut rest = text;
        let mut letters = text.chars();
        if let (Some(drive), Some(':')) = (letters.next(), letters.next())
            && drive.is_ascii_alphabetic()
            && matches!(letters.clone().next(), None | Some('/' | '\\'))
        {
            if !drive.eq_ignore_ascii_case(&'c') || space == Space::Layer {
                return Err(bad("is not on volume C:, the only one of an image"));
            }
            rest = letters.as_str();
        }
        let mut components = Vec::new();
        if space == Space::Volume {
            components.push(FILES.to_owned());
        }
        let root = components.len();
        for part in rest.split(['/', '\\']) {
            match part {
                "" | "." => {}
                ".." if components.len() == root => return Err(bad("leads out of the image")),
                ".." => drop(components.pop()),
                _ => components.push(part.to_owned()),
            }
        }
        let mut stream = None;
        if let Some(last) = components.last_mut()
            && let Some((file, name)) = last.clone().split_once(':')
        {
            let name = name.strip_suffix(":$DATA").unwrap_or(name);
            if file.is_empty() || name.contains(':') {
                return Err(bad("names no stream: write it like C:\\dir\\file:stream"));
            }
            file.clone_into(last);
            stream = Some(name.to_owned()).filter(|name| !name.is_empty());
        }
        Ok(Self { components, stream })
    }

    /// The components from the top of the layer.
    pub fn components(&self) -> &[String] {
        &self.components
    }

    /// The alternate data stream, if one was named.
    pub fn stream(&self) -> Option<&str> {
        self.stream.as_deref()
    }
}

impl fmt::Display for ViewPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&shown(self.components.iter().map(String::as_str)))?;
        match &self.stream {
            Some(stream) => write!(f, ":{stream}"),
            None => Ok(()),
        }
    }
}

/// A path from the top of a layer as people see it: `C:\dir\file` on the volume, else `Hives\System_Base`.
pub fn shown<'a>(components: impl Iterator<Item = &'a str>) -> String {
    let mut components = components.peekable();
    let volume = components.next_if(|first| fold(first) == "FILES").is_some();
    let rest = components.collect::<Vec<_>>().join("\\");
    if volume { format!("C:\\{rest}") } else { rest }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_a_path_is_the_same() {
        for text in ["C:\\Windows\\x.txt", "c:/Windows/x.txt", "/Windows\\x.txt", "Windows//./y/../x.txt/"] {
            let path = ViewPath::parse(text, Space::Volume).unwrap();
            assert_eq!((path.to_string().as_str(), path.stream()), ("C:\\Windows\\x.txt", None), "{text}");
        }
        assert_eq!(ViewPath::parse("C:", Space::Volume).unwrap().to_string(), "C:\\");
        let stream = ViewPath::parse("C:\\a:b:$DATA", Space::Volume).unwrap();
        assert_eq!((stream.to_string().as_str(), stream.stream()), ("C:\\a:b", Some("b")));
        assert_eq!(ViewPath::parse("a::$DATA", Space::Volume).unwrap().stream(), None);
        assert_eq!(ViewPath::parse("hives\\x", Space::Layer).unwrap().to_string(), "hives\\x");
    }

    #[test]
    fn what_is_not_in_an_image_is_refused() {
        for text in ["D:\\x", "..", "C:\\a\\..\\..", "a:b:c:d", "C:\\:x"] {
            assert!(ViewPath::parse(text, Space::Volume).is_err(), "{text}");
        }
    }

    #[test]
    fn names_fold_as_ntfs_does() {
        assert_eq!(fold("straße.TXT"), "STRAßE.TXT");
        assert_eq!(fold("ÿ𐐨"), "Ÿ𐐨");
    }
}
