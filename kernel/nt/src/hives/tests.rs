//! Wine's registry becomes hives and hives become Wine's registry without a loss, and so do their differences.

use super::*;
use crate::registry::{KeyTimes, NtTime, Value, chance};
use casement_hive::Hive;
use fastrand::Rng;

/// Through the files of hives.
fn written(hives: &Hives) -> Hives {
    Hives::new(|mount| {
        let file = Hive::new(hives.get(mount).clone(), "TEST").write().unwrap();
        Hive::read(&file).unwrap().tree
    })
}

/// Through Wine's files.
fn through_text(wine: &WineRegistry) -> WineRegistry {
    let [system, user, default_user] = texts(wine);
    WineRegistry::parse(system.as_bytes(), user.as_bytes(), default_user.as_bytes()).unwrap()
}

fn texts(wine: &WineRegistry) -> [String; 3] {
    [&wine.machine, &wine.user, &wine.default_user].map(|registry| registry.to_text(KeyTimes::Own))
}

fn without_times(wine: &WineRegistry) -> [String; 3] {
    [&wine.machine, &wine.user, &wine.default_user].map(|registry| registry.to_text(KeyTimes::Same(0)))
}

fn hives(rng: &mut Rng) -> Hives {
    Hives::new(|mount| {
        let mut tree = Tree::new(ROOT);
        let flags = tree.root.flags;
        chance::fill(rng, &mut tree.root, 0);
        tree.root.flags = flags;
        if mount == Mount::System {
            chance::fill(rng, tree.create("ControlSet002"), 2);
            tree.create("Select").set_value(Name::from("Current"), Value::dword(2));
        }
        tree
    })
}

#[test]
fn hives_by_chance_come_back_from_wine_as_they_were() {
    for seed in 0..150 {
        let hives = hives(&mut Rng::with_seed(seed));
        let wine = through_text(&written(&hives).into_wine());
        let back = Hives::from_wine(wine);
        assert_eq!(written(&back.hives), hives, "seed {seed}");
        assert_eq!(back.without_hive, []);
    }
}

#[test]
fn wines_registries_by_chance_come_back_from_hives_as_they_were() {
    for seed in 0..150 {
        let wine = through_text(&hives(&mut Rng::with_seed(seed)).into_wine());
        let back = written(&Hives::from_wine(wine.clone()).hives).into_wine();
        assert_eq!(texts(&back), texts(&wine), "seed {seed}");
    }
}

#[test]
fn what_changes_in_wine_by_chance_is_a_layer_over_the_image() {
    for seed in 0..150 {
        let rng = &mut Rng::with_seed(seed);
        let mut image = hives(rng);
        for tree in &mut image.0 {
            protect(rng, &mut tree.root);
        }
        let mut wine = through_text(&image.clone().into_wine());
        for key in ["SAM", "SECURITY", "Software", r"System\ControlSet002"] {
            chance::change(rng, wine.machine.create(key), 1);
        }
        chance::change(rng, wine.user.create(""), 0);
        let layer = written(&image.changes(through_text(&wine)).hives);
        let changed = image.clone().with_layers(&[layer]);
        assert_eq!(without_times(&changed.clone().into_wine()), without_times(&wine), "seed {seed}");
        for mount in Mount::ALL {
            kept(&image.get(mount).root, &changed.get(mount).root);
        }
    }
}

/// Gives keys descriptors of their own.
fn protect(rng: &mut Rng, key: &mut Key) {
    key.security = Security::new(&[rng.u8(0..3); 20]);
    key.subkeys_mut().for_each(|(_, subkey)| protect(rng, subkey));
}

/// Keys that are still there have their descriptor, and new ones that of the key above.
fn kept(old: &Key, new: &Key) {
    assert_eq!(old.security, new.security);
    for (name, subkey) in new.subkeys() {
        match old.subkey(name) {
            Some(old) => kept(old, subkey),
            None => assert_eq!(subkey.security, new.security),
        }
    }
}

#[test]
fn a_container_that_changed_nothing_has_empty_layers() {
    let image = hives(&mut Rng::with_seed(4));
    let changes = image.changes(through_text(&image.clone().into_wine()));
    for mount in Mount::ALL {
        let root = &changes.hives.get(mount).root;
        assert_eq!((root.subkeys().len(), root.entries().len()), (0, 0), "{mount:?}");
    }
}

#[test]
fn deletions_links_and_empty_values_are_in_the_layer() {
    let mut image = Hives::new(|_| Tree::new(ROOT));
    let software = &mut image.0[Mount::Software as usize];
    software.create(r"Gone\Below");
    software.create("Kept").set_value(Name::from("gone"), Value::string("x"));
    let mut wine = through_text(&image.clone().into_wine());
    wine.machine.remove_key(r"Software\Gone");
    wine.machine.remove_value(r"Software\Kept", "GONE");
    wine.machine.set(r"Software\Kept", "empty", Value::raw(1, Vec::new()));
    wine.machine.set(r"Software\Link", "SymbolicLinkValue", Value::link(r"\Registry\Machine\Software\Kept"));
    wine.machine.create(r"Software\Link").flags.node |= Flags::LINK;
    let changes = image.changes(through_text(&wine));
    let mut text = String::new();
    casement_hive::dump(changes.hives.get(Mount::Software), &mut text).unwrap();
    for line in [
        r"[ROOT\Gone] never security 1 tombstone",
        r"[ROOT\Kept] never security 1 inherit-class",
        "  \"gone\" = tombstone",
        "  \"empty\" = REG_SZ",
        r"[ROOT\Link] never security 1 link supersede-tree",
        r#"  "SymbolicLinkValue" = REG_LINK "\\Registry\\Machine\\Software\\Kept""#,
    ] {
        assert!(text.lines().any(|found| found == line), "{line} in\n{text}");
    }
}

#[test]
fn the_current_control_set_is_a_link_in_wine_and_a_number_in_hives() {
    let mut image = Hives::new(|_| Tree::new(ROOT));
    let system = &mut image.0[Mount::System as usize];
    system.create("ControlSet003").time = NtTime(77);
    system.create("Select").set_value(Name::from("Current"), Value::dword(3));
    let wine = image.clone().into_wine();
    let link = wine.machine.key(r"System\CurrentControlSet").unwrap();
    assert!(link.flags.is_link());
    assert_eq!(link.time, NtTime(77));
    let target = link.value(&Name::from("SymbolicLinkValue")).unwrap();
    assert_eq!(String::from_utf16(&target.units()).unwrap(), r"\Registry\Machine\System\ControlSet003");
    assert_eq!(Hives::from_wine(wine).hives, image);

    // Wine's own registry has no numbers.
    let mut wine = image.into_wine();
    wine.machine.remove_key(r"System\Select");
    let hives = Hives::from_wine(wine).hives;
    let select = hives.get(Mount::System).key("Select").unwrap();
    let numbers: Vec<(String, Option<u32>)> =
        select.values().map(|(name, value)| (name.to_string(), value.as_dword())).collect();
    let number = |name: &str, number| (name.to_owned(), Some(number));
    assert_eq!(numbers, [number("Current", 3), number("Default", 3), number("Failed", 0), number("LastKnownGood", 3)]);
    assert!(hives.get(Mount::System).key("CurrentControlSet").is_none());
}

#[test]
fn a_link_of_the_current_control_set_to_elsewhere_stays_a_link() {
    for target in [r"\Registry\Machine\Software\x", r"\Registry\Machine\System\ControlSet01", "ключ"] {
        let mut wine = Hives::new(|_| Tree::new(ROOT)).into_wine();
        wine.machine.set(r"System\CurrentControlSet", "SymbolicLinkValue", Value::link(target));
        wine.machine.create(r"System\CurrentControlSet").flags.node |= Flags::LINK;
        let hives = Hives::from_wine(wine).hives;
        assert!(hives.get(Mount::System).key("CurrentControlSet").unwrap().flags.is_link(), "{target}");
    }
}

#[test]
fn keys_that_are_in_no_hive_are_named() {
    let mut wine = Hives::new(|_| Tree::new(ROOT)).into_wine();
    wine.machine.create(r"Strange\Key");
    assert_eq!(Hives::from_wine(wine).without_hive, [Name::from("Strange")]);
}
