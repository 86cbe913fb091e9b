//! Security descriptors of keys, shared between keys, and the records (`sk`) that hold them.

use crate::cells::Cells;
use crate::error::HiveError;
use crate::field::{put, u32_at};
use crate::limits::MAX_SECURITY;
use std::fmt;
use std::sync::Arc;

/// A self-relative security descriptor ([MS-DTYP] 2.4.6). Copies share the bytes.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Security(Arc<[u8]>);

/// Bytes of a record before the descriptor.
pub(crate) const HEADER: usize = 20;

/// `O:BAG:SYD:(A;CI;KA;;;SY)(A;CI;KA;;;BA)(A;CI;KR;;;BU)`: all for the system and administrators, reading for users.
const DEFAULT: [u8; 124] = [
    1, 0, 0x04, 0x80, 20, 0, 0, 0, 36, 0, 0, 0, 0, 0, 0, 0, 48, 0, 0,
    0, // self-relative, with a DACL; four offsets
    1, 2, 0, 0, 0, 0, 0, 5, 32, 0, 0, 0, 0x20, 2, 0, 0, // owner S-1-5-32-544
    1, 1, 0, 0, 0, 0, 0, 5, 18, 0, 0, 0, // group S-1-5-18
    2, 0, 76, 0, 3, 0, 0, 0, // a list of three
    0, 2, 20, 0, 0x3f, 0, 0x0f, 0, 1, 1, 0, 0, 0, 0, 0, 5, 18, 0, 0, 0, // S-1-5-18 KEY_ALL_ACCESS
    0, 2, 24, 0, 0x3f, 0, 0x0f, 0, 1, 2, 0, 0, 0, 0, 0, 5, 32, 0, 0, 0, 0x20, 2, 0, 0, // S-1-5-32-544 the same
    0, 2, 24, 0, 0x19, 0, 0x02, 0, 1, 2, 0, 0, 0, 0, 0, 5, 32, 0, 0, 0, 0x21, 2, 0, 0, // S-1-5-32-545 KEY_READ
];

impl Security {
    /// Any descriptor; its bytes are kept as they are.
    pub fn new(descriptor: &[u8]) -> Self {
        Self(descriptor.into())
    }

    /// The descriptor's bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// Reads the descriptor of the record at `offset`.
    pub(crate) fn read(cells: &Cells<'_>, offset: u32) -> Result<Self, HiveError> {
        let bad = |why| HiveError::BadCell { offset, why };
        let cell = cells.get(offset)?;
        if !cell.starts_with(b"sk") {
            return Err(bad("is no security record"));
        }
        let size = u32_at(cell, 16).ok_or(bad("is cut short"))? as usize;
        if size > MAX_SECURITY {
            return Err(HiveError::TooLarge("a security descriptor of more than 128 KB"));
        }
        let descriptor = cell.get(HEADER..HEADER + size).ok_or(bad("is shorter than its security descriptor"))?;
        Ok(Self::new(descriptor))
    }

    /// A record of this descriptor that `count` keys point to, between two others of the ring.
    pub(crate) fn record(&self, next: u32, previous: u32, count: u32) -> Vec<u8> {
        let mut record = vec![0; HEADER];
        put(&mut record, 0, b"sk");
        put(&mut record, 4, &next.to_le_bytes());
        put(&mut record, 8, &previous.to_le_bytes());
        put(&mut record, 12, &count.to_le_bytes());
        put(&mut record, 16, &(self.0.len() as u32).to_le_bytes());
        record.extend_from_slice(&self.0);
        record
    }
}

/// What a key has of which nothing is known: the system and administrators may do all, users may read.
impl Default for Security {
    fn default() -> Self {
        Self::new(&DEFAULT)
    }
}

impl fmt::Debug for Security {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Security({} bytes)", self.0.len())
    }
}
