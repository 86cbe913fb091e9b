//! Records of keys (`nk`).

use crate::cells::NOWHERE;
use crate::error::HiveError;
use crate::field::{put, u16_at, u32_at, u64_at};
use crate::limits::MAX_KEY_NAME;
use crate::name::Name;
use crate::time::NtTime;
use crate::tree::{Flags, Layer, Semantics};

/// Bytes of a record before the name.
pub(crate) const HEADER: usize = 76;
/// Flag: the root of its hive.
const ROOT: u16 = 0x04;
/// Flag: the name has one byte for each unit.
const LATIN1: u16 = 0x20;
/// Flag: a number of the system's stands where the number of values does.
const PREDEFINED: u16 = 0x40;
/// Flags that are about the record and not about the key: volatile, where hives meet, and the three above.
const OF_RECORD: u16 = 0x01 | 0x02 | ROOT | LATIN1 | PREDEFINED;
/// Bit of the layer byte: the class comes from the layer below.
const INHERIT_CLASS: u8 = 0x80;

/// A key's record: its own fields, and where the rest is.
#[derive(Debug, Clone)]
pub(crate) struct KeyNode {
    pub name: Name,
    pub flags: Flags,
    pub layer: Layer,
    pub time: NtTime,
    /// Number and list of subkeys.
    pub subkeys: (u32, u32),
    /// Number and list of values.
    pub values: (u32, u32),
    pub security: u32,
    /// Place and bytes of the class name.
    pub class: (u32, usize),
}

/// The largest lengths below a key, in bytes, which Windows keeps in its record.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Largest {
    pub subkey: u32,
    pub class: u32,
    pub value: u32,
    pub data: u32,
}

impl KeyNode {
    /// Reads the record in `cell`, which is at `offset`. Keys of hives that are not layered have no layer bits.
    pub fn read(cell: &[u8], offset: u32, layered: bool) -> Result<Self, HiveError> {
        let bad = |why| HiveError::BadCell { offset, why };
        if !cell.starts_with(b"nk") {
            return Err(bad("is no key"));
        }
        let name = cell.get(HEADER..).ok_or(bad("is too short for a key"))?;
        let half = |at| u16_at(cell, at).unwrap_or_default();
        let word = |at| u32_at(cell, at).unwrap_or_default();
        let flags = half(2);
        let name = name.get(..usize::from(half(72))).ok_or(bad("is shorter than its name"))?;
        let name = Name::decode(name, flags & LATIN1 != 0).ok_or(bad("has half a letter in its name"))?;
        if name.is_empty() || name.units().len() > MAX_KEY_NAME {
            return Err(bad("has a name that is empty or longer than 256 letters"));
        }
        let layer = match layered {
            true => layer(cell.get(13).copied().unwrap_or_default()),
            false => Layer::default(),
        };
        Ok(Self {
            name,
            flags: Flags { node: flags & !OF_RECORD, control: half(54) },
            layer,
            time: NtTime(u64_at(cell, 4).unwrap_or_default()),
            subkeys: (word(20), word(28)),
            values: if flags & PREDEFINED == 0 { (word(36), word(40)) } else { (0, NOWHERE) },
            security: word(44),
            class: (word(48), usize::from(half(74))),
        })
    }

    /// The record of a key below `parent`; the root has none.
    pub fn record(&self, parent: Option<u32>, largest: Largest) -> Vec<u8> {
        let (letters, latin1) = match self.name.latin1() {
            Some(letters) => (letters, LATIN1),
            None => (self.name.utf16(), 0),
        };
        let root = if parent.is_none() { ROOT } else { 0 };
        let mut record = vec![0; HEADER];
        put(&mut record, 0, b"nk");
        put(&mut record, 2, &((self.flags.node & !OF_RECORD) | latin1 | root).to_le_bytes());
        put(&mut record, 4, &self.time.0.to_le_bytes());
        put(&mut record, 13, &[layer_byte(self.layer)]);
        for (at, word) in [
            (16, parent.unwrap_or(NOWHERE)),
            (20, self.subkeys.0),
            (28, self.subkeys.1),
            (32, NOWHERE),
            (36, self.values.0),
            (40, self.values.1),
            (44, self.security),
            (48, self.class.0),
            (52, largest.subkey & 0xffff | u32::from(self.flags.control) << 16),
            (56, largest.class),
            (60, largest.value),
            (64, largest.data),
        ] {
            put(&mut record, at, &word.to_le_bytes());
        }
        put(&mut record, 72, &(letters.len() as u16).to_le_bytes());
        put(&mut record, 74, &(self.class.1 as u16).to_le_bytes());
        record.extend(letters);
        record
    }
}

fn layer(byte: u8) -> Layer {
    let semantics = match byte & 3 {
        0 => Semantics::Merge,
        1 => Semantics::Tombstone,
        2 => Semantics::SupersedeLocal,
        _ => Semantics::SupersedeTree,
    };
    Layer { semantics, inherit_class: byte & INHERIT_CLASS != 0 }
}

fn layer_byte(layer: Layer) -> u8 {
    let semantics = match layer.semantics {
        Semantics::Merge => 0,
        Semantics::Tombstone => 1,
        Semantics::SupersedeLocal => 2,
        Semantics::SupersedeTree => 3,
    };
    semantics | if layer.inherit_class { INHERIT_CLASS } else { 0 }
}
