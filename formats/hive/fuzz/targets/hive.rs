//! Reads anything as a hive. The checksum is made right first, so that the fuzzer gets past it. What is read is dumped,
//! compared, merged and written, and what is written is the same.
#![no_main]

use casement_hive::{Hive, Times, diff, dump, flatten, merge};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let mut file = data.to_vec();
    if file.len() >= 512 {
        let sum = file[..508].chunks_exact(4).fold(0, |sum, word| sum ^ u32::from_le_bytes(word.try_into().unwrap()));
        file[508..512].copy_from_slice(&sum.to_le_bytes());
    }
    let Ok(hive) = Hive::read(&file) else { return };
    dump(&hive.tree, &mut String::new()).unwrap();
    let plain = flatten(hive.tree.clone());
    let empty = casement_hive::Tree::new("ROOT");
    let delta = diff(&empty, &plain, Times::Matter);
    assert_eq!(merge(empty, [&delta]), plain);
    if let Ok(again) = hive.write() {
        assert_eq!(Hive::read(&again).as_ref(), Ok(&hive));
    }
});
