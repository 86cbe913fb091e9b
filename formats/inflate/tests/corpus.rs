//! What the fuzzer begins with, and a short run of it with changes by chance that are the same each time.

use crate::property::it_is_unpacked_as_by_flate2;
use crate::{content, gzip};
use fastrand::Rng;
use std::path::PathBuf;

/// Streams that are made of each.
const RUNS: usize = 1_000;

fn directory() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/corpus/gzip"))
}

/// Blocks of each kind without a header, and a stream of two members, after the bytes that say how they are divided.
fn seeds() -> Vec<(&'static str, Vec<u8>)> {
    let bytes = content(&mut Rng::with_seed(9), 9_000);
    let small = &bytes[..300];
    let blocks = |bytes: &[u8], level| {
        let packed = gzip(bytes, level);
        packed[10..packed.len() - 8].to_vec()
    };
    let with = |how: [u8; 3], data: Vec<u8>| [how.to_vec(), data].concat();
    vec![
        ("dynamic", with([9, 255, 2], blocks(&bytes, 9))),
        ("fixed", with([1, 1, 1], blocks(b"abcabcabc", 9))),
        ("stored", with([0, 9, 0], blocks(small, 0))),
        ("members", with([20, 255, 2], [gzip(small, 6), gzip(&bytes[300..3_000], 1)].concat())),
    ]
}

#[test]
#[ignore = "writes what the fuzzer begins with"]
fn write_what_the_fuzzer_begins_with() {
    std::fs::create_dir_all(directory()).unwrap();
    seeds().iter().for_each(|(name, seed)| std::fs::write(directory().join(name), seed).unwrap());
}

#[test]
fn changes_by_chance_find_nothing() {
    let mut rng = Rng::with_seed(6);
    let mut seen = 0;
    for entry in std::fs::read_dir(directory()).unwrap() {
        let seed = std::fs::read(entry.unwrap().path()).unwrap();
        it_is_unpacked_as_by_flate2(&seed);
        seen += 1;
        for _ in 0..RUNS {
            let mut changed = seed.clone();
            for _ in 0..rng.usize(1..5) {
                let at = rng.usize(..changed.len());
                match rng.u8(0..5) {
                    0 => changed[at] = rng.u8(..),
                    1 => changed[at] ^= 1 << rng.u8(0..8),
                    2 => changed.truncate(at + 1),
                    3 => changed.insert(at, rng.u8(..)),
                    _ => {
                        let end = (at + rng.usize(1..100)).min(changed.len());
                        let part = changed[at..end].to_vec();
                        let to = rng.usize(..changed.len());
                        let end = (to + part.len()).min(changed.len());
                        changed[to..end].copy_from_slice(&part[..end - to]);
                    }
                }
            }
            it_is_unpacked_as_by_flate2(&changed);
        }
    }
    assert_eq!(seen, seeds().len());
}
