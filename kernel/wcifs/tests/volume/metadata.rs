//! What Windows knows of a file.

use crate::fixture::{Fixture, Mode, error, fill};
use rustix::fs::{XattrFlags, getxattr, listxattr, setxattr};
use std::fs;
use std::path::Path;

in_every_mode!(
    other_attributes_stay,
    wine_s_attributes_are_windows_attributes,
    a_time_of_creation_is_shown,
    streams_survive_copy_up_and_renaming
);

fn get(path: &Path, name: &str) -> Option<Vec<u8>> {
    let mut value = [0; 256];
    getxattr(path, name, &mut value).ok().map(|length| value[..length].to_vec())
}

fn other_attributes_stay(mode: Mode) {
    // NOT_CONTENT_INDEXED and ARCHIVE; of the directory READONLY, too.
    let set = |path: &Path, bits: u32| {
        setxattr(path, "trusted.wcifs.attributes", &bits.to_le_bytes(), XattrFlags::empty()).unwrap();
    };
    let volume = Fixture::new(
        mode,
        &[&|l| {
            fill(l, &[("f", "1"), ("d/", "")]);
            set(&l.join("f"), 0x2020);
            set(&l.join("d"), 0x2001);
        }],
    );
    for (name, kept) in [("f", 0x2020), ("d", 0x2001)] {
        let now = || get(&volume.upper().join(name), "trusted.wcifs.attributes").unwrap();
        // As Wine does for `attrib +h` of a read-only file, and for `attrib -h`.
        setxattr(volume.at(name), "user.DOSATTRIB", b"0x3", XattrFlags::empty()).unwrap();
        assert_eq!(now(), u32::to_le_bytes(kept | 2), "{name}");
        rustix::fs::removexattr(volume.at(name), "user.DOSATTRIB").unwrap();
        assert_eq!(now(), u32::to_le_bytes(kept), "{name}");
    }
}

fn wine_s_attributes_are_windows_attributes(mode: Mode) {
    let mut volume = Fixture::over(mode, &[("d/f", "1"), ("plain", "2")]);
    let path = volume.at("d/f");
    assert_eq!(get(&path, "user.DOSATTRIB"), None);
    setxattr(&path, "user.DOSATTRIB", b"0x26", XattrFlags::empty()).unwrap();
    setxattr(&path, "user.mine", b"value", XattrFlags::empty()).unwrap();
    for _ in 0..2 {
        assert_eq!(get(&path, "user.DOSATTRIB").as_deref(), Some(&b"0x26"[..]));
        let mut list = [0u8; 256];
        let length = listxattr(&path, &mut list).unwrap();
        let mut names: Vec<_> = list[..length].split(|b| *b == 0).filter(|n| !n.is_empty()).collect();
        names.sort();
        assert_eq!(names, [&b"user.DOSATTRIB"[..], b"user.mine"]);
        volume.remount();
    }
    assert_eq!(get(&volume.upper().join("d/f"), "trusted.wcifs.attributes"), Some(vec![0x26, 0, 0, 0]));
    assert_eq!(error(setxattr(&path, "user.DOSATTRIB", b"junk", XattrFlags::empty()).map_err(Into::into)), 22);
    rustix::fs::removexattr(&path, "user.DOSATTRIB").unwrap();
    assert_eq!(get(&path, "user.DOSATTRIB"), None);
    assert!(!volume.upper().join("plain").exists());
}

fn a_time_of_creation_is_shown(mode: Mode) {
    // 2001-02-03 04:05:06.7 UTC in units of 100 ns since 1601.
    let ticks: u64 = 116_444_736_000_000_000 + 9_811_731_067_000_000;
    let volume = Fixture::new(
        mode,
        &[&|l| {
            fs::write(l.join("f"), "1").unwrap();
            setxattr(l.join("f"), "trusted.wcifs.created", &ticks.to_le_bytes(), XattrFlags::empty()).unwrap();
        }],
    );
    let created = || fs::metadata(volume.at("f")).unwrap().created().unwrap();
    let expected = std::time::UNIX_EPOCH + std::time::Duration::from_millis(981_173_106_700);
    assert_eq!(created(), expected);
    volume.write("f", "2");
    assert_eq!(created(), expected);
}

fn streams_survive_copy_up_and_renaming(mode: Mode) {
    let volume = Fixture::new(
        mode,
        &[&|l| {
            fs::write(l.join("f"), "1").unwrap();
            let name = "trusted.wcifs.stream.Zone.Identifier";
            setxattr(l.join("f"), name, b"[ZoneTransfer]", XattrFlags::empty()).unwrap();
        }],
    );
    fs::rename(volume.at("F"), volume.at("g")).unwrap();
    let stream = get(&volume.upper().join("g"), "trusted.wcifs.stream.Zone.Identifier");
    assert_eq!(stream.as_deref(), Some(&b"[ZoneTransfer]"[..]));
}
