//! Streams by the documents, by other programs, by chance and damaged, cut into chunks of any length.

mod blocks;
mod corpus;
mod damaged;
mod members;
mod others;
mod property;
mod workers;

use casement_inflate::{GzipReader, Sizes};
use fastrand::Rng;
use flate2::{Compression, GzBuilder, write::GzEncoder};
use std::io::{self, Read, Write};

/// Chunks so short that all that can happen at their ends does.
fn sizes(chunk: usize) -> Sizes {
    Sizes { chunk, overlap: 0, most: 1 << 20, workers: 2 }
}

fn unpack(packed: &[u8], sizes: Sizes) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    GzipReader::with_sizes(packed, sizes).read_to_end(&mut bytes).map(|_| bytes)
}

fn unpack_with_flate2(packed: &[u8]) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    flate2::bufread::MultiGzDecoder::new(packed).read_to_end(&mut bytes).map(|_| bytes)
}

fn gzip(bytes: &[u8], level: u32) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::new(level));
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// A member of these blocks.
fn member(blocks: &[u8], unpacked: &[u8]) -> Vec<u8> {
    let mut packed = GzBuilder::new().write(Vec::new(), Compression::none()).finish().unwrap();
    packed.truncate(10);
    packed.extend(blocks);
    let mut checksum = flate2::Crc::new();
    checksum.update(unpacked);
    packed.extend(checksum.sum().to_le_bytes());
    packed.extend((unpacked.len() as u32).to_le_bytes());
    packed
}

/// Something like a layer: words, tables of numbers, runs, copies of what came before, and what cannot be packed.
fn content(rng: &mut Rng, length: usize) -> Vec<u8> {
    let words: Vec<Vec<u8>> =
        (0..400).map(|_| (0..rng.usize(2..12)).map(|_| rng.alphanumeric() as u8).collect()).collect();
    let mut bytes = Vec::with_capacity(length + 20_000);
    while bytes.len() < length {
        match rng.u8(0..12) {
            0 => bytes.extend(std::iter::repeat_n(rng.u8(..), rng.usize(1..2000))),
            1 => bytes.extend((0..rng.usize(1..9000)).map(|_| rng.u8(..))),
            2..5 => (0..rng.u32(1..500)).for_each(|n| bytes.extend((n * 12).to_le_bytes())),
            5 if !bytes.is_empty() => {
                let from = bytes.len() - rng.usize(1..=bytes.len().min(40_000));
                let end = (from + rng.usize(1..20_000)).min(bytes.len());
                bytes.extend_from_within(from..end);
            }
            _ => {
                for _ in 0..rng.usize(1..600) {
                    bytes.extend(&words[rng.usize(..words.len()).min(rng.usize(..words.len()))]);
                    bytes.push(b' ');
                }
            }
        }
    }
    bytes.truncate(length);
    bytes
}
