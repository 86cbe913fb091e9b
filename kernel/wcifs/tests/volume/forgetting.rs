//! The kernel forgets what it knows of a volume whenever it likes, and asks again: files with several names and directories that nobody
//! has listed stay what they are.

use crate::fixture::{Fixture, Mode, names};
use rustix::fs::{CWD, OFlags, RenameFlags, fstat, open, renameat_with};
use rustix::mount::{MountFlags, UnmountFlags, mount_bind, mount_remount, unmount};
use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{DirEntryExt, MetadataExt, PermissionsExt};

in_every_mode!(
    directories_that_nobody_listed_move,
    names_of_a_file_stay_when_one_goes,
    another_file_never_takes_the_place_of_a_name,
    a_name_is_found_after_the_one_that_was_known,
    names_change_places,
    a_number_on_disk_is_used_again,
    names_spelled_the_same_in_two_directories,
    attributes_change_through_an_old_file,
    numbers_in_a_listing_are_those_of_the_files,
    a_copy_leaves_the_times_of_its_directory,
    mounts_stay_when_names_come_and_go,
    a_name_of_another_directory_is_replaced_in_any_spelling,
    many_programs_at_once_leave_what_is_on_disk,
    one_of_two_names_goes_over_the_other,
    names_of_directories_above_are_no_respelling,
);

/// Makes the kernel forget all names that are not in use.
fn forget(volume: &Fixture) {
    mount_remount(volume.root(), MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC, "").unwrap();
}

/// Holds a file without opening it.
fn hold(volume: &Fixture, name: &str) -> OwnedFd {
    open(volume.at(name), OFlags::PATH | OFlags::NOFOLLOW, rustix::fs::Mode::empty()).unwrap()
}

/// A volume whose scratch has one file under these names.
fn linked(mode: Mode, names: &[&str]) -> Fixture {
    let mut volume = Fixture::over(mode, &[]);
    volume.unmount();
    let upper = volume.upper();
    for name in names {
        fs::create_dir_all(upper.join(name).parent().unwrap()).unwrap();
        match *name == names[0] {
            true => fs::write(upper.join(name), "linked").unwrap(),
            false => fs::hard_link(upper.join(names[0]), upper.join(name)).unwrap(),
        }
    }
    volume.mount();
    volume
}

fn directories_that_nobody_listed_move(mode: Mode) {
    let volume = Fixture::over(mode, &[("src/s1/s2/s3/s4/x", "x"), ("other/o1/o2/o3/y", "y")]);
    fs::rename(volume.at("src"), volume.at("dst")).unwrap();
    assert_eq!(volume.read("dst/s1/s2/s3/s4/x"), "x");
    renameat_with(CWD, volume.at("other"), CWD, volume.at("dst"), RenameFlags::EXCHANGE).unwrap();
    assert_eq!((volume.read("dst/o1/o2/o3/y"), volume.read("other/s1/s2/s3/s4/X")), ("y".into(), "x".into()));
}

fn names_of_a_file_stay_when_one_goes(mode: Mode) {
    let volume = linked(mode, &["a", "b", "d/c"]);
    let open = File::open(volume.at("a")).unwrap();
    fs::remove_file(volume.at("a")).unwrap();
    assert_eq!(fs::metadata(volume.at("b")).unwrap().nlink(), 2);
    drop(open);
    forget(&volume);
    assert_eq!((volume.read("b"), volume.read("d/c")), ("linked".into(), "linked".into()));
    fs::remove_file(volume.at("B")).unwrap();
    assert_eq!(volume.read("d/c"), "linked");

    // Its first name is known, then its second, and the first goes.
    let volume = linked(mode, &["a", "b"]);
    fs::metadata(volume.at("a")).unwrap();
    fs::metadata(volume.at("b")).unwrap();
    forget(&volume);
    fs::metadata(volume.at("b")).unwrap();
    fs::metadata(volume.at("a")).unwrap();
    fs::remove_file(volume.at("a")).unwrap();
    assert_eq!(volume.read("b"), "linked");

    // A directory in which it has a name is forgotten.
    let volume = Fixture::over(mode, &[]);
    for name in ["d1", "d2"] {
        fs::create_dir(volume.at(name)).unwrap();
    }
    volume.write("d1/a", "linked");
    fs::hard_link(volume.at("d1/a"), volume.at("d2/b")).unwrap();
    let held = hold(&volume, "d1/a");
    forget(&volume);
    fs::remove_file(volume.at("d1/a")).unwrap();
    fs::metadata(volume.at("d2")).unwrap();
    drop(held);
    forget(&volume);
    assert_eq!(volume.read("d2/b"), "linked");
}

fn another_file_never_takes_the_place_of_a_name(mode: Mode) {
    let volume = linked(mode, &["d1/a", "d2/b", "d3/c"]);
    let first = hold(&volume, "d1/a");
    fs::metadata(volume.at("d2/b")).unwrap();
    volume.write("d2/aa", "another");
    let third = hold(&volume, "d3/c");
    forget(&volume);
    fs::metadata(volume.at("d2/aa")).unwrap();
    fs::remove_file(volume.at("d1/a")).unwrap();
    assert_eq!(volume.read("d3/c"), "linked");
    fs::OpenOptions::new().append(true).open(volume.at("d3/c")).unwrap().write_all(b" still").unwrap();
    assert_eq!((volume.read("d2/b"), volume.read("d2/aa")), ("linked still".into(), "another".into()));
    drop((first, third));
}

fn a_name_is_found_after_the_one_that_was_known(mode: Mode) {
    let volume = linked(mode, &["a", "b"]);
    let mut open = File::open(volume.at("a")).unwrap();
    fs::remove_file(volume.at("a")).unwrap();
    assert_eq!(volume.read("b"), "linked");
    let mut text = String::new();
    open.read_to_string(&mut text).unwrap();
    assert_eq!((text.as_str(), open.metadata().unwrap().nlink()), ("linked", 1));
}

fn names_change_places(mode: Mode) {
    let volume = linked(mode, &["a", "b"]);
    volume.write("c", "other");
    for name in ["a", "b"] {
        fs::metadata(volume.at(name)).unwrap();
    }
    let held = hold(&volume, "b");
    renameat_with(CWD, volume.at("a"), CWD, volume.at("c"), RenameFlags::EXCHANGE).unwrap();
    assert_eq!((volume.read("a"), volume.read("c")), ("other".into(), "linked".into()));
    fs::remove_file(volume.at("c")).unwrap();
    forget(&volume);
    assert_eq!((volume.read("a"), volume.read("b")), ("other".into(), "linked".into()));
    drop(held);
}

fn a_number_on_disk_is_used_again(mode: Mode) {
    let volume = linked(mode, &["a", "b"]);
    let held = hold(&volume, "a");
    fs::metadata(volume.at("b")).unwrap();
    fs::remove_file(volume.at("a")).unwrap();
    fs::remove_file(volume.at("b")).unwrap();
    for round in 0..8 {
        let (one, two) = (format!("x{round}"), format!("y{round}"));
        volume.write(&one, &one);
        fs::hard_link(volume.at(&one), volume.at(&two)).unwrap();
    }
    drop(held);
    forget(&volume);
    for round in 0..8 {
        fs::remove_file(volume.at(&format!("x{round}"))).unwrap();
        assert_eq!(volume.read(&format!("y{round}")), format!("x{round}"));
    }
}

fn names_spelled_the_same_in_two_directories(mode: Mode) {
    let volume = Fixture::over(mode, &[("d1/f", "lower"), ("d2/", "")]);
    let old = File::open(volume.at("d1/f")).unwrap();
    fs::hard_link(volume.at("d1/f"), volume.at("d2/f")).unwrap();
    fs::OpenOptions::new().write(true).open(volume.at("d1/f")).unwrap().write_all(b"NEWER").unwrap();
    assert_eq!(volume.read("d2/f"), "NEWER");
    fs::OpenOptions::new().append(true).open(volume.at("d2/f")).unwrap().write_all(b"!").unwrap();
    assert_eq!(volume.read("d1/F"), "NEWER!");
    drop(old);
}

fn attributes_change_through_an_old_file(mode: Mode) {
    let volume = Fixture::over(mode, &[("f", "lower")]);
    let old = File::open(volume.at("f")).unwrap();
    let new = fs::OpenOptions::new().read(true).write(true).open(volume.at("F")).unwrap();
    assert_eq!(new.metadata().unwrap().mode() & 0o777, 0o644);
    old.set_permissions(fs::Permissions::from_mode(0o600)).unwrap();
    old.set_modified(std::time::UNIX_EPOCH).unwrap();
    rustix::fs::fsetxattr(&old, "user.mine", b"1", rustix::fs::XattrFlags::empty()).unwrap();
    let now = new.metadata().unwrap();
    assert_eq!((now.mode() & 0o777, now.mtime(), now.len()), (0o600, 0, 5));
    assert_eq!(old.metadata().unwrap().len(), 5);
}

fn numbers_in_a_listing_are_those_of_the_files(mode: Mode) {
    let volume = Fixture::over(mode, &[("d/f", "lower"), ("d/g", "lower")]);
    let old = File::open(volume.at("d/f")).unwrap();
    volume.write("d/f", "new");
    for entry in fs::read_dir(volume.at("d")).unwrap() {
        let entry = entry.unwrap();
        assert_eq!(entry.ino(), fs::metadata(entry.path()).unwrap().ino(), "{:?}", entry.file_name());
    }
    drop(old);
}

fn a_copy_leaves_the_times_of_its_directory(mode: Mode) {
    let volume = Fixture::new(
        mode,
        &[&|l| {
            crate::fixture::fill(l, &[("d/f", "1")]);
            File::open(l.join("d")).unwrap().set_modified(std::time::UNIX_EPOCH).unwrap();
        }],
    );
    volume.write("d/f", "2");
    assert_eq!(fs::metadata(volume.upper().join("d")).unwrap().mtime(), 0);
    assert_eq!(fs::metadata(volume.at("d")).unwrap().mtime(), 0);
}

/// A volume in which something will be mounted, with a directory of the host.
fn with_mounts(mode: Mode, files: &[(&str, &str)]) -> (Fixture, tempfile::TempDir) {
    let mut volume = Fixture::over(mode, files);
    volume.unmount();
    volume.mount_expecting_mounts();
    let host = tempfile::tempdir().unwrap();
    fs::write(host.path().join("inside"), "of the host").unwrap();
    (volume, host)
}

fn mounts_stay_when_names_come_and_go(mode: Mode) {
    let (volume, host) = with_mounts(mode, &[("dir/m/", ""), ("low", "1")]);
    mount_bind(host.path(), volume.at("dir/m")).unwrap();
    let inside = || assert_eq!(volume.read("DIR/m/inside"), "of the host");
    inside();
    assert!(!volume.at("FOO").exists());
    volume.write("foo", "1");
    inside();
    assert_eq!((volume.read("FOO"), volume.read("LOW")), ("1".into(), "1".into()));
    fs::remove_file(volume.at("Low")).unwrap();
    assert!(!volume.at("low").exists() && !volume.at("LOW").exists());
    fs::rename(volume.at("Foo"), volume.at("bar")).unwrap();
    assert!(!volume.at("FOO").exists() && volume.at("BAR").exists());
    inside();
    unmount(volume.at("dir/m"), UnmountFlags::DETACH).unwrap();
}

fn a_name_of_another_directory_is_replaced_in_any_spelling(mode: Mode) {
    let volume = Fixture::over(mode, &[("etc/hosts", "base"), ("x/hosts", "other"), ("x/dir/f", "1"), ("y/dir/", "")]);
    let replaced = File::open(volume.at("etc/hosts")).unwrap();
    fs::rename(volume.at("x/hosts"), volume.at("etc/HOSTS")).unwrap();
    assert_eq!(volume.read("etc/hosts"), "other");
    assert_eq!(fstat(&replaced).unwrap().st_nlink, 0);
    assert_eq!(names(&volume.at("y/dir")), [""; 0]);
    fs::rename(volume.at("x/dir"), volume.at("y/DIR")).unwrap();
    assert_eq!(names(&volume.at("y/dir")), ["f"]);
    volume.write("x/z", "1");
    renameat_with(CWD, volume.at("x/z"), CWD, volume.at("etc/HOSTS"), RenameFlags::EXCHANGE).unwrap();
    assert_eq!((volume.read("etc/hosts"), volume.read("x/Z")), ("1".into(), "other".into()));
}

fn one_of_two_names_goes_over_the_other(mode: Mode) {
    let mut volume = linked(mode, &["a/x/aa", "x/aa"]);
    fs::rename(volume.at("a/x/aa"), volume.at("x/AA")).unwrap();
    for _ in 0..2 {
        // They are one file: nothing happens, as always on Linux.
        assert_eq!((volume.read("a/x/AA"), volume.read("x/aa")), ("linked".into(), "linked".into()));
        volume.remount();
    }
}

fn names_of_directories_above_are_no_respelling(mode: Mode) {
    let volume = Fixture::over(mode, &[("foo/foo/", ""), ("foo/x/foo", "1"), ("a/x/dir/f", "2"), ("x/dir/", "")]);
    fs::rename(volume.at("FOO/foo"), volume.at("FOO/FOO")).unwrap();
    fs::rename(volume.at("FOO/x/foo"), volume.at("FOO/x/FOO")).unwrap();
    assert_eq!(
        (volume.names("foo"), volume.names("foo/x")),
        (vec!["FOO".to_owned(), "x".into()], vec!["FOO".to_owned()])
    );
    assert_eq!(names(&volume.at("x/dir")), [""; 0]);
    fs::rename(volume.at("a/x/dir"), volume.at("x/DIR")).unwrap();
    assert_eq!((volume.names("x/dir"), volume.names("x/DIR")), (vec!["f".to_owned()], vec!["f".to_owned()]));
}

/// What is in a volume: names in upper case, kinds and contents.
fn picture(volume: &Fixture) -> Vec<String> {
    let mut picture = Vec::new();
    let mut ahead = vec![String::new()];
    while let Some(directory) = ahead.pop() {
        for name in volume.names(&directory) {
            let path = format!("{directory}{name}");
            let is_directory = volume.at(&path).is_dir();
            let content = if is_directory { "a directory".to_owned() } else { volume.read(&path) };
            picture.push(format!("{} {content}", path.to_uppercase()));
            if is_directory {
                ahead.push(format!("{path}/"));
            }
        }
    }
    picture.sort();
    picture
}

fn many_programs_at_once_leave_what_is_on_disk(mode: Mode) {
    const NAMES: [&str; 6] = ["aa", "bb", "cc", "d/aa", "d/bb", "e/aa"];
    let mut volume = Fixture::over(mode, &[("aa", "low"), ("d/BB", "low"), ("e/", "")]);
    let seed = std::time::UNIX_EPOCH.elapsed().unwrap().as_nanos() as u64 | 1;
    eprintln!("seed {seed}");
    std::thread::scope(|scope| {
        for thread in 0..3 {
            let volume = &volume;
            scope.spawn(move || {
                let mut state = seed.wrapping_mul(thread * 2 + 3);
                let mut below = |limit: u64| {
                    state ^= state >> 12;
                    state ^= state << 25;
                    state ^= state >> 27;
                    (state.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) % limit
                };
                for step in 0..1500 {
                    let mut name = || {
                        let name = NAMES[below(6) as usize];
                        volume.at(&if below(2) == 0 { name.to_uppercase() } else { name.to_owned() })
                    };
                    let (one, two) = (name(), name());
                    // Whatever comes of it.
                    match below(9) {
                        0 => drop(fs::write(one, format!("{thread} {step}"))),
                        1 => drop(fs::remove_file(one)),
                        2 => drop(fs::rename(one, two)),
                        3 => drop(fs::hard_link(one, two)),
                        4 => drop(fs::metadata(one)),
                        5 => drop(fs::read(one)),
                        6 => drop(fs::create_dir(volume.at(["d", "E"][below(2) as usize]))),
                        7 => drop(fs::remove_dir(volume.at(["D", "e"][below(2) as usize]))),
                        _ => drop(renameat_with(CWD, one, CWD, two, RenameFlags::EXCHANGE)),
                    }
                }
            });
        }
        scope.spawn(|| (0..60).for_each(|_| forget(&volume)));
    });
    let seen = picture(&volume);
    volume.remount();
    assert_eq!(seen, picture(&volume));
}
