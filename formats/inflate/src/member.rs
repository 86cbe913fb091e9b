//! The header of a gzip member (RFC 1952, section 2.3), byte by byte.

use crate::error::Damage;
use crc32fast::Hasher;

const FIXED: [u8; 3] = [0x1f, 0x8b, 8];
const HAS_CHECKSUM: u8 = 1 << 1;
const HAS_EXTRA: u8 = 1 << 2;
const HAS_NAME: u8 = 1 << 3;
const HAS_COMMENT: u8 = 1 << 4;
const RESERVED: u8 = 0xe0;
/// Longest name or comment, as in flate2.
const MAX_TEXT: u32 = 65_535;

/// How much of a header has been read.
#[derive(Debug, Default)]
pub(crate) struct Header {
    part: Part,
    flags: u8,
    /// Whether something in the first part is not as it must be.
    is_wrong: bool,
    /// Bytes of the part so far.
    length: u32,
    /// The two bytes of a number.
    number: u16,
    checksum: Hasher,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Part {
    #[default]
    Fixed,
    ExtraLength,
    Extra,
    Name,
    Comment,
    Checksum,
    Whole,
}

impl Header {
    /// Whether nothing of it has been read.
    pub(crate) fn is_new(&self) -> bool {
        self.part == Part::Fixed && self.length == 0
    }

    /// Reads from `bytes`, and says how many of them are the header's and whether it is whole.
    pub(crate) fn read(&mut self, bytes: &[u8]) -> Result<(usize, bool), Damage> {
        self.skip_absent();
        for (index, byte) in bytes.iter().enumerate() {
            if self.part == Part::Whole {
                return Ok((index, true));
            }
            self.one(*byte)?;
            self.skip_absent();
        }
        Ok((bytes.len(), self.part == Part::Whole))
    }

    fn one(&mut self, byte: u8) -> Result<(), Damage> {
        if self.part != Part::Checksum {
            self.checksum.update(&[byte]);
        }
        match self.part {
            Part::Fixed => {
                let index = self.length as usize;
                if index == 3 {
                    self.flags = byte;
                }
                self.is_wrong |= FIXED.get(index).is_some_and(|fixed| *fixed != byte) || self.flags & RESERVED != 0;
                self.step(10, Part::ExtraLength);
                if self.is_wrong && self.part != Part::Fixed {
                    return Err(Damage::Header);
                }
            }
            Part::ExtraLength => {
                self.number = self.number >> 8 | u16::from(byte) << 8;
                self.step(2, Part::Extra);
            }
            Part::Extra => self.step(u32::from(self.number), Part::Name),
            Part::Name | Part::Comment => {
                if byte == 0 {
                    self.begin(if self.part == Part::Name { Part::Comment } else { Part::Checksum });
                } else if self.length == MAX_TEXT {
                    return Err(Damage::Header);
                } else {
                    self.length += 1;
                }
            }
            Part::Checksum => {
                self.number = self.number >> 8 | u16::from(byte) << 8;
                self.step(2, Part::Whole);
                if self.part == Part::Whole && self.number != self.checksum.clone().finalize() as u16 {
                    return Err(Damage::Checksum);
                }
            }
            Part::Whole => {}
        }
        Ok(())
    }

    /// One byte of a part of this length, and what follows it.
    fn step(&mut self, length: u32, next: Part) {
        self.length += 1;
        if self.length >= length {
            self.begin(next);
        }
    }

    fn begin(&mut self, part: Part) {
        (self.part, self.length) = (part, 0);
    }

    /// Goes over the parts that this header does not have.
    fn skip_absent(&mut self) {
        loop {
            let next = match self.part {
                Part::ExtraLength if self.flags & HAS_EXTRA == 0 => Part::Name,
                Part::Extra if self.number == 0 => Part::Name,
                Part::Name if self.flags & HAS_NAME == 0 => Part::Comment,
                Part::Comment if self.flags & HAS_COMMENT == 0 => Part::Checksum,
                Part::Checksum if self.flags & HAS_CHECKSUM == 0 => Part::Whole,
                _ => return,
            };
            self.begin(next);
        }
    }
}
