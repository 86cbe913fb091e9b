//! The base block: the first 4096 bytes of a hive, and the first 512 of its logs.

use crate::error::HiveError;
use crate::field::{bytes_at, put, u32_at, u64_at};
use crate::name::{Name, units};
use crate::time::NtTime;

/// Bytes of a base block; the bins follow.
pub(crate) const SIZE: usize = 4096;
/// Bytes of it that mean something, and all of it that a log has.
pub(crate) const HEAD: usize = 512;
/// Units of the field for the file's name.
const FILE_NAME: usize = 32;
/// Bit of the flags: the hive has layered keys.
const LAYERED: u32 = 2;
const CHECKSUM: usize = 508;

/// `File type`: a hive.
pub(crate) const PRIMARY: u32 = 0;
/// `File type`: a log with a dirty vector, as Windows XP to 8 write it.
pub(crate) const LOG: u32 = 1;
/// The same, as Windows 2000 writes it.
pub(crate) const LOG_2000: u32 = 2;
/// `File type`: a log with entries, as Windows 8.1 and later write it.
pub(crate) const LOG_ENTRIES: u32 = 6;

/// The version of the format, which says what is in a hive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Minor {
    /// 1.3: subkeys are found by the first four letters; no big data.
    Three,
    /// 1.4: as 1.3, with big data.
    Four,
    /// 1.5: subkeys are found by hashes; big data.
    Five,
    /// 1.6: as 1.5; differencing hives have it.
    Six,
}

impl Minor {
    fn from_number(number: u32) -> Option<Self> {
        Some(match number {
            3 => Self::Three,
            4 => Self::Four,
            5 => Self::Five,
            6 => Self::Six,
            _ => return None,
        })
    }

    fn number(self) -> u32 {
        match self {
            Self::Three => 3,
            Self::Four => 4,
            Self::Five => 5,
            Self::Six => 6,
        }
    }
}

/// What the base block says besides where things are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BaseBlock {
    /// The version.
    pub minor: Minor,
    /// When the hive was written; since Windows 8.1, when it was made.
    pub written: NtTime,
    /// The end of the path of the file, up to 32 UTF-16 units; for people only.
    pub file_name: Name,
    /// Whether keys have layer semantics and values may be tombstones.
    pub layered: bool,
    /// How often the hive was written.
    pub sequence: u32,
    /// Identities of the transaction manager's objects: resource manager, log, transaction manager.
    pub transaction_ids: [[u8; 16]; 3],
    /// When Windows last reorganized the hive; the low bits say how.
    pub reorganized: NtTime,
}

impl BaseBlock {
    /// That of a new hive; the version is the one that Windows gives such hives.
    pub fn new(file_name: &str, layered: bool) -> Self {
        Self {
            minor: if layered { Minor::Six } else { Minor::Five },
            written: NtTime::default(),
            file_name: Name::from(file_name),
            layered,
            sequence: 1,
            transaction_ids: [[0; 16]; 3],
            reorganized: NtTime::default(),
        }
    }
}

/// A base block as it is in a file.
#[derive(Debug, Clone)]
pub(crate) struct Head {
    pub sequences: [u32; 2],
    pub kind: u32,
    pub root: u32,
    pub bins: u32,
    pub sound: bool,
    pub base: BaseBlock,
}

impl Head {
    /// Reads the head of a hive or of a log. A wrong checksum is no failure here, since logs can mend it.
    pub fn read(file: &[u8]) -> Result<Self, HiveError> {
        let bad = HiveError::NotAHive;
        let head = file.get(..HEAD).ok_or(bad("it is shorter than a base block"))?;
        if !head.starts_with(b"regf") {
            return Err(bad("it does not begin with \"regf\""));
        }
        let number = |at| u32_at(head, at).unwrap_or_default();
        let time = |at| NtTime(u64_at(head, at).unwrap_or_default());
        if number(20) != 1 || number(32) != 1 {
            return Err(bad("its version or form is not 1"));
        }
        let minor = Minor::from_number(number(24)).ok_or(bad("its version is none of 1.3 to 1.6"))?;
        let name: Vec<u16> = units(&head[48..48 + 2 * FILE_NAME]).take_while(|unit| *unit != 0).collect();
        // An older form of offreg keeps its mark where others keep a time.
        let reorganized = if &head[168..172] == b"OfRg" { NtTime::default() } else { time(168) };
        let base = BaseBlock {
            minor,
            written: time(12),
            file_name: Name::from_units(name),
            layered: number(144) & LAYERED != 0,
            sequence: number(8),
            transaction_ids: [112, 128, 148].map(|at| bytes_at(head, at).unwrap_or_default()),
            reorganized,
        };
        Ok(Self {
            sequences: [number(4), number(8)],
            kind: number(28),
            root: number(36),
            bins: number(40),
            sound: number(CHECKSUM) == checksum(head),
            base,
        })
    }

    /// Whether the last write ended, so that no log is needed.
    pub fn is_clean(&self) -> bool {
        self.sound && self.sequences[0] == self.sequences[1]
    }
}

impl BaseBlock {
    /// The block of a hive with this root and this many bytes of bins.
    pub(crate) fn block(&self, root: u32, bins: u32) -> Vec<u8> {
        let mut block = vec![0; SIZE];
        put(&mut block, 0, b"regf");
        for (at, number) in [
            (4, self.sequence),
            (8, self.sequence),
            (20, 1),
            (24, self.minor.number()),
            (28, PRIMARY),
            (32, 1),
            (36, root),
            (40, bins),
            (44, 1),
            (144, if self.layered { LAYERED } else { 0 }),
        ] {
            put(&mut block, at, &number.to_le_bytes());
        }
        put(&mut block, 12, &self.written.0.to_le_bytes());
        let name = self.file_name.utf16();
        put(&mut block, 48, &name[..name.len().min(2 * FILE_NAME)]);
        for (at, id) in [112, 128, 148].into_iter().zip(&self.transaction_ids) {
            put(&mut block, at, id);
        }
        put(&mut block, 164, b"rmtm");
        put(&mut block, 168, &self.reorganized.0.to_le_bytes());
        seal(&mut block);
        block
    }
}

/// Puts the checksum into a base block; what is shorter is left alone.
pub(crate) fn seal(block: &mut [u8]) {
    if let Some(head) = block.get_mut(..HEAD) {
        let sum = checksum(head);
        put(head, CHECKSUM, &sum.to_le_bytes());
    }
}

/// All 32-bit numbers before the checksum, combined by exclusive or; never 0 and never -1.
fn checksum(head: &[u8]) -> u32 {
    let words = head[..CHECKSUM].chunks_exact(4).map(|word| u32::from_le_bytes([word[0], word[1], word[2], word[3]]));
    match words.fold(0, |sum, word| sum ^ word) {
        0 => 1,
        u32::MAX => u32::MAX - 1,
        sum => sum,
    }
}
