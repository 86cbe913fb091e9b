//! Logs of the new form: entries of dirty pages in order, each with hashes (Windows 8.1 and later).

use super::marvin32::marvin32;
use super::{PAGE, Target};
use crate::base_block::{Head, LOG_ENTRIES};
use crate::bins::UNIT;
use crate::error::HiveError;
use crate::field::{u32_at, u64_at};

/// Bytes of an entry before the references to its pages.
const HEADER: usize = 40;

/// The entries of a log of the new form.
pub(super) struct Entries<'a>(pub Vec<LogEntry<'a>>);

/// One write of the hive.
pub(super) struct LogEntry<'a> {
    pub sequence: u32,
    bins: u32,
    references: &'a [u8],
    pages: &'a [u8],
}

impl<'a> Entries<'a> {
    /// Reads the entries that follow each other; what comes after is of an earlier use of the log, or torn.
    /// `None` if it is no sound log of this form.
    pub fn read(log: &'a [u8]) -> Option<Self> {
        let head = Head::read(log).ok().filter(|head| head.sound && head.kind == LOG_ENTRIES)?;
        let mut entries = Vec::new();
        let mut rest = log.get(PAGE..)?;
        let mut expected = head.sequences[0];
        while let Some((entry, after)) = LogEntry::read(rest).filter(|(entry, _)| entry.sequence == expected) {
            entries.push(entry);
            rest = after;
            expected = expected.wrapping_add(1);
        }
        Some(Self(entries))
    }

    /// The number of the first write in it.
    pub fn first(&self) -> Option<u32> {
        self.0.first().map(|entry| entry.sequence)
    }
}

impl<'a> LogEntry<'a> {
    fn read(rest: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let size = u32_at(rest, 4)? as usize;
        let entry = rest.get(..size).filter(|entry| entry.starts_with(b"HvLE"))?;
        let (bins, count) = (u32_at(entry, 16)?, u32_at(entry, 20)? as usize);
        let sound = size.is_multiple_of(PAGE)
            && (bins as usize).is_multiple_of(UNIT)
            && u64_at(entry, 24)? == marvin32(entry.get(HEADER..)?)
            && u64_at(entry, 32)? == marvin32(entry.get(..HEADER - 8)?);
        let references = entry.get(HEADER..HEADER.checked_add(count.checked_mul(8)?)?)?;
        let pages = entry.get(HEADER + references.len()..)?;
        let sequence = u32_at(entry, 12)?;
        sound.then_some((Self { sequence, bins, references, pages }, &rest[size..]))
    }

    /// Writes its pages over the bins.
    pub fn replay(&self, target: &mut Target) -> Result<(), HiveError> {
        let mut pages = self.pages;
        for reference in self.references.chunks_exact(8) {
            let place = u32_at(reference, 0).unwrap_or_default() as usize;
            let size = u32_at(reference, 4).unwrap_or_default() as usize;
            let page = pages.get(..size).ok_or(HiveError::NotAHive("its log has an entry without all of its pages"))?;
            target.write(place, page)?;
            pages = &pages[size..];
        }
        target.bins = self.bins;
        target.sequence = self.sequence;
        Ok(())
    }
}
