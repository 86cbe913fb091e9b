//! Which image of an index is taken.
//!
//! As moby does for Windows hosts: entries for other systems go, those of the host's own build come first, else the order of the list
//! decides and revisions do not count. moby also drops images that are newer than the host; as any build runs here, these only come
//! last, unless the policy is `strict`.

use crate::documents::Entry;
use crate::error::RegistryError;
use casement_layers::oci::Platform;
use std::fmt;

/// The third field of a Windows version, such as 20348 of `10.0.20348.4294`.
pub fn build_number(version: &str) -> Option<u32> {
    version.split('.').nth(2)?.parse().ok()
}

/// The Windows that images are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HostBuild(pub u32);

impl fmt::Display for HostBuild {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "10.0.{}", self.0)
    }
}

/// What newer images than the host are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Newer {
    /// Taken when there is nothing else.
    Last,
    /// Never taken.
    Refused,
}

/// The entry for a host of this build.
///
/// # Errors
/// [`RegistryError::NoMatch`] in Docker's words, and [`RegistryError::Refused`] when the entry is an index again.
pub fn choose(entries: &[Entry], host: HostBuild, newer: Newer) -> Result<&Entry, RegistryError> {
    let build = |platform: &Platform| platform.os_version.as_deref().and_then(build_number).unwrap_or(0);
    let fits = |entry: &&Entry| match &entry.platform {
        None => false,
        Some(platform) => {
            platform.os == "windows"
                && platform.architecture == "amd64"
                && (newer == Newer::Last || build(platform) <= host.0)
        }
    };
    let rank = |entry: &&Entry| match entry.platform.as_ref().map_or(0, build) {
        same if same == host.0 => 0,
        older if older < host.0 => 1,
        _ => 2,
    };
    let chosen = entries.iter().filter(fits).min_by_key(rank);
    let chosen = chosen.ok_or_else(|| RegistryError::NoMatch(format!("windows({host})/amd64")))?;
    match chosen.media_type.contains("index") || chosen.media_type.contains("list") {
        true => Err(RegistryError::refused(format!("index {}", chosen.digest), "it is inside another index")),
        false => Ok(chosen),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use casement_layers::Digest;

    fn entry(os: &str, version: Option<&str>) -> Entry {
        let platform =
            Platform { architecture: "amd64".to_owned(), os: os.to_owned(), os_version: version.map(str::to_owned) };
        let digest = Digest::of(format!("{os} {version:?}").as_bytes());
        Entry { media_type: String::new(), digest, size: 1, platform: Some(platform) }
    }

    fn chosen(versions: &[&str], host: u32, newer: Newer) -> Result<String, String> {
        let mut entries: Vec<Entry> = vec![entry("linux", None)];
        entries.extend(versions.iter().map(|version| entry("windows", Some(version))));
        let chosen = choose(&entries, HostBuild(host), newer).map_err(|error| error.to_string())?;
        Ok(chosen.platform.clone().unwrap().os_version.unwrap())
    }

    #[test]
    fn the_hosts_own_build_is_taken_whatever_its_revision() {
        let versions = ["10.0.26100.1", "10.0.17763.1", "10.0.20348.9", "10.0.20348.10"];
        assert_eq!(chosen(&versions, 20348, Newer::Last).unwrap(), "10.0.20348.9");
        assert_eq!(chosen(&versions, 17763, Newer::Refused).unwrap(), "10.0.17763.1");
    }

    #[test]
    fn without_it_the_order_of_the_list_decides_and_newer_ones_come_last() {
        assert_eq!(
            chosen(&["10.0.26100.1", "10.0.14393.1", "10.0.17763.1"], 20348, Newer::Last).unwrap(),
            "10.0.14393.1"
        );
        assert_eq!(chosen(&["10.0.26100.1"], 20348, Newer::Last).unwrap(), "10.0.26100.1");
    }

    #[test]
    fn nothing_that_fits_is_said_in_dockers_words() {
        let text = "no matching manifest for windows(10.0.17763)/amd64 in the manifest list entries";
        assert_eq!(chosen(&["10.0.20348.1"], 17763, Newer::Refused).unwrap_err(), text);
        assert_eq!(chosen(&[], 17763, Newer::Last).unwrap_err(), text);
    }

    #[test]
    fn an_index_in_an_index_is_refused() {
        let mut nested = entry("windows", Some("10.0.17763.1"));
        nested.media_type = casement_layers::oci::INDEX.to_owned();
        let error = choose(&[nested], HostBuild(17763), Newer::Last).unwrap_err();
        assert!(error.to_string().contains("inside another index"), "{error}");
    }
}
