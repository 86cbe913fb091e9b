//! Registries by chance, for tests: with everything that Wine's text can hold.

use super::{Key, Name, NtTime, Registry, Tree, Value};
use casement_hive::Flags;
use fastrand::Rng;

const LETTERS: [u16; 16] =
    [0x61, 0x41, 0x5f, 0x5b, 0x5d, 0x22, 0x30, 0x66, 0x20, 0, 1, 0x1b, 0x7f, 0xe9, 0x4e2d, 0xd800];

fn letters(rng: &mut Rng, least: usize) -> Vec<u16> {
    (0..rng.usize(least..6)).map(|_| LETTERS[rng.usize(..LETTERS.len())]).collect()
}

fn value(rng: &mut Rng) -> Value {
    let text = letters(rng, 0).into_iter().chain([0x5c, 0]).flat_map(u16::to_le_bytes);
    let data = match rng.u8(0..3) {
        0 => text.collect(),
        _ => (0..rng.usize(0..90)).map(|_| rng.u8(..)).collect(),
    };
    let kind = if rng.u8(0..8) == 0 { rng.u32(..) } else { rng.u32(0..12) };
    Value::raw(kind, data)
}

/// Gives a key a time, perhaps a class, values and subkeys.
pub fn fill(rng: &mut Rng, key: &mut Key, depth: usize) {
    key.time = NtTime(rng.u64(0..1 << 57));
    key.class = (rng.u8(0..5) == 0).then(|| Name::from_units([letters(rng, 0), vec![0x63]].concat()));
    key.flags.node |= if rng.u8(0..6) == 0 { Flags::LINK } else { 0 };
    for _ in 0..rng.usize(0..4) {
        let value = value(rng);
        key.set_value(Name::from_units(letters(rng, 0)), value);
    }
    for _ in 0..if depth < 4 { rng.usize(0..4) } else { 0 } {
        let name = Name::from_units(letters(rng, 1));
        fill(rng, key.create_subkey(name), depth + 1);
    }
}

/// Changes, adds and removes values and keys.
pub fn change(rng: &mut Rng, key: &mut Key, depth: usize) {
    let values: Vec<Name> = key.values().map(|(name, _)| name.clone()).collect();
    for name in values {
        match rng.u8(0..6) {
            0 => drop(key.remove_value(&name)),
            1 => key.set_value(name, value(rng)),
            _ => {}
        }
    }
    if rng.u8(0..3) == 0 {
        fill(rng, key, depth + 3);
    }
    let subkeys: Vec<Name> = key.subkeys().map(|(name, _)| name.clone()).collect();
    for name in subkeys {
        match rng.u8(0..6) {
            0 => drop(key.remove_subkey(&name)),
            _ => change(rng, key.create_subkey(name), depth + 1),
        }
    }
}

/// A whole registry.
pub fn registry(rng: &mut Rng) -> Registry {
    let mut tree = Tree::new("ROOT");
    let flags = tree.root.flags;
    fill(rng, &mut tree.root, 0);
    tree.root.flags = flags;
    Registry::with_tree("REGISTRY\\\\Machine", tree)
}
