//! `--log-driver` and `--log-opt`: what a container may ask for.

use crate::error::{Error, Result};
use crate::model::LogConfig;

/// The driver of containers that name none.
pub(crate) const DEFAULT: &str = "json-file";
/// The driver that keeps nothing.
const NONE: &str = "none";
/// The options of `json-file`.
const OPTIONS: [&str; 8] = ["compress", "env", "env-regex", "labels", "labels-regex", "max-file", "max-size", "tag"];
/// Options that every driver has.
const COMMON_OPTIONS: [&str; 2] = ["mode", "max-buffer-size"];

/// Puts in the default driver and checks the rest.
///
/// # Errors
/// [`Error::InvalidParameter`], in Docker's words.
pub(crate) fn settle(log: &mut LogConfig) -> Result<()> {
    if log.kind.is_empty() {
        log.kind = DEFAULT.to_owned();
    }
    match log.kind.as_str() {
        NONE => Ok(()),
        DEFAULT => match log.config.keys().find(|name| !known(name)) {
            None => Ok(()),
            Some(name) => refuse(format!("unknown log opt '{name}' for json-file log driver")),
        },
        other => refuse(format!("logger: no log driver named '{other}' is registered")),
    }
}

fn known(name: &str) -> bool {
    OPTIONS.contains(&name) || COMMON_OPTIONS.contains(&name)
}

fn refuse(text: String) -> Result<()> {
    Err(Error::InvalidParameter(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settled(kind: &str, options: &[&str]) -> Result<String> {
        let config = options.iter().map(|name| ((*name).to_owned(), "1".to_owned())).collect();
        let mut log = LogConfig { kind: kind.to_owned(), config };
        settle(&mut log).map(|()| log.kind)
    }

    #[test]
    fn drivers_and_options_are_known_or_refused() {
        assert_eq!(settled("", &["max-file"]).unwrap(), "json-file");
        assert_eq!(settled("none", &["anything"]).unwrap(), "none");
        assert_eq!(settled("asdf", &[]).unwrap_err().to_string(), "logger: no log driver named 'asdf' is registered");
        assert_eq!(
            settled("json-file", &["max-fle"]).unwrap_err().to_string(),
            "unknown log opt 'max-fle' for json-file log driver"
        );
    }
}
