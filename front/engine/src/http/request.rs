//! Reading requests: queries and bodies in the forms that Docker's clients send.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::body::Body;
use axum::http::StatusCode;
use http_body_util::{BodyExt, Limited};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::error::{ApiError, Outcome};
use crate::go_json;

/// Largest JSON body, in bytes.
pub(super) const MAX_JSON_BYTES: usize = 8 << 20;
/// How long a JSON body may take.
const BODY_TIMEOUT: Duration = Duration::from_secs(60);
/// Most parameters in a query.
const MAX_PARAMETERS: usize = 256;

/// The query of a request.
#[derive(Clone, Debug, Default)]
pub(super) struct Query(Vec<(String, String)>);

/// Filters: `{"name":["a"]}`, or `{"name":{"a":true}}` as older clients send them.
pub(super) type Filters = BTreeMap<String, Vec<String>>;

impl Query {
    pub(super) fn parse(text: &str) -> Self {
        let pair = |(name, value): (std::borrow::Cow<'_, str>, std::borrow::Cow<'_, str>)| {
            (name.into_owned(), value.into_owned())
        };
        Self(form_urlencoded::parse(text.as_bytes()).take(MAX_PARAMETERS).map(pair).collect())
    }

    /// The value of a parameter, the first one.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// All values of a parameter.
    pub(super) fn texts<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// A parameter that is set, by Docker's rule: anything but nothing, `0`, `no`, `false` and `none`.
    pub(super) fn flag(&self, name: &str) -> bool {
        let value = self.text(name).unwrap_or_default().trim().to_ascii_lowercase();
        !matches!(value.as_str(), "" | "0" | "no" | "false" | "none")
    }

    /// A number.
    ///
    /// # Errors
    /// 400 when it is none.
    pub(super) fn number(&self, name: &str) -> Outcome<Option<i64>> {
        match self.text(name).filter(|text| !text.is_empty()) {
            None => Ok(None),
            Some(text) => {
                let number = text.parse();
                number.map(Some).map_err(|_| ApiError::bad_request(format!("invalid value for {name}: '{text}'")))
            }
        }
    }

    /// A moment, `seconds[.fraction]` since the epoch, in nanoseconds. Nothing, or a negative number, is none.
    ///
    /// # Errors
    /// 400 when it is no number.
    pub(super) fn moment(&self, name: &str) -> Outcome<Option<i64>> {
        let Some(text) = self.text(name).filter(|text| !text.is_empty()) else { return Ok(None) };
        let invalid = || ApiError::bad_request(format!("invalid value for {name}: '{text}'"));
        let (seconds, fraction) = text.split_once('.').unwrap_or((text, ""));
        let seconds: i64 = seconds.parse().map_err(|_| invalid())?;
        if !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(invalid());
        }
        let nine = format!("{:0<9.9}", fraction);
        let nanoseconds: i64 = nine.parse().map_err(|_| invalid())?;
        if seconds < 0 {
            return Ok(None);
        }
        Ok(Some(seconds.saturating_mul(1_000_000_000).saturating_add(nanoseconds)))
    }

    /// The filters, after a check that all of them are among `known`.
    ///
    /// # Errors
    /// 400 in Docker's words.
    pub(super) fn filters(&self, known: &[&str]) -> Outcome<Filters> {
        let text = self.text("filters").unwrap_or_default();
        if text.is_empty() {
            return Ok(Filters::new());
        }
        let invalid = || ApiError::bad_request("invalid filter");
        let mut filters = Filters::new();
        for (name, values) in serde_json::from_str::<BTreeMap<String, Value>>(text).map_err(|_| invalid())? {
            if !known.contains(&name.as_str()) {
                return Err(ApiError::bad_request(format!("invalid filter '{name}'")));
            }
            let texts: Option<Vec<String>> = match values {
                Value::Array(values) => values.into_iter().map(|value| value.as_str().map(str::to_owned)).collect(),
                Value::Object(values) => Some(values.into_iter().map(|(value, _)| value).collect()),
                _ => None,
            };
            filters.insert(name, texts.ok_or_else(invalid)?);
        }
        Ok(filters)
    }
}

/// The JSON body of a request, as [`go_json`] reads it. Nothing at all is `T`'s default.
///
/// # Errors
/// 400 when it is malformed or too large.
pub(super) async fn json<T: DeserializeOwned + Default>(body: Body) -> Outcome<T> {
    read(&document(body).await?)
}

/// The JSON body of a request, to be read in parts. Nothing at all is `null`.
///
/// # Errors
/// 400 when it is malformed or too large.
pub(super) async fn document(body: Body) -> Outcome<Value> {
    let reading = Limited::new(body, MAX_JSON_BYTES).collect();
    let bytes = tokio::time::timeout(BODY_TIMEOUT, reading)
        .await
        .map_err(|_| ApiError::new(StatusCode::REQUEST_TIMEOUT, "the request's body did not arrive in time"))?
        .map_err(|error| ApiError::bad_request(format!("cannot read the request's body: {error}")))?
        .to_bytes();
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Ok(Value::Null);
    }
    serde_json::from_slice(&bytes).map_err(|error| ApiError::bad_request(format!("invalid JSON: {error}")))
}

/// A part of a [`document`].
///
/// # Errors
/// 400 when it has another shape.
pub(super) fn read<T: DeserializeOwned + Default>(document: &Value) -> Outcome<T> {
    if document.is_null() {
        return Ok(T::default());
    }
    go_json::read(document).map_err(|error| ApiError::bad_request(format!("invalid JSON: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_are_read_as_docker_reads_them() {
        let query = Query::parse("a=1&b=0&c=true&d=False&e=&f=x");
        let set: Vec<_> = ["a", "b", "c", "d", "e", "f", "g"].into_iter().filter(|name| query.flag(name)).collect();
        assert_eq!(set, ["a", "c", "f"]);
    }

    #[test]
    fn moments_have_fractions() {
        let query = Query::parse("a=12&b=12.5&c=12.0000000019&d=-1&e=&f=x&g=1.x&h=99999999999999999999");
        let moment = |name| query.moment(name).map_err(|error| error.message);
        assert_eq!(moment("a"), Ok(Some(12_000_000_000)));
        assert_eq!(moment("b"), Ok(Some(12_500_000_000)));
        assert_eq!(moment("c"), Ok(Some(12_000_000_001)));
        assert_eq!((moment("d"), moment("e"), moment("absent")), (Ok(None), Ok(None), Ok(None)));
        assert_eq!(moment("f"), Err("invalid value for f: 'x'".to_owned()));
        assert!(moment("g").is_err() && moment("h").is_err());
    }

    #[test]
    fn filters_have_two_forms() {
        let one = Query::parse(r#"filters={"name":{"a":true}}"#).filters(&["name"]).unwrap();
        let other = Query::parse(r#"filters={"name":["a"]}"#).filters(&["name"]).unwrap();
        assert_eq!((one["name"].as_slice(), one == other), (&["a".to_owned()][..], true));
        let unknown = Query::parse(r#"filters={"nam":["a"]}"#).filters(&["name"]).unwrap_err();
        assert_eq!(unknown.message, "invalid filter 'nam'");
        assert!(Query::parse("filters=x").filters(&[]).is_err());
    }
}
