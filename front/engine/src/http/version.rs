//! API versions: `/v1.50/…`, their bounds, and what a route may ask about them.

use std::fmt;
use std::str::FromStr;

use super::error::{ApiError, Outcome};

/// The newest version served, that of moby 28.2.
pub const MAXIMUM: ApiVersion = ApiVersion { major: 1, minor: 50 };
/// The oldest version served.
pub const MINIMUM: ApiVersion = ApiVersion { major: 1, minor: 24 };

/// A version of the API. Paths without one mean [`MAXIMUM`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ApiVersion {
    major: u32,
    minor: u32,
}

impl ApiVersion {
    /// Version `1.minor`.
    #[must_use]
    pub const fn minor(minor: u32) -> Self {
        Self { major: 1, minor }
    }
}

impl fmt::Display for ApiVersion {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}.{}", self.major, self.minor)
    }
}

impl FromStr for ApiVersion {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (major, minor) = text.split_once('.').ok_or(())?;
        let number = |digits: &str| {
            if digits.bytes().all(|byte| byte.is_ascii_digit()) { digits.parse().map_err(|_| ()) } else { Err(()) }
        };
        Ok(Self { major: number(major)?, minor: number(minor)? })
    }
}

/// Splits the path of a request into the version that the client speaks and the path of the route.
///
/// # Errors
/// 400 in Docker's words for a version that is not served.
pub(super) fn split(path: &str) -> Outcome<(ApiVersion, &str)> {
    let Some((version, rest)) = path.strip_prefix("/v").and_then(|tail| {
        let (version, _) = tail.split_once('/')?;
        Some((version.parse::<ApiVersion>().ok()?, &tail[version.len()..]))
    }) else {
        return Ok((MAXIMUM, path));
    };
    if version > MAXIMUM {
        return Err(ApiError::bad_request(format!(
            "client version {version} is too new. Maximum supported API version is {MAXIMUM}"
        )));
    }
    if version < MINIMUM {
        return Err(ApiError::bad_request(format!(
            "client version {version} is too old. Minimum supported API version is {MINIMUM}, please upgrade your client to a newer version"
        )));
    }
    Ok((version, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_have_a_version_or_mean_the_newest() {
        assert_eq!(split("/v1.41/info").unwrap(), (ApiVersion::minor(41), "/info"));
        assert_eq!(split("/info").unwrap(), (MAXIMUM, "/info"));
        assert_eq!(split("/volumes/v1.2").unwrap(), (MAXIMUM, "/volumes/v1.2"));
        assert!(split("/v1.51/info").unwrap_err().message.contains("too new"));
        assert!(split("/v1.23/info").unwrap_err().message.contains("too old"));
    }
}
