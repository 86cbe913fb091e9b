//! Logs: what a hive's file needs after a write that did not end.

mod dirty_vector;
mod entries;
mod marvin32;

use crate::base_block::{self, Head, PRIMARY, seal};
use crate::bins;
use crate::error::HiveError;
use crate::field::{put, u64_at};
use crate::limits::MAX_BINS;
use dirty_vector::DirtyVector;
use entries::Entries;
use std::borrow::Cow;

/// Logs are made of pieces of this size.
const PAGE: usize = 512;
/// Where a base block has the time of the write.
const WRITTEN: usize = 12;

/// A hive's file while logs are replayed into it.
struct Target {
    file: Vec<u8>,
    bins: u32,
    sequence: u32,
}

impl Target {
    /// Writes `page` at `place` of the bins. A file grows by what is written to its end, not by what a log says.
    fn write(&mut self, place: usize, page: &[u8]) -> Result<(), HiveError> {
        if place > MAX_BINS || page.len() > MAX_BINS {
            return Err(HiveError::TooLarge("a log with pages beyond 2 GB"));
        }
        let start = base_block::SIZE + place;
        if start > self.file.len() {
            return Err(HiveError::NotAHive("its log leaves a hole behind its end"));
        }
        let over = page.len().min(self.file.len() - start);
        let (inside, beyond) = page.split_at(over);
        self.file[start..start + over].copy_from_slice(inside);
        self.file.extend_from_slice(beyond);
        Ok(())
    }
}

/// The file of a hive with all that its logs have to add; a clean one is given back as it is.
///
/// The rules are those of Suhanov's specification, "Dirty state of a hive" and "Multiple transaction log files". Without
/// a log that fits, the file is given back too: it may still be read if only its last write is missing.
///
/// # Errors
/// [`HiveError`] if the file is no hive, or its log is damaged behind sound hashes.
pub fn recover<'a>(file: &'a [u8], logs: &[&[u8]]) -> Result<Cow<'a, [u8]>, HiveError> {
    let head = Head::read(file);
    if head.as_ref().is_ok_and(Head::is_clean) {
        return Ok(Cow::Borrowed(file));
    }
    let head = head.ok().filter(|head| head.sound && head.kind == PRIMARY);
    match replay_entries(file, head.as_ref(), logs)? {
        Some(recovered) => Ok(Cow::Owned(recovered)),
        None => Ok(replay_vector(file, head.as_ref(), logs)?.map_or(Cow::Borrowed(file), Cow::Owned)),
    }
}

/// Replays logs of the new form. With a sound base block, both logs follow each other; else only the later one is used,
/// and it gives the base block.
fn replay_entries(file: &[u8], head: Option<&Head>, logs: &[&[u8]]) -> Result<Option<Vec<u8>>, HiveError> {
    let mut logs: Vec<(&[u8], Entries<'_>)> =
        logs.iter().filter_map(|log| Some((*log, Entries::read(log)?))).filter(|(_, log)| !log.0.is_empty()).collect();
    logs.sort_by_key(|(_, log)| log.first());
    let mut target = match head {
        Some(head) => {
            // What was written before the hive was last clean is in the file.
            logs.retain(|(_, log)| log.first() >= Some(head.sequences[1]));
            start(file, file)
        }
        None => {
            logs.drain(..logs.len().saturating_sub(1));
            logs.first().and_then(|(log, _)| start(log, file))
        }
    };
    let Some(target) = target.as_mut().filter(|_| !logs.is_empty()) else { return Ok(None) };
    let mut expected = None;
    for entry in logs.iter().flat_map(|(_, log)| &log.0) {
        if expected.is_some_and(|expected| entry.sequence != expected) {
            break;
        }
        entry.replay(target)?;
        expected = Some(entry.sequence.wrapping_add(1));
    }
    Ok(Some(finish(target)))
}

/// Replays the log of the old form that belongs to this write of the file: that with the same time.
fn replay_vector(file: &[u8], head: Option<&Head>, logs: &[&[u8]]) -> Result<Option<Vec<u8>>, HiveError> {
    // The first bin keeps a copy of the time, for when the base block is damaged.
    let copy = base_block::SIZE + 20;
    let times: &[usize] = if head.is_some() { &[WRITTEN] } else { &[WRITTEN, copy] };
    let fits = |log: &[u8]| times.iter().any(|at| u64_at(file, *at) == u64_at(log, WRITTEN));
    let found = logs.iter().filter(|log| fits(log)).find_map(|log| Some((*log, DirtyVector::read(log)?)));
    let Some((bytes, log)) = found else { return Ok(None) };
    let Some(mut target) = start(if head.is_some() { file } else { bytes }, file) else { return Ok(None) };
    log.replay(&mut target)?;
    Ok(Some(finish(&mut target)))
}

/// The file with the head of a base block from elsewhere; `None` if it has no whole base block.
fn start(head: &[u8], file: &[u8]) -> Option<Target> {
    let mut file = file.to_vec();
    file.get_mut(..base_block::HEAD)?.copy_from_slice(head.get(..base_block::HEAD)?);
    (file.len() >= base_block::SIZE + bins::UNIT).then_some(Target { file, bins: 0, sequence: 0 })
}

/// Makes the base block that of a clean hive.
fn finish(target: &mut Target) -> Vec<u8> {
    let mut file = std::mem::take(&mut target.file);
    for (at, number) in [(4, target.sequence), (8, target.sequence), (28, PRIMARY), (40, target.bins)] {
        put(&mut file, at, &number.to_le_bytes());
    }
    seal(&mut file);
    file
}
