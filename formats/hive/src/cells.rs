//! The cells of a hive that is read. Each belongs to one owner, so that what is read is never more than what is there.

use crate::bins;
use crate::error::HiveError;
use crate::field::bytes_at;

/// Points to no cell.
pub(crate) const NOWHERE: u32 = u32::MAX;
/// Cells begin at multiples of this and have multiples of it.
pub(crate) const ALIGNMENT: usize = 8;
/// Bytes of a cell before its record: its size.
pub(crate) const SIZE: usize = 4;

/// All cells in use.
pub(crate) struct Cells<'a> {
    bytes: &'a [u8],
    /// Where cells in use begin.
    starts: Bits,
    /// Those that have an owner.
    owned: Bits,
}

/// A bit for each place where a cell may begin.
struct Bits(Vec<u64>);

impl Bits {
    fn new(bytes: usize) -> Self {
        Self(vec![0; bytes / ALIGNMENT / 64 + 1])
    }

    /// Sets the bit of the cell at `offset` and tells whether it was set.
    fn set(&mut self, offset: usize) -> bool {
        let place = offset / ALIGNMENT;
        let Some(word) = self.0.get_mut(place / 64) else { return false };
        let bit = 1 << (place % 64);
        let was = *word & bit != 0;
        *word |= bit;
        was
    }

    fn get(&self, offset: usize) -> bool {
        let place = offset / ALIGNMENT;
        offset.is_multiple_of(ALIGNMENT) && self.0.get(place / 64).is_some_and(|word| word & 1 << (place % 64) != 0)
    }
}

impl<'a> Cells<'a> {
    /// Finds all cells. Where a bin's chain of cells breaks, the rest of that bin has none.
    pub fn find(bytes: &'a [u8]) -> Result<Self, HiveError> {
        let (mut starts, owned) = (Bits::new(bytes.len()), Bits::new(bytes.len()));
        for bin in bins::walk(bytes) {
            let bin = bin?;
            let mut at = bin.start + bins::HEADER;
            while let Some((size, used)) = size(bytes, at).filter(|(size, _)| *size <= bin.end - at) {
                if used {
                    starts.set(at);
                }
                at += size;
            }
        }
        Ok(Self { bytes, starts, owned })
    }

    /// The record in the cell at `offset`, with what pads it; other owners may have it too.
    pub fn get(&self, offset: u32) -> Result<&'a [u8], HiveError> {
        let bad = |why| HiveError::BadCell { offset, why };
        let start = offset as usize;
        if !self.starts.get(start) {
            return Err(bad("is none that is in use"));
        }
        let end = size(self.bytes, start).and_then(|(size, _)| start.checked_add(size));
        end.and_then(|end| self.bytes.get(start + SIZE..end)).ok_or(bad("leaves its bin"))
    }

    /// The record in the cell at `offset`, for its only owner.
    pub fn take(&mut self, offset: u32) -> Result<&'a [u8], HiveError> {
        let cell = self.get(offset)?;
        match self.owned.set(offset as usize) {
            true => Err(HiveError::BadCell { offset, why: "has two owners" }),
            false => Ok(cell),
        }
    }
}

/// The size of the cell at `at`, and whether it is in use.
fn size(bytes: &[u8], at: usize) -> Option<(usize, bool)> {
    let number = i32::from_le_bytes(bytes_at(bytes, at)?);
    let size = number.unsigned_abs() as usize;
    (size >= ALIGNMENT && size.is_multiple_of(ALIGNMENT)).then_some((size, number < 0))
}
