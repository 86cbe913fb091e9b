//! Replays anything as the log of a small dirty hive: the first byte says where the two logs part.
#![no_main]

use casement_hive::{Hive, Name, Tree, Value, recover};
use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;

static DIRTY: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let mut tree = Tree::new("ROOT");
    tree.create(r"Key\Subkey").set_value(Name::from("value"), Value::string("text"));
    let mut file = Hive::new(tree, "FUZZ").write().unwrap();
    // The checksum is wrong then, too.
    file[4] ^= 1;
    file
});

fuzz_target!(|data: &[u8]| {
    let Some((part, logs)) = data.split_first() else { return };
    let (first, second) = logs.split_at((usize::from(*part) * 512).min(logs.len()));
    if let Ok(file) = recover(&DIRTY, &[first, second]) {
        let _ = Hive::read(&file);
    }
});
