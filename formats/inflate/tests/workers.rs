//! What the workers do, and that they do it: chunks of any length, streams of any kind, bombs.

use crate::{content, gzip, sizes, unpack};
use casement_inflate::{GzipReader, Sizes};
use fastrand::Rng;
use flate2::{Compression, write::GzEncoder};
use std::io::{self, Read, Write};

#[test]
fn nearly_all_of_a_stream_is_unpacked_by_workers() {
    let bytes = content(&mut Rng::with_seed(1), 8 << 20);
    let packed = gzip(&bytes, 6);
    let mut reader = GzipReader::with_sizes(&packed[..], Sizes { overlap: 60_000, ..sizes(100_000) });
    let mut unpacked = Vec::new();
    reader.read_to_end(&mut unpacked).unwrap();
    assert!(unpacked == bytes);
    let share = reader.by_workers() as f64 / bytes.len() as f64;
    assert!(share > 0.9, "only {share}");
}

#[test]
fn a_stream_of_usual_length_is_unpacked_by_workers_and_a_short_one_is_not() {
    let bytes = content(&mut Rng::with_seed(2), 48 << 20);
    for (length, is_long) in [(bytes.len(), true), (1 << 20, false)] {
        let packed = gzip(&bytes[..length], 3);
        let mut reader = GzipReader::new(&packed[..]);
        let mut unpacked = Vec::new();
        reader.read_to_end(&mut unpacked).unwrap();
        assert!(unpacked == bytes[..length]);
        let has_processors = std::thread::available_parallelism().unwrap().get() > 1;
        assert_eq!(reader.by_workers() > length as u64 / 2, is_long && has_processors);
    }
}

/// Every chunk length, limit and number of workers gives the same.
#[test]
fn however_it_is_divided_it_comes_out_the_same() {
    let mut rng = Rng::with_seed(3);
    for round in 0..120 {
        let length = rng.usize(0..400_000);
        let bytes = content(&mut rng, length);
        let packed = gzip(&bytes, rng.u32(0..10));
        let sizes = Sizes {
            chunk: rng.usize(200..100_000),
            overlap: rng.usize(0..50_000),
            most: rng.usize(1..300_000),
            workers: rng.usize(0..4),
        };
        assert!(unpack(&packed, sizes).unwrap() == bytes, "{round} {sizes:?}");
    }
}

#[test]
fn chunks_of_one_byte() {
    let bytes = content(&mut Rng::with_seed(4), 20_000);
    for level in 0..10 {
        assert!(unpack(&gzip(&bytes, level), sizes(1)).unwrap() == bytes, "{level}");
    }
}

/// References that live on for the whole of a chunk, and to the last byte of the window.
#[test]
fn references_are_resolved_however_long_they_are_copied() {
    let mut rng = Rng::with_seed(5);
    let once: Vec<u8> = (0..32_768).map(|_| rng.u8(..)).collect();
    let mut bytes = once.repeat(30);
    for _ in 0..2000 {
        let from = bytes.len() - rng.usize(1..32_768);
        bytes.extend_from_within(from..(from + 200).min(bytes.len()));
        bytes.push(rng.u8(..));
    }
    let packed = gzip(&bytes, 9);
    for chunk in [300, 1_000, 10_000] {
        assert!(unpack(&packed, sizes(chunk)).unwrap() == bytes, "{chunk}");
    }
}

/// Streams of blocks that are never searched for.
#[test]
fn stored_blocks_are_read_without_workers() {
    let mut rng = Rng::with_seed(6);
    let bytes: Vec<u8> = (0..3 << 20).map(|_| rng.u8(..)).collect();
    for level in [0, 6] {
        assert!(unpack(&gzip(&bytes, level), sizes(20_000)).unwrap() == bytes);
    }
}

fn peak_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() << 10
}

/// Each of them ends a buffer.
#[test]
fn very_many_short_members_take_no_more_memory_than_another_stream() {
    let usual = content(&mut Rng::with_seed(9), 1 << 20);
    let one = gzip(b"x", 6);
    let packed = [gzip(&usual, 6), one.repeat(20_000), gzip(&usual, 6), one.repeat(20_000)].concat();
    let sizes = Sizes { chunk: 128 << 10, overlap: 64 << 10, most: 2 << 20, workers: 2 };
    let before = peak_memory();
    let length = io::copy(&mut GzipReader::with_sizes(&packed[..], sizes), &mut io::sink()).unwrap();
    assert_eq!(length, 2 * usual.len() as u64 + 40_000);
    let more = peak_memory() - before;
    assert!(more < 48 << 20, "{} MiB", more >> 20);
}

/// A gigabyte of zeros, behind and before what can be divided: workers must not unpack it into memory.
#[test]
fn a_bomb_takes_no_more_memory_than_another_stream() {
    let usual = content(&mut Rng::with_seed(7), 4 << 20);
    let mut encoder = GzEncoder::new(Vec::new(), Compression::new(6));
    let zeros = vec![0; 1 << 20];
    encoder.write_all(&usual).unwrap();
    (0..1024).for_each(|_| encoder.write_all(&zeros).unwrap());
    encoder.write_all(&usual).unwrap();
    let packed = encoder.finish().unwrap();
    let sizes = Sizes { chunk: 128 << 10, overlap: 64 << 10, most: 2 << 20, workers: 2 };
    let before = peak_memory();
    let length = io::copy(&mut GzipReader::with_sizes(&packed[..], sizes), &mut io::sink()).unwrap();
    assert_eq!(length, 2 * usual.len() as u64 + (1 << 30));
    let more = peak_memory() - before;
    assert!(more < 48 << 20, "{} MiB", more >> 20);
}

/// Whoever stops reading in the middle is not waited for.
#[test]
fn a_reader_can_be_dropped_at_any_time() {
    let packed = gzip(&content(&mut Rng::with_seed(8), 2 << 20), 6);
    for length in [0, 1, 10_000, 1_000_000] {
        let mut reader = GzipReader::with_sizes(&packed[..], sizes(50_000));
        reader.read_exact(&mut vec![0; length]).unwrap();
    }
}
