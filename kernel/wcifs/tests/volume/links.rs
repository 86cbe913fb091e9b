//! Hard links, symbolic links and files without a name.

use crate::fixture::{Fixture, Mode, error};
use rustix::fs::{AtFlags, CWD, Mode as Permissions, OFlags, linkat, openat};
use std::fs;
use std::io::{Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{MetadataExt, symlink};

in_every_mode!(
    hard_links_are_one_file,
    hard_links_come_and_go,
    symbolic_links,
    files_without_a_name,
    linking_an_open_lower_file
);

fn hard_links_are_one_file(mode: Mode) {
    let mut volume = Fixture::over(mode, &[("low", "low"), ("gone", "x"), ("d/", "")]);
    volume.write("a", "1");
    fs::hard_link(volume.at("A"), volume.at("d/B")).unwrap();
    fs::hard_link(volume.at("low"), volume.at("d/low2")).unwrap();
    fs::remove_file(volume.at("gone")).unwrap();
    fs::hard_link(volume.at("a"), volume.at("gone")).unwrap();
    volume.write("d/b", "both");
    volume.write("d/LOW2", "changed");
    for _ in 0..2 {
        assert_eq!(
            (volume.read("a"), volume.read("gone"), volume.read("low")),
            ("both".into(), "both".into(), "changed".into())
        );
        let metadata = |path: &str| fs::metadata(volume.at(path)).unwrap();
        assert_eq!(metadata("a").nlink(), 3);
        assert_eq!(metadata("a").ino(), metadata("d/b").ino());
        assert_eq!(metadata("low").ino(), metadata("d/low2").ino());
        volume.remount();
    }
    assert_eq!(error(fs::hard_link(volume.at("a"), volume.at("LOW"))), 17);
}

fn hard_links_come_and_go(mode: Mode) {
    let mut volume = Fixture::over(mode, &[]);
    volume.write("a", "1");
    fs::hard_link(volume.at("a"), volume.at("b")).unwrap();
    fs::hard_link(volume.at("a"), volume.at("c")).unwrap();
    fs::remove_file(volume.at("A")).unwrap();
    assert_eq!(volume.read("b"), "1");
    fs::rename(volume.at("b"), volume.at("d")).unwrap();
    assert_eq!(fs::metadata(volume.at("c")).unwrap().nlink(), 2);
    fs::remove_file(volume.at("c")).unwrap();
    volume.write("d", "2");
    assert_eq!(fs::metadata(volume.at("D")).unwrap().nlink(), 1);
    fs::hard_link(volume.at("d"), volume.at("e")).unwrap();
    volume.remount();
    // The other name was not asked for in this mount.
    let mut held = fs::File::open(volume.at("d")).unwrap();
    fs::remove_file(volume.at("d")).unwrap();
    assert_eq!(held.metadata().unwrap().nlink(), 1);
    volume.write("e", "3");
    let mut text = String::new();
    held.read_to_string(&mut text).unwrap();
    assert_eq!(text, "3");
    fs::rename(volume.at("e"), volume.at("E")).unwrap();
    assert_eq!(volume.names(""), ["E"]);
}

fn symbolic_links(mode: Mode) {
    let mut volume = Fixture::over(mode, &[("d/f", "1")]);
    symlink("D/F", volume.at("link")).unwrap();
    symlink("d", volume.at("dir")).unwrap();
    symlink("nowhere", volume.at("dangling")).unwrap();
    fs::rename(volume.at("link"), volume.at("LINK2")).unwrap();
    for _ in 0..2 {
        assert_eq!(volume.read("link2"), "1");
        assert_eq!(volume.read("DIR/f"), "1");
        assert_eq!(fs::read_link(volume.at("Dangling")).unwrap().to_str(), Some("nowhere"));
        volume.remount();
    }
    assert_eq!(error(symlink("x", volume.at("LINK2"))), 17);
    fs::remove_file(volume.at("dangling")).unwrap();
    assert!(fs::symlink_metadata(volume.at("DANGLING")).is_err());
}

fn files_without_a_name(mode: Mode) {
    let mut volume = Fixture::over(mode, &[("d/", ""), ("gone", "1")]);
    fs::remove_file(volume.at("gone")).unwrap();
    let permissions = Permissions::from_raw_mode(0o640);
    for name in ["d/named", "gone"] {
        let fd = openat(CWD, volume.at("d"), OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC, permissions).unwrap();
        let mut file = fs::File::from(fd);
        file.write_all(b"content").unwrap();
        assert_eq!(file.metadata().unwrap().nlink(), 0);
        let path = format!("/proc/self/fd/{}", file.as_raw_fd());
        linkat(CWD, path, CWD, volume.at(name), AtFlags::SYMLINK_FOLLOW).unwrap();
        assert_eq!(volume.read(name), "content");
        assert_eq!(file.metadata().unwrap().nlink(), 1);
        assert_eq!(file.metadata().unwrap().mode() & 0o777, 0o640);
    }
    volume.remount();
    assert_eq!(volume.read("D/NAMED"), "content");
    assert_eq!(volume.read("GONE"), "content");
}

fn linking_an_open_lower_file(mode: Mode) {
    let volume = Fixture::over(mode, &[("low", "1")]);
    let mut held = fs::File::open(volume.at("low")).unwrap();
    fs::hard_link(volume.at("low"), volume.at("second")).unwrap();
    volume.write("second", "22");
    assert_eq!(volume.read("low"), "22");
    let mut text = String::new();
    held.read_to_string(&mut text).unwrap();
    assert_eq!(text, "1");
    assert_eq!(fs::metadata(volume.at("low")).unwrap().nlink(), 2);
}
