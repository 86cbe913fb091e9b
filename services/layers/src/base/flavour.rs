//! The four base images and what is in each.

use std::collections::BTreeSet;
use std::fmt;
use thiserror::Error;

/// Names of the Windows-side files of `nanoserver`: the console programs, and all that they and the programs that
/// were tried import.
const NANO_SERVER: &str = include_str!("lists/nanoserver.txt");
/// What `servercore` adds: XML, WMI, scripting, installers, networking, old C runtimes, with their delayed imports.
const SERVER_CORE: &str = include_str!("lists/servercore.txt");

/// Which base image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Flavour {
    /// Console programs only, small.
    NanoServer,
    /// What headless servers and installers use.
    ServerCore,
    /// Everything.
    Server,
    /// Everything, under the name of the client image.
    Windows,
}

/// A name that no base image has.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("unknown base image \"{0}\": choose one of nanoserver, servercore, server, windows")]
pub struct UnknownFlavour(pub String);

impl Flavour {
    /// All of them, smallest first.
    pub const ALL: [Self; 4] = [Self::NanoServer, Self::ServerCore, Self::Server, Self::Windows];

    /// The image's bare name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NanoServer => "nanoserver",
            Self::ServerCore => "servercore",
            Self::Server => "server",
            Self::Windows => "windows",
        }
    }

    /// The account that programs run under unless the user names another.
    pub fn user(self) -> &'static str {
        match self {
            Self::NanoServer => "ContainerUser",
            Self::ServerCore | Self::Server | Self::Windows => "",
        }
    }

    /// `InstallationType` of the registry.
    pub fn installation_type(self) -> &'static str {
        match self {
            Self::NanoServer => "Nano Server",
            Self::ServerCore => "Server Core",
            Self::Server | Self::Windows => "Server",
        }
    }

    /// `EditionID` of the registry.
    pub fn edition(self) -> &'static str {
        match self {
            Self::NanoServer => "ServerDatacenterNano",
            Self::ServerCore => "ServerDatacenterCor",
            Self::Server | Self::Windows => "ServerDatacenter",
        }
    }

    /// The Windows-side files of the image in lower case; `None` for all.
    pub fn files(self) -> Option<BTreeSet<&'static str>> {
        match self {
            Self::NanoServer => Some(NANO_SERVER.lines().collect()),
            Self::ServerCore => Some(NANO_SERVER.lines().chain(SERVER_CORE.lines()).collect()),
            Self::Server | Self::Windows => None,
        }
    }

    /// Most bytes that the image may have, unpacked and packed.
    pub(super) fn limits(self) -> (u64, u64) {
        match self {
            Self::NanoServer => (60_000_000, 12_000_000),
            Self::ServerCore => (256_000_000, 96_000_000),
            Self::Server | Self::Windows => (512_000_000, 192_000_000),
        }
    }
}

impl fmt::Display for Flavour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::str::FromStr for Flavour {
    type Err = UnknownFlavour;

    fn from_str(text: &str) -> Result<Self, UnknownFlavour> {
        let known = |f: &Flavour| f.as_str() == text;
        Self::ALL.into_iter().find(known).ok_or_else(|| UnknownFlavour(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_lower_case_file_names_and_grow() {
        let nano = Flavour::NanoServer.files().unwrap();
        let core = Flavour::ServerCore.files().unwrap();
        assert!(nano.is_subset(&core) && nano.len() < core.len());
        for name in &core {
            let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._-".contains(&b);
            assert!(name.contains('.') && name.bytes().all(plain), "{name}");
        }
        for name in ["ntdll.dll", "cmd.exe", "cexecsvc.exe", "wineboot.exe", "comctl32.dll", "zlib1.dll"] {
            assert!(nano.contains(name), "{name}");
        }
    }

    #[test]
    fn names_parse() {
        for flavour in Flavour::ALL {
            assert_eq!(flavour.as_str().parse(), Ok(flavour));
        }
        assert!("ubuntu".parse::<Flavour>().is_err());
    }
}
