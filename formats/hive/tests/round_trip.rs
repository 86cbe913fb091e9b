//! What is written is read again without a loss, in a file that is as small as it can be.

use crate::registries;
use casement_hive::{BaseBlock, Hive, Minor, Name, NtTime, Security, Tree, Value, limits};
use fastrand::Rng;

fn written(tree: &Tree) -> Vec<u8> {
    Hive::new(tree.clone(), "system32\\config\\TEST").write().unwrap()
}

#[test]
fn registries_by_chance_are_read_as_they_were_written() {
    for seed in 0..300 {
        let mut rng = Rng::with_seed(seed);
        let tree = if seed % 2 == 0 { registries::registry(&mut rng) } else { registries::layer(&mut rng) };
        let mut hive = Hive::new(tree, "TEST");
        hive.base.written = NtTime(rng.u64(..));
        hive.base.reorganized = NtTime(rng.u64(..1 << 60));
        hive.base.sequence = rng.u32(..);
        hive.base.transaction_ids = std::array::from_fn(|_| std::array::from_fn(|_| rng.u8(..)));
        if !hive.base.layered && rng.bool() {
            hive.base.minor = [Minor::Three, Minor::Four, Minor::Six][rng.usize(..3)];
        }
        let file = hive.write().unwrap();
        assert_eq!(Hive::read(&file).unwrap(), hive, "seed {seed}");
        assert_eq!(hive.write().unwrap(), file, "seed {seed}");
    }
}

#[test]
fn keys_and_values_have_no_case_and_keep_their_spelling() {
    let mut tree = Tree::new("ROOT");
    tree.create(r"Software\Ключ").set_value(Name::from("Größe"), Value::dword(1));
    tree.create(r"SOFTWARE\КЛЮЧ").set_value(Name::from("GRÖßE"), Value::dword(2));
    let hive = Hive::read(&written(&tree)).unwrap();
    let key = hive.tree.key(r"software\ключ").unwrap();
    let values: Vec<(String, Option<u32>)> =
        key.values().map(|(name, value)| (name.to_string(), value.as_dword())).collect();
    assert_eq!(values, [("Größe".to_owned(), Some(2))]);
    let names: Vec<String> = hive.tree.root.subkeys().map(|(name, _)| name.to_string()).collect();
    assert_eq!(names, ["Software"]);
}

#[test]
fn subkeys_are_in_the_order_of_their_upper_case() {
    let mut tree = Tree::new("ROOT");
    for name in ["b", "a_", "aZ", "A[", "Ü", "ab", "û"] {
        tree.create(name);
    }
    let hive = Hive::read(&written(&tree)).unwrap();
    let names: Vec<String> = hive.tree.root.subkeys().map(|(name, _)| name.to_string()).collect();
    assert_eq!(names, ["ab", "aZ", "A[", "a_", "b", "û", "Ü"]);
}

#[test]
fn data_of_every_length_around_the_limits_of_cells_and_segments() {
    let mut tree = Tree::new("ROOT");
    for length in [0, 1, 3, 4, 5, 4059, 4060, 4061, 16_343, 16_344, 16_345, 32_688, 32_689, 1_000_000] {
        let data = (0..length).map(|at| (at % 251) as u8).collect();
        tree.root.set_value(Name::from(format!("{length}").as_str()), Value::binary(data));
    }
    assert_eq!(Hive::read(&written(&tree)).unwrap().tree, tree);
}

#[test]
fn a_descriptor_that_many_keys_have_is_there_once() {
    let mut tree = Tree::new("ROOT");
    let marked = [0x77; 500];
    for number in 0..300 {
        tree.create(&format!("{number}")).security = Security::new(&marked);
    }
    let file = written(&tree);
    assert_eq!(file.windows(marked.len()).filter(|window| **window == marked).count(), 1);
    assert_eq!(Hive::read(&file).unwrap().tree, tree);
}

/// What the records of a registry need, each in a cell of its own.
fn content(tree: &Tree) -> usize {
    fn cell(record: usize) -> usize {
        (4 + record).next_multiple_of(8)
    }
    fn name(name: &Name) -> usize {
        name.units().len() * if name.units().iter().any(|unit| *unit > 255) { 2 } else { 1 }
    }
    fn below(key: &casement_hive::Key) -> usize {
        let values: usize = key
            .values()
            .map(|(n, value)| {
                let data = value.data().len();
                cell(20 + name(n)) + if data > 4 { cell(data) } else { 0 }
            })
            .sum();
        let lists = if key.values().count() > 0 { cell(4 * key.values().count()) } else { 0 };
        let subkeys: usize = key.subkeys().map(|(n, subkey)| cell(76 + name(n)) + below(subkey)).sum();
        let list = if key.subkeys().len() > 0 { cell(4 + 8 * key.subkeys().len()) } else { 0 };
        values + lists + subkeys + list
    }
    4096 + cell(80) + cell(20 + Security::default().bytes().len()) + below(&tree.root)
}

#[test]
fn a_file_has_hardly_more_than_its_content() {
    let mut tree = Tree::new("ROOT");
    let mut rng = Rng::with_seed(7);
    for number in 0..2000 {
        let key = tree.create(&format!(r"Software\Vendor {}\Product {number}", number % 40));
        for value in 0..4 {
            key.set_value(Name::from(format!("value {value}").as_str()), Value::string(&"x".repeat(rng.usize(0..60))));
        }
    }
    let (file, content) = (written(&tree).len(), content(&tree));
    assert!(file * 100 < content * 103, "{file} bytes for {content} bytes of content");
}

#[test]
fn many_subkeys_are_cut_into_leaves() {
    let mut tree = Tree::new("ROOT");
    for number in 0..20_000 {
        tree.create(&format!(r"many\{number}"));
    }
    assert_eq!(Hive::read(&written(&tree)).unwrap().tree, tree);
}

#[test]
fn what_no_hive_can_hold_is_refused() {
    let refused = |change: &dyn Fn(&mut Tree)| {
        let mut tree = Tree::new("ROOT");
        change(&mut tree);
        let hive = Hive { tree, base: BaseBlock::new("TEST", false) };
        let error = hive.write().unwrap_err().to_string();
        assert!(error.contains("cannot be written"), "{error}");
    };
    refused(&|tree| {
        tree.create(&"n".repeat(limits::MAX_KEY_NAME + 1));
    });
    refused(&|tree| {
        tree.root.create_subkey(Name::from(r"a\b"));
    });
    refused(&|tree| {
        tree.root.create_subkey(Name::default());
    });
    refused(&|tree| {
        tree.create(&r"\a".repeat(limits::MAX_DEPTH + 1));
    });
    refused(&|tree| tree.root.set_value(Name::from("n".repeat(limits::MAX_VALUE_NAME + 1).as_str()), Value::none()));
    refused(&|tree| tree.root.security = Security::new(&vec![0; limits::MAX_SECURITY + 1]));
    refused(&|tree| drop(tree.root.put_entry(Name::from("gone"), casement_hive::Entry::Tombstone)));
}
