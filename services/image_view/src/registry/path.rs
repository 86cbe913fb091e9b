//! Paths of keys, as people and reg.exe write them.

use crate::error::ViewError;
use crate::name::fold;
use casement_nt::hives::Mount;
use std::fmt;

/// A root of the registry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Root {
    /// `HKEY_LOCAL_MACHINE`
    Machine,
    /// `HKEY_USERS`
    Users,
    /// `HKEY_CURRENT_USER`: the profile that new users get.
    CurrentUser,
}

/// Roots and their short forms, and what they stand for.
const ROOTS: [(&str, &str, Root, &str); 5] = [
    ("HKLM", "HKEY_LOCAL_MACHINE", Root::Machine, ""),
    ("HKU", "HKEY_USERS", Root::Users, ""),
    ("HKCU", "HKEY_CURRENT_USER", Root::CurrentUser, ""),
    ("HKCR", "HKEY_CLASSES_ROOT", Root::Machine, "SOFTWARE\\Classes"),
    ("HKCC", "HKEY_CURRENT_CONFIG", Root::Machine, "SYSTEM\\CurrentControlSet\\Hardware Profiles\\Current"),
];
const DEFAULT_USER: &str = ".DEFAULT";
/// Most characters of a path.
const MAX_PATH: usize = 65_536;

/// A path of a key from its root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyPath {
    root: Root,
    components: Vec<String>,
}

impl KeyPath {
    /// Parses `HKLM\Software\…`; either slash, any case, also with the long names of the roots and a `\` or `Computer\` before it.
    ///
    /// # Errors
    /// For another root, and keys of roots that no image has.
    pub fn parse(text: &str) -> Result<Self, ViewError> {
        let bad = |why: &str| ViewError::unfit(format!("\"{}\"", text.chars().take(200).collect::<String>()), why);
        if text.len() > MAX_PATH {
            return Err(bad("is too long for a key"));
        }
        let mut parts = text.split(['\\', '/']).filter(|part| !part.is_empty()).peekable();
        let _ = parts.next_if(|first| fold(first) == "COMPUTER");
        let first = fold(parts.next().unwrap_or_default());
        let Some((_, _, root, before)) = ROOTS.iter().find(|(short, long, ..)| *short == first || *long == first)
        else {
            return Err(bad("is no key of the registry: write it like HKLM\\Software\\Microsoft"));
        };
        let before = before.split('\\').filter(|part| !part.is_empty());
        let components: Vec<String> = before.chain(parts).map(str::to_owned).collect();
        let path = Self { root: *root, components };
        match path.mount().is_some() || path.components.is_empty() {
            true => Ok(path),
            false => Err(bad(match root {
                Root::Machine => "is in no hive: images have HKLM\\SYSTEM, SOFTWARE, SAM and SECURITY",
                _ => "is in no hive: images have HKU\\.DEFAULT",
            })),
        }
    }

    /// Parses the native form, `\Registry\Machine\System\…`.
    pub fn of_native(text: &str) -> Option<Self> {
        let mut parts = text.split('\\').filter(|part| !part.is_empty());
        if fold(parts.next()?) != "REGISTRY" {
            return None;
        }
        let root = match fold(parts.next()?).as_str() {
            "MACHINE" => Root::Machine,
            "USER" => Root::Users,
            _ => return None,
        };
        Some(Self { root, components: parts.map(str::to_owned).collect() })
    }

    /// The root of one hive.
    pub fn of_mount(mount: Mount) -> Self {
        let (root, component) = match mount {
            Mount::System => (Root::Machine, Some("SYSTEM")),
            Mount::Software => (Root::Machine, Some("SOFTWARE")),
            Mount::Sam => (Root::Machine, Some("SAM")),
            Mount::Security => (Root::Machine, Some("SECURITY")),
            Mount::DefaultUser => (Root::Users, Some(DEFAULT_USER)),
            Mount::User => (Root::CurrentUser, None),
        };
        Self { root, components: component.map(str::to_owned).into_iter().collect() }
    }

    /// The hive that the key is in; `None` for a root that consists of several.
    pub fn mount(&self) -> Option<Mount> {
        if self.root == Root::CurrentUser {
            return Some(Mount::User);
        }
        let first = fold(self.components.first()?);
        let mut mounts = Mount::OF_LAYERS.into_iter();
        mounts.find(|mount| {
            let path = Self::of_mount(*mount);
            path.root == self.root && path.components.first().is_some_and(|name| fold(name) == first)
        })
    }

    /// The hives below a root of several.
    pub fn hives_below(&self) -> Vec<Mount> {
        Mount::OF_LAYERS.into_iter().filter(|mount| Self::of_mount(*mount).root == self.root).collect()
    }

    /// The components within the hive.
    pub fn below_hive(&self) -> &[String] {
        let own = usize::from(self.root != Root::CurrentUser);
        self.components.get(own..).unwrap_or_default()
    }

    /// The same hive with these components below it.
    pub fn with(&self, below: Vec<String>) -> Self {
        let own = usize::from(self.root != Root::CurrentUser).min(self.components.len());
        let components = self.components[..own].iter().cloned().chain(below).collect();
        Self { root: self.root, components }
    }

    /// The path with more components behind it.
    pub fn join(&self, more: &[String]) -> Self {
        let components = self.components.iter().chain(more).cloned().collect();
        Self { root: self.root, components }
    }
}

/// As reg.exe writes it: `HKEY_LOCAL_MACHINE\SOFTWARE\Microsoft`.
impl fmt::Display for KeyPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let long = ROOTS.iter().find(|(.., root, _)| *root == self.root).map_or("", |(_, long, ..)| long);
        f.write_str(long)?;
        self.components.iter().try_for_each(|part| write!(f, "\\{part}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_a_key_is_the_same() {
        for text in ["HKLM\\SOFTWARE\\X", "hklm/SOFTWARE/X/", "Computer\\HKEY_LOCAL_MACHINE\\SOFTWARE\\X"] {
            let path = KeyPath::parse(text).unwrap();
            assert_eq!(path.to_string(), "HKEY_LOCAL_MACHINE\\SOFTWARE\\X");
            assert_eq!((path.mount(), path.below_hive()), (Some(Mount::Software), &["X".to_owned()][..]));
        }
        assert_eq!(KeyPath::parse("HKCR\\.txt").unwrap().to_string(), "HKEY_LOCAL_MACHINE\\SOFTWARE\\Classes\\.txt");
        assert_eq!(KeyPath::parse("HKU\\.default\\x").unwrap().mount(), Some(Mount::DefaultUser));
        assert_eq!(KeyPath::parse("HKCU\\Software").unwrap().below_hive(), ["Software"]);
        assert_eq!(KeyPath::parse("HKLM").unwrap().hives_below().len(), 4);
        let native = KeyPath::of_native("\\Registry\\Machine\\System\\ControlSet001").unwrap();
        assert_eq!((native.mount(), native.below_hive()), (Some(Mount::System), &["ControlSet001".to_owned()][..]));
    }

    #[test]
    fn keys_of_no_image_are_refused() {
        for text in ["", "SOFTWARE", "HKLM\\HARDWARE", "HKU\\S-1-5-18", "HKPD"] {
            assert!(KeyPath::parse(text).is_err(), "{text}");
        }
    }
}
