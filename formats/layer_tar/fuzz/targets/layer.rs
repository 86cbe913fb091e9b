//! Reads anything as a layer. The checksums of headers are made right first, so that the fuzzer gets past them. What is read
//! is written, and what is written reads the same.
#![no_main]

use casement_layer_tar::{Entry, LayerReader, LayerWriter};
use libfuzzer_sys::fuzz_target;
use std::io::Read;

fuzz_target!(|data: &[u8]| {
    let mut archive = data.to_vec();
    for block in archive.chunks_exact_mut(512) {
        block[148..156].copy_from_slice(b"        ");
        let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
        block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    }
    let Some(entries) = read(&archive) else { return };
    let mut writer = LayerWriter::new(Vec::new());
    for (entry, content) in &entries {
        writer.entry(entry, &content[..]).unwrap();
    }
    let again = writer.finish().unwrap();
    let again = read(&again).unwrap();
    assert_eq!(again.len(), entries.len());
    for ((one, first), (other, second)) in entries.iter().zip(&again) {
        assert_eq!((&one.path, &one.kind, first), (&other.path, &other.kind, second));
    }
});

fn read(archive: &[u8]) -> Option<Vec<(Entry, Vec<u8>)>> {
    let mut reader = LayerReader::new(archive);
    let mut entries = Vec::new();
    while let Some(entry) = reader.next_entry().ok()? {
        let mut content = Vec::new();
        reader.read_to_end(&mut content).ok()?;
        entries.push((entry, content));
    }
    Some(entries)
}
