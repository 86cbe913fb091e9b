//! Accounts on registries, as clients send them: `X-Registry-Auth` and `X-Registry-Config`, base64 of JSON.

use std::collections::BTreeMap;

use axum::http::HeaderMap;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use casement_registry::Credentials;
use serde::Deserialize;

use crate::go_json;

/// The header with the account for one registry.
const HEADER: &str = "x-registry-auth";
/// The header of builds with all accounts that a client has.
const ALL: &str = "x-registry-config";

/// An account.
#[derive(Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct AuthConfig {
    username: String,
    password: String,
    /// `user:password` in base64, which stands for both.
    auth: String,
    serveraddress: String,
    identitytoken: String,
    registrytoken: String,
}

impl AuthConfig {
    /// The registry, as the client names it.
    pub(super) fn server(&self) -> &str {
        &self.serveraddress
    }

    pub(super) fn credentials(self) -> Credentials {
        let mut credentials = Credentials {
            user: self.username,
            password: self.password,
            identity_token: self.identitytoken,
            registry_token: self.registrytoken,
        };
        let whole = STANDARD.decode(self.auth).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        if let Some((user, password)) = whole.as_deref().and_then(|text| text.split_once(':'))
            && credentials.user.is_empty()
        {
            (credentials.user, credentials.password) = (user.to_owned(), password.to_owned());
        }
        credentials
    }
}

/// The accounts of a build by the hosts of their registries. As with Docker, a header that cannot be read has none.
pub(super) fn all_of(headers: &HeaderMap) -> BTreeMap<String, Credentials> {
    let accounts: BTreeMap<String, AuthConfig> = decoded(headers, ALL).unwrap_or_default();
    accounts
        .into_iter()
        .map(|(server, account)| (casement_registry::server_host(&server), account.credentials()))
        .collect()
}

fn decoded<T: serde::de::DeserializeOwned>(headers: &HeaderMap, name: &str) -> Option<T> {
    let text = headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let engines = [&URL_SAFE, &URL_SAFE_NO_PAD, &STANDARD, &STANDARD_NO_PAD];
    let bytes = engines.into_iter().find_map(|engine| engine.decode(text).ok())?;
    let value: serde_json::Value = serde_json::from_slice(&bytes).ok()?;
    go_json::read(&value).ok()
}

/// The account of a request. As with Docker, one that cannot be read is none.
pub(super) fn of(headers: &HeaderMap) -> Credentials {
    decoded::<AuthConfig>(headers, HEADER).unwrap_or_default().credentials()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn builds_get_the_accounts_of_all_registries() {
        let json =
            r#"{"https://index.docker.io/v1/":{"username":"a","password":"b"},"reg:5000":{"auth":"dT8+OnB+fg=="}}"#;
        let mut headers = HeaderMap::new();
        headers.insert(ALL, URL_SAFE.encode(json).parse().unwrap());
        let found = all_of(&headers);
        assert_eq!(found["registry-1.docker.io"].user, "a");
        assert_eq!(found["reg:5000"].user, "u?>");
        headers.insert(ALL, "!".parse().unwrap());
        assert!(all_of(&headers).is_empty());
    }

    #[test]
    fn accounts_come_in_either_alphabet_and_form() {
        for json in [r#"{"username":"u?>","password":"p~~"}"#, r#"{"Auth":"dT8+OnB+fg==","identitytoken":null}"#] {
            for text in [URL_SAFE.encode(json), STANDARD_NO_PAD.encode(json)] {
                let mut headers = HeaderMap::new();
                headers.insert(HEADER, text.parse().unwrap());
                let found = of(&headers);
                assert_eq!((found.user.as_str(), found.password.as_str()), ("u?>", "p~~"), "{json}");
            }
        }
        assert_eq!(of(&HeaderMap::new()), Credentials::default());
    }
}
