//! Registries by chance, for tests.

use casement_hive::{Entry, Flags, Key, Layer, Name, NtTime, Security, Semantics, Tree, Value};
use fastrand::Rng;

/// Names that differ in case, that need two bytes a letter, that are no Unicode.
const NAMES: [&str; 14] =
    ["a", "A", "Software", "SOFTWARE", "é", "É", "ß", "Ключ", "клЮч", "名前", "a_b", "aB", "x y", "{1}"];

fn name(rng: &mut Rng) -> Name {
    match rng.u8(0..10) {
        0 => Name::from_units(vec![0xd800, rng.u16(1..0x5c), rng.u16(0xdc00..0xe000)]),
        1 => Name::from_units((0..rng.usize(1..=255)).map(|_| rng.u16(0x61..0x7b)).collect::<Vec<u16>>()),
        2 => Name::from(format!("k{}", rng.u8(..)).as_str()),
        _ => Name::from(NAMES[rng.usize(..NAMES.len())]),
    }
}

/// A value of any type and length.
pub fn value(rng: &mut Rng) -> Value {
    let length = match rng.u8(0..40) {
        0 => rng.usize(16_300..50_000),
        1..=4 => rng.usize(5..300),
        _ => rng.usize(0..9),
    };
    let kind = if rng.u8(0..10) == 0 { rng.u32(..) } else { rng.u32(0..12) };
    match rng.u8(0..5) {
        0 => Value::string(NAMES[rng.usize(..NAMES.len())]),
        1 => Value::dword(rng.u32(..)),
        _ => Value::raw(kind, (0..length).map(|_| rng.u8(..)).collect()),
    }
}

fn properties(rng: &mut Rng) -> Key {
    let mut key = Key::default();
    key.time = NtTime(rng.u64(0..1 << 57));
    if rng.u8(0..6) == 0 {
        key.class = Some(name(rng));
    }
    if rng.u8(0..3) == 0 {
        key.security = Security::new(&[1, 0, rng.u8(0..4), 0x80, 0, 0, 0, 0]);
    }
    if rng.u8(0..6) == 0 {
        key.flags = Flags { node: [Flags::LINK, Flags::NO_DELETE, 0x80, 0x1000][rng.usize(..4)], control: rng.u16(..) };
    }
    key
}

fn key(rng: &mut Rng, depth: usize, layered: bool) -> Key {
    let mut key = properties(rng);
    if layered {
        let semantics = match rng.u8(0..8) {
            0 if depth > 0 => Semantics::Tombstone,
            1 => Semantics::SupersedeLocal,
            2 => Semantics::SupersedeTree,
            _ => Semantics::Merge,
        };
        key.layer = Layer { semantics, inherit_class: rng.bool() };
        if semantics == Semantics::Tombstone {
            key.class = None;
            return key;
        }
    }
    for _ in 0..rng.usize(0..5) {
        let entry = if layered && rng.u8(0..4) == 0 { Entry::Tombstone } else { Entry::Value(value(rng)) };
        let name = if rng.u8(0..5) == 0 { Name::default() } else { name(rng) };
        key.put_entry(name, entry);
    }
    let subkeys = if depth >= 4 { 0 } else { rng.usize(0..[8, 4, 4, 3][depth]) };
    for _ in 0..subkeys {
        let subkey = self::key(rng, depth + 1, layered);
        key.put_subkey(name(rng), subkey);
    }
    key
}

/// A registry.
pub fn registry(rng: &mut Rng) -> Tree {
    Tree { root_name: name(rng), root: key(rng, 0, false) }
}

/// The tree of a differencing hive.
pub fn layer(rng: &mut Rng) -> Tree {
    Tree { root_name: name(rng), root: key(rng, 0, true) }
}

/// The registry after some changes.
pub fn changed(rng: &mut Rng, tree: &Tree) -> Tree {
    let mut tree = tree.clone();
    change(rng, &mut tree.root, 0);
    tree
}

fn change(rng: &mut Rng, key: &mut Key, depth: usize) {
    if rng.u8(0..4) == 0 {
        let other = properties(rng);
        (key.time, key.class, key.flags) = (other.time, other.class, other.flags);
    }
    let values: Vec<Name> = key.entries().map(|(name, _)| name.clone()).collect();
    for name in values {
        match rng.u8(0..8) {
            0 => drop(key.remove_value(&name)),
            1 => drop(key.put_entry(name, Entry::Value(value(rng)))),
            _ => {}
        }
    }
    if rng.u8(0..3) == 0 {
        let entry = Entry::Value(value(rng));
        key.put_entry(name(rng), entry);
    }
    let subkeys: Vec<Name> = key.subkeys().map(|(name, _)| name.clone()).collect();
    for name in subkeys {
        match rng.u8(0..10) {
            0 => drop(key.remove_subkey(&name)),
            1 => drop(key.put_subkey(name, self::key(rng, depth + 3, false))),
            2 => {
                // The same key, perhaps spelled in another way.
                let upper = Name::from_units(name.units().iter().map(|u| upper(*u)).collect::<Vec<u16>>());
                let subkey = key.remove_subkey(&name).unwrap();
                key.put_subkey(upper, subkey);
            }
            _ => change(rng, key.subkey_mut(&name).unwrap(), depth + 1),
        }
    }
    if rng.u8(0..4) == 0 {
        let subkey = self::key(rng, depth + 2, false);
        key.put_subkey(name(rng), subkey);
    }
}

fn upper(unit: u16) -> u16 {
    if (0x61..0x7b).contains(&unit) { unit - 0x20 } else { unit }
}
