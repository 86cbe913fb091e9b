//! The registry files that Wine wrote when it made the prefix of the base images.

use casement_hive::Hive;
use casement_nt::hives::{FromWine, Hives, WineRegistry};
use casement_nt::registry::{KeyTimes, Registry};
use std::path::PathBuf;

/// The registry files of a prefix that Wine made, by name.
fn files() -> [(String, Vec<u8>); 3] {
    let root = std::env::var_os("CASEMENT_TEST_ROOT")
        .map_or_else(|| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/test-root")), PathBuf::from);
    let prefixes = root.join("cache/prefixes");
    let entries = std::fs::read_dir(&prefixes);
    let entries = entries.unwrap_or_else(|e| panic!("{}: {e}; run test.sh, which makes it", prefixes.display()));
    let prefix =
        entries.filter_map(Result::ok).map(|entry| entry.path()).find(|path| path.join("system.reg").is_file());
    let prefix = prefix.expect("test.sh makes a prefix");
    ["system.reg", "user.reg", "userdef.reg"].map(|name| (name.to_owned(), std::fs::read(prefix.join(name)).unwrap()))
}

#[test]
fn what_wine_wrote_is_written_again_byte_by_byte() {
    for (name, bytes) in files() {
        let text = Registry::parse(&bytes).unwrap().to_text(KeyTimes::Own);
        let written = String::from_utf8(bytes).unwrap();
        for (number, (ours, theirs)) in text.lines().zip(written.lines()).enumerate() {
            assert_eq!(ours, theirs, "{name}, line {}", number + 1);
        }
        assert_eq!(text.len(), written.len(), "{name}");
    }
}

#[test]
fn what_wine_wrote_comes_back_from_hives() {
    let [machine, user, default_user] = files().map(|(_, bytes)| Registry::parse(&bytes).unwrap());
    let wine = WineRegistry { machine, user, default_user };
    let FromWine { hives, without_hive } = Hives::from_wine(wine.clone());
    assert_eq!(without_hive, []);
    let hives = Hives::new(|mount| {
        let file = Hive::new(hives.get(mount).clone(), "TEST").write().unwrap();
        Hive::read(&file).unwrap().tree
    });
    let mut back = hives.into_wine();
    // Hives of which Wine has nothing.
    assert_eq!((back.machine.remove_key("SAM"), back.machine.remove_key("SECURITY")), (1, 1));
    for path in ["", r"System\CurrentControlSet"] {
        back.machine.create(path).time = wine.machine.key(path).unwrap().time;
    }
    for (ours, theirs) in
        [(&back.machine, &wine.machine), (&back.user, &wine.user), (&back.default_user, &wine.default_user)]
    {
        let (ours, theirs) = (ours.to_text(KeyTimes::Own), theirs.to_text(KeyTimes::Own));
        let different = ours.lines().zip(theirs.lines()).find(|(ours, theirs)| ours != theirs);
        assert_eq!((different, ours.len()), (None, theirs.len()));
    }
}
