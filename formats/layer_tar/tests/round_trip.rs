//! What is written is read back, and hostile archives are refused without a panic.

use casement_layer_tar::{Kind, LayerPath, LayerReader, LayerTarError, LayerWriter, Metadata, NtTime};
use std::io::Read;

fn sample() -> Vec<u8> {
    let time = NtTime::parse("1700000000.1234567").unwrap();
    let mut writer = LayerWriter::new(Vec::new());
    writer.directory(&LayerPath::new("Files").unwrap(), &Metadata::directory(time)).unwrap();
    let long = format!("Files/{}/ü.txt", "long".repeat(40));
    let hidden = Metadata { attributes: 0x22, ..Metadata::file(time) };
    writer.file(&LayerPath::new(&long).unwrap(), &hidden, 5, &b"hello"[..]).unwrap();
    writer.finish().unwrap()
}

/// Names, or the first error.
fn walk(bytes: &[u8]) -> Result<Vec<String>, LayerTarError> {
    let mut archive = tar::Archive::new(bytes);
    let mut reader = LayerReader::new(&mut archive)?;
    let mut names = Vec::new();
    while let Some(mut entry) = reader.next_entry()? {
        std::io::copy(&mut entry, &mut std::io::sink())?;
        names.push(entry.path.as_str().to_owned());
    }
    Ok(names)
}

fn archive_with(name: &[u8], kind: tar::EntryType, size: u64) -> Vec<u8> {
    let mut header = tar::Header::new_ustar();
    header.as_old_mut().name[..name.len()].copy_from_slice(name);
    header.set_entry_type(kind);
    header.set_size(size);
    header.set_mtime(0);
    header.set_cksum();
    header.as_bytes().to_vec()
}

#[test]
fn entries_keep_names_content_attributes_and_times() {
    let bytes = sample();
    let mut archive = tar::Archive::new(&bytes[..]);
    let mut reader = LayerReader::new(&mut archive).unwrap();
    let directory = reader.next_entry().unwrap().unwrap();
    assert_eq!(
        (directory.path.as_str(), directory.kind, directory.metadata.attributes),
        ("Files", Kind::Directory, 0x10)
    );
    let mut file = reader.next_entry().unwrap().unwrap();
    assert!(file.path.as_str().ends_with("/ü.txt"));
    assert_eq!((file.kind, file.metadata.attributes), (Kind::File { size: 5 }, 0x22));
    assert_eq!(file.metadata.created.to_pax(), "1700000000.1234567");
    let mut text = String::new();
    file.read_to_string(&mut text).unwrap();
    assert_eq!(text, "hello");
    assert!(reader.next_entry().unwrap().is_none());
}

#[test]
fn the_same_entries_give_the_same_bytes() {
    assert_eq!(sample(), sample());
}

#[test]
fn a_file_that_shrinks_while_it_is_read_is_an_error() {
    let mut writer = LayerWriter::new(Vec::new());
    let path = LayerPath::new("Files/a").unwrap();
    assert!(writer.file(&path, &Metadata::file(NtTime::default()), 10, &b"short"[..]).is_err());
}

#[test]
fn escapes_and_other_kinds_are_refused() {
    use tar::EntryType;
    for (name, kind) in [
        (&b"../x"[..], EntryType::Regular),
        (b"/etc/passwd", EntryType::Regular),
        (b"Files/../../x", EntryType::Regular),
        (b"Files\\x", EntryType::Regular),
        (b"Files/\xff", EntryType::Regular),
        (b"Files/x", EntryType::Symlink),
        (b"Files/x", EntryType::Link),
        (b"Files/x", EntryType::Block),
        (b"Files/x", EntryType::GNULongName),
    ] {
        assert!(walk(&archive_with(name, kind, 0)).is_err(), "{name:?} {kind:?}");
    }
}

#[test]
fn stated_sizes_are_never_trusted() {
    use tar::EntryType;
    assert!(walk(&archive_with(b"Files/x", EntryType::Regular, 1 << 41)).is_err());
    // Records of 8 GB that are not there: no allocation, an error or the end.
    let _ = walk(&archive_with(b"x", EntryType::XHeader, (1 << 33) - 1));
}

#[test]
fn cut_and_flipped_archives_never_panic() {
    let bytes = sample();
    for end in (0..bytes.len()).step_by(97) {
        let _ = walk(&bytes[..end]);
    }
    for at in 0..bytes.len() {
        let mut flipped = bytes.clone();
        flipped[at] ^= 0x41;
        let _ = walk(&flipped);
    }
}
