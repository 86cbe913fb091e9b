//! Lists of subkeys: leaves (`lf`, `lh`, `li`) and roots of leaves (`ri`).

use crate::cells::Cells;
use crate::error::HiveError;
use crate::field::u32_at;
use crate::name::Name;
use casement_upcase::upcase;

/// Most elements of a leaf with hints, so that its cell fits a bin of 4096 bytes; Windows cuts lists near there too.
pub(crate) const LEAF: usize = 507;

/// How a leaf helps to find a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hint {
    /// `lf`: the first four letters.
    Letters,
    /// `lh`: a hash of the upper case.
    Hash,
}

/// Gives the offsets of the subkeys that the list at `offset` names, also through a root.
pub(crate) fn read(cells: &mut Cells<'_>, offset: u32) -> Result<Vec<u32>, HiveError> {
    let (kind, elements) = split(cells, offset)?;
    if kind != *b"ri" {
        return leaf(kind, elements, offset);
    }
    let mut keys = Vec::new();
    for at in words(elements, 4) {
        let (kind, elements) = split(cells, at)?;
        keys.extend(leaf(kind, elements, at)?);
    }
    Ok(keys)
}

/// The signature of a list and its elements.
fn split<'a>(cells: &mut Cells<'a>, offset: u32) -> Result<([u8; 2], &'a [u8]), HiveError> {
    let cell = cells.take(offset)?;
    let bad = |why| HiveError::BadCell { offset, why };
    let [a, b, low, high, elements @ ..] = cell else { return Err(bad("is too short for a list")) };
    let count = usize::from(u16::from_le_bytes([*low, *high]));
    let stride = match [*a, *b] {
        [b'l', b'f' | b'h'] => 8,
        [b'l' | b'r', b'i'] => 4,
        _ => return Err(bad("is no list of subkeys")),
    };
    let elements = elements.get(..count * stride).ok_or(bad("is shorter than its list of subkeys"))?;
    Ok(([*a, *b], elements))
}

fn leaf(kind: [u8; 2], elements: &[u8], offset: u32) -> Result<Vec<u32>, HiveError> {
    match &kind {
        b"li" => Ok(words(elements, 4).collect()),
        b"lf" | b"lh" => Ok(words(elements, 8).collect()),
        _ => Err(HiveError::BadCell { offset, why: "is a list of lists within another" }),
    }
}

fn words(elements: &[u8], stride: usize) -> impl Iterator<Item = u32> + '_ {
    elements.chunks_exact(stride).filter_map(|element| u32_at(element, 0))
}

/// A leaf with these subkeys.
pub(crate) fn leaf_record(hint: Hint, keys: &[(u32, &Name)]) -> Vec<u8> {
    let mut record = match hint {
        Hint::Letters => b"lf".to_vec(),
        Hint::Hash => b"lh".to_vec(),
    };
    record.extend((keys.len() as u16).to_le_bytes());
    for (offset, name) in keys {
        record.extend(offset.to_le_bytes());
        record.extend(match hint {
            Hint::Letters => letters(name),
            Hint::Hash => hash(name).to_le_bytes(),
        });
    }
    record
}

/// A root with these leaves.
pub(crate) fn root_record(leaves: &[u32]) -> Vec<u8> {
    let mut record = b"ri".to_vec();
    record.extend((leaves.len() as u16).to_le_bytes());
    record.extend(leaves.iter().flat_map(|offset| offset.to_le_bytes()));
    record
}

/// The first four letters, or nothing if one of them takes two bytes.
fn letters(name: &Name) -> [u8; 4] {
    let mut letters = [0; 4];
    for (letter, unit) in letters.iter_mut().zip(name.units()) {
        match u8::try_from(*unit) {
            Ok(byte) => *letter = byte,
            Err(_) => return [0; 4],
        }
    }
    letters
}

fn hash(name: &Name) -> u32 {
    name.units().iter().fold(0, |hash: u32, unit| hash.wrapping_mul(37).wrapping_add(upcase(*unit).into()))
}
