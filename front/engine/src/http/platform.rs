//! The parameter `platform`: `os[(version)][/architecture[/variant]]`.

use super::error::{ApiError, Outcome};

/// Operating systems that have a name.
const SYSTEMS: [&str; 14] = [
    "aix",
    "android",
    "darwin",
    "dragonfly",
    "freebsd",
    "illumos",
    "ios",
    "js",
    "linux",
    "netbsd",
    "openbsd",
    "plan9",
    "solaris",
    "windows",
];
/// Architectures that have a name, and the name that stands for each.
const ARCHITECTURES: [(&str, &str); 16] = [
    ("386", "386"),
    ("i386", "386"),
    ("amd64", "amd64"),
    ("x86_64", "amd64"),
    ("x86-64", "amd64"),
    ("arm", "arm"),
    ("armhf", "arm"),
    ("armel", "arm"),
    ("arm64", "arm64"),
    ("aarch64", "arm64"),
    ("loong64", "loong64"),
    ("mips64le", "mips64le"),
    ("ppc64le", "ppc64le"),
    ("riscv64", "riscv64"),
    ("s390x", "s390x"),
    ("wasm", "wasm"),
];

/// A platform that a client asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Platform {
    os: String,
    architecture: String,
}

impl Platform {
    /// Reads a platform; what is left out is this host's.
    ///
    /// # Errors
    /// 400 for a name that is none.
    pub(super) fn parse(text: &str) -> Outcome<Self> {
        let lower = text.to_ascii_lowercase();
        let parts: Vec<&str> = lower.split('/').collect();
        let invalid =
            || ApiError::bad_request(format!("\"{text}\": unknown operating system or architecture: invalid argument"));
        let system = |text: &str| {
            let name = text.split('(').next().unwrap_or_default();
            SYSTEMS.contains(&name).then(|| name.to_owned())
        };
        let architecture = |text: &str| {
            ARCHITECTURES.iter().find(|(name, _)| *name == text).map(|(_, architecture)| (*architecture).to_owned())
        };
        let (os, architecture) = match parts[..] {
            [one] => match system(one) {
                Some(os) => (Some(os), Some("amd64".to_owned())),
                None => (Some("windows".to_owned()), architecture(one)),
            },
            [os, second] | [os, second, _] => (system(os), architecture(second)),
            _ => (None, None),
        };
        Ok(Self { os: os.ok_or_else(invalid)?, architecture: architecture.ok_or_else(invalid)? })
    }

    /// Whether Windows images for this host are meant.
    pub(super) fn is_windows(&self) -> bool {
        self.os == "windows" && self.architecture == "amd64"
    }
}

impl std::fmt::Display for Platform {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}/{}", self.os, self.architecture)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn platforms_have_short_forms() {
        for text in ["windows", "windows/amd64", "Windows/x86_64", "amd64", "windows(10.0.17763)/amd64"] {
            assert!(Platform::parse(text).unwrap().is_windows(), "{text}");
        }
        assert_eq!(Platform::parse("linux").unwrap().to_string(), "linux/amd64");
        assert_eq!(Platform::parse("linux/arm64/v8").unwrap().to_string(), "linux/arm64");
        for text in ["", "beos", "windows/vax", "/", "a/b/c/d"] {
            assert!(Platform::parse(text).is_err(), "{text}");
        }
    }
}
