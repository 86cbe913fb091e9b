//! Times with the resolution of NTFS.

/// A time in units of 100 ns since 1970, UTC: the resolution of NTFS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct NtTime(i64);

const UNITS: i64 = 10_000_000;
/// From 1601, when NT's count begins, to 1970 in units.
const TO_UNIX: i64 = 11_644_473_600 * UNITS;

impl NtTime {
    /// Whole seconds since 1970.
    pub fn from_seconds(seconds: i64) -> Self {
        Self(seconds.saturating_mul(UNITS))
    }

    /// Seconds since 1970 and nanoseconds after them, as Linux has them.
    pub fn from_unix(seconds: i64, nanoseconds: u32) -> Self {
        Self(seconds.saturating_mul(UNITS).saturating_add(i64::from(nanoseconds / 100)))
    }

    /// From a `FILETIME`: units since 1601.
    pub fn from_file_time(units: u64) -> Self {
        Self(i64::try_from(units).unwrap_or(i64::MAX).saturating_sub(TO_UNIX))
    }

    /// As a `FILETIME`; 0 for what was before 1601.
    pub fn file_time(self) -> u64 {
        u64::try_from(self.0.saturating_add(TO_UNIX)).unwrap_or(0)
    }

    /// Whole seconds since 1970, rounded down.
    pub fn seconds(self) -> i64 {
        self.0.div_euclid(UNITS)
    }

    /// Nanoseconds after [`NtTime::seconds`].
    pub fn nanoseconds(self) -> u32 {
        // Less than 10^9, so it fits.
        (self.0.rem_euclid(UNITS) * 100) as u32
    }

    /// Parses a PAX time: seconds, optionally a fraction; digits past 100 ns are dropped.
    pub fn parse(text: &str) -> Option<Self> {
        let (negative, digits) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let all_digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
        if whole.is_empty() || whole.len() > 12 || !all_digits(whole) || !all_digits(fraction) {
            return None;
        }
        let padded: String = fraction.chars().chain("0000000".chars()).take(7).collect();
        let units = whole.parse::<i64>().ok()?.checked_mul(UNITS)?.checked_add(padded.parse().ok()?)?;
        Some(Self(if negative { -units } else { units }))
    }

    /// The PAX form.
    pub fn to_pax(self) -> String {
        let sign = if self.0 < 0 { "-" } else { "" };
        let (units, scale) = (self.0.unsigned_abs(), UNITS.unsigned_abs());
        let (whole, fraction) = (units / scale, units % scale);
        match fraction {
            0 => format!("{sign}{whole}"),
            _ => format!("{sign}{whole}.{}", format!("{fraction:07}").trim_end_matches('0')),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_keep_100_nanoseconds() {
        for (text, again) in [("0", "0"), ("12.5", "12.5"), ("1.00000019", "1.0000001"), ("-3.25", "-3.25")] {
            assert_eq!(NtTime::parse(text).unwrap().to_pax(), again);
        }
        for text in ["", "-", ".5", "1e9", "1.x", "9999999999999", "--1"] {
            assert_eq!(NtTime::parse(text), None, "{text:?}");
        }
        assert_eq!(NtTime::parse("-0.5").map(|t| (t.seconds(), t.nanoseconds())), Some((-1, 500_000_000)));
    }

    #[test]
    fn file_times_count_from_1601() {
        for text in ["0", "1700000000.1234567", "-11644473600"] {
            let time = NtTime::parse(text).unwrap();
            assert_eq!(NtTime::from_file_time(time.file_time()), time);
        }
        assert_eq!(NtTime::from_seconds(0).file_time(), 116_444_736_000_000_000);
        assert_eq!(NtTime::from_unix(1, 250).to_pax(), "1.0000002");
    }
}
