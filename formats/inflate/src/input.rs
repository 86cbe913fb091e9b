//! A part of the packed stream, read bit by bit.

/// Consecutive bytes of the stream.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Input<'a> {
    pub(crate) bytes: &'a [u8],
    /// How many bytes of the stream come before them.
    pub(crate) base: u64,
    /// Whether the stream ends with them.
    pub(crate) is_last: bool,
}

impl Input<'_> {
    /// Where the bit with this number in the stream is: the bit's number in these bytes.
    pub(crate) fn place(&self, bit: u64) -> usize {
        usize::try_from(bit.saturating_sub(self.base * 8)).unwrap_or(usize::MAX).min(self.bits())
    }

    /// The number in the stream of a bit of these bytes.
    pub(crate) fn number(&self, place: usize) -> u64 {
        self.base * 8 + place as u64
    }

    /// How many bits there are.
    pub(crate) fn bits(&self) -> usize {
        self.bytes.len() * 8
    }

    /// At least 57 bits from a place on; those after the end are zero.
    #[inline]
    pub(crate) fn peek(&self, place: usize) -> u64 {
        let at = place / 8;
        let word = match self.bytes.get(at..).and_then(|rest| rest.first_chunk()) {
            Some(word) => u64::from_le_bytes(*word),
            None => {
                let mut word = [0; 8];
                let rest = self.bytes.get(at..).unwrap_or_default();
                word[..rest.len()].copy_from_slice(rest);
                u64::from_le_bytes(word)
            }
        };
        word >> (place % 8)
    }
}
