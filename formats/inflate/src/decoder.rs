//! Unpacks members of blocks (RFC 1951, RFC 1952), from any place on at which a block begins, and as far as the input goes.

use crate::buffers::{SLACK, Sink, Symbol};
use crate::dynamic;
use crate::error::Damage;
use crate::input::Input;
use crate::member::Header;
use crate::tables::{DISTANCE_BITS, END, EXCEPTION, LITERAL, LITLEN_BITS, SECOND, Tables};

/// Symbols that are copied at once.
const PIECE: usize = 16;
/// Most symbols of one round of the fast loop, and of what is written after them: it is no more than the slack.
const _: () = assert!(3 + 258 + PIECE <= SLACK);
/// Bytes of input that one round of the fast loop looks at.
const AHEAD: usize = 16;

/// Why the decoder returned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stop {
    /// What comes next is not in the input as a whole.
    Input,
    /// As much was unpacked as was asked for.
    Output,
    /// A block begins here.
    Block,
    /// A member has ended that states this.
    Member(Trailer),
}

/// What a member states at its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Trailer {
    pub(crate) checksum: u32,
    /// Bytes in it, modulo 2³².
    pub(crate) length: u32,
}

/// A place in a stream, and all that is needed to go on from it but the window.
#[derive(Debug)]
pub(crate) struct Decoder {
    /// Number of the next bit in the stream.
    bit: u64,
    phase: Phase,
    /// Whether the block is the last one of the member.
    is_last: bool,
    tables: Box<Tables>,
}

#[derive(Debug)]
enum Phase {
    Header(Header),
    Block,
    /// Within a block that is not packed: bytes that are left.
    Stored(usize),
    Coded,
    Trailer,
}

impl Decoder {
    /// At the beginning of a stream.
    pub(crate) fn new() -> Self {
        Self { bit: 0, phase: Phase::Header(Header::default()), is_last: false, tables: Tables::new() }
    }

    /// At a bit with which a block begins.
    pub(crate) fn set_block(&mut self, bit: u64) {
        (self.bit, self.phase, self.is_last) = (bit, Phase::Block, false);
    }

    /// Number of the next bit.
    pub(crate) fn bit(&self) -> u64 {
        self.bit
    }

    /// Whether a block that has codes of its own, and is not the last one, begins here: such blocks are searched for.
    pub(crate) fn is_at_findable(&self, input: &Input<'_>) -> bool {
        let place = input.place(self.bit);
        matches!(self.phase, Phase::Block) && place + 3 <= input.bits() && input.peek(place) & 7 == 0b100
    }

    /// Whether a member would begin here.
    pub(crate) fn is_between_members(&self) -> bool {
        matches!(&self.phase, Phase::Header(header) if header.is_new())
    }

    /// What it means that the stream ends here.
    pub(crate) fn cut(&self) -> Damage {
        match self.phase {
            Phase::Header(_) | Phase::Trailer => Damage::Truncated,
            Phase::Block | Phase::Stored(_) | Phase::Coded => Damage::Incomplete,
        }
    }

    /// Unpacks until there is a reason to stop, at most `most` symbols and those of one more round.
    pub(crate) fn run<T: Symbol>(
        &mut self,
        input: &Input<'_>,
        sink: &mut Sink<T>,
        most: usize,
    ) -> Result<Stop, Damage> {
        let most = sink.at.saturating_add(most);
        loop {
            match &mut self.phase {
                Phase::Header(header) => {
                    let rest = &input.bytes[input.place(self.bit) / 8..];
                    let (read, is_whole) = header.read(rest)?;
                    self.bit += 8 * read as u64;
                    if !is_whole {
                        return Ok(Stop::Input);
                    }
                    self.phase = Phase::Block;
                    sink.floor = sink.at;
                    return Ok(Stop::Block);
                }
                Phase::Block => {
                    if !self.begin(input)? {
                        return Ok(Stop::Input);
                    }
                }
                Phase::Stored(left) => {
                    let rest = &input.bytes[input.place(self.bit) / 8..];
                    let (buffer, at, _, end) = sink.parts();
                    let count = (*left).min(rest.len()).min(end.min(most).saturating_sub(*at));
                    for (slot, byte) in buffer[*at..*at + count].iter_mut().zip(rest) {
                        *slot = T::literal(*byte);
                    }
                    *at += count;
                    *left -= count;
                    self.bit += 8 * count as u64;
                    if *left > 0 {
                        return Ok(if count == rest.len() { Stop::Input } else { Stop::Output });
                    }
                    if self.end_block() {
                        return Ok(Stop::Block);
                    }
                }
                Phase::Coded => {
                    let (buffer, at, floor, end) = sink.parts();
                    let mut place = input.place(self.bit);
                    let mut coded = Coded { tables: &self.tables, input, buffer, at, floor, end: end.min(most) };
                    let ended = coded.run(&mut place);
                    self.bit = input.number(place);
                    match ended? {
                        Ended::Input => return Ok(Stop::Input),
                        Ended::Output => return Ok(Stop::Output),
                        Ended::Block if self.end_block() => return Ok(Stop::Block),
                        Ended::Block => {}
                    }
                }
                Phase::Trailer => {
                    let at = input.place(self.bit).div_ceil(8);
                    let Some(trailer) = input.bytes.get(at..).and_then(|rest| rest.first_chunk::<8>()) else {
                        return Ok(Stop::Input);
                    };
                    let [checksum, length] = [0, 4].map(|half| {
                        let [a, b, c, d] = [0, 1, 2, 3].map(|index| trailer[half + index]);
                        u32::from_le_bytes([a, b, c, d])
                    });
                    self.bit = input.number(8 * (at + 8));
                    self.phase = Phase::Header(Header::default());
                    return Ok(Stop::Member(Trailer { checksum, length }));
                }
            }
        }
    }

    /// Goes from the end of a block to what follows; whether that is another block.
    fn end_block(&mut self) -> bool {
        self.phase = if self.is_last { Phase::Trailer } else { Phase::Block };
        !self.is_last
    }

    /// Reads the beginning of a block; `false` if not all of it is in the input.
    fn begin(&mut self, input: &Input<'_>) -> Result<bool, Damage> {
        let place = input.place(self.bit);
        if place + 3 > input.bits() {
            return Ok(false);
        }
        let kind = input.peek(place);
        let (place, phase) = match kind >> 1 & 3 {
            0 => {
                let at = (place + 3).div_ceil(8);
                let Some([a, b, c, d]) = input.bytes.get(at..).and_then(|rest| rest.first_chunk()) else {
                    return Ok(false);
                };
                let length = u16::from_le_bytes([*a, *b]);
                if length != !u16::from_le_bytes([*c, *d]) {
                    return Err(Damage::Deflate);
                }
                (8 * (at + 4), Phase::Stored(usize::from(length)))
            }
            1 => {
                self.tables.fill_fixed();
                (place + 3, Phase::Coded)
            }
            2 => {
                let (lengths, end) = match dynamic::lengths(input, place + 3) {
                    Err(Damage::Truncated) => return Ok(false),
                    other => other?,
                };
                dynamic::fill(&mut self.tables, &lengths)?;
                (end, Phase::Coded)
            }
            _ => return Err(Damage::Deflate),
        };
        self.is_last = kind & 1 != 0;
        (self.bit, self.phase) = (input.number(place), phase);
        Ok(true)
    }
}

/// Why codes are read no further.
enum Ended {
    Input,
    Output,
    Block,
}

/// The inside of a block with codes.
struct Coded<'a, 'b, T> {
    tables: &'a Tables,
    input: &'a Input<'b>,
    buffer: &'a mut [T],
    at: &'a mut usize,
    floor: usize,
    end: usize,
}

/// Bits that were taken from the input but not consumed: `left` of them, the first one lowest. Only the low 8 bits of `left` count.
#[derive(Clone, Copy)]
struct Bits {
    word: u64,
    left: u32,
    /// The next byte to take from.
    next: usize,
}

impl Bits {
    fn at(input: &Input<'_>, place: usize) -> Self {
        let mut bits = Self { word: 0, left: 0, next: place / 8 };
        if !place.is_multiple_of(8) {
            bits.one(input);
            bits.consume(place as u32 % 8);
        }
        bits
    }

    fn place(self) -> usize {
        self.next * 8 - (self.left & 0xff) as usize
    }

    /// Takes bytes until 56 bits or more are there; eight bytes must follow. Bits beyond those are taken again.
    #[inline(always)]
    fn refill(&mut self, bytes: &[u8]) {
        let Some(word) = bytes.get(self.next..).and_then(|rest| rest.first_chunk()) else { return };
        self.word |= u64::from_le_bytes(*word).wrapping_shl(self.left);
        self.next += ((63 - (self.left & 63)) >> 3) as usize;
        self.left |= 56;
    }

    /// Takes one byte, if there is one.
    fn one(&mut self, input: &Input<'_>) -> bool {
        let byte = input.bytes.get(self.next);
        if let Some(byte) = byte {
            self.word |= u64::from(*byte) << self.left;
            self.left += 8;
            self.next += 1;
        }
        byte.is_some()
    }

    /// As many bits as an entry says, or a number up to 63.
    #[inline(always)]
    fn consume(&mut self, entry: u32) {
        self.word = self.word.wrapping_shr(entry);
        self.left = self.left.wrapping_sub(entry);
    }

    /// The least length or distance of an entry, and the extra bits added to it.
    #[inline(always)]
    fn value(&mut self, entry: u32) -> usize {
        let all = self.word & !u64::MAX.wrapping_shl(entry);
        self.consume(entry);
        (entry >> 16) as usize + all.wrapping_shr(entry >> 8) as usize
    }
}

impl<T: Symbol> Coded<'_, '_, T> {
    fn run(&mut self, place: &mut usize) -> Result<Ended, Damage> {
        loop {
            if let Some(ended) = self.fast(place)? {
                return Ok(ended);
            }
            if *self.at >= self.end {
                return Ok(Ended::Output);
            }
            if let Some(ended) = self.slow(place)? {
                return Ok(ended);
            }
        }
    }

    /// While there is enough input and room, nothing else has to be looked at.
    fn fast(&mut self, place: &mut usize) -> Result<Option<Ended>, Damage> {
        let Tables { litlen, distance } = self.tables;
        let bytes = self.input.bytes;
        let Some(last) = bytes.len().checked_sub(AHEAD) else { return Ok(None) };
        let mut bits = Bits::at(self.input, *place);
        let buffer = &mut *self.buffer;
        let mut at = *self.at;
        let mut ended = Ok(None);
        while bits.next <= last && at < self.end {
            bits.refill(bytes);
            let mut entry = litlen[bits.word as usize & ((1 << LITLEN_BITS) - 1)];
            if entry & LITERAL != 0 {
                at = literal(buffer, at, entry);
                bits.consume(entry);
                entry = litlen[bits.word as usize & ((1 << LITLEN_BITS) - 1)];
                if entry & LITERAL != 0 {
                    at = literal(buffer, at, entry);
                    bits.consume(entry);
                    entry = litlen[bits.word as usize & ((1 << LITLEN_BITS) - 1)];
                    if entry & LITERAL != 0 {
                        at = literal(buffer, at, entry);
                        bits.consume(entry);
                        continue;
                    }
                }
                bits.refill(bytes);
            }
            if entry & EXCEPTION != 0 {
                entry = second(litlen, LITLEN_BITS, entry, bits.word);
                if entry & LITERAL != 0 {
                    at = literal(buffer, at, entry);
                    bits.consume(entry);
                    continue;
                }
                if entry & EXCEPTION != 0 {
                    ended = match entry & END {
                        0 => Err(Damage::Deflate),
                        _ => Ok(Some(Ended::Block)),
                    };
                    bits.consume(entry & 0xff);
                    break;
                }
            }
            let length = bits.value(entry);
            let mut entry = distance[bits.word as usize & ((1 << DISTANCE_BITS) - 1)];
            if entry & EXCEPTION != 0 {
                entry = second(distance, DISTANCE_BITS, entry, bits.word);
            }
            let back = bits.value(entry);
            if entry & EXCEPTION != 0 || back > at - self.floor {
                ended = Err(Damage::Deflate);
                break;
            }
            copy(buffer, at, back, length);
            at += length;
        }
        *place = bits.place();
        *self.at = at;
        ended
    }

    /// One literal, or length and distance, near the end of the input; `Some` if nothing more can be read.
    fn slow(&mut self, place: &mut usize) -> Result<Option<Ended>, Damage> {
        let mut bits = Bits::at(self.input, *place);
        while bits.left < 56 && bits.one(self.input) {}
        let there = bits.left;
        let is_there = |bits: &Bits, entry: u32| entry & 0xff <= bits.left;
        let mut entry = self.tables.litlen[bits.word as usize & ((1 << LITLEN_BITS) - 1)];
        if entry & EXCEPTION != 0 {
            entry = second(&self.tables.litlen, LITLEN_BITS, entry, bits.word);
        }
        if !is_there(&bits, entry) {
            return Ok(Some(Ended::Input));
        }
        if entry & EXCEPTION != 0 {
            bits.consume(entry & 0xff);
            *place += (there - bits.left) as usize;
            return if entry & END == 0 { Err(Damage::Deflate) } else { Ok(Some(Ended::Block)) };
        }
        if entry & LITERAL != 0 {
            *self.at = literal(self.buffer, *self.at, entry);
            *place += (entry & 0xff) as usize;
            return Ok(None);
        }
        let mut taken = entry & 0xff;
        let length = bits.value(entry);
        bits.left = there - taken;
        let mut entry = self.tables.distance[bits.word as usize & ((1 << DISTANCE_BITS) - 1)];
        if entry & EXCEPTION != 0 {
            entry = second(&self.tables.distance, DISTANCE_BITS, entry, bits.word);
        }
        if !is_there(&bits, entry) {
            return Ok(Some(Ended::Input));
        }
        taken += entry & 0xff;
        let back = bits.value(entry);
        if entry & EXCEPTION != 0 || back > *self.at - self.floor {
            return Err(Damage::Deflate);
        }
        copy(self.buffer, *self.at, back, length);
        *self.at += length;
        *place += taken as usize;
        Ok(None)
    }
}

/// The entry of a second table.
#[inline(always)]
fn second(table: &[u32], first_bits: u32, entry: u32, word: u64) -> u32 {
    if entry & SECOND == 0 {
        return entry;
    }
    let index = word.wrapping_shr(first_bits) as usize & ((1 << (entry >> 8 & 15)) - 1);
    table.get((entry >> 16) as usize + index).copied().unwrap_or(EXCEPTION)
}

/// Writes the literal of an entry, and says what comes after it.
#[inline(always)]
fn literal<T: Symbol>(buffer: &mut [T], at: usize, entry: u32) -> usize {
    buffer[at] = T::literal((entry >> 16) as u8);
    at + 1
}

/// Copies from `back` symbols before `at`; some more than `length` may be overwritten.
#[inline(always)]
fn copy<T: Symbol>(buffer: &mut [T], at: usize, back: usize, length: usize) {
    let from = at - back;
    if back >= PIECE {
        let mut done = 0;
        while done < length {
            let mut piece = [T::default(); PIECE];
            piece.copy_from_slice(&buffer[from + done..from + done + PIECE]);
            buffer[at + done..at + done + PIECE].copy_from_slice(&piece);
            done += PIECE;
        }
    } else if back == 1 {
        let symbol = buffer[from];
        buffer[at..at + length].fill(symbol);
    } else {
        let part = &mut buffer[from..at + length];
        for index in back..part.len() {
            part[index] = part[index - back];
        }
    }
}
