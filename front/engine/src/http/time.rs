//! Moments as people type them in filters: `24h`, `2026-01-02`, RFC 3339, seconds since the epoch.

use jiff::{SignedDuration, Timestamp, civil};

use super::error::{ApiError, Outcome};

/// The moment that a text stands for; a duration is that long ago. Times without a zone are UTC.
///
/// # Errors
/// 400 for anything else.
pub(super) fn moment(text: &str) -> Outcome<Timestamp> {
    let read = ago(text)
        .and_then(|duration| Timestamp::now().checked_sub(duration).ok())
        .or_else(|| seconds(text))
        .or_else(|| text.parse().ok())
        .or_else(|| in_utc(text.parse::<civil::DateTime>().ok()?))
        .or_else(|| in_utc(text.parse::<civil::Date>().ok()?.at(0, 0, 0, 0)));
    read.ok_or_else(|| ApiError::bad_request(format!("failed to parse value as time or duration: \"{text}\"")))
}

fn in_utc(time: civil::DateTime) -> Option<Timestamp> {
    jiff::tz::Offset::UTC.to_timestamp(time).ok()
}

fn seconds(text: &str) -> Option<Timestamp> {
    let (seconds, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let nanoseconds: i32 = format!("{fraction:0<9.9}").parse().ok()?;
    Timestamp::new(seconds.parse().ok()?, nanoseconds).ok()
}

/// A duration as Go writes it: `1h30m`, `1.5s`.
fn ago(text: &str) -> Option<SignedDuration> {
    let mut rest = text;
    let mut sum = SignedDuration::ZERO;
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(|byte| byte.is_ascii_digit() || *byte == b'.').count();
        let (number, tail) = rest.split_at(digits);
        let letters = tail.bytes().take_while(|byte| !byte.is_ascii_digit() && *byte != b'.').count();
        let unit = match tail.get(..letters)? {
            "h" => 3_600.0,
            "m" => 60.0,
            "s" => 1.0,
            "ms" => 1e-3,
            "us" | "µs" => 1e-6,
            "ns" => 1e-9,
            _ => return None,
        };
        let part = SignedDuration::try_from_secs_f64(number.parse::<f64>().ok()? * unit).ok()?;
        sum = sum.checked_add(part)?;
        rest = &tail[letters..];
    }
    (!text.is_empty()).then_some(sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_have_many_forms() {
        let at = |text: &str| moment(text).unwrap().to_string();
        assert_eq!(at("2026-01-02"), "2026-01-02T00:00:00Z");
        assert_eq!(at("2026-01-02T03:04:05"), "2026-01-02T03:04:05Z");
        assert_eq!(at("2026-01-02T03:04:05+01:00"), "2026-01-02T02:04:05Z");
        assert_eq!(at("1.5"), "1970-01-01T00:00:01.5Z");
        assert_eq!(ago("1h30m"), Some(SignedDuration::from_mins(90)));
        assert_eq!(ago("1.5s"), Some(SignedDuration::from_millis(1_500)));
        for text in ["", "x", "1x", "h", "1hh", "99999999999999999999", "é", "1é"] {
            assert!(moment(text).is_err(), "{text}");
        }
    }
}
