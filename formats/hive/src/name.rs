//! Names of keys, values and classes: UTF-16 that need not be well formed, as in NT.

use casement_upcase::upcase;
use std::cmp::Ordering;
use std::fmt;

/// A name. Equal names are spelled the same; where case must not matter, keys and values are found by their folded name.
#[derive(Clone, PartialEq, Eq, Hash, Default)]
pub struct Name(Box<[u16]>);

impl Name {
    /// From UTF-16 units.
    pub fn from_units(units: impl Into<Box<[u16]>>) -> Self {
        Self(units.into())
    }

    /// The UTF-16 units.
    pub fn units(&self) -> &[u16] {
        &self.0
    }

    /// Whether there is nothing in it: the name of a key's default value.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether the two are the same name of a key or value, which have no case.
    pub fn same(&self, other: &Self) -> bool {
        compare(&self.0, &other.0) == Ordering::Equal
    }

    /// One byte for each unit, if all are below 256: the form in which hives keep such names.
    pub(crate) fn latin1(&self) -> Option<Vec<u8>> {
        self.0.iter().map(|unit| u8::try_from(*unit).ok()).collect()
    }

    /// From the bytes of a record: one byte for each unit, or two.
    pub(crate) fn decode(bytes: &[u8], latin1: bool) -> Option<Self> {
        match latin1 {
            true => Some(Self(bytes.iter().map(|byte| u16::from(*byte)).collect())),
            false if bytes.len().is_multiple_of(2) => Some(Self(units(bytes).collect())),
            false => None,
        }
    }

    /// The bytes of UTF-16.
    pub(crate) fn utf16(&self) -> Vec<u8> {
        self.0.iter().flat_map(|unit| unit.to_le_bytes()).collect()
    }
}

/// The units in little-endian bytes; an odd byte at the end is dropped.
pub(crate) fn units(bytes: &[u8]) -> impl Iterator<Item = u16> + '_ {
    bytes.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]]))
}

/// The order of names in hives: by the upper case of each unit.
fn compare(a: &[u16], b: &[u16]) -> Ordering {
    a.iter().map(|unit| upcase(*unit)).cmp(b.iter().map(|unit| upcase(*unit)))
}

impl From<&str> for Name {
    fn from(text: &str) -> Self {
        Self(text.encode_utf16().collect())
    }
}

/// What is no Unicode is replaced.
impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        char::decode_utf16(self.0.iter().copied())
            .try_for_each(|c| fmt::Write::write_char(f, c.unwrap_or(char::REPLACEMENT_CHARACTER)))
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.to_string())
    }
}

/// A name as key of a map: ordered as hives order names, without regard to case.
#[derive(Debug, Clone)]
pub(crate) struct Folded(pub Name);

impl PartialEq for Folded {
    fn eq(&self, other: &Self) -> bool {
        self.0.same(&other.0)
    }
}

impl Eq for Folded {}

impl PartialOrd for Folded {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Folded {
    fn cmp(&self, other: &Self) -> Ordering {
        compare(&self.0.0, &other.0.0)
    }
}
