//! Challenges of registries, and the tokens that answer them (Docker registry v2 token authentication).

use crate::address::Distance;
use crate::error::RegistryError;
use crate::settings::Credentials;
use crate::transport::{Ask, Payload, Transport};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::Method;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, WWW_AUTHENTICATE};
use serde::Deserialize;
use std::collections::BTreeMap;
use url::Url;

/// Largest answer of a token service, in bytes.
const MAX_TOKEN: usize = 256 << 10;

/// What a registry asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Challenge {
    /// Name and password with each request.
    Basic,
    /// A token, from the service that the parameters name.
    Bearer(BTreeMap<String, String>),
}

/// The challenges of an answer; others than these two kinds are left out.
pub fn challenges(headers: &HeaderMap) -> Vec<Challenge> {
    let texts = headers.get_all(WWW_AUTHENTICATE).iter().filter_map(|value| value.to_str().ok());
    let parsed = texts.filter_map(|text| http_auth::parse_challenges(text).ok()).flatten();
    let known = parsed.filter_map(|challenge| {
        if challenge.scheme.eq_ignore_ascii_case("basic") {
            return Some(Challenge::Basic);
        }
        let parameters = challenge.params.iter().map(|(name, value)| (name.to_ascii_lowercase(), value.to_unescaped()));
        challenge.scheme.eq_ignore_ascii_case("bearer").then(|| Challenge::Bearer(parameters.collect()))
    });
    known.collect()
}

/// Who answers challenges.
pub struct Seeker<'a> {
    pub transport: &'a Transport,
    pub credentials: &'a Credentials,
    /// How far inward a token service may be.
    pub reach: Distance,
    /// The registry.
    pub base: &'a Url,
}

impl Seeker<'_> {
    /// The header that answers; `None` when there is nothing to show.
    pub fn answer(&self, challenges: &[Challenge], scope: &str) -> Result<Option<String>, RegistryError> {
        if !self.credentials.registry_token.is_empty() {
            return Ok(Some(format!("Bearer {}", self.credentials.registry_token)));
        }
        for challenge in challenges {
            match challenge {
                Challenge::Bearer(parameters) => return self.token(parameters, scope).map(Some),
                Challenge::Basic if self.credentials.has_password() => return Ok(Some(self.basic())),
                Challenge::Basic => {}
            }
        }
        Ok(None)
    }

    fn basic(&self) -> String {
        let text = format!("{}:{}", self.credentials.user, self.credentials.password);
        format!("Basic {}", STANDARD.encode(text))
    }

    fn token(&self, parameters: &BTreeMap<String, String>, scope: &str) -> Result<String, RegistryError> {
        #[derive(Deserialize)]
        struct Token {
            #[serde(default)]
            token: String,
            #[serde(default)]
            access_token: String,
        }
        let registry = Ask::new(Method::GET, self.base.clone(), self.reach);
        let realm = parameters.get("realm").map(String::as_str).unwrap_or_default();
        let mut url =
            Url::parse(realm).map_err(|_| registry.failed(format!("invalid token auth challenge realm: {realm}")))?;
        // A password goes over the wire in the clear only where the registry itself is spoken with so.
        if url.scheme() != "https" && !(url.scheme() == "http" && self.base.scheme() == "http") {
            return Err(registry.failed(format!("refusing to ask {url} for a token")));
        }
        let service = parameters.get("service").map(String::as_str).unwrap_or_default();
        let refresh = &self.credentials.identity_token;
        let mut ask = if refresh.is_empty() {
            let mut pairs = url.query_pairs_mut();
            if !service.is_empty() {
                pairs.append_pair("service", service);
            }
            if !scope.is_empty() {
                pairs.append_pair("scope", scope);
            }
            if self.credentials.has_password() {
                pairs.append_pair("account", &self.credentials.user);
            }
            drop(pairs);
            let ask = Ask::new(Method::GET, url, self.reach);
            if self.credentials.has_password() { ask.header(AUTHORIZATION, &self.basic()) } else { ask }
        } else {
            let mut form = form_urlencoded::Serializer::new(String::new());
            form.append_pair("grant_type", "refresh_token").append_pair("refresh_token", refresh);
            form.append_pair("service", service).append_pair("scope", scope).append_pair("client_id", "casement");
            let mut ask = Ask::new(Method::POST, url, self.reach);
            ask = ask.header(CONTENT_TYPE, "application/x-www-form-urlencoded");
            ask.payload = Payload::Bytes(form.finish().into());
            ask
        };
        let mut answer = self.transport.send(&ask, &mut |_| true)?;
        ask.url.set_query(None);
        match answer.status.as_u16() {
            200 => {}
            401 | 403 => return Err(registry.failed("unauthorized: incorrect username or password")),
            status => return Err(ask.failed(format!("failed to fetch a token: {status}"))),
        }
        let bytes = answer.whole(MAX_TOKEN).map_err(|error| ask.failed(error))?;
        let token: Token = serde_json::from_slice(&bytes).map_err(|error| ask.failed(error))?;
        let token = if token.token.is_empty() { token.access_token } else { token.token };
        if token.is_empty() { Err(ask.failed("no token in the answer")) } else { Ok(format!("Bearer {token}")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn challenges_of_both_kinds_are_read() {
        let mut headers = HeaderMap::new();
        headers.append(
            WWW_AUTHENTICATE,
            r#"Bearer realm="https://auth.example/token",service="reg",scope="a,b""#.parse().unwrap(),
        );
        headers.append(WWW_AUTHENTICATE, r#"Basic realm="x""#.parse().unwrap());
        headers.append(WWW_AUTHENTICATE, "Negotiate".parse().unwrap());
        let found = challenges(&headers);
        let Challenge::Bearer(parameters) = &found[0] else { panic!("{found:?}") };
        assert_eq!((parameters["realm"].as_str(), parameters["scope"].as_str()), ("https://auth.example/token", "a,b"));
        assert_eq!(found[1..], [Challenge::Basic]);
    }
}
