//! Archives from anyone: refused without a panic, and without believing what they say of sizes.

use crate::read;
use casement_layer_tar::{Kind, LayerTarError};
use tar::EntryType;

fn header(name: &[u8], link: &[u8], kind: EntryType, size: u64) -> Vec<u8> {
    let mut header = tar::Header::new_ustar();
    header.as_old_mut().name[..name.len()].copy_from_slice(name);
    header.as_old_mut().linkname[..link.len()].copy_from_slice(link);
    header.set_entry_type(kind);
    header.set_size(size);
    header.set_mtime(0);
    header.set_cksum();
    header.as_bytes().to_vec()
}

fn records(text: &[u8]) -> Vec<u8> {
    let mut bytes = header(b"x", b"", EntryType::XHeader, text.len() as u64);
    bytes.extend(text);
    bytes.resize(bytes.len().next_multiple_of(512), 0);
    bytes
}

#[test]
fn names_that_leave_the_layer_are_refused() {
    for name in [
        &b"../x"[..],
        b"/etc/passwd",
        b"Files/../../x",
        b"Files/../../etc/passwd",
        b"Files\\x",
        b"Files/C:/x",
        b"C:/x",
        b"//server/share/x",
        b"//?/C:/x",
        b"\\\\?\\C:\\x",
        b"Files/\xff",
        b"Files/a\\..\\..\\b",
        b"Files/a::$DATA",
        b"Files/a:b:c",
        b"Hives/System_Base:x",
        b"etc/passwd",
    ] {
        for kind in [EntryType::Regular, EntryType::Directory] {
            assert!(read(&header(name, b"", kind, 0)).is_err(), "{name:?} {kind:?}");
        }
    }
    // A name in a record is checked as one in a header.
    let mut archive = records(b"25 path=Files/../../../x\n");
    archive.extend(header(b"Files/x", b"", EntryType::Regular, 0));
    assert!(matches!(read(&archive), Err(LayerTarError::BadName { .. })));
}

#[test]
fn links_only_lead_to_files_of_volumes() {
    for (name, link) in [
        (&b"Files/x"[..], &b"../x"[..]),
        (b"Files/x", b"/etc/passwd"),
        (b"Files/x", b"Hives/System_Base"),
        (b"Hives/x", b"Files/x"),
        (b"Files/x", b""),
        (b"Files/x", b"Files/a:stream"),
    ] {
        assert!(read(&header(name, link, EntryType::Link, 0)).is_err(), "{name:?} {link:?}");
    }
    for (name, link) in [(&b"Hives/x"[..], &b"y"[..]), (b"Files/x", b""), (b"Hives", b"Files")] {
        assert!(read(&header(name, link, EntryType::Symlink, 0)).is_err(), "{name:?} {link:?}");
    }
}

#[test]
fn whiteouts_are_of_files_only() {
    for name in [
        &b".wh.Files"[..],
        b".wh.Hives",
        b"Hives/.wh.System_Base",
        b"Hives/.wh..wh..opq",
        b".wh..wh..opq",
        b"Files/.wh.",
        b"Files/.wh...",
        b"Files/.wh.a\\b",
        b"UtilityVM/.wh.Files",
    ] {
        assert!(read(&header(name, b"", EntryType::Regular, 0)).is_err(), "{name:?}");
    }
    let good = read(&header(b"Files/a/.wh..wh..opq", b"", EntryType::Regular, 0)).unwrap();
    assert_eq!((good[0].0.path.as_str(), &good[0].0.kind), ("Files/a", &Kind::Opaque));
    let good = read(&header(b"Files/.wh.b", b"", EntryType::Regular, 0)).unwrap();
    assert_eq!((good[0].0.path.as_str(), &good[0].0.kind), ("Files/b", &Kind::Whiteout));
}

#[test]
fn kinds_that_windows_has_not_are_refused() {
    for kind in [EntryType::Block, EntryType::Char, EntryType::Fifo, EntryType::GNUSparse, EntryType::new(b'Z')] {
        assert!(matches!(read(&header(b"Files/x", b"", kind, 0)), Err(LayerTarError::Unsupported { .. })));
    }
}

#[test]
fn stated_sizes_are_never_trusted() {
    assert!(matches!(read(&header(b"Files/x", b"", EntryType::Regular, 1 << 41)), Err(LayerTarError::TooLarge(_))));
    // Records and names of 8 GB that are not there.
    for kind in [EntryType::XHeader, EntryType::GNULongName, EntryType::GNULongLink, EntryType::XGlobalHeader] {
        assert!(matches!(read(&header(b"x", b"", kind, (1 << 33) - 1)), Err(LayerTarError::TooLarge(_))));
    }
    assert!(read(&header(b"Files/x", b"", EntryType::Regular, 5000)).is_err());
    for size in ["99999999999999999999999", "-1", "18446744073709551615"] {
        let mut archive = records(format!("{} size={size}\n", size.len() + 9).as_bytes());
        archive.extend(header(b"Files/x", b"", EntryType::Regular, 0));
        assert!(read(&archive).is_err(), "{size}");
    }
}

#[test]
fn more_than_a_trailer_after_the_end_is_refused() {
    let mut archive = header(b"Files/x", b"", EntryType::Directory, 0);
    archive.resize(archive.len() + 20_000, 0);
    assert_eq!(read(&archive).unwrap().len(), 1);
    archive.resize(archive.len() + (65 << 20), 0);
    assert!(matches!(read(&archive), Err(LayerTarError::TooLarge(_))));
}

#[test]
fn cut_and_flipped_archives_never_panic() {
    let mut bytes = records(b"26 MSWINDOWS.fileattr=32\n\n");
    bytes.truncate(1024);
    bytes.extend(header(b"Files/a:s", b"", EntryType::Regular, 3));
    bytes.extend(b"abc");
    bytes.resize(bytes.len().next_multiple_of(512), 0);
    bytes.extend(header(b"Files/l", b"C:/x", EntryType::Symlink, 0));
    for end in (0..bytes.len()).step_by(97) {
        let _ = read(&bytes[..end]);
    }
    for at in 0..bytes.len() {
        let mut flipped = bytes.clone();
        flipped[at] ^= 0x41;
        let _ = read(&flipped);
    }
}
