//! Huffman codes as tables (RFC 1951, section 3.2).
//!
//! A table is looked up with the next bits of the stream. Codes that are longer than that lead to a second table behind it. An entry
//! has in bits 0 to 7 how many bits it takes, extra bits included; in bits 8 to 11 how many of them are the code; above bit 16 what
//! it stands for: a literal, the least length or distance, or where the second table begins.

/// Bits with which the table of literals and lengths is looked up.
pub(crate) const LITLEN_BITS: u32 = 11;
/// Bits with which the table of distances is looked up.
pub(crate) const DISTANCE_BITS: u32 = 9;
/// Longest code.
const MAX_BITS: usize = 15;
/// Symbols of literals and lengths, with the two that have a fixed code but no meaning.
pub(crate) const LITLENS: usize = 288;
/// Symbols of distances, with the two that have a fixed code but no meaning.
pub(crate) const DISTANCES: usize = 32;
/// In a complete code each second table is for two symbols at least.
const LITLEN_ENTRIES: usize = (1 << LITLEN_BITS) + (LITLENS / 2) * (1 << (MAX_BITS as u32 - LITLEN_BITS));
const DISTANCE_ENTRIES: usize = (1 << DISTANCE_BITS) + (DISTANCES / 2) * (1 << (MAX_BITS as u32 - DISTANCE_BITS));

/// The entry is a literal.
pub(crate) const LITERAL: u32 = 1 << 15;
/// The entry is neither a literal nor a length or distance.
pub(crate) const EXCEPTION: u32 = 1 << 14;
/// Of exceptions: it leads to a second table.
pub(crate) const SECOND: u32 = 1 << 13;
/// Of exceptions: the block ends.
pub(crate) const END: u32 = 1 << 12;
/// The end of a block as a symbol.
pub(crate) const END_SYMBOL: usize = 256;

const LENGTHS: [(u16, u8); 29] = [
    (3, 0),
    (4, 0),
    (5, 0),
    (6, 0),
    (7, 0),
    (8, 0),
    (9, 0),
    (10, 0),
    (11, 1),
    (13, 1),
    (15, 1),
    (17, 1),
    (19, 2),
    (23, 2),
    (27, 2),
    (31, 2),
    (35, 3),
    (43, 3),
    (51, 3),
    (59, 3),
    (67, 4),
    (83, 4),
    (99, 4),
    (115, 4),
    (131, 5),
    (163, 5),
    (195, 5),
    (227, 5),
    (258, 0),
];

/// No code begins so.
#[derive(Debug)]
pub(crate) struct BadCode;

/// The codes of a block.
#[derive(Debug, Clone)]
pub(crate) struct Tables {
    pub(crate) litlen: [u32; LITLEN_ENTRIES],
    pub(crate) distance: [u32; DISTANCE_ENTRIES],
}

impl Tables {
    pub(crate) fn new() -> Box<Self> {
        Box::new(Self { litlen: [EXCEPTION; LITLEN_ENTRIES], distance: [EXCEPTION; DISTANCE_ENTRIES] })
    }

    /// From the lengths of the codes.
    pub(crate) fn fill(&mut self, litlens: &[u8], distances: &[u8]) -> Result<(), BadCode> {
        fill(&mut self.litlen, LITLEN_BITS, litlens, litlen_entry)?;
        fill(&mut self.distance, DISTANCE_BITS, distances, distance_entry)?;
        Ok(())
    }

    /// The fixed codes (section 3.2.6).
    pub(crate) fn fill_fixed(&mut self) {
        let mut litlens = [8; LITLENS];
        litlens[144..256].fill(9);
        litlens[256..280].fill(7);
        // Both are complete.
        let _ = self.fill(&litlens, &[5; DISTANCES]);
    }
}

fn litlen_entry(symbol: usize, length: u32) -> u32 {
    match symbol {
        0..END_SYMBOL => (symbol as u32) << 16 | LITERAL | length,
        END_SYMBOL => EXCEPTION | END | length,
        _ => match LENGTHS.get(symbol - END_SYMBOL - 1) {
            Some((least, extra)) => u32::from(*least) << 16 | length << 8 | (length + u32::from(*extra)),
            None => EXCEPTION | length,
        },
    }
}

fn distance_entry(symbol: usize, length: u32) -> u32 {
    let (least, extra) = match symbol as u32 {
        symbol @ 0..4 => (symbol + 1, 0),
        symbol @ 4..30 => (((2 + symbol % 2) << (symbol / 2 - 1)) + 1, symbol / 2 - 1),
        _ => return EXCEPTION | length,
    };
    least << 16 | length << 8 | (length + extra)
}

/// Whether each sequence of bits begins with one code of these lengths.
pub(crate) fn is_complete(lengths: &[u8]) -> bool {
    let parts = lengths.iter().filter(|length| **length != 0).map(|length| 1_u32 << MAX_BITS >> (length & 15));
    parts.sum::<u32>() == 1 << MAX_BITS
}

/// Fills a table for codes of these lengths. As in zlib, a code is complete, or has no symbol, or one of length 1.
fn fill(table: &mut [u32], bits: u32, lengths: &[u8], entry: impl Fn(usize, u32) -> u32) -> Result<(), BadCode> {
    let mut counts = [0_u16; MAX_BITS + 1];
    lengths.iter().for_each(|length| counts[usize::from(length & 15)] += 1);
    let used = lengths.len() - usize::from(counts[0]);
    counts[0] = 0;
    let whole: u32 = (1..=MAX_BITS).map(|length| u32::from(counts[length]) << (MAX_BITS - length)).sum();
    if whole != 1 << MAX_BITS {
        if used > 1 || used == 1 && counts[1] != 1 {
            return Err(BadCode);
        }
        table[..1 << bits].fill(EXCEPTION | 1);
        if let Some(symbol) = lengths.iter().position(|length| *length == 1) {
            table[..1 << bits].iter_mut().step_by(2).for_each(|slot| *slot = entry(symbol, 1));
        }
        return Ok(());
    }
    // Where the symbols of each length begin among all, sorted by their codes.
    let mut starts = [0_u16; MAX_BITS + 2];
    for length in 1..=MAX_BITS {
        starts[length + 1] = starts[length] + counts[length];
    }
    let mut sorted = [0_u16; LITLENS];
    for (symbol, length) in lengths.iter().enumerate().filter(|(_, length)| **length != 0) {
        let next = &mut starts[usize::from(length & 15)];
        sorted[usize::from(*next)] = symbol as u16;
        *next += 1;
    }
    // Codes are sent with their first bit first, so that they are kept reversed, and count from the top.
    let (mut code, mut at) = (0_u32, 0);
    let (mut prefix, mut second, mut end) = (u32::MAX, 0, 1 << bits);
    for length in 1..=MAX_BITS as u32 {
        let count = usize::from(counts[length as usize]);
        // The entries so far are those of all codes that are shorter; one more bit after them does not matter.
        if (2..=bits).contains(&length) {
            let half = 1 << (length - 1);
            table.copy_within(..half, half);
        }
        for left in (1..=count).rev() {
            let symbol = usize::from(sorted[at]);
            at += 1;
            let one = entry(symbol, length);
            if length <= bits {
                table[code as usize] = one;
            } else {
                let first = code & ((1 << bits) - 1);
                if first != prefix {
                    // As long as it takes for the longest code with this beginning.
                    prefix = first;
                    second = end;
                    let mut second_bits = length - bits;
                    let mut room = (1_usize << second_bits).saturating_sub(left);
                    let mut longer = length as usize;
                    while room > 0 && longer < MAX_BITS {
                        longer += 1;
                        second_bits += 1;
                        room = (room * 2).saturating_sub(usize::from(counts[longer]));
                    }
                    end += 1 << second_bits;
                    table[first as usize] = EXCEPTION | SECOND | (second as u32) << 16 | second_bits << 8 | bits;
                }
                // Of the second table's entries, the bits that the first one took count, too.
                for slot in table[second..end].iter_mut().skip((code >> bits) as usize).step_by(1 << (length - bits)) {
                    *slot = one;
                }
            }
            code = next_code(code, length);
        }
    }
    Ok(())
}

/// The next code of the same length, with the bits reversed.
fn next_code(code: u32, length: u32) -> u32 {
    let mut bit = 1 << (length - 1);
    while bit != 0 && code & bit != 0 {
        bit >>= 1;
    }
    match bit {
        0 => 0,
        _ => code & (bit - 1) | bit,
    }
}
