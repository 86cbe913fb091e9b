//! Names of images, as people type them.
//!
//! The base images answer to `nanoserver`, `windows/nanoserver` and `mcr.microsoft.com/windows/nanoserver`.
//! Microsoft publishes them without a tag `latest`, so a base name without a tag means [`DEFAULT_TAG`], and if that is not
//! there, the newest build that is. All other names default to `latest`.

use crate::error::LayersError;
use casement_nt::version::Tag;
use std::fmt;

/// The registry path under which Microsoft publishes the base images (`windows` itself has no further part).
pub const MICROSOFT: &str = "mcr.microsoft.com/windows";
/// Tag of a base image when none is given.
pub const DEFAULT_TAG: Tag = Tag::Ltsc2022;
/// The base images.
pub const BASE_NAMES: [&str; 4] = ["nanoserver", "servercore", "server", "windows"];
const LONGEST: usize = 255;

/// `repository[:tag][@digest]`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Reference {
    repository: String,
    tag: Option<String>,
    digest: Option<String>,
}

impl Reference {
    /// Parses an image name (distribution specification; upper case is refused in the repository).
    ///
    /// # Errors
    /// [`LayersError::BadReference`]
    pub fn parse(text: &str) -> Result<Self, LayersError> {
        let refuse = || LayersError::BadReference(text.chars().take(100).collect());
        let (name, digest) = match text.split_once('@') {
            Some((name, digest)) => (name, Some(crate::Digest::parse(digest).map_err(|_| refuse())?.to_string())),
            None => (text, None),
        };
        // How clients write out names without a registry.
        let hub = ["docker.io/", "index.docker.io/"].into_iter().find_map(|host| name.strip_prefix(host));
        let name = hub.map_or(name, |rest| rest.strip_prefix("library/").unwrap_or(rest));
        // A colon before the last slash belongs to a registry's port.
        let after_slash = name.rfind('/').map_or(0, |at| at + 1);
        let (repository, tag) = match name[after_slash..].find(':') {
            Some(at) => (&name[..after_slash + at], Some(&name[after_slash + at + 1..])),
            None => (name, None),
        };
        let good_tag = |t: &str| {
            let mut bytes = t.bytes();
            let word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
            t.len() <= 128 && bytes.next().is_some_and(word) && bytes.all(|b| word(b) || b == b'.' || b == b'-')
        };
        let parts: Vec<&str> = repository.split('/').collect();
        let good_part = |(index, part): (usize, &&str)| {
            let host = index == 0 && parts.len() > 1;
            let word = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
            let ends = part.bytes().next().is_some_and(word) && part.bytes().last().is_some_and(word);
            ends && part.bytes().all(|b| word(b) || matches!(b, b'.' | b'_' | b'-') || (host && b == b':'))
        };
        let good = repository.len() <= LONGEST && parts.iter().enumerate().all(good_part) && tag.is_none_or(good_tag);
        match good {
            true => Ok(Self { repository: repository.to_owned(), tag: tag.map(str::to_owned), digest }),
            false => Err(refuse()),
        }
    }

    /// The repository, as it was typed, without Docker's own registry.
    pub fn repository(&self) -> &str {
        &self.repository
    }

    /// The tag, if one was typed.
    pub fn tag(&self) -> Option<&str> {
        self.tag.as_deref()
    }

    /// The manifest's digest, if one was typed.
    pub fn digest(&self) -> Option<&str> {
        self.digest.as_deref()
    }

    /// The bare name of the base image that this names in any of its spellings.
    pub fn base_name(&self) -> Option<&'static str> {
        let typed = self.repository.as_str();
        BASE_NAMES.into_iter().find(|name| {
            typed == *name || typed == microsoft_name(name) || typed.strip_prefix("windows/") == Some(*name)
        })
    }

    /// The repositories that may hold the image, the typed one first.
    pub(crate) fn repositories(&self) -> Vec<String> {
        let mut all = vec![self.repository.clone()];
        if let Some(base) = self.base_name() {
            all.extend([microsoft_name(base), base.to_owned()]);
        }
        all
    }

    /// The tags to look for, best first; base names without a tag take any build in the end.
    pub(crate) fn tags(&self) -> Vec<String> {
        match (&self.tag, self.base_name()) {
            (Some(tag), _) => vec![tag.clone()],
            (None, None) => vec!["latest".to_owned()],
            (None, Some(_)) => {
                let mut tags = vec!["latest".to_owned(), DEFAULT_TAG.to_string()];
                tags.extend(Tag::ALL.iter().rev().map(Tag::to_string));
                tags
            }
        }
    }
}

/// The repository of a base image on Microsoft's registry.
pub fn microsoft_name(base: &str) -> String {
    match base {
        "windows" => MICROSOFT.to_owned(),
        _ => format!("{MICROSOFT}/{base}"),
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.repository)?;
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        match &self.digest {
            Some(digest) => write!(f, "@{digest}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_a_base_image_is_known() {
        for text in ["nanoserver", "windows/nanoserver:1809", "mcr.microsoft.com/windows/nanoserver:ltsc2022"] {
            assert_eq!(Reference::parse(text).unwrap().base_name(), Some("nanoserver"), "{text}");
        }
        assert_eq!(Reference::parse("mcr.microsoft.com/windows:1809").unwrap().base_name(), Some("windows"));
        assert_eq!(Reference::parse("my/nanoserver").unwrap().base_name(), None);
        let written_out = Reference::parse("docker.io/library/nanoserver:1809").unwrap();
        assert_eq!(written_out, Reference::parse("nanoserver:1809").unwrap());
        assert_eq!(Reference::parse("docker.io/a/b").unwrap().repository(), "a/b");
    }

    #[test]
    fn ports_tags_and_digests_are_told_apart() {
        let digest = format!("sha256:{}", "0".repeat(64));
        let reference = Reference::parse(&format!("localhost:5000/a/b:v1@{digest}")).unwrap();
        assert_eq!(reference.repository(), "localhost:5000/a/b");
        assert_eq!((reference.tag(), reference.digest()), (Some("v1"), Some(digest.as_str())));
    }

    #[test]
    fn what_is_no_name_is_refused() {
        for text in ["", ":", "A", "a:", "a:b:c", "../x", "a//b", "/a", "a/", "a b", "a@sha256:1", "-a", "a\0", "a:é"]
        {
            assert!(Reference::parse(text).is_err(), "{text:?}");
        }
    }
}
