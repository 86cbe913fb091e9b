//! Registry values: a type and bytes, as NT has them.

use crate::name::units;

/// `REG_NONE` and the other types ("Registry value types", Microsoft Learn).
pub const NONE: u32 = 0;
/// `REG_SZ`
pub const STRING: u32 = 1;
/// `REG_EXPAND_SZ`
pub const EXPAND_STRING: u32 = 2;
/// `REG_BINARY`
pub const BINARY: u32 = 3;
/// `REG_DWORD`
pub const DWORD: u32 = 4;
/// `REG_LINK`
pub const LINK: u32 = 6;
/// `REG_MULTI_SZ`
pub const MULTI_STRING: u32 = 7;

const TYPE_NAMES: [&str; 12] = [
    "REG_NONE",
    "REG_SZ",
    "REG_EXPAND_SZ",
    "REG_BINARY",
    "REG_DWORD",
    "REG_DWORD_BIG_ENDIAN",
    "REG_LINK",
    "REG_MULTI_SZ",
    "REG_RESOURCE_LIST",
    "REG_FULL_RESOURCE_DESCRIPTOR",
    "REG_RESOURCE_REQUIREMENTS_LIST",
    "REG_QWORD",
];

/// The name of a type; `None` for one that Windows has no name for.
pub fn type_name(kind: u32) -> Option<&'static str> {
    TYPE_NAMES.get(usize::try_from(kind).ok()?).copied()
}

/// A value of any type.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Value {
    kind: u32,
    data: Vec<u8>,
}

impl Value {
    /// `REG_NONE` without data.
    pub fn none() -> Self {
        Self::raw(NONE, Vec::new())
    }

    /// Any type and any bytes.
    pub fn raw(kind: u32, data: Vec<u8>) -> Self {
        Self { kind, data }
    }

    /// `REG_SZ`
    pub fn string(text: &str) -> Self {
        Self::raw(STRING, utf16(text))
    }

    /// `REG_EXPAND_SZ`
    pub fn expand_string(text: &str) -> Self {
        Self::raw(EXPAND_STRING, utf16(text))
    }

    /// `REG_MULTI_SZ`
    pub fn multi_string(texts: &[&str]) -> Self {
        let mut data: Vec<u8> = texts.iter().flat_map(|t| utf16(t)).collect();
        data.extend([0, 0]);
        Self::raw(MULTI_STRING, data)
    }

    /// `REG_DWORD`
    pub fn dword(number: u32) -> Self {
        Self::raw(DWORD, number.to_le_bytes().to_vec())
    }

    /// `REG_BINARY`
    pub fn binary(data: Vec<u8>) -> Self {
        Self::raw(BINARY, data)
    }

    /// `REG_LINK`: the target of a symbolic-link key, without a terminator.
    pub fn link(target: &str) -> Self {
        Self::raw(LINK, target.encode_utf16().flat_map(u16::to_le_bytes).collect())
    }

    /// The type's number.
    pub fn kind(&self) -> u32 {
        self.kind
    }

    /// The bytes.
    pub fn data(&self) -> &[u8] {
        &self.data
    }

    /// The text of a string value without its terminator; what is no Unicode is replaced.
    pub fn as_string(&self) -> Option<String> {
        if !matches!(self.kind, STRING | EXPAND_STRING) {
            return None;
        }
        let units: Vec<u16> = self.units();
        let end = units.iter().position(|u| *u == 0).unwrap_or(units.len());
        units.get(..end).map(String::from_utf16_lossy)
    }

    /// The number of a `REG_DWORD`.
    pub fn as_dword(&self) -> Option<u32> {
        match self.kind {
            DWORD => Some(u32::from_le_bytes(self.data.as_slice().try_into().ok()?)),
            _ => None,
        }
    }

    /// The data as UTF-16; an odd byte at the end is dropped.
    pub fn units(&self) -> Vec<u16> {
        units(&self.data).collect()
    }
}

/// UTF-16 with a terminator.
fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().chain([0]).flat_map(u16::to_le_bytes).collect()
}
