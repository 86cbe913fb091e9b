//! Bins: the pieces of 4096 bytes and multiples of it that hold the cells.

use crate::base_block;
use crate::error::HiveError;
use crate::field::{put, u32_at};
use crate::limits::MAX_BINS;
use crate::time::NtTime;

/// A bin's size is a multiple of this.
pub(crate) const UNIT: usize = 4096;
/// Bytes of a bin before its first cell.
pub(crate) const HEADER: usize = 32;

/// A bin within all bins: where it begins and ends.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bin {
    pub start: usize,
    pub end: usize,
}

/// The bytes of all bins, without the base block.
pub(crate) fn bytes(file: &[u8], size: u32) -> Result<&[u8], HiveError> {
    let size = size as usize;
    if size > MAX_BINS {
        return Err(HiveError::TooLarge("more than 2 GB"));
    }
    if size == 0 || !size.is_multiple_of(UNIT) {
        return Err(HiveError::NotAHive("the size of its bins is no multiple of 4096"));
    }
    file.get(base_block::SIZE..base_block::SIZE + size).ok_or(HiveError::NotAHive("it is shorter than its bins"))
}

/// Finds the bins; every byte belongs to one.
pub(crate) fn walk(bytes: &[u8]) -> impl Iterator<Item = Result<Bin, HiveError>> + '_ {
    let mut start = 0;
    std::iter::from_fn(move || {
        if start >= bytes.len() {
            return None;
        }
        let bin = read(bytes, start);
        // After a damaged one nothing says where the next begins.
        start = bin.as_ref().map_or(bytes.len(), |bin| bin.end);
        Some(bin)
    })
}

fn read(bytes: &[u8], start: usize) -> Result<Bin, HiveError> {
    let bad = |why| HiveError::BadBin { offset: start, why };
    let header = bytes.get(start..start + HEADER).ok_or(bad("is cut short"))?;
    if !header.starts_with(b"hbin") {
        return Err(bad("does not begin with \"hbin\""));
    }
    if u32_at(header, 4).is_none_or(|own| own as usize != start) {
        return Err(bad("says that it is elsewhere"));
    }
    let size = u32_at(header, 8).unwrap_or_default() as usize;
    if size == 0 || !size.is_multiple_of(UNIT) || size > bytes.len() - start {
        return Err(bad("has a size that cannot be"));
    }
    Ok(Bin { start, end: start + size })
}

/// A bin's header; only the first bin has a time.
pub(crate) fn header(start: usize, size: usize, time: NtTime) -> [u8; HEADER] {
    let mut header = [0; HEADER];
    put(&mut header, 0, b"hbin");
    put(&mut header, 4, &(start as u32).to_le_bytes());
    put(&mut header, 8, &(size as u32).to_le_bytes());
    put(&mut header, 20, &time.0.to_le_bytes());
    header
}
