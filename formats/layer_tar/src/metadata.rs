//! Attributes and times of files, and the PAX records that carry them.

/// PAX record of the Windows attributes, in decimal.
pub const FILE_ATTRIBUTES: &str = "MSWINDOWS.fileattr";
/// PAX record of the creation time, in seconds with a fraction.
pub const CREATION_TIME: &str = "LIBARCHIVE.creationtime";
/// `FILE_ATTRIBUTE_DIRECTORY` ("File Attribute Constants", Microsoft Learn).
pub const ATTRIBUTE_DIRECTORY: u32 = 0x10;
/// `FILE_ATTRIBUTE_ARCHIVE`.
pub const ATTRIBUTE_ARCHIVE: u32 = 0x20;

/// A time in units of 100 ns since 1970, UTC: the resolution of NTFS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct NtTime(i64);

const UNITS: i64 = 10_000_000;

impl NtTime {
    /// Whole seconds since 1970.
    pub fn from_seconds(seconds: i64) -> Self {
        Self(seconds.saturating_mul(UNITS))
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

/// What is known of a file or directory besides its content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Metadata {
    /// Windows attributes (`FILE_ATTRIBUTE_*`).
    pub attributes: u32,
    /// Creation time.
    pub created: NtTime,
    /// Time of the last write.
    pub modified: NtTime,
}

impl Metadata {
    /// A directory made at `time`.
    pub fn directory(time: NtTime) -> Self {
        Self { attributes: ATTRIBUTE_DIRECTORY, created: time, modified: time }
    }

    /// An ordinary file made at `time`.
    pub fn file(time: NtTime) -> Self {
        Self { attributes: ATTRIBUTE_ARCHIVE, created: time, modified: time }
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
}
