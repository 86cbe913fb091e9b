//! Records of values (`vk`).

use crate::big_data;
use crate::cells::{Cells, NOWHERE};
use crate::error::HiveError;
use crate::field::{put, u16_at, u32_at};
use crate::limits::{MAX_DATA, MAX_VALUE_NAME, SEGMENT};
use crate::name::Name;
use crate::tree::Entry;
use crate::value::{NONE, Value};

/// Bytes of a record before the name.
const HEADER: usize = 20;
/// Bit of the size: the data is in the field for its place.
const INLINE: u32 = 1 << 31;
/// Flag: the name has one byte for each unit.
const LATIN1: u16 = 1;
/// Flag: the value is deleted in this layer.
const TOMBSTONE: u16 = 2;

/// Reads the value at `offset`. Only in layered hives are there tombstones.
pub(crate) fn read(cells: &mut Cells<'_>, offset: u32, layered: bool) -> Result<(Name, Entry), HiveError> {
    let bad = |why| HiveError::BadCell { offset, why };
    let cell = cells.take(offset)?;
    if !cell.starts_with(b"vk") {
        return Err(bad("is no value"));
    }
    let field = |at| u32_at(cell, at).ok_or(bad("is cut short"));
    let (size, place, kind) = (field(4)?, field(8)?, field(12)?);
    let flags = u16_at(cell, 16).ok_or(bad("is cut short"))?;
    let length = usize::from(u16_at(cell, 2).unwrap_or_default());
    let name = cell.get(HEADER..HEADER + length).ok_or(bad("is shorter than its name"))?;
    let name = Name::decode(name, flags & LATIN1 != 0).ok_or(bad("has half a letter in its name"))?;
    if name.units().len() > MAX_VALUE_NAME {
        return Err(HiveError::TooLarge("a value with a name of more than 16383 letters"));
    }
    if layered && flags & TOMBSTONE != 0 {
        return Ok((name, Entry::Tombstone));
    }
    let length = (size & !INLINE) as usize;
    let data = match size & INLINE != 0 {
        true => place.to_le_bytes().get(..length).ok_or(bad("has more data than its field"))?.to_vec(),
        false if length == 0 => Vec::new(),
        false => data(cells, place, length)?,
    };
    Ok((name, Entry::Value(Value::raw(kind, data))))
}

fn data(cells: &mut Cells<'_>, offset: u32, length: usize) -> Result<Vec<u8>, HiveError> {
    if length > MAX_DATA {
        return Err(HiveError::TooLarge("a value with more than 1 GB"));
    }
    let cell = cells.take(offset)?;
    match cell.get(..length) {
        // Hives of version 1.3, and some writers at any, keep all of it in one cell.
        Some(data) => Ok(data.to_vec()),
        None if length > SEGMENT && cell.starts_with(b"db") => big_data::read(cells, offset, cell, length),
        None => Err(HiveError::BadCell { offset, why: "is shorter than its data" }),
    }
}

/// Where the data of a value is, for its record.
pub(crate) enum Place {
    /// In the record.
    Inline([u8; 4]),
    /// In a cell.
    Cell(u32),
}

/// The record of a value.
pub(crate) fn record(name: &Name, entry: &Entry, place: &Place) -> Vec<u8> {
    let (letters, mut flags) = match name.latin1() {
        Some(_) if name.is_empty() => (Vec::new(), 0),
        Some(letters) => (letters, LATIN1),
        None => (name.utf16(), 0),
    };
    let (kind, length) = match entry {
        Entry::Value(value) => (value.kind(), value.data().len() as u32),
        Entry::Tombstone => {
            flags |= TOMBSTONE;
            (NONE, 0)
        }
    };
    let (size, place) = match place {
        Place::Inline(data) if length > 0 => (length | INLINE, u32::from_le_bytes(*data)),
        // Windows marks a value without data as inline; a tombstone has neither mark nor place.
        Place::Inline(_) if matches!(entry, Entry::Value(_)) => (INLINE, 0),
        Place::Inline(_) => (0, NOWHERE),
        Place::Cell(offset) => (length, *offset),
    };
    let mut record = vec![0; HEADER];
    put(&mut record, 0, b"vk");
    put(&mut record, 2, &(letters.len() as u16).to_le_bytes());
    put(&mut record, 4, &size.to_le_bytes());
    put(&mut record, 8, &place.to_le_bytes());
    put(&mut record, 12, &kind.to_le_bytes());
    put(&mut record, 16, &flags.to_le_bytes());
    record.extend(letters);
    record
}
