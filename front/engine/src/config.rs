//! The configuration of a daemon. Every setting has a default, so that the file may be absent or empty.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;

use casement_registry::{BasePolicy, RegistrySettings};
use serde::Deserialize;

use crate::error::{Error, Result};
use crate::http::Appearance;
use crate::model::LogConfig;

/// The configuration file, in TOML. Unknown settings are refused.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", default, deny_unknown_fields)]
pub struct DaemonConfig {
    /// Group whose members may use the sockets, by name or number. Default: none but root's.
    pub group: Option<String>,
    /// Labels that `docker info` shows, `key=value`.
    pub labels: Vec<String>,
    /// The log of containers that do not say.
    pub log: LogDefaults,
    /// A socket on the network. Default: none.
    pub tcp: Option<Tcp>,
    /// Registries that are not as others.
    pub registry: RegistrySettings,
    /// What images have to be like.
    pub images: Images,
}

/// The log of containers that name no driver.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", default, deny_unknown_fields)]
pub struct LogDefaults {
    /// `json-file` or `none`.
    pub driver: String,
    /// Its options, such as `max-size = "10m"`.
    pub options: BTreeMap<String, String>,
}

impl Default for LogDefaults {
    fn default() -> Self {
        Self { driver: "json-file".to_owned(), options: BTreeMap::new() }
    }
}

/// What images have to be like.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", default, deny_unknown_fields)]
pub struct Images {
    /// What becomes of Microsoft's base layers: `substitute`, `fetch` or `strict`.
    pub base_policy: BasePolicy,
    /// The Windows build that the host stands for when images are chosen, and with `strict` when they are started.
    pub host_build: u32,
}

impl Default for Images {
    fn default() -> Self {
        Self { base_policy: BasePolicy::default(), host_build: crate::host::windows_build().number() }
    }
}

/// A socket on the network.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Tcp {
    /// Address and port, such as `0.0.0.0:2376`.
    pub listen: SocketAddr,
    /// PEM file of the server's certificate and those above it.
    pub certificate: Option<PathBuf>,
    /// PEM file of the certificate's key.
    pub key: Option<PathBuf>,
    /// PEM file of the authorities whose clients are let in.
    pub client_authority: Option<PathBuf>,
    /// Serve without encryption and authentication: whoever reaches the address becomes root on this host.
    #[serde(default)]
    pub without_authentication_everyone_is_root: bool,
    /// Further names by which clients reach a socket without encryption; its addresses, `localhost` and the host's own name count
    /// anyway. Others are refused, as a web page could have made them up.
    #[serde(default)]
    pub names: Vec<String>,
}

/// How a socket on the network knows its clients.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Protection {
    /// TLS, with certificates on both sides.
    MutualTls {
        /// See [`Tcp::certificate`].
        certificate: PathBuf,
        /// See [`Tcp::key`].
        key: PathBuf,
        /// See [`Tcp::client_authority`].
        client_authority: PathBuf,
    },
    /// Not at all.
    None,
}

impl DaemonConfig {
    /// Checks what the types do not.
    ///
    /// # Errors
    /// [`Error::InvalidParameter`] that names the setting.
    pub fn check(&self) -> Result<()> {
        if let Some(label) = self.labels.iter().find(|label| !label.contains('=')) {
            return Err(Error::InvalidParameter(format!("labels: \"{label}\" is not of the form key=value")));
        }
        if let Some(tcp) = &self.tcp {
            tcp.protection()?;
        }
        crate::log_options::settle(&mut self.log_config())
    }

    /// What `docker info` shows of it.
    #[must_use]
    pub fn appearance(&self) -> Appearance {
        let open = self.tcp.as_ref().filter(|tcp| tcp.without_authentication_everyone_is_root);
        let warning = |tcp: &Tcp| {
            format!(
                "WARNING: API is accessible on http://{} without encryption.\n         Access to the remote API is equivalent to root access on the host.",
                tcp.listen
            )
        };
        Appearance { labels: self.labels.clone(), warnings: open.map(warning).into_iter().collect() }
    }

    /// The log of containers that do not say.
    #[must_use]
    pub fn log_config(&self) -> LogConfig {
        LogConfig { kind: self.log.driver.clone(), config: self.log.options.clone() }
    }
}

impl Tcp {
    /// How it knows its clients: all of the files, or none of them and the permission in so many words.
    ///
    /// # Errors
    /// [`Error::InvalidParameter`].
    pub fn protection(&self) -> Result<Protection> {
        let open = self.without_authentication_everyone_is_root;
        match (&self.certificate, &self.key, &self.client_authority) {
            (Some(certificate), Some(key), Some(client_authority)) if !open => Ok(Protection::MutualTls {
                certificate: certificate.clone(),
                key: key.clone(),
                client_authority: client_authority.clone(),
            }),
            (None, None, None) if open => Ok(Protection::None),
            _ if open => Err(Error::InvalidParameter(
                "tcp: without-authentication-everyone-is-root contradicts the files of TLS".to_owned(),
            )),
            _ => Err(Error::InvalidParameter(
                "tcp: certificate, key and client-authority are all needed; without them, whoever reaches the address becomes root on this host, which without-authentication-everyone-is-root = true permits".to_owned(),
            )),
        }
    }
}
