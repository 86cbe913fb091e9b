//! Globally unique identifiers (Microsoft: `GUID`, [MS-DTYP] 2.3.4).

use std::fmt;
use std::str::FromStr;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A GUID. Its text form is `7864c6c9-b77c-4d67-8d1a-ed4007d7d50a`: lower case, without braces.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Guid([u8; 16]);

/// Text that is no GUID.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a GUID; expected the form 00000000-0000-0000-0000-000000000000")]
pub struct GuidError;

/// Places of the hyphens in the text form.
const HYPHENS: [usize; 4] = [8, 13, 18, 23];

impl Guid {
    /// All bits zero: the virtual machine itself in bridge messages.
    pub const NULL: Guid = Guid([0; 16]);

    /// A GUID of 16 bytes in the order of its text form (RFC 9562).
    pub const fn from_bytes(bytes: [u8; 16]) -> Guid {
        Guid(bytes)
    }

    /// The bytes in the order of the text form.
    pub const fn to_bytes(self) -> [u8; 16] {
        self.0
    }

    /// A version 4 GUID of 16 random bytes (RFC 9562 section 5.4).
    pub const fn from_random_bytes(mut random: [u8; 16]) -> Guid {
        random[6] = random[6] & 0x0f | 0x40;
        random[8] = random[8] & 0x3f | 0x80;
        Guid(random)
    }

    /// A GUID as Windows lays it out in memory: the first three groups little-endian.
    pub const fn from_windows_bytes(b: [u8; 16]) -> Guid {
        Guid([b[3], b[2], b[1], b[0], b[5], b[4], b[7], b[6], b[8], b[9], b[10], b[11], b[12], b[13], b[14], b[15]])
    }

    /// The layout of Windows in memory; the inverse of [`Guid::from_windows_bytes`].
    pub const fn to_windows_bytes(self) -> [u8; 16] {
        Guid::from_windows_bytes(self.0).0
    }
}

impl FromStr for Guid {
    type Err = GuidError;

    /// Takes either case, with or without braces.
    fn from_str(text: &str) -> Result<Guid, GuidError> {
        let inner = match text.strip_prefix('{') {
            Some(rest) => rest.strip_suffix('}').ok_or(GuidError)?,
            None => text,
        };
        let digits = inner.as_bytes();
        if digits.len() != 36 {
            return Err(GuidError);
        }
        let mut bytes = [0; 16];
        let mut nibbles = 0;
        for (place, &digit) in digits.iter().enumerate() {
            if HYPHENS.contains(&place) {
                if digit != b'-' {
                    return Err(GuidError);
                }
                continue;
            }
            let value = char::from(digit).to_digit(16).ok_or(GuidError)? as u8;
            bytes[nibbles / 2] = bytes[nibbles / 2] << 4 | value;
            nibbles += 1;
        }
        Ok(Guid(bytes))
    }
}

impl fmt::Display for Guid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, byte) in self.0.iter().enumerate() {
            if matches!(place, 4 | 6 | 8 | 10) {
                f.write_str("-")?;
            }
            write!(f, "{byte:02x}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Guid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Guid {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Guid {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Guid, D::Error> {
        String::deserialize(from)?.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "7864c6c9-b77c-4d67-8d1a-ed4007d7d50a";

    #[test]
    fn text_form_round_trips_in_any_case_and_with_braces() {
        let guid: Guid = TEXT.parse().unwrap();
        assert_eq!(guid.to_string(), TEXT);
        assert_eq!(format!("{{{}}}", TEXT.to_uppercase()).parse(), Ok(guid));
        assert_eq!(serde_json::to_string(&guid).unwrap(), format!("\"{TEXT}\""));
    }

    #[test]
    fn windows_layout_turns_the_first_three_groups() {
        let guid: Guid = TEXT.parse().unwrap();
        let windows = guid.to_windows_bytes();
        assert_eq!(windows[..8], [0xc9, 0xc6, 0x64, 0x78, 0x7c, 0xb7, 0x67, 0x4d]);
        assert_eq!(Guid::from_windows_bytes(windows), guid);
    }

    #[test]
    fn malformed_text_is_refused() {
        for text in ["", "{", "}", "7864c6c9b77c4d678d1aed4007d7d50a", "{7864c6c9-b77c-4d67-8d1a-ed4007d7d50a"] {
            assert_eq!(text.parse::<Guid>(), Err(GuidError), "{text}");
        }
        assert!("7864c6c9-b77c-4d67-8d1a-ed4007d7d5ö".parse::<Guid>().is_err());
        assert!("7864c6c9-b77c-4d67-8d1a-ed4007d7d50g".parse::<Guid>().is_err());
        assert!("7864c6c9-b77c-4d67-8d1a+ed4007d7d50a".parse::<Guid>().is_err());
    }

    #[test]
    fn random_bytes_get_version_and_variant() {
        let text = Guid::from_random_bytes([0xff; 16]).to_string();
        assert_eq!(text, "ffffffff-ffff-4fff-bfff-ffffffffffff");
    }
}
