//! What the fuzzer begins with, and a short run of it with changes by chance that are the same each time.

use crate::property::what_is_read_is_written_and_read_again;
use crate::read;
use casement_layer_tar::{Entry, Kind, LayerPath, LayerWriter, Metadata, NtTime, ReparsePoint, security};
use fastrand::Rng;
use std::path::PathBuf;

/// Archives that are made of each.
const RUNS: usize = 4_000;

fn directory() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/corpus/layer"))
}

/// One entry of each kind, with all that is known of a file.
fn kinds() -> Vec<u8> {
    let path = |name: &str| LayerPath::new(name).unwrap();
    let time = NtTime::parse("1600000000.1234567").unwrap();
    let file = Metadata {
        created: NtTime::parse("-1.5").unwrap(),
        accessed: Some(time),
        security: Some(security::of_files()),
        extended: [("EA".to_owned(), vec![1, 2, 3])].into(),
        ..Metadata::file(time)
    };
    let point = ReparsePoint { target: r"\??\C:\target".to_owned(), is_mount_point: true };
    let mut writer = LayerWriter::new(Vec::new());
    for (name, kind, metadata, content) in [
        ("Files", Kind::Directory, Metadata::directory(time), &b""[..]),
        ("Files/Größe.txt", Kind::File { size: 4 }, file.clone(), b"text"),
        ("Files/Größe.txt", Kind::Stream { name: "s".to_owned(), size: 1 }, file.clone(), b"x"),
        ("Files/link", Kind::Reparse(point), file.clone(), b""),
        ("Files/again", Kind::HardLink(path("Files/Größe.txt")), file.clone(), b""),
        ("Files/gone", Kind::Whiteout, file.clone(), b""),
        ("Files", Kind::Opaque, file.clone(), b""),
    ] {
        writer.entry(&Entry { path: path(name), kind, metadata }, content).unwrap();
    }
    writer.finish().unwrap()
}

#[test]
fn what_the_fuzzer_begins_with_is_a_layer_with_one_of_each_kind() {
    assert_eq!(std::fs::read(directory().join("kinds")).unwrap(), kinds());
    assert_eq!(read(&kinds()).unwrap().len(), 7);
}

#[test]
fn changes_by_chance_find_nothing() {
    let mut rng = Rng::with_seed(6);
    let mut read_whole = 0;
    for entry in std::fs::read_dir(directory()).unwrap() {
        let seed = std::fs::read(entry.unwrap().path()).unwrap();
        what_is_read_is_written_and_read_again(&seed);
        for _ in 0..RUNS {
            let mut changed = seed.clone();
            for _ in 0..rng.usize(1..6) {
                let at = rng.usize(..changed.len());
                match rng.u8(0..6) {
                    0 => changed[at] = rng.u8(..),
                    1 => changed[at] ^= 1 << rng.u8(0..8),
                    // The digits of sizes and times.
                    2 => changed[at] = rng.u8(b'0'..=b'9'),
                    3 => changed.truncate(at + 1),
                    4 => {
                        let end = (at + rng.usize(1..600)).min(changed.len());
                        let part = changed[at..end].to_vec();
                        let to = rng.usize(..changed.len());
                        let end = (to + part.len()).min(changed.len());
                        changed[to..end].copy_from_slice(&part[..end - to]);
                    }
                    _ => {
                        let blocks = changed.len() / 512;
                        if blocks > 1 {
                            let (one, other) = (rng.usize(..blocks) * 512, rng.usize(..blocks) * 512);
                            let block = changed[one..one + 512].to_vec();
                            changed[other..other + 512].copy_from_slice(&block);
                        }
                    }
                }
            }
            read_whole += usize::from(read(&changed).is_ok());
            what_is_read_is_written_and_read_again(&changed);
        }
    }
    assert!(read_whole > 0, "nothing that was changed could be read: the changes are of no use");
}
