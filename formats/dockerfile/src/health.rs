//! `HEALTHCHECK`.

use crate::flags::{Flags, Kind};
use crate::{duration, go};

/// How to tell whether a container is well. Durations are nanoseconds; 0 means the default.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HealthCheck {
    /// `["NONE"]`, `["CMD", …]` or `["CMD-SHELL", line]`.
    pub test: Vec<String>,
    /// Between two probes.
    pub interval: i64,
    /// For one probe.
    pub timeout: i64,
    /// After the start, during which failures do not count.
    pub start_period: i64,
    /// Between two probes within the start period.
    pub start_interval: i64,
    /// Failures in a row that make a container unhealthy.
    pub retries: i64,
}

const DURATIONS: [&str; 4] = ["interval", "timeout", "start-period", "start-interval"];
/// The shortest interval: a millisecond.
const SHORTEST: i64 = 1_000_000;

impl HealthCheck {
    /// From the kind (`CMD` or `NONE`), the words after it, whether these are an array, and the flags.
    pub(crate) fn parse(kind: &str, words: &[String], array: bool, given: &[String]) -> Result<Self, String> {
        let upper = kind.to_uppercase();
        if upper == "NONE" {
            if !words.is_empty() {
                return Err("HEALTHCHECK NONE takes no arguments".to_owned());
            }
            return Ok(Self { test: vec![upper], ..Self::default() });
        }
        let known = DURATIONS.map(|name| (name, Kind::Text));
        let known: Vec<_> = known.into_iter().chain([("retries", Kind::Text)]).collect();
        let flags = Flags::parse(given, &known)?;
        if upper != "CMD" {
            return Err(format!("Unknown type {} in HEALTHCHECK (try CMD)", go::quote(&upper)));
        }
        let words = if array || words.is_empty() { words.to_vec() } else { vec![words.join(" ")] };
        if words.is_empty() {
            return Err("Missing command after HEALTHCHECK CMD".to_owned());
        }
        let first = if array { "CMD" } else { "CMD-SHELL" };
        let time = |name: &str| -> Result<i64, String> {
            let text = flags.text(name);
            let nanoseconds = if text.is_empty() { 0 } else { duration::parse(&text)? };
            if nanoseconds != 0 && nanoseconds < SHORTEST {
                return Err(format!("Interval {} cannot be less than 1ms", go::quote(name)));
            }
            Ok(nanoseconds)
        };
        let retries = match flags.text("retries").as_str() {
            "" => 0,
            text => text
                .parse::<i32>()
                .map_err(|_| format!("strconv.ParseInt: parsing {}: invalid syntax", go::quote(text)))?,
        };
        if retries < 0 {
            return Err(format!("--retries cannot be negative ({retries})"));
        }
        Ok(Self {
            test: std::iter::once(first.to_owned()).chain(words).collect(),
            interval: time("interval")?,
            timeout: time("timeout")?,
            start_period: time("start-period")?,
            start_interval: time("start-interval")?,
            retries: retries.into(),
        })
    }
}
