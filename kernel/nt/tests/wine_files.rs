//! The registry files that Wine wrote when it made the prefix of the base images.

use casement_nt::registry::{KeyTimes, Registry};
use std::path::PathBuf;

/// The registry files of a prefix that Wine made, by name.
fn files() -> Vec<(String, Vec<u8>)> {
    let root = std::env::var_os("CASEMENT_TEST_ROOT")
        .map_or_else(|| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/test-root")), PathBuf::from);
    let prefixes = root.join("cache/prefixes");
    let entries = std::fs::read_dir(&prefixes);
    let entries = entries.unwrap_or_else(|e| panic!("{}: {e}; run test.sh, which makes it", prefixes.display()));
    let prefix = entries.filter_map(Result::ok).map(|entry| entry.path()).find(|path| path.join("system.reg").is_file());
    let prefix = prefix.expect("test.sh makes a prefix");
    ["system.reg", "user.reg", "userdef.reg"]
        .map(|name| (name.to_owned(), std::fs::read(prefix.join(name)).unwrap()))
        .to_vec()
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
