//! Times of files.

use casement_hive::NtTime;
use serde::{Deserialize, Serialize};
use std::fmt;

/// From 1601 to 1970 in units of 100 ns.
const TO_UNIX: i64 = 116_444_736_000_000_000;
const PER_SECOND: i64 = 10_000_000;

/// A time in units of 100 ns since 1970, UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Stamp(pub i64);

impl Stamp {
    /// From seconds and nanoseconds since 1970.
    pub fn from_unix(seconds: i64, nanoseconds: u32) -> Self {
        Self(seconds.saturating_mul(PER_SECOND).saturating_add(i64::from(nanoseconds / 100)))
    }

    /// Seconds and nanoseconds since 1970.
    pub fn unix(self) -> (i64, u32) {
        // Less than 10^9, so it fits.
        (self.0.div_euclid(PER_SECOND), (self.0.rem_euclid(PER_SECOND) * 100) as u32)
    }

    /// The `FILETIME`; `None` for what Windows cannot keep: before 1601.
    pub fn filetime(self) -> Option<NtTime> {
        self.0.checked_add(TO_UNIX).and_then(|units| u64::try_from(units).ok()).map(NtTime)
    }

    /// From a `FILETIME`.
    pub fn from_filetime(time: u64) -> Self {
        Self(i64::try_from(time).unwrap_or(i64::MAX).saturating_sub(TO_UNIX))
    }
}

impl From<casement_layer_tar::NtTime> for Stamp {
    fn from(time: casement_layer_tar::NtTime) -> Self {
        Self::from_unix(time.seconds(), time.nanoseconds())
    }
}

/// ISO 8601 with seven digits of the fraction.
impl fmt::Display for Stamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.filetime() {
            Some(time) => write!(f, "{time}"),
            None => f.write_str("before 1601"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_go_to_filetimes_and_back() {
        let stamp = Stamp::from_unix(1_700_000_000, 123_456_789);
        assert_eq!(stamp.unix(), (1_700_000_000, 123_456_700));
        assert_eq!(stamp.to_string(), "2023-11-14T22:13:20.1234567Z");
        assert_eq!(Stamp::from_filetime(stamp.filetime().unwrap().0), stamp);
        assert_eq!(Stamp(i64::MIN).filetime(), None);
    }
}
