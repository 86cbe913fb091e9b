//! Answers to the kernel: `fuse_out_header` and what follows it.

use crate::attributes::Attributes;
use rustix::io::Errno;
use std::time::Duration;

/// Bytes of `fuse_out_header`.
const HEADER: usize = 16;
/// How long the kernel may keep what it was told: for good, as nothing changes the volume but the kernel's requests.
const FOR_GOOD: u64 = 1 << 31;

/// How long a name, its absence, or what a file is may be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// Until it is told otherwise.
    ForGood,
    /// For this long.
    For(Duration),
    /// To be asked for again each time.
    No,
}

impl Keep {
    /// Seconds and nanoseconds.
    fn time(self) -> (u64, u32) {
        match self {
            Self::ForGood => (FOR_GOOD, 0),
            Self::For(time) => (time.as_secs(), time.subsec_nanos()),
            Self::No => (0, 0),
        }
    }
}

/// A buffer that answers are written to; used again for each.
#[derive(Debug, Default)]
pub struct Reply {
    bytes: Vec<u8>,
}

impl Reply {
    /// Starts an answer.
    pub fn start(&mut self) -> &mut Self {
        self.bytes.clear();
        self.bytes.resize(HEADER, 0);
        self
    }

    /// Bytes of arguments so far.
    pub fn length(&self) -> usize {
        self.bytes.len() - HEADER
    }

    /// Writes the header: the answer to request `unique`, or a notice when that is 0.
    pub fn finish(&mut self, unique: u64, code: i32) -> &[u8] {
        let length = (self.bytes.len() as u32).to_ne_bytes();
        self.bytes[0..4].copy_from_slice(&length);
        self.bytes[4..8].copy_from_slice(&code.to_ne_bytes());
        self.bytes[8..16].copy_from_slice(&unique.to_ne_bytes());
        &self.bytes
    }

    /// The refusal of request `unique`.
    pub fn refuse(&mut self, unique: u64, error: Errno) -> &[u8] {
        self.start().finish(unique, -error.raw_os_error())
    }

    pub fn u16(&mut self, value: u16) -> &mut Self {
        self.put(&value.to_ne_bytes())
    }

    pub fn u32(&mut self, value: u32) -> &mut Self {
        self.put(&value.to_ne_bytes())
    }

    pub fn u64(&mut self, value: u64) -> &mut Self {
        self.put(&value.to_ne_bytes())
    }

    pub fn put(&mut self, bytes: &[u8]) -> &mut Self {
        self.bytes.extend_from_slice(bytes);
        self
    }

    /// `count` zero bytes.
    pub fn zeros(&mut self, count: usize) -> &mut Self {
        self.bytes.resize(self.bytes.len() + count, 0);
        self
    }

    /// Room for `count` bytes that `fill` writes; it says how many.
    pub fn filled(
        &mut self,
        count: usize,
        fill: impl FnOnce(&mut [u8]) -> Result<usize, Errno>,
    ) -> Result<usize, Errno> {
        let start = self.bytes.len();
        self.bytes.resize(start + count, 0);
        let filled = fill(&mut self.bytes[start..])?;
        self.bytes.truncate(start + filled);
        Ok(filled)
    }

    /// `fuse_entry_out`: name → inode.
    pub fn entry(&mut self, node: u64, attributes: &Attributes, keep: Keep) -> &mut Self {
        self.name(node, keep, attributes.keep).attributes(attributes)
    }

    /// `fuse_entry_out` of a name that is not there and that the kernel may remember as such.
    pub fn absent(&mut self, keep: Keep) -> &mut Self {
        self.name(0, keep, Keep::No).zeros(Attributes::LENGTH)
    }

    /// The first part of `fuse_entry_out`: how long the name and the attributes are kept.
    fn name(&mut self, node: u64, name: Keep, attributes: Keep) -> &mut Self {
        let ((seconds, nanoseconds), (attribute_seconds, attribute_nanoseconds)) = (name.time(), attributes.time());
        self.u64(node).u64(0).u64(seconds).u64(attribute_seconds).u32(nanoseconds).u32(attribute_nanoseconds)
    }

    /// `fuse_attr_out`.
    pub fn attribute_answer(&mut self, attributes: &Attributes) -> &mut Self {
        let (seconds, nanoseconds) = attributes.keep.time();
        self.u64(seconds).u32(nanoseconds).u32(0).attributes(attributes)
    }

    /// `fuse_attr`.
    fn attributes(&mut self, a: &Attributes) -> &mut Self {
        self.u64(a.number).u64(a.size).u64(a.blocks);
        for time in [a.accessed, a.modified, a.changed] {
            self.u64(time.0 as u64);
        }
        for time in [a.accessed, a.modified, a.changed] {
            self.u32(time.1);
        }
        self.u32(a.mode).u32(a.links).u32(a.owner).u32(a.owner).u32(0).u32(a.block_size).u32(0)
    }

    /// `fuse_statx_out`.
    pub fn statx(&mut self, a: &Attributes) -> &mut Self {
        const BASIC_AND_BIRTH: u32 = 0xfff;
        let (seconds, nanoseconds) = a.keep.time();
        self.u64(seconds).u32(nanoseconds).zeros(20);
        self.u32(BASIC_AND_BIRTH).u32(a.block_size).u64(0);
        self.u32(a.links).u32(a.owner).u32(a.owner).u16(a.mode as u16).u16(0);
        self.u64(a.number).u64(a.size).u64(a.blocks).u64(0);
        for (seconds, nanoseconds) in [a.accessed, a.born, a.changed, a.modified] {
            self.u64(seconds as u64).u32(nanoseconds).u32(0);
        }
        self.zeros(16 + 112)
    }

    /// `fuse_open_out`, with the backing file if the kernel is to use it directly.
    pub fn opened(&mut self, backing: Option<i32>) -> &mut Self {
        let flags = if backing.is_some() { super::number::open::PASSTHROUGH } else { super::number::open::KEEP_CACHE };
        self.u64(0).u32(flags).put(&backing.unwrap_or(0).to_ne_bytes())
    }

    /// `fuse_dirent`, padded to eight bytes.
    pub fn directory_entry(&mut self, number: u64, offset: u64, kind: u32, name: &[u8]) -> &mut Self {
        self.u64(number).u64(offset).u32(name.len() as u32).u32(kind).put(name);
        let padding = name.len().next_multiple_of(8) - name.len();
        self.zeros(padding)
    }
}

/// Bytes that [`Reply::directory_entry`] takes.
pub fn directory_entry_length(name: &[u8]) -> usize {
    24 + name.len().next_multiple_of(8)
}

/// Bytes of `fuse_entry_out`.
pub const ENTRY_LENGTH: usize = 40 + Attributes::LENGTH;
