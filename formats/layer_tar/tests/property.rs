//! What holds for any bytes, for the fuzz target and for the tests.

use casement_layer_tar::{Entry, Kind, LayerReader, LayerWriter};
use std::io::Read;

/// Bytes of a tar block.
const BLOCK: usize = 512;

/// Reads anything as a layer. The checksums of headers are made right first, so that more than the first block is looked at. What is
/// read is written, and what is written reads the same.
pub fn what_is_read_is_written_and_read_again(data: &[u8]) {
    let mut archive = data.to_vec();
    for block in archive.chunks_exact_mut(BLOCK) {
        block[148..156].copy_from_slice(b"        ");
        let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
        block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    }
    let Some(entries) = read(&archive) else { return };
    let mut writer = LayerWriter::new(Vec::new());
    for (entry, content) in &entries {
        writer.entry(entry, &content[..]).unwrap();
    }
    let again = read(&writer.finish().unwrap()).unwrap();
    assert_eq!(again.len(), entries.len());
    for ((one, first), (other, second)) in entries.iter().zip(&again) {
        assert_eq!((&one.path, &one.kind, first), (&other.path, &other.kind, second));
        if matches!(one.kind, Kind::Directory | Kind::File { .. } | Kind::Reparse(_)) {
            let stated = |entry: &Entry| {
                let mut metadata = entry.metadata.clone();
                metadata.attributes_stated = true;
                metadata
            };
            assert_eq!(stated(one), stated(other), "{}", one.path);
        }
    }
}

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
