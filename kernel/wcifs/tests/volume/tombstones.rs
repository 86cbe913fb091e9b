//! What is removed stays removed, whatever the layers below have.

use crate::fixture::{Fixture, Mode, bury, error, fill, is_tombstone, names};
use std::fs;

in_every_mode!(
    removal_of_a_lower_file_leaves_a_tombstone,
    removal_of_what_only_the_scratch_has_leaves_nothing,
    a_name_comes_back_after_its_removal,
    a_new_directory_hides_the_old_one,
    lower_layers_have_tombstones_too,
    a_directory_must_be_empty_to_go,
    a_tombstone_covers_every_spelling,
    other_devices_are_not_seen,
);

fn removal_of_a_lower_file_leaves_a_tombstone(mode: Mode) {
    let mut volume = Fixture::over(mode, &[("d/low", "1"), ("d/changed", "2"), ("d/stays", "3")]);
    volume.write("d/changed", "new");
    fs::remove_file(volume.at("d/low")).unwrap();
    fs::remove_file(volume.at("d/changed")).unwrap();
    for _ in 0..2 {
        assert_eq!(volume.names("d"), ["stays"]);
        assert!(!volume.at("d/low").exists() && !volume.at("d/changed").exists());
        volume.remount();
    }
    assert!(is_tombstone(&volume.upper().join("d/low")) && is_tombstone(&volume.upper().join("d/changed")));
    assert_eq!(names(&volume.work()), [""; 0]);
}

fn removal_of_what_only_the_scratch_has_leaves_nothing(mode: Mode) {
    let volume = Fixture::over(mode, &[("d/", "")]);
    fs::create_dir_all(volume.at("d/a/b")).unwrap();
    volume.write("d/a/b/c", "1");
    fs::remove_dir_all(volume.at("d/a")).unwrap();
    assert_eq!(names(&volume.upper().join("d")), [""; 0]);
    assert_eq!(names(&volume.work()), [""; 0]);
}

fn a_name_comes_back_after_its_removal(mode: Mode) {
    let mut volume = Fixture::over(mode, &[("file", "old"), ("Other", "old"), ("dir/x", "old")]);
    fs::remove_file(volume.at("file")).unwrap();
    fs::remove_file(volume.at("other")).unwrap();
    fs::remove_dir_all(volume.at("dir")).unwrap();
    volume.write("file", "new");
    fs::create_dir(volume.at("OTHER")).unwrap();
    std::os::unix::fs::symlink("file", volume.at("DIR")).unwrap();
    for _ in 0..2 {
        assert_eq!(volume.names(""), ["DIR", "OTHER", "file"]);
        assert_eq!(volume.read("file"), "new");
        assert_eq!(volume.read("dir"), "new");
        assert!(volume.at("other").is_dir());
        volume.remount();
    }
    assert_eq!(names(&volume.upper()), ["DIR", "OTHER", "file"]);
    fs::remove_file(volume.at("file")).unwrap();
    volume.remount();
    assert!(!volume.at("file").exists());
}

fn a_new_directory_hides_the_old_one(mode: Mode) {
    let mut volume = Fixture::over(mode, &[("dir/old/x", "1"), ("dir/y", "2")]);
    fs::remove_dir_all(volume.at("dir")).unwrap();
    fs::create_dir(volume.at("dir")).unwrap();
    fs::create_dir(volume.at("dir/old")).unwrap();
    for _ in 0..2 {
        assert_eq!(volume.names("dir"), ["old"]);
        assert_eq!(volume.names("dir/OLD"), [""; 0]);
        volume.remount();
    }
}

fn lower_layers_have_tombstones_too(mode: Mode) {
    let volume = Fixture::new(
        mode,
        &[
            &|l| {
                fill(l, &[("d/", "")]);
                bury(&l.join("d/GONE"));
                bury(&l.join("dir"));
            },
            &|l| fill(l, &[("d/gone", "1"), ("d/there", "2"), ("dir/x", "3")]),
        ],
    );
    assert_eq!(volume.names(""), ["d"]);
    assert_eq!(volume.names("d"), ["there"]);
    volume.write("d/gone", "new");
    fs::create_dir(volume.at("dir")).unwrap();
    assert_eq!(volume.names("dir"), [""; 0]);
    fs::remove_file(volume.at("d/gone")).unwrap();
    assert_eq!(volume.names("d"), ["there"]);
}

fn a_directory_must_be_empty_to_go(mode: Mode) {
    let volume = Fixture::over(mode, &[("dir/x", "1")]);
    assert_eq!(error(fs::remove_dir(volume.at("dir"))), 39);
    assert_eq!(error(fs::remove_file(volume.at("dir"))), 21);
    assert_eq!(error(fs::remove_dir(volume.at("dir/x"))), 20);
    fs::remove_file(volume.at("dir/X")).unwrap();
    fs::remove_dir(volume.at("DIR")).unwrap();
    assert!(is_tombstone(&volume.upper().join("dir")));
}

fn a_tombstone_covers_every_spelling(mode: Mode) {
    let mut volume = Fixture::new(mode, &[&|l| fill(l, &[("FILE", "top")]), &|l| fill(l, &[("file", "base")])]);
    assert_eq!(volume.read("File"), "top");
    fs::remove_file(volume.at("fILE")).unwrap();
    for _ in 0..2 {
        assert_eq!(volume.names(""), [""; 0]);
        assert!(!volume.at("file").exists() && !volume.at("FILE").exists());
        volume.remount();
    }
}

fn other_devices_are_not_seen(mode: Mode) {
    use rustix::fs::{CWD, FileType, Mode as Bits, makedev, mknodat};
    let volume = Fixture::new(
        mode,
        &[
            &|l| {
                for name in ["NULL", "alone"] {
                    mknodat(CWD, l.join(name), FileType::CharacterDevice, Bits::empty(), makedev(1, 3)).unwrap();
                }
            },
            &|l| fill(l, &[("null", "a file")]),
        ],
    );
    assert_eq!(volume.names(""), ["null"]);
    assert_eq!(volume.read("Null"), "a file");
    assert!(!volume.at("alone").exists());
}
