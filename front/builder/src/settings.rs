//! What a client asks for besides the Dockerfile.

use std::collections::BTreeMap;

/// The wishes of one build.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BuildSettings {
    /// Path of the Dockerfile in the context.
    pub dockerfile: String,
    /// Names for the image.
    pub tags: Vec<String>,
    /// Values for `ARG`; `None`: named without a value.
    pub arguments: BTreeMap<String, Option<String>>,
    /// Labels for the image.
    pub labels: BTreeMap<String, String>,
    /// The last stage that is built.
    pub target: String,
    /// Whether nothing is taken from the cache.
    pub no_cache: bool,
    /// Images that steps may be taken from.
    pub cache_from: Vec<String>,
    /// Whether base images are asked for anew.
    pub pull: bool,
    /// Whether containers of steps that succeeded are removed.
    pub remove: bool,
    /// Whether those of steps that failed are, too.
    pub force_remove: bool,
    /// Memory limit in bytes; 0 means none.
    pub memory: i64,
    /// Processor weight; 0 means unset.
    pub cpu_shares: i64,
    /// Network of containers; empty means the default.
    pub network: String,
    /// `process` or `hyperv`; empty means the default.
    pub isolation: String,
    /// Lines of the hosts file.
    pub extra_hosts: Vec<String>,
    /// Platform of stages that do not say; empty means Windows.
    pub platform: String,
    /// Values for `RUN --mount=type=secret`, by their ids.
    pub secrets: BTreeMap<String, Secret>,
}

/// A value that is never shown.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secret(pub Vec<u8>);

impl std::fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Secret({} bytes)", self.0.len())
    }
}

/// The build argument that makes builds reproducible: seconds since 1970.
pub(crate) const EPOCH: &str = "SOURCE_DATE_EPOCH";

impl BuildSettings {
    /// The moment that everything the build makes is from, if the client sets it.
    #[must_use]
    pub fn epoch(&self) -> Option<i64> {
        self.arguments.get(EPOCH)?.as_deref()?.parse().ok().filter(|seconds| *seconds >= 0)
    }
}
