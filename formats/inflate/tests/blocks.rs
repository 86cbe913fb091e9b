//! Blocks of each kind (RFC 1951), put together by hand.

use crate::{content, member, sizes, unpack, unpack_with_flate2};
use fastrand::Rng;
use flate2::{Compression, write::DeflateEncoder};
use std::io::Write;

/// Bits of blocks, the first one lowest.
#[derive(Default, Clone)]
struct Bits(Vec<bool>);

impl Bits {
    /// A number, its lowest bit first.
    fn number(&mut self, value: u32, count: u32) -> &mut Self {
        self.0.extend((0..count).map(|bit| value >> bit & 1 != 0));
        self
    }

    /// A code, its highest bit first.
    fn code(&mut self, value: u32, count: u32) -> &mut Self {
        self.0.extend((0..count).rev().map(|bit| value >> bit & 1 != 0));
        self
    }

    /// A symbol in the fixed code.
    fn fixed(&mut self, symbol: u32) -> &mut Self {
        match symbol {
            0..144 => self.code(0x30 + symbol, 8),
            144..256 => self.code(0x190 + symbol - 144, 9),
            256..280 => self.code(symbol - 256, 7),
            _ => self.code(0xc0 + symbol - 280, 8),
        }
    }

    fn stored(&mut self, is_last: bool, bytes: &[u8]) -> &mut Self {
        self.number(u32::from(is_last), 3);
        self.0.resize(self.0.len().next_multiple_of(8), false);
        let length = bytes.len() as u32;
        self.number(length, 16).number(!length & 0xffff, 16);
        bytes.iter().for_each(|byte| {
            self.number(u32::from(*byte), 8);
        });
        self
    }

    /// The bits of whole bytes; what is after the last block in them does not matter.
    fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        bytes.iter().for_each(|byte| {
            self.number(u32::from(*byte), 8);
        });
        self
    }

    fn to_bytes(&self) -> Vec<u8> {
        self.0.chunks(8).map(|bits| bits.iter().rev().fold(0, |byte, bit| byte << 1 | u8::from(*bit))).collect()
    }
}

/// Both give this, whatever the chunks.
fn is(blocks: &Bits, unpacked: &[u8]) {
    let packed = member(&blocks.to_bytes(), unpacked);
    assert!(unpack_with_flate2(&packed).unwrap() == unpacked);
    for chunk in [1, 7, 100, 5000] {
        assert!(unpack(&packed, sizes(chunk)).unwrap() == unpacked, "{chunk}");
    }
}

/// Both refuse it, with the same text.
fn is_refused(blocks: &Bits) {
    let packed = member(&blocks.to_bytes(), b"");
    let expected = unpack_with_flate2(&packed).unwrap_err();
    for chunk in [1, 7, 100, 5000] {
        let error = unpack(&packed, sizes(chunk)).unwrap_err();
        assert_eq!((error.kind(), error.to_string()), (expected.kind(), expected.to_string()), "{chunk}");
    }
}

/// Begins a block with codes of its own; `lengths` are in a code of 16 codes of 4 bits, so that each is written as it is.
fn dynamic(bits: &mut Bits, litlens: &[u8], distances: &[u8]) {
    bits.number(0b101, 3).number(litlens.len() as u32 - 257, 5).number(distances.len() as u32 - 1, 5).number(15, 4);
    // In the order of section 3.2.7: 16, 17 and 18 have no code.
    bits.number(0, 9);
    (0..16).for_each(|_| {
        bits.number(4, 3);
    });
    litlens.iter().chain(distances).for_each(|length| {
        bits.code(u32::from(*length), 4);
    });
}

#[test]
fn empty_ones() {
    is(Bits::default().number(0b011, 3).fixed(256), b"");
    is(Bits::default().stored(true, b""), b"");
    is(Bits::default().stored(false, b"").number(0b010, 3).fixed(256).stored(false, b"").stored(true, b""), b"");
}

#[test]
fn stored_ones_up_to_the_longest() {
    let bytes = content(&mut Rng::with_seed(1), 200_000);
    let mut bits = Bits::default();
    let (first, rest) = bytes.split_at(65_535);
    let (second, third) = rest.split_at(1);
    bits.stored(false, first).stored(false, second);
    third.chunks(50_000).for_each(|part| {
        bits.stored(false, part);
    });
    is(bits.stored(true, b""), &bytes);
    // The complement of the length is wrong.
    is_refused(Bits::default().number(1, 8).number(5, 16).number(5, 16).bytes(b"12345"));
}

#[test]
fn all_literals_lengths_and_distances_of_the_fixed_code() {
    let mut bits = Bits::default();
    let mut bytes: Vec<u8> = (0..=255).collect();
    bits.number(0b010, 3);
    (0..256).for_each(|literal| {
        bits.fixed(literal);
    });
    bits.fixed(256);
    let far = content(&mut Rng::with_seed(2), 32_768);
    bits.stored(false, &far);
    bytes.extend(far);
    bits.number(0b011, 3);
    for length in 3..=258_usize {
        let (symbol, least, extra) = match length {
            3..11 => (254 + length, length, 0),
            258 => (285, 258, 0),
            _ => {
                let extra = (length - 3).ilog2() - 2;
                let step = (length - 3 - (4 << extra)) >> extra;
                (265 + 4 * (extra as usize - 1) + step, 3 + (4 << extra) + (step << extra), extra)
            }
        };
        let distance = [1_usize, 2, 3, 4, 5, 7, 15, 16, 17, 258, 4097, 24_577, 32_768][length % 13];
        let (code, nearest, more) = match distance {
            1..5 => (distance - 1, distance, 0),
            _ => {
                let more = (distance - 1).ilog2() - 1;
                let step = (distance - 1 - (2 << more)) >> more;
                (2 + 2 * more as usize + step, 1 + (2 << more) + (step << more), more)
            }
        };
        bits.fixed(symbol as u32).number((length - least) as u32, extra);
        bits.code(code as u32, 5).number((distance - nearest) as u32, more);
        for _ in 0..length {
            bytes.push(bytes[bytes.len() - distance]);
        }
    }
    is(bits.fixed(256), &bytes);
}

#[test]
fn distances_before_the_beginning_and_symbols_without_meaning_are_refused() {
    // Distance 2 after one byte.
    is_refused(Bits::default().number(0b011, 3).fixed(65).fixed(257).code(1, 5).fixed(256));
    // Lengths 286 and 287, distances 30 and 31.
    is_refused(Bits::default().number(0b011, 3).fixed(65).fixed(286).code(0, 5).fixed(256).bytes(&[0; 9]));
    is_refused(Bits::default().number(0b011, 3).fixed(65).fixed(287).code(0, 5).fixed(256).bytes(&[0; 9]));
    is_refused(Bits::default().number(0b011, 3).fixed(65).fixed(257).code(30, 5).fixed(256).bytes(&[0; 9]));
    is_refused(Bits::default().number(0b011, 3).fixed(65).fixed(257).code(31, 5).fixed(256).bytes(&[0; 9]));
    // The fourth kind of block.
    is_refused(Bits::default().number(0b111, 3).bytes(&[0; 9]));
}

#[test]
fn codes_of_all_lengths_up_to_fifteen_bits() {
    // Literals 0 to 13 have codes of 1 to 14 bits, 14 and the end of 15.
    let mut litlens = [0; 257];
    (0..15).for_each(|literal| litlens[literal] = literal as u8 + 1);
    litlens[256] = 15;
    let mut bits = Bits::default();
    dynamic(&mut bits, &litlens, &[0]);
    let mut rng = Rng::with_seed(3);
    let bytes: Vec<u8> = (0..5000).map(|_| rng.u8(0..15)).collect();
    for literal in bytes.iter().map(|byte| u32::from(*byte)) {
        match literal {
            14 => bits.code(0x7ffe, 15),
            _ => bits.code((1 << (literal + 1)) - 2, literal + 1),
        };
    }
    is(bits.code(0x7fff, 15), &bytes);
}

#[test]
fn codes_that_are_incomplete_or_too_many_are_refused_as_zlib_does() {
    let codes = |litlens: &[(usize, u8)], distances: &[u8]| {
        let mut lengths = [0; 286];
        litlens.iter().for_each(|(symbol, length)| lengths[*symbol] = *length);
        let mut bits = Bits::default();
        dynamic(&mut bits, &lengths, distances);
        bits
    };
    // A literal, a length of 3 at the only distance, the end: 65 is 0, 256 is 10, 257 is 11.
    let good = [(65, 1), (256, 2), (257, 2)];
    is(codes(&good, &[1]).code(0, 1).code(3, 2).code(0, 1).code(2, 2), b"AAAA");
    is(codes(&[(256, 1)], &[0]).code(0, 1), b"");
    is_refused(codes(&good, &[1]).code(0, 1).code(3, 2).code(1, 1).code(2, 2).bytes(&[0; 9]));
    is_refused(codes(&good, &[0]).code(0, 1).code(3, 2).code(0, 1).code(2, 2).bytes(&[0; 9]));
    is_refused(codes(&good, &[2]).bytes(&[0; 20]));
    is_refused(codes(&good, &[1, 1, 1]).bytes(&[0; 20]));
    is_refused(codes(&[(65, 1), (256, 2)], &[1]).bytes(&[0; 20]));
    is_refused(codes(&[(65, 1), (66, 1), (256, 2)], &[1]).bytes(&[0; 20]));
    is_refused(codes(&[(65, 1), (66, 1)], &[1]).bytes(&[0; 20]));
    is_refused(codes(&[(256, 2)], &[1]).bytes(&[0; 20]));
    // 287 literals and lengths, and 31 distances.
    is_refused(Bits::default().number(0b101, 3).number(30, 5).number(0, 5).number(15, 4).bytes(&[0x55; 90]));
    is_refused(Bits::default().number(0b101, 3).number(0, 5).number(30, 5).number(15, 4).bytes(&[0x55; 90]));
    // The first length repeats the one before; the last one goes on beyond all.
    let repeat = |count| {
        let mut bits = Bits::default();
        bits.number(0b101, 3)
            .number(0, 5)
            .number(0, 5)
            .number(0, 4)
            .number(1, 3)
            .number(0, 3)
            .number(1, 3)
            .number(0, 3);
        (0..count).for_each(|_| {
            bits.code(1, 1).number(127, 7);
        });
        bits
    };
    // No code for lengths at all: more bits are awaited first.
    is_refused(Bits::default().number(0b101, 3).number(0, 26).bytes(&[0; 10]));
    is_refused(Bits::default().number(0b101, 3).number(0, 26).bytes(&[0; 60]));
    is_refused(repeat(0).code(0, 1).bytes(&[0; 20]));
    is_refused(repeat(2).bytes(&[0xff; 20]));
}

#[test]
fn blocks_begin_at_any_bit() {
    let mut rng = Rng::with_seed(4);
    let rest: Vec<u8> = (0..300_000).map(|_| rng.u8(0..20) * rng.u8(0..10)).collect();
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::new(6));
    encoder.write_all(&rest).unwrap();
    let packed = encoder.finish().unwrap();
    for offset in 0..8_usize {
        let mut bits = Bits::default();
        bits.number(0b010, 3);
        (0..offset).for_each(|_| {
            bits.fixed(200);
        });
        bits.fixed(256).bytes(&packed);
        let bytes = [vec![200; offset], rest.clone()].concat();
        // The bits that filled the last byte may be one byte by now.
        if unpack_with_flate2(&member(&bits.to_bytes(), &bytes)).is_err() {
            bits.0.truncate(bits.0.len() / 8 * 8);
        }
        is(&bits, &bytes);
    }
}
