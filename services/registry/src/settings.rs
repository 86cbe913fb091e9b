//! What a daemon's configuration says of registries and of base images.

use serde::Deserialize;
use std::path::PathBuf;

/// Where the certificates of registries are unless told otherwise: a directory for each `host:port`, as `/etc/docker/certs.d` has them.
pub const CERTIFICATES: &str = "/etc/casement/certs.d";

/// The section `[registry]`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", default, deny_unknown_fields)]
pub struct RegistrySettings {
    /// Registries (`host:port`) whose certificates are not checked and that may be without TLS. Those on loopback addresses are always
    /// so, unless a certificate is there for them.
    pub insecure: Vec<String>,
    /// Mirrors of Docker's own registry (`https://host`), asked before it.
    pub mirrors: Vec<String>,
    /// Directory with `<host:port>/*.crt` (authorities), `*.cert` and `*.key` (the client's).
    pub certificates: PathBuf,
    /// Hosts that layers with `urls` may come from although their addresses are not public.
    pub foreign_hosts: Vec<String>,
}

impl Default for RegistrySettings {
    fn default() -> Self {
        Self { insecure: Vec::new(), mirrors: Vec::new(), certificates: CERTIFICATES.into(), foreign_hosts: Vec::new() }
    }
}

/// What becomes of Microsoft's base layers in an image that is pulled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BasePolicy {
    /// Casement's base of the same flavour and version takes their place; any version runs.
    #[default]
    Substitute,
    /// They are fetched like all others: for looking at, as they do not run on Wine.
    Fetch,
    /// As `Substitute`, and only images that a Windows host of the configured build could run are pulled and started.
    Strict,
}

impl std::str::FromStr for BasePolicy {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "substitute" => Ok(Self::Substitute),
            "fetch" => Ok(Self::Fetch),
            "strict" => Ok(Self::Strict),
            _ => Err(format!("unknown base policy \"{text}\": choose one of substitute, fetch, strict")),
        }
    }
}

/// The account on a registry.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Credentials {
    /// Name.
    pub user: String,
    /// Password.
    pub password: String,
    /// A token that stands for both.
    pub identity_token: String,
    /// A token to show as it is.
    pub registry_token: String,
}

impl Credentials {
    /// Whether there is a name and a password.
    pub(crate) fn has_password(&self) -> bool {
        !self.user.is_empty() || !self.password.is_empty()
    }
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Credentials").field("user", &self.user).finish_non_exhaustive()
    }
}
