//! Logs of the old form: a bitmap of dirty pages of 512 bytes, and the pages (Windows XP to 8).

use super::{PAGE, Target};
use crate::base_block::{Head, LOG, LOG_2000};
use crate::error::HiveError;

/// A log of the old form that can be replayed.
pub(super) struct DirtyVector<'a> {
    pub head: Head,
    bitmap: &'a [u8],
    pages: &'a [u8],
}

impl<'a> DirtyVector<'a> {
    /// Finds the bitmap and the pages of a log; `None` if it is no sound log of this form.
    pub fn read(log: &'a [u8]) -> Option<Self> {
        let head = Head::read(log).ok().filter(Head::is_clean)?;
        if !matches!(head.kind, LOG | LOG_2000) {
            return None;
        }
        let bitmap = log.get(PAGE..)?.strip_prefix(b"DIRT")?;
        let length = head.bins as usize / PAGE / 8;
        let pages = log.get((PAGE + 4 + length).next_multiple_of(PAGE)..)?;
        Some(Self { head, bitmap: bitmap.get(..length)?, pages })
    }

    /// Writes the dirty pages over the bins.
    pub fn replay(&self, target: &mut Target) -> Result<(), HiveError> {
        let bits = self.bitmap.iter().flat_map(|byte| (0..8).map(move |bit| byte >> bit & 1 == 1));
        let mut pages = self.pages.chunks_exact(PAGE);
        for (number, _) in bits.enumerate().filter(|(_, dirty)| *dirty) {
            let page = pages.next().ok_or(HiveError::NotAHive("its log ends before its last page"))?;
            target.write(number * PAGE, page)?;
        }
        target.bins = self.head.bins;
        target.sequence = self.head.sequences[1];
        Ok(())
    }
}
