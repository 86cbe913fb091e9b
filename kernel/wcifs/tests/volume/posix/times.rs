//! When a file was changed, by what programs are told: of the file, and of the directories that its name is in.

use crate::fixture::{Fixture, Mode, fill};
use crate::mapping::Mapping;
use rustix::fs::{AtFlags, CWD, RenameFlags, Timespec, Timestamps, UTIME_NOW, UTIME_OMIT};
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;

in_every_mode!(
    names_that_come_and_go_change_their_directory,
    what_fails_changes_no_directory,
    what_is_done_to_a_file_changes_it,
    a_mapping_changes_the_file_that_it_writes,
    times_are_set_as_asked,
    times_of_links_are_their_own,
);

/// A time long ago, as nothing here is by itself.
const LONG_AGO: i64 = 1_000_000_000;

/// Seconds of modification and of change.
fn times(path: &Path) -> (i64, i64) {
    let file = fs::symlink_metadata(path).unwrap();
    (file.mtime(), file.ctime())
}

fn set(path: &Path, accessed: Timespec, modified: Timespec) {
    let times = Timestamps { last_access: accessed, last_modification: modified };
    rustix::fs::utimensat(CWD, path, &times, AtFlags::SYMLINK_NOFOLLOW).unwrap();
}

fn at(seconds: i64, nanoseconds: i64) -> Timespec {
    Timespec { tv_sec: seconds, tv_nsec: nanoseconds as _ }
}

fn make_old(path: &Path) {
    set(path, at(LONG_AGO, 0), at(LONG_AGO, 0));
}

/// Change and modification of a directory are no longer those of long ago.
fn is_new(path: &Path, what: &str) {
    assert!(times(path).0 > LONG_AGO, "{what}: {} was not modified", path.display());
}

/// Directories `a` and `b` of a layer, and a third one of the scratch, with something of each kind in each.
fn volume(mode: Mode) -> Fixture {
    let files = [("a/file", "1"), ("a/other", "2"), ("a/directory/", ""), ("b/file", "3")];
    let volume = Fixture::new(mode, &[&|layer| fill(layer, &files)]);
    fs::create_dir(volume.at("c")).unwrap();
    for (name, content) in [("c/file", "1"), ("c/other", "2")] {
        volume.write(name, content);
    }
    fs::create_dir(volume.at("c/directory")).unwrap();
    volume
}

fn names_that_come_and_go_change_their_directory(mode: Mode) {
    type Change = (&'static str, fn(&Path));
    let changes: &[Change] = &[
        ("create", |d| fs::write(d.join("new"), "1").unwrap()),
        ("mkdir", |d| fs::create_dir(d.join("newer")).unwrap()),
        ("symlink", |d| symlink("file", d.join("symlink")).unwrap()),
        ("link", |d| fs::hard_link(d.join("file"), d.join("linked")).unwrap()),
        ("rename", |d| fs::rename(d.join("file"), d.join("renamed")).unwrap()),
        ("rename over another", |d| fs::rename(d.join("renamed"), d.join("other")).unwrap()),
        ("respell", |d| fs::rename(d.join("other"), d.join("OTHER")).unwrap()),
        ("exchange", |d| {
            let (one, two) = (d.join("other"), d.join("new"));
            rustix::fs::renameat_with(CWD, one, CWD, two, RenameFlags::EXCHANGE).unwrap();
        }),
        ("unlink", |d| fs::remove_file(d.join("other")).unwrap()),
        ("rmdir", |d| fs::remove_dir(d.join("directory")).unwrap()),
    ];
    let volume = volume(mode);
    for directory in ["a", "c"] {
        let path = volume.at(directory);
        for (what, change) in changes {
            make_old(&path);
            assert_eq!(times(&path).0, LONG_AGO, "{what}");
            change(&path);
            is_new(&path, what);
        }
    }
    for directory in ["a", "b", "c"] {
        make_old(&volume.at(directory));
    }
    fs::rename(volume.at("b/file"), volume.at("c/moved")).unwrap();
    is_new(&volume.at("b"), "rename away");
    is_new(&volume.at("c"), "rename to");
    assert_eq!(times(&volume.at("a")).0, LONG_AGO);
}

fn what_fails_changes_no_directory(mode: Mode) {
    let volume = volume(mode);
    for directory in ["a", "c"] {
        let path = volume.at(directory);
        make_old(&path);
        let before = times(&path);
        assert!(fs::create_dir(path.join("FILE")).is_err());
        assert!(symlink("x", path.join("file")).is_err());
        assert!(fs::hard_link(path.join("file"), path.join("other")).is_err());
        assert!(fs::remove_file(path.join("directory")).is_err());
        assert!(fs::remove_dir(path.join("file")).is_err());
        assert!(fs::rename(path.join("file"), path.join("directory")).is_err());
        assert!(fs::write(path.join("bad:name"), "").is_err());
        assert_eq!(times(&path), before, "{directory}");
    }
}

fn what_is_done_to_a_file_changes_it(mode: Mode) {
    type Change = (&'static str, bool, fn(&Path));
    let changes: &[Change] = &[
        ("write", true, |f| OpenOptions::new().append(true).open(f).unwrap().write_all(b"more").unwrap()),
        ("grow", true, |f| OpenOptions::new().write(true).open(f).unwrap().set_len(100).unwrap()),
        ("shrink", true, |f| OpenOptions::new().write(true).open(f).unwrap().set_len(1).unwrap()),
        ("empty", true, |f| drop(fs::File::create(f).unwrap())),
        ("chmod", false, |f| fs::set_permissions(f, fs::Permissions::from_mode(0o640)).unwrap()),
        ("link", false, |f| fs::hard_link(f, f.with_extension("link")).unwrap()),
        ("unlink another name", false, |f| fs::remove_file(f.with_extension("link")).unwrap()),
        ("set an attribute", false, |f| {
            rustix::fs::setxattr(f, "user.x", b"1", rustix::fs::XattrFlags::empty()).unwrap();
        }),
    ];
    let volume = volume(mode);
    for file in ["a/file", "c/file"] {
        let path = volume.at(file);
        for (what, content, change) in changes {
            make_old(&path);
            // The time of change cannot be set: it is that of setting the others, and has to go on from there.
            let before = fs::metadata(&path).unwrap();
            await_tick(&volume, &before);
            change(&path);
            let after = fs::metadata(&path).unwrap();
            assert_eq!(after.mtime() > LONG_AGO, *content, "{what} {file}: {} ", after.mtime());
            let changed = |m: &fs::Metadata| (m.ctime(), m.ctime_nsec());
            assert!(changed(&after) > changed(&before), "{what} {file} leaves the time of change");
        }
    }
}

/// Waits until the clock of the disk is beyond the last change of a file.
fn await_tick(volume: &Fixture, file: &fs::Metadata) {
    let probe = volume.directory().join("probe");
    loop {
        fs::write(&probe, "x").unwrap();
        let now = fs::metadata(&probe).unwrap();
        if (now.mtime(), now.mtime_nsec()) > (file.ctime(), file.ctime_nsec()) {
            return;
        }
    }
}

fn a_mapping_changes_the_file_that_it_writes(mode: Mode) {
    let volume = volume(mode);
    for name in ["a/file", "c/file"] {
        let file = OpenOptions::new().read(true).write(true).open(volume.at(name)).unwrap();
        make_old(&volume.at(name));
        let mut mapping = Mapping::writable(&file, 1);
        mapping.write(0, b"9");
        drop((mapping, file));
        assert_eq!(volume.read(name), "9");
        is_new(&volume.at(name), "a mapping");
    }
}

fn times_are_set_as_asked(mode: Mode) {
    let volume = volume(mode);
    for name in ["a/file", "a/directory", "c/file", "c/directory"] {
        let path = volume.at(name);
        let read = || {
            let file = fs::metadata(&path).unwrap();
            ((file.atime(), file.atime_nsec()), (file.mtime(), file.mtime_nsec()))
        };
        // Before 1970 and after 2038, and either before the other.
        for (one, two) in [((-1000, 999_999_999), (3 << 30, 123)), ((4 << 30, 5), (1, 999_999_999))] {
            set(&path, at(one.0, one.1), at(two.0, two.1));
            assert_eq!(read(), (one, two), "{name}");
        }
        let before = read();
        set(&path, at(0, UTIME_OMIT), at(7, 8));
        assert_eq!(read(), (before.0, (7, 8)));
        set(&path, at(9, 10), at(0, UTIME_OMIT));
        assert_eq!(read(), ((9, 10), (7, 8)));
        set(&path, at(0, UTIME_OMIT), at(0, UTIME_NOW));
        assert_eq!(read().0, (9, 10));
        is_new(&path, "now");
    }
}

fn times_of_links_are_their_own(mode: Mode) {
    let volume = volume(mode);
    symlink("file", volume.at("c/symlink")).unwrap();
    let before = times(&volume.at("c/file"));
    set(&volume.at("c/symlink"), at(1, 2), at(3, 4));
    assert_eq!(times(&volume.at("c/symlink")).0, 3);
    assert_eq!(times(&volume.at("c/file")), before);
    let set = Timestamps { last_access: at(5, 0), last_modification: at(6, 0) };
    rustix::fs::utimensat(CWD, volume.at("c/symlink"), &set, AtFlags::empty()).unwrap();
    assert_eq!((times(&volume.at("c/symlink")).0, times(&volume.at("c/file")).0), (3, 6));
}
