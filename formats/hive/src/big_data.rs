//! Big data (`db`): the data of a value in segments.

use crate::cells::Cells;
use crate::error::HiveError;
use crate::field::{u16_at, u32_at};
use crate::limits::SEGMENT;

/// Puts together `length` bytes from the segments that `record`, the cell at `offset`, names.
pub(crate) fn read(cells: &mut Cells<'_>, offset: u32, record: &[u8], length: usize) -> Result<Vec<u8>, HiveError> {
    let bad = |why| HiveError::BadCell { offset, why };
    let (Some(count), Some(list)) = (u16_at(record, 2), u32_at(record, 4)) else {
        return Err(bad("is cut short"));
    };
    if usize::from(count) != length.div_ceil(SEGMENT) {
        return Err(bad("has another number of segments than its data needs"));
    }
    let list = cells.take(list)?;
    let mut data = Vec::new();
    for at in 0..usize::from(count) {
        let segment = u32_at(list, 4 * at).ok_or(bad("is shorter than its list of segments"))?;
        let left = (length - data.len()).min(SEGMENT);
        let cell = cells.take(segment)?;
        let short = HiveError::BadCell { offset: segment, why: "is shorter than its segment" };
        data.extend_from_slice(cell.get(..left).ok_or(short)?);
    }
    Ok(data)
}

/// The record that names `count` segments in the list at `list`.
pub(crate) fn record(count: u16, list: u32) -> [u8; 8] {
    let [a, b] = count.to_le_bytes();
    let [c, d, e, f] = list.to_le_bytes();
    [b'd', b'b', a, b, c, d, e, f]
}
