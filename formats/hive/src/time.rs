//! Times as NT counts them.

use std::fmt;

/// A `FILETIME`: units of 100 ns since 1 January 1601, UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct NtTime(pub u64);

const PER_SECOND: u64 = 10_000_000;
/// From 1601 to 1970 in seconds.
const TO_UNIX: u64 = 11_644_473_600;

impl NtTime {
    /// From seconds since 1970.
    pub fn from_unix(seconds: u64) -> Self {
        Self(seconds.saturating_add(TO_UNIX).saturating_mul(PER_SECOND))
    }

    /// Whole seconds since 1970; 0 for what was before.
    pub fn unix(self) -> u64 {
        (self.0 / PER_SECOND).saturating_sub(TO_UNIX)
    }
}

/// ISO 8601 with all seven digits of the fraction, or `never` for zero.
impl fmt::Display for NtTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == 0 {
            return f.write_str("never");
        }
        let (seconds, fraction) = (self.0 / PER_SECOND, self.0 % PER_SECOND);
        let (days, second) = (seconds / 86_400, seconds % 86_400);
        // 1601 begins a cycle of 400 years, of which years that begin in March have their leap day at the end.
        let day = days + 306;
        let (cycle, day) = (day / 146_097, day % 146_097);
        let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
        let day = day - (365 * year + year / 4 - year / 100);
        let month = (5 * day + 2) / 153;
        let day = day - (153 * month + 2) / 5 + 1;
        let (month, carry) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
        let year = 1600 + 400 * cycle + year + carry;
        let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{fraction:07}Z")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_dates() {
        for (time, text) in [
            (0, "never"),
            (1, "1601-01-01T00:00:00.0000001Z"),
            (NtTime::from_unix(0).0, "1970-01-01T00:00:00.0000000Z"),
            (NtTime::from_unix(951_782_400).0, "2000-02-29T00:00:00.0000000Z"),
            (NtTime::from_unix(1_709_251_199).0 + 5, "2024-02-29T23:59:59.0000005Z"),
            (NtTime::from_unix(4_107_542_400).0, "2100-03-01T00:00:00.0000000Z"),
            (NtTime::from_unix(1_735_689_599).0, "2024-12-31T23:59:59.0000000Z"),
        ] {
            assert_eq!(NtTime(time).to_string(), text);
        }
        assert!(NtTime(u64::MAX).to_string().starts_with("60056-05-28T05:36:10"));
    }

    #[test]
    fn unix_times_go_both_ways() {
        assert_eq!(NtTime::from_unix(1_700_000_000).unix(), 1_700_000_000);
        assert_eq!(NtTime(5).unix(), 0);
    }
}
