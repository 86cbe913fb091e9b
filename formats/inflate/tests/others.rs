//! What other programs write: zlib with all its strategies, flushes as pigz makes them, GNU gzip, libdeflate.

use crate::{content, sizes, unpack};
use casement_inflate::GzipReader;
use fastrand::Rng;
use flate2::{Compress, Compression, FlushCompress};
use std::io::{Read, Write};
use std::process::{Command, Stdio};

fn run(command: &mut Command, input: &[u8]) -> Vec<u8> {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap_or_else(|e| panic!("{command:?}: {e}; scripts/install-packages --tests"));
    let mut to = child.stdin.take().unwrap();
    let output = std::thread::scope(|scope| {
        scope.spawn(move || to.write_all(input).unwrap());
        child.wait_with_output().unwrap()
    });
    assert!(output.status.success(), "{command:?}");
    output.stdout
}

fn comes_back(packed: &[u8], bytes: &[u8], what: &str) {
    for chunk in [2_000, 30_000, 400_000] {
        assert!(unpack(packed, sizes(chunk)).unwrap() == bytes, "{what}, {chunk}");
    }
}

#[test]
fn zlib_with_each_strategy_and_size_of_its_memory() {
    let bytes = content(&mut Rng::with_seed(1), 1 << 20);
    let script = "import sys, zlib\n\
        level, memory, strategy = map(int, sys.argv[1:])\n\
        packer = zlib.compressobj(level, zlib.DEFLATED, 31, memory, strategy)\n\
        sys.stdout.buffer.write(packer.compress(sys.stdin.buffer.read()) + packer.flush())";
    // Default, filtered, only Huffman codes, runs, fixed codes.
    for strategy in 0..5 {
        for (level, memory) in [(1, 9), (6, 8), (9, 1)] {
            let arguments = [level, memory, strategy].map(|number| number.to_string());
            let packed = run(Command::new("/usr/bin/python3").args(["-c", script]).args(arguments), &bytes);
            comes_back(&packed, &bytes, &format!("strategy {strategy}, level {level}"));
        }
    }
}

#[test]
fn gnu_gzip() {
    let bytes = content(&mut Rng::with_seed(2), 8 << 20);
    for level in ["-1", "-6", "-9"] {
        let packed = run(Command::new("gzip").args(["-c", level]), &bytes);
        comes_back(&packed, &bytes, level);
        let mut unpacked = Vec::new();
        GzipReader::new(&packed[..]).read_to_end(&mut unpacked).unwrap();
        assert!(unpacked == bytes);
    }
}

/// Blocks of 128 KiB that end at whole bytes with an empty block, as pigz makes them.
#[test]
fn flushes_between_blocks() {
    let bytes = content(&mut Rng::with_seed(3), 2 << 20);
    for flush in [FlushCompress::Sync, FlushCompress::Full, FlushCompress::Partial] {
        for part in [10_000, 128 << 10] {
            let mut compress = Compress::new_gzip(Compression::new(6), 15);
            let mut packed = Vec::with_capacity(3 << 20);
            let count = bytes.chunks(part).count();
            for (index, part) in bytes.chunks(part).enumerate() {
                let flush = if index + 1 == count { FlushCompress::Finish } else { flush };
                let before = compress.total_in();
                compress.compress_vec(part, &mut packed, flush).unwrap();
                assert_eq!(compress.total_in() - before, part.len() as u64);
            }
            comes_back(&packed, &bytes, &format!("{flush:?} {part}"));
        }
    }
}

#[test]
fn libdeflate_in_one_member_and_in_several() {
    let bytes = content(&mut Rng::with_seed(4), 1 << 20);
    for level in [0, 1, 6, 9, 12] {
        let mut compressor = libdeflater::Compressor::new(libdeflater::CompressionLvl::new(level).unwrap());
        for member in [60_000, 400_000, bytes.len()] {
            let mut packed = Vec::new();
            for part in bytes.chunks(member) {
                let mut room = vec![0; compressor.gzip_compress_bound(part.len())];
                let length = compressor.gzip_compress(part, &mut room).unwrap();
                packed.extend(&room[..length]);
            }
            comes_back(&packed, &bytes, &format!("level {level}, members of {member}"));
        }
    }
}
