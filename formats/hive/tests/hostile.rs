//! Damaged and hostile hives are refused or read, and never a panic, an endless loop or more memory than the file has.

use casement_hive::{Hive, HiveError, Name, Security, Tree, Value, recover};
use fastrand::Rng;

/// A hive with every kind of record; with more than 507 keys also lists of lists.
fn sample(keys: usize) -> Vec<u8> {
    let mut tree = Tree::new("ROOT");
    for number in 0..keys {
        tree.create(&format!(r"many\{number}"));
    }
    let key = tree.create(r"Key\Ключ");
    key.class = Some(Name::from("class"));
    key.security = Security::new(&[7; 40]);
    key.set_value(Name::from("small"), Value::dword(5));
    key.set_value(Name::from("значение"), Value::string("some text"));
    key.set_value(Name::from("big"), Value::binary(vec![9; 17_000]));
    Hive::new(tree, "TEST").write().unwrap()
}

/// Gives a base block the checksum that it should have, so that damage gets past it.
fn seal(file: &mut [u8]) {
    let sum = file[..508].chunks_exact(4).fold(0, |sum, word| sum ^ u32::from_le_bytes(word.try_into().unwrap()));
    file[508..512].copy_from_slice(&sum.to_le_bytes());
}

/// Whatever is read can be written, unless it is beyond what the writer allows, and is the same then.
fn try_it(file: &[u8]) {
    if let Ok(hive) = Hive::read(file)
        && let Ok(again) = hive.write()
    {
        assert_eq!(Hive::read(&again).unwrap(), hive);
    }
}

#[test]
fn what_the_fuzzers_begin_with_is_what_it_is_said_to_be() {
    let corpus = concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/corpus");
    let files = |target: &str| {
        let entries = std::fs::read_dir(format!("{corpus}/{target}")).unwrap();
        let files: Vec<Vec<u8>> = entries.map(|entry| std::fs::read(entry.unwrap().path()).unwrap()).collect();
        assert!(!files.is_empty(), "{target}");
        files
    };
    for file in files("hive") {
        assert!(Hive::read(&file).is_ok());
        try_it(&file);
    }
    for file in files("log") {
        // The first byte says where the two logs part, as in the fuzz target.
        let (first, second) = file[1..].split_at(usize::from(file[0]) * 512);
        let mut dirty = sample(1);
        dirty[4] ^= 1;
        assert!(matches!(recover(&dirty, &[first, second]), Ok(std::borrow::Cow::Owned(_))));
    }
}

#[test]
fn damaged_bytes_never_panic() {
    let good = sample(12);
    let mut rng = Rng::with_seed(1);
    // Each byte of the first bins, where most kinds of records are, then some anywhere.
    let places: Vec<usize> =
        (0..180).chain(4096..4096 + 900).chain((0..400).map(|_| rng.usize(..good.len()))).collect();
    for at in places {
        for mask in [0x80, rng.u8(1..)] {
            let mut file = good.clone();
            file[at] ^= mask;
            seal(&mut file);
            try_it(&file);
        }
    }
}

#[test]
fn damaged_numbers_never_panic() {
    let good = sample(520);
    let mut rng = Rng::with_seed(2);
    for _ in 0..1500 {
        let mut file = good.clone();
        for _ in 0..rng.usize(1..6) {
            let at = rng.usize(..file.len() / 4) * 4;
            let number = match rng.u8(0..6) {
                0 => 0,
                1 => u32::MAX,
                2 => 0x7fff_fff8,
                3 => 0x8000_0000,
                // A place that may be a cell.
                4 => rng.u32(..good.len() as u32) & !7,
                _ => rng.u32(..),
            };
            file[at..at + 4].copy_from_slice(&number.to_le_bytes());
        }
        seal(&mut file);
        try_it(&file);
    }
}

#[test]
fn a_file_that_is_cut_off_is_refused() {
    let good = sample(520);
    for length in (0..good.len()).step_by(61) {
        assert!(Hive::read(&good[..length]).is_err(), "{length}");
    }
}

/// Where the only record that begins like this is: the place behind its size.
fn find(file: &[u8], record: &[u8]) -> usize {
    let found: Vec<usize> = (4096..file.len() - record.len()).filter(|at| file[*at..].starts_with(record)).collect();
    assert_eq!(found.len(), 1, "{record:?}");
    found[0]
}

fn word(file: &mut [u8], at: usize, number: usize) {
    file[at..at + 4].copy_from_slice(&(number as u32).to_le_bytes());
}

/// A hive with one key, whose record is at the place that is given.
fn one_key() -> (Vec<u8>, usize) {
    let mut tree = Tree::new("ROOT");
    let key = tree.create("KEY");
    key.set_value(Name::from("VALUE"), Value::binary(vec![1; 100]));
    key.set_value(Name::from("WALUE"), Value::binary(vec![2; 100]));
    let file = Hive::new(tree, "TEST").write().unwrap();
    let name = find(&file, b"KEY");
    (file, name - 76)
}

#[test]
fn keys_in_a_circle_are_refused() {
    let (mut file, key) = one_key();
    // The key becomes its own subkey: it gets the list that names it.
    let list = find(&file, b"lh");
    word(&mut file, key + 20, 1);
    word(&mut file, key + 28, list - 4 - 4096);
    assert!(matches!(Hive::read(&file), Err(HiveError::BadCell { why: "has two owners", .. })));
}

#[test]
fn data_that_two_values_share_is_refused_so_that_a_file_cannot_be_more_than_it_is() {
    let (mut file, _) = one_key();
    let (first, second) = (find(&file, b"VALUE") - 20, find(&file, b"WALUE") - 20);
    let place = file[first + 8..first + 12].to_vec();
    file[second + 8..second + 12].copy_from_slice(&place);
    assert!(matches!(Hive::read(&file), Err(HiveError::BadCell { why: "has two owners", .. })));
}

#[test]
fn a_pointer_into_the_middle_of_a_cell_is_refused() {
    let (mut file, key) = one_key();
    let list = find(&file, b"lh");
    word(&mut file, list + 4, key - 4 - 4096 + 8);
    assert!(matches!(Hive::read(&file), Err(HiveError::BadCell { why: "is none that is in use", .. })));
}

#[test]
fn lengths_beyond_the_file_are_refused_without_memory_for_them() {
    let (good, key) = one_key();
    let value = find(&good, b"VALUE") - 20;
    for (at, number) in [
        (value + 4, 0x3fff_0000), // the length of its data
        (value + 4, 0x8000_0010), // more inline than there is room
        (key + 36, 0x3fff_ffff),  // the number of values
        (key + 72, 0xffff),       // the length of the name
        (40, 0x7fff_f000),        // the bins
        (40, 0xffff_f000),
        (40, 0),
        (36, 0xffff_ffff), // the root
    ] {
        let mut file = good.clone();
        word(&mut file, at, number);
        seal(&mut file);
        assert!(Hive::read(&file).is_err(), "{at}");
    }
}

#[test]
fn two_values_of_one_name_are_refused() {
    let (mut file, _) = one_key();
    let second = find(&file, b"WALUE");
    file[second] = b'v';
    assert_eq!(Hive::read(&file), Err(HiveError::Twice { name: "vALUE".to_owned() }));
}

#[test]
fn keys_deeper_than_windows_has_them_are_refused() {
    let mut deep = String::new();
    for _ in 0..512 {
        deep.push_str(r"\d");
    }
    let mut tree = Tree::new("ROOT");
    tree.create(&deep).set_value(Name::from("LAST"), Value::none());
    let mut file = Hive::new(tree, "TEST").write().unwrap();
    assert!(Hive::read(&file).is_ok());
    // The root becomes the parent of another root with all the others below: its record is copied over a free cell.
    let root = 4096 + u32::from_le_bytes(file[36..40].try_into().unwrap()) as usize;
    let last = find(&file, b"LAST");
    assert!(last > root);
    let size = i32::from_le_bytes(file[root..root + 4].try_into().unwrap()).unsigned_abs() as usize;
    let mut bin = vec![0; 4096];
    bin[..4].copy_from_slice(b"hbin");
    let start = file.len() - 4096;
    word(&mut bin, 4, start);
    word(&mut bin, 8, 4096);
    let copy = file[root..root + size].to_vec();
    bin[32..32 + size].copy_from_slice(&copy);
    let leaf = 32 + size;
    word(&mut bin, leaf, -16i32 as u32 as usize);
    bin[leaf + 4..leaf + 8].copy_from_slice(b"li\x01\x00");
    word(&mut bin, leaf + 8, root - 4096);
    word(&mut bin, leaf + 16, 4096 - leaf - 16);
    word(&mut bin, 32 + 4 + 20, 1);
    word(&mut bin, 32 + 4 + 28, start + leaf);
    file.extend(bin);
    word(&mut file, 36, start + 32);
    word(&mut file, 40, start + 4096);
    seal(&mut file);
    assert_eq!(Hive::read(&file), Err(HiveError::TooLarge("a key more than 512 levels deep")));
}

#[test]
fn damaged_logs_never_panic() {
    let mut dirty = sample(520);
    word(&mut dirty, 4, 9);
    let mut rng = Rng::with_seed(3);
    for _ in 0..2000 {
        let length = rng.usize(..3000);
        let mut log: Vec<u8> = (0..length).map(|_| rng.u8(..)).collect();
        for (at, signature) in [(0, b"regf"), (512, [b"DIRT", b"HvLE"][rng.usize(..2)])] {
            if let Some(place) = log.get_mut(at..at + 4) {
                place.copy_from_slice(signature);
            }
        }
        if length > 512 {
            let head = [5, 5, 0, 0, 1, 3, [1, 6][rng.usize(..2)], 1, 32, rng.u32(..) & 0x7fff_f000];
            for (place, number) in head.into_iter().enumerate() {
                word(&mut log, 4 + 4 * place, number as usize);
            }
            seal(&mut log);
        }
        if let Ok(file) = recover(&dirty, &[&log]) {
            try_it(&file);
        }
    }
}
