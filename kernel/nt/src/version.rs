//! The Windows versions that images report.
//!
//! Build numbers are Microsoft's (`osversion/windowsbuilds.go` of microsoft/hcsshim). The revision is data that no
//! code of ours depends on: the table carries the cumulative updates of 14 October 2025 ("Windows Server release
//! information", Microsoft Learn), fixed so that an image built twice is the same image.

use std::fmt;
use thiserror::Error;

/// One release of Windows Server as container images name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum WindowsBuild {
    /// Windows Server 2019, version 1809.
    Server2019,
    /// Windows Server 2022.
    Server2022,
    /// Windows Server 2025.
    Server2025,
}

impl WindowsBuild {
    /// All of them, oldest first.
    pub const ALL: [Self; 3] = [Self::Server2019, Self::Server2022, Self::Server2025];

    /// The build number, such as 20348.
    pub fn number(self) -> u32 {
        match self {
            Self::Server2019 => 17763,
            Self::Server2022 => 20348,
            Self::Server2025 => 26100,
        }
    }

    /// The update build revision (UBR), the last part of the version.
    pub fn revision(self) -> u32 {
        match self {
            Self::Server2019 => 7919,
            Self::Server2022 => 4294,
            Self::Server2025 => 6899,
        }
    }

    /// The version as an image's `os.version` has it: `10.0.20348.4294`.
    pub fn os_version(self) -> String {
        format!("10.0.{}.{}", self.number(), self.revision())
    }

    /// `ReleaseId` of the registry. Windows stopped counting it at 2009.
    pub fn release_id(self) -> &'static str {
        match self {
            Self::Server2019 => "1809",
            Self::Server2022 | Self::Server2025 => "2009",
        }
    }

    /// `DisplayVersion` of the registry.
    pub fn display_version(self) -> &'static str {
        match self {
            Self::Server2019 => "1809",
            Self::Server2022 => "21H2",
            Self::Server2025 => "24H2",
        }
    }

    /// `BuildLab` branch, the code name of the release.
    pub fn branch(self) -> &'static str {
        match self {
            Self::Server2019 => "rs5_release",
            Self::Server2022 => "fe_release",
            Self::Server2025 => "ge_release",
        }
    }

    /// `BuildLabEx` of the registry: build, flavour and branch. Without the date that Microsoft appends.
    pub fn build_lab(self) -> String {
        format!("{}.1.amd64fre.{}", self.number(), self.branch())
    }

    /// The year in the product's name.
    pub fn year(self) -> u32 {
        match self {
            Self::Server2019 => 2019,
            Self::Server2022 => 2022,
            Self::Server2025 => 2025,
        }
    }

    /// `ProductName` of the registry: `Windows Server 2022 Datacenter`.
    pub fn product_name(self) -> String {
        format!("Windows Server {} Datacenter", self.year())
    }

    /// The tags under which Microsoft publishes this release.
    pub fn tags(self) -> &'static [Tag] {
        match self {
            Self::Server2019 => &[Tag::Ltsc2019, Tag::V1809],
            Self::Server2022 => &[Tag::Ltsc2022],
            Self::Server2025 => &[Tag::Ltsc2025],
        }
    }

    /// The release of a build number.
    pub fn from_number(number: u32) -> Option<Self> {
        Self::ALL.into_iter().find(|b| b.number() == number)
    }
}

/// A tag of the base images.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Tag {
    /// `1809`
    V1809,
    /// `ltsc2019`
    Ltsc2019,
    /// `ltsc2022`
    Ltsc2022,
    /// `ltsc2025`
    Ltsc2025,
}

/// A tag that no base image has.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("unknown tag \"{0}\": choose one of 1809, ltsc2019, ltsc2022, ltsc2025")]
pub struct UnknownTag(pub String);

impl Tag {
    /// All of them, in the order people list them.
    pub const ALL: [Self; 4] = [Self::V1809, Self::Ltsc2019, Self::Ltsc2022, Self::Ltsc2025];

    /// The tag's text.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::V1809 => "1809",
            Self::Ltsc2019 => "ltsc2019",
            Self::Ltsc2022 => "ltsc2022",
            Self::Ltsc2025 => "ltsc2025",
        }
    }

    /// The release that the tag means.
    pub fn build(self) -> WindowsBuild {
        match self {
            Self::V1809 | Self::Ltsc2019 => WindowsBuild::Server2019,
            Self::Ltsc2022 => WindowsBuild::Server2022,
            Self::Ltsc2025 => WindowsBuild::Server2025,
        }
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::str::FromStr for Tag {
    type Err = UnknownTag;

    fn from_str(text: &str) -> Result<Self, UnknownTag> {
        let known = |t: &Tag| t.as_str() == text;
        Self::ALL.into_iter().find(known).ok_or_else(|| UnknownTag(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_tag_parses_and_belongs_to_its_build() {
        for tag in Tag::ALL {
            assert_eq!(tag.as_str().parse(), Ok(tag));
            assert!(tag.build().tags().contains(&tag));
        }
        assert!("latest".parse::<Tag>().is_err());
    }

    #[test]
    fn os_version_has_four_parts() {
        for build in WindowsBuild::ALL {
            assert_eq!(build.os_version().split('.').count(), 4);
            assert_eq!(WindowsBuild::from_number(build.number()), Some(build));
        }
    }
}
