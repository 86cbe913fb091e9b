//! Layers read and written: what comes back, what other programs write, what is refused.

mod corpus;
mod hostile;
mod others;
mod property;
mod round_trip;

use casement_layer_tar::{Entry, LayerReader, LayerTarError};
use std::io::Read;

/// All entries with their content, or the first error.
fn read(archive: &[u8]) -> Result<Vec<(Entry, Vec<u8>)>, LayerTarError> {
    let mut reader = LayerReader::new(archive);
    let mut entries = Vec::new();
    while let Some(entry) = reader.next_entry()? {
        let mut content = Vec::new();
        reader.read_to_end(&mut content)?;
        entries.push((entry, content));
    }
    Ok(entries)
}
