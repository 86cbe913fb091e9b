//! What the network service answers when it does not do what it is asked for.

use casement_schema::hcn::HcnError;
use casement_schema::{Guid, HResult, Win32Error};
use serde_json::{Value, json};

/// `ERROR_NOT_FOUND` as the service says it: hcsshim looks for this text.
pub const ELEMENT_NOT_FOUND: &str = "Element not found. ";
/// What version 1 says when something unknown is to be removed.
pub const NO_VALID_OBJECT: &str = "The object identifier does not represent a valid object. ";

/// Why something was not done.
#[derive(Debug, thiserror::Error)]
pub enum NetworkError {
    /// There is no such object.
    #[error("{ELEMENT_NOT_FOUND}({kind} {id})")]
    NotFound {
        /// What kind of object.
        kind: &'static str,
        /// Its identifier.
        id: String,
    },
    /// The request does not fit.
    #[error("{} ({detail})", .error.message())]
    Refused {
        /// Microsoft's error.
        error: HcnError,
        /// What exactly.
        detail: String,
    },
    /// A port of the host belongs to a process of the host.
    #[error("{} (port {port})", Win32Error::SharingViolation.message())]
    PortInUse {
        /// The port, such as `0.0.0.0:80/tcp`.
        port: String,
    },
    /// The records cannot be read or written.
    #[error("the records of the network service: {0}")]
    Store(String),
    /// The switch could not be brought to the state that was asked for.
    #[error("{0}")]
    Switch(String),
    /// A name server cannot be started, or its socket not be made.
    #[error("name server of network {network}: {source}")]
    NameServer {
        /// The network.
        network: String,
        /// The system's answer.
        source: std::io::Error,
    },
}

/// What the service's calls come to.
pub type Result<T, E = NetworkError> = std::result::Result<T, E>;

impl NetworkError {
    /// There is no such network, endpoint, ….
    pub(crate) fn not_found(kind: &'static str, id: &Guid) -> Self {
        Self::NotFound { kind, id: id.to_string() }
    }

    /// The request does not fit.
    pub(crate) fn refused(error: HcnError, detail: impl Into<String>) -> Self {
        Self::Refused { error, detail: detail.into() }
    }

    /// The code of the error.
    pub fn hresult(&self) -> HResult {
        match self {
            Self::NotFound { .. } => Win32Error::ElementNotFound.into(),
            Self::Refused { error, .. } => error.hresult(),
            Self::PortInUse { .. } => Win32Error::SharingViolation.into(),
            Self::Store(_) | Self::Switch(_) | Self::NameServer { .. } => HResult::FAIL,
        }
    }

    /// The text that Windows has for it, as clients print it; what is peculiar to this host where Windows has none.
    pub fn windows_text(&self) -> String {
        match self {
            Self::NotFound { .. } => ELEMENT_NOT_FOUND.to_owned(),
            Self::Refused { error, .. } => error.message().to_owned(),
            Self::PortInUse { .. } => Win32Error::SharingViolation.message().to_owned(),
            Self::Store(_) | Self::Switch(_) | Self::NameServer { .. } => self.to_string(),
        }
    }

    /// The error document of version 2.
    pub fn document(&self) -> Value {
        json!({ "Success": false, "Error": self.windows_text(), "ErrorCode": self.hresult().0, "Detail": self.to_string() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_found_has_the_text_and_the_code_that_hcsshim_looks_for() {
        let document = NetworkError::not_found("network", &Guid::NULL).document();
        assert_eq!(
            (&document["Error"], &document["ErrorCode"]),
            (&json!("Element not found. "), &json!(2_147_943_568_u32))
        );
    }
}
