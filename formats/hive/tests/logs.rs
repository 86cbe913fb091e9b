//! Dirty hives: a write that did not end is made good from logs of both forms, as far as they are sound.

use crate::registries;
use casement_hive::{Hive, HiveError, Name, Tree, Value, recover};
use fastrand::Rng;
use std::borrow::Cow;

/// Two states of a hive, the second written after the first.
struct Write {
    old: Vec<u8>,
    new: Vec<u8>,
}

fn state(tree: Tree, sequence: u32) -> Vec<u8> {
    let mut hive = Hive::new(tree, "TEST");
    hive.base.sequence = sequence;
    hive.base.written.0 = 1_000;
    hive.write().unwrap()
}

fn write(seed: u64) -> Write {
    let mut rng = Rng::with_seed(seed);
    let mut tree = registries::registry(&mut rng);
    tree.create("always").set_value(Name::from("data"), Value::binary(vec![1; 30_000]));
    let old = state(tree.clone(), 7);
    let mut tree = registries::changed(&mut rng, &tree);
    tree.create("new").set_value(Name::from("data"), Value::binary(vec![2; 9_000]));
    Write { old, new: state(tree, 9) }
}

fn put(bytes: &mut [u8], at: usize, number: u32) {
    bytes[at..at + 4].copy_from_slice(&number.to_le_bytes());
}

fn seal(block: &mut [u8]) {
    let sum = block[..508].chunks_exact(4).fold(0, |sum, word| sum ^ u32::from_le_bytes(word.try_into().unwrap()));
    put(block, 508, sum);
}

/// The file after a write that has begun and of which some pages have arrived.
fn dirty(write: &Write, rng: &mut Rng) -> Vec<u8> {
    let mut file = write.old.clone();
    put(&mut file, 4, 8);
    seal(&mut file);
    for (old, new) in file.chunks_exact_mut(4096).zip(write.new.chunks_exact(4096)).skip(1) {
        if rng.bool() {
            old.copy_from_slice(new);
        }
    }
    file
}

fn head(file: &[u8], kind: u32, sequence: u32) -> Vec<u8> {
    let mut head = file[..512].to_vec();
    put(&mut head, 4, sequence);
    put(&mut head, 8, sequence);
    put(&mut head, 28, kind);
    seal(&mut head);
    head
}

/// A log of the old form with all pages of the new state that differ.
fn vector(write: &Write) -> Vec<u8> {
    let mut log = head(&write.new, 1, 8);
    let (old, new) = (&write.old[4096..], &write.new[4096..]);
    let pages: Vec<&[u8]> = new.chunks(512).collect();
    let dirty: Vec<bool> = pages.iter().enumerate().map(|(at, page)| old.chunks(512).nth(at) != Some(page)).collect();
    log.extend(b"DIRT");
    log.extend(dirty.chunks(8).map(|bits| bits.iter().rev().fold(0, |byte, bit| byte << 1 | u8::from(*bit))));
    log.resize(log.len().next_multiple_of(512), 0);
    for (page, _) in pages.iter().zip(&dirty).filter(|(_, dirty)| **dirty) {
        log.extend(*page);
    }
    log
}

/// An entry of the new form, which leads from one state to another.
fn entry(old: &[u8], new: &[u8], sequence: u32) -> Vec<u8> {
    let (old, new) = (&old[4096..], &new[4096..]);
    let mut references = Vec::new();
    let mut pages = Vec::new();
    for (at, page) in new.chunks(4096).enumerate().filter(|(at, page)| old.chunks(4096).nth(*at) != Some(page)) {
        references.extend((at as u32 * 4096).to_le_bytes());
        references.extend(4096u32.to_le_bytes());
        pages.extend(page);
    }
    let mut entry = b"HvLE".to_vec();
    entry.resize(40, 0);
    put(&mut entry, 12, sequence);
    put(&mut entry, 16, new.len() as u32);
    put(&mut entry, 20, references.len() as u32 / 8);
    entry.extend(&references);
    entry.extend(&pages);
    entry.resize(entry.len().next_multiple_of(512), 0);
    let size = entry.len() as u32;
    put(&mut entry, 4, size);
    let body = marvin(&entry[40..]);
    entry[24..32].copy_from_slice(&body);
    let header = marvin(&entry[..32]);
    entry[32..40].copy_from_slice(&header);
    entry
}

/// Marvin32 over whole words, with the seed of logs.
fn marvin(bytes: &[u8]) -> [u8; 8] {
    let (mut a, mut b) = (0x7a4e_55c5_u32, 0x82ef_4d88_u32);
    let words = bytes.chunks_exact(4).map(|word| u32::from_le_bytes(word.try_into().unwrap()));
    for word in words.chain([0x80, 0]) {
        a = a.wrapping_add(word);
        b ^= a;
        a = a.rotate_left(20).wrapping_add(b);
        b = b.rotate_left(9) ^ a;
        a = a.rotate_left(27).wrapping_add(b);
        b = b.rotate_left(19);
    }
    [a.to_le_bytes(), b.to_le_bytes()].concat().try_into().unwrap()
}

/// A dirty hive with two logs of the new form that follow each other.
pub struct TwoLogs {
    pub file: Vec<u8>,
    pub logs: [Vec<u8>; 2],
}

/// A write of a plain registry, so that all readers can say what they see.
pub fn two_logs() -> TwoLogs {
    let states: Vec<Vec<u8>> = (0..4)
        .map(|number| {
            let mut tree = Tree::new("ROOT");
            // All states have the same size, since not all readers let a file grow.
            for key in 0..200 {
                let key = tree.create(&format!(r"Key {}\State {number} of {key}", key % (3 + number)));
                key.set_value(Name::from("value"), Value::string(&format!("State {number}")));
            }
            state(tree, 7 + number)
        })
        .collect();
    let mut file = states[0].clone();
    put(&mut file, 4, 8);
    seal(&mut file);
    let first = [head(&states[0], 6, 7), entry(&states[0], &states[1], 7)].concat();
    let entries = [entry(&states[1], &states[2], 8), entry(&states[2], &states[3], 9)].concat();
    let second = [head(&states[1], 6, 8), entries].concat();
    TwoLogs { file, logs: [first, second] }
}

fn tree(file: &[u8]) -> Tree {
    Hive::read(file).unwrap().tree
}

#[test]
fn a_clean_hive_needs_no_log() {
    let write = write(1);
    assert!(matches!(recover(&write.new, &[&vector(&write)]), Ok(Cow::Borrowed(file)) if file == write.new));
}

#[test]
fn logs_of_the_old_form_are_replayed() {
    for seed in 0..40 {
        let write = write(seed);
        let file = dirty(&write, &mut Rng::with_seed(seed));
        let log = vector(&write);
        let hive = Hive::read_with_logs(&file, &[&log, &[]]).unwrap();
        assert_eq!((hive.tree, hive.base.sequence), (tree(&write.new), 8), "seed {seed}");
        // Also when the base block did not survive.
        let mut broken = file.clone();
        broken[..4].copy_from_slice(b"FGER");
        assert_eq!(Hive::read_with_logs(&broken, &[&log]).unwrap().tree, tree(&write.new), "seed {seed}");
    }
}

#[test]
fn a_log_of_the_old_form_of_another_write_is_not_used() {
    let write = write(3);
    let file = dirty(&write, &mut Rng::with_seed(3));
    let mut log = vector(&write);
    log[12] ^= 1;
    seal(&mut log);
    assert_eq!(&*recover(&file, &[&log]).unwrap(), &file);
    let mut torn = vector(&write);
    put(&mut torn, 4, 7);
    seal(&mut torn);
    assert_eq!(&*recover(&file, &[&torn]).unwrap(), &file);
}

#[test]
fn logs_of_the_new_form_follow_each_other() {
    for seed in 0..40 {
        let mut rng = Rng::with_seed(seed);
        let write = write(seed);
        let between = state(registries::changed(&mut rng, &tree(&write.new)), 9);
        let last = state(registries::changed(&mut rng, &tree(&between)), 10);
        let file = dirty(&write, &mut rng);
        let first_log = [head(&write.old, 6, 7), entry(&write.old, &write.new, 7)].concat();
        // The last state is written first to the other log, and something older is behind it.
        let entries = [entry(&write.new, &between, 8), entry(&between, &last, 9), entry(&last, &write.old, 5)];
        let second_log = [head(&write.old, 6, 8), entries.concat()].concat();
        for logs in [[&first_log[..], &second_log], [&second_log, &first_log]] {
            let hive = Hive::read_with_logs(&file, &logs).unwrap();
            assert_eq!((hive.tree, hive.base.sequence), (tree(&last), 9), "seed {seed}");
        }
    }
}

#[test]
fn an_entry_with_a_wrong_hash_ends_the_replay() {
    let write = write(5);
    let third = state(Tree::new("third"), 9);
    let file = dirty(&write, &mut Rng::with_seed(5));
    let mut log = [head(&write.old, 6, 7), entry(&write.old, &write.new, 7)].concat();
    let second = log.len();
    log.extend(entry(&write.new, &third, 8));
    assert_eq!(Hive::read_with_logs(&file, &[&log]).unwrap().tree, tree(&third));
    log[second + 3000] ^= 1;
    assert_eq!(Hive::read_with_logs(&file, &[&log]).unwrap().tree, tree(&write.new));
}

#[test]
fn with_a_damaged_base_block_only_the_later_log_of_the_new_form_counts() {
    let write = write(6);
    let mut file = dirty(&write, &mut Rng::with_seed(6));
    file[100] ^= 1;
    assert_eq!(Hive::read(&file), Err(HiveError::NotAHive("the checksum of its base block is wrong")));
    let early = [head(&write.old, 6, 3), entry(&write.new, &state(Tree::new("early"), 4), 3)].concat();
    let late = [head(&write.old, 6, 7), entry(&write.old, &write.new, 7)].concat();
    assert_eq!(Hive::read_with_logs(&file, &[&late, &early]).unwrap().tree, tree(&write.new));
}

#[test]
fn a_log_cannot_make_a_file_larger_than_what_it_writes() {
    let write = write(8);
    let file = dirty(&write, &mut Rng::with_seed(8));
    let mut entry = entry(&write.old, &write.new, 7);
    // The first page is said to be far behind the end.
    put(&mut entry, 40, 0x7000_0000);
    let body = marvin(&entry[40..]);
    entry[24..32].copy_from_slice(&body);
    let header = marvin(&entry[..32]);
    entry[32..40].copy_from_slice(&header);
    let log = [head(&write.old, 6, 7), entry].concat();
    assert_eq!(recover(&file, &[&log]), Err(HiveError::NotAHive("its log leaves a hole behind its end")));
}
