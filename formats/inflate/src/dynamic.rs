//! The lengths of the codes at the beginning of a block that has its own (RFC 1951, section 3.2.7).

use crate::error::Damage;
use crate::input::Input;
use crate::tables::{self, END_SYMBOL, Tables};

/// Most lengths: those of literals and lengths, then those of distances.
const MAX_LENGTHS: usize = 286 + 30;
/// Longest beginning of a block in bytes: kind, numbers, 19 lengths, and 316 codes of at most 7 and 7 bits.
pub(crate) const MAX_HEADER: usize = (3 + 14 + 19 * 3 + MAX_LENGTHS * 14).div_ceil(8);

const ORDER: [u8; 19] = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];
/// Bits of the longest code for a length.
const BITS: usize = 7;

/// How many of all sequences of seven bits begin with a code of one of four lengths.
static SHARES: [u16; 1 << 12] = {
    let mut shares = [0; 1 << 12];
    let mut four = 0;
    while four < shares.len() {
        let mut index = 0;
        while index < 4 {
            let length = four >> (3 * index) & 7;
            if length > 0 {
                shares[four] += 1 << (BITS - length);
            }
            index += 1;
        }
        four += 1;
    }
    shares
};

/// The lengths of the codes of a block.
#[derive(Debug)]
pub(crate) struct Lengths {
    lengths: [u8; MAX_LENGTHS],
    litlens: usize,
    distances: usize,
}

impl Lengths {
    fn litlens(&self) -> &[u8] {
        &self.lengths[..self.litlens]
    }

    fn distances(&self) -> &[u8] {
        &self.lengths[self.litlens..self.litlens + self.distances]
    }
}

/// The codes of these lengths. One of them must be for the end of the block.
pub(crate) fn fill(tables: &mut Tables, lengths: &Lengths) -> Result<(), Damage> {
    if lengths.litlens()[END_SYMBOL] == 0 {
        return Err(Damage::Deflate);
    }
    tables.fill(lengths.litlens(), lengths.distances()).map_err(|_| Damage::Deflate)
}

/// Reads them from `place` on, just after the kind of the block; gives the place after them as well.
///
/// # Errors
/// [`Damage::Truncated`] when they go on after the end of the input.
pub(crate) fn lengths(input: &Input<'_>, place: usize) -> Result<(Lengths, usize), Damage> {
    let here = |place: usize| if place > input.bits() { Err(Damage::Truncated) } else { Ok(place) };
    let numbers = input.peek(place);
    let (litlens, distances) = ((numbers & 31) as usize + 257, (numbers >> 5 & 31) as usize + 1);
    let sent = (numbers >> 10 & 15) as usize + 4;
    let place = here(place + 14)?;
    if litlens > 286 || distances > 30 {
        return Err(Damage::Deflate);
    }
    let codes = input.peek(place);
    let mut place = here(place + 3 * sent)?;
    let codes = Codes::new(codes, sent)?;
    let mut lengths = [0; MAX_LENGTHS];
    let total = litlens + distances;
    let mut at = 0;
    while at < total {
        let bits = input.peek(place);
        let (symbol, taken) = codes.get(bits);
        let bits = bits >> taken;
        let (value, count, extra) = match symbol {
            0..16 => (Some(symbol), 1, 0),
            16 => (at.checked_sub(1).map(|last| lengths[last]), 3 + (bits & 3) as usize, 2),
            17 => (Some(0), 3 + (bits & 7) as usize, 3),
            _ => (Some(0), 11 + (bits & 127) as usize, 7),
        };
        place = here(place + usize::from(taken) + extra)?;
        let value = value.filter(|_| count <= total - at).ok_or(Damage::Deflate)?;
        lengths[at..at + count].fill(value);
        at += count;
    }
    Ok((Lengths { lengths, litlens, distances }, place))
}

/// Whether these are the lengths of codes with which a block can begin, as packers make them.
pub(crate) fn is_plausible(lengths: &Lengths) -> bool {
    lengths.litlens()[END_SYMBOL] != 0
        && tables::is_complete(lengths.litlens())
        && (tables::is_complete(lengths.distances()) || lengths.distances().iter().filter(|l| **l != 0).count() < 2)
}

/// The code in which the lengths are.
struct Codes([u8; 1 << BITS]);

impl Codes {
    /// From the lengths of its codes, three bits each, of which `sent` are there.
    fn new(bits: u64, sent: usize) -> Result<Self, Damage> {
        // Only complete codes, as in zlib; one with a single symbol is none.
        let bits = bits & ((1 << (3 * sent)) - 1);
        let whole: u16 = (0..5).map(|four| SHARES[(bits >> (12 * four) & 0xfff) as usize]).sum();
        if whole == 0 {
            // In zlib each bit is a length of 0 then; it ends with an error in any case, as the end of the block has no code.
            return Ok(Self([1; 1 << BITS]));
        }
        if whole != 1 << BITS {
            return Err(Damage::Deflate);
        }
        let mut by_symbol = [0_u8; ORDER.len()];
        for (index, symbol) in ORDER.iter().enumerate() {
            by_symbol[usize::from(*symbol)] = (bits >> (3 * index) & 7) as u8;
        }
        let mut table = [0; 1 << BITS];
        let mut code = 0_usize;
        for length in 1..=BITS as u8 {
            for (symbol, _) in by_symbol.iter().enumerate().filter(|(_, other)| **other == length) {
                let step = 1 << (BITS as u8 - length);
                for index in code..(code + step).min(table.len()) {
                    table[reversed(index)] = (symbol as u8) << 3 | length;
                }
                code += step;
            }
        }
        Ok(Self(table))
    }

    /// The symbol with which these bits begin, and how many it takes.
    fn get(&self, bits: u64) -> (u8, u8) {
        let entry = self.0[(bits & ((1 << BITS) - 1)) as usize];
        (entry >> 3, entry & 7)
    }
}

fn reversed(index: usize) -> usize {
    usize::from((index as u8).reverse_bits() >> (8 - BITS))
}
