//! Why an image could not be pulled or pushed. The texts are Docker's where Docker has one, because scripts match them.

use casement_layers::LayersError;
use thiserror::Error;

/// The failure of an operation on a registry.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RegistryError {
    /// The registry has no such tag or digest.
    #[error("manifest for {0} not found: manifest unknown: manifest unknown")]
    ManifestUnknown(String),
    /// The registry has no such repository.
    #[error("repository {0} not found: name unknown: repository name not known to registry")]
    NameUnknown(String),
    /// The registry refuses the account, or hides what it does not show.
    #[error(
        "pull access denied for {0}, repository does not exist or may require 'docker login': denied: requested access to the resource is denied"
    )]
    PullDenied(String),
    /// The registry refuses an upload.
    #[error("denied: requested access to the resource is denied")]
    PushDenied,
    /// A request failed.
    #[error("{method} \"{url}\": {why}")]
    Request {
        /// `Get`, `Head`, …
        method: &'static str,
        /// What was asked for.
        url: String,
        /// The reason.
        why: String,
    },
    /// The account was refused by `docker login`.
    #[error("login attempt to {url} failed with status: {status}")]
    Login {
        /// The registry.
        url: String,
        /// Its answer.
        status: String,
    },
    /// No image of an index fits.
    #[error("no matching manifest for {0} in the manifest list entries")]
    NoMatch(String),
    /// The image is for another operating system.
    #[error("image operating system \"{0}\" cannot be used on this platform: operating system is not supported")]
    WrongSystem(String),
    /// With `strict`: the image is newer than the host.
    #[error("a Windows version {image}-based image is incompatible with a {host} host")]
    TooNew {
        /// `10.0.26100`
        image: String,
        /// `10.0.20348`
        host: String,
    },
    /// What the registry sent breaks a rule.
    #[error("{what} is refused: {why}")]
    Refused {
        /// The object.
        what: String,
        /// The rule.
        why: String,
    },
    /// A blob is not what its digest says.
    #[error("filesystem layer verification failed for digest {0}")]
    Verification(String),
    /// The base image that is to take the place of Microsoft's is not there.
    #[error("{0}")]
    Base(String),
    /// A base image that was never fetched would have to be pushed.
    #[error("{0}")]
    CannotPush(String),
    /// The name is none, or names no image here.
    #[error("{0}")]
    BadName(String),
    /// There is nothing to push under this name.
    #[error("An image does not exist locally with the tag: {0}")]
    NothingToPush(String),
    /// A directory is no OCI layout, or has no such image.
    #[error("{0}")]
    Layout(String),
    /// A server of the web refuses a file.
    #[error("{0}")]
    Web(String),
    /// Whoever asked has gone.
    #[error("the client has gone")]
    Cancelled,
    /// A file operation failed.
    #[error("cannot {action} {path}: {source}")]
    Io {
        /// A verb.
        action: &'static str,
        /// Its object.
        path: String,
        /// The system's reason.
        source: std::io::Error,
    },
    /// The store refused or failed.
    #[error(transparent)]
    Store(#[from] LayersError),
}

impl RegistryError {
    /// The HTTP status of the Docker Engine API.
    pub fn http_status(&self) -> u16 {
        match self {
            Self::ManifestUnknown(_) | Self::NameUnknown(_) | Self::PullDenied(_) | Self::NoMatch(_) => 404,
            Self::NothingToPush(_) | Self::Layout(_) => 404,
            Self::BadName(_) | Self::WrongSystem(_) | Self::TooNew { .. } => 400,
            Self::Login { .. } => 401,
            Self::PushDenied => 403,
            _ => 500,
        }
    }

    pub(crate) fn refused(what: impl Into<String>, why: impl ToString) -> Self {
        Self::Refused { what: what.into(), why: why.to_string() }
    }

    pub(crate) fn io(action: &'static str, path: &std::path::Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.display().to_string();
        move |source| Self::Io { action, path, source }
    }
}
