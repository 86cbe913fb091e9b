//! Calls that have to fail, with the error that POSIX names, and that leave everything as it was.

use super::{now, os};
use crate::fixture::{Fixture, Mode, error, names};
use rustix::fs::{AtFlags, CWD, FileType, Mode as Bits, OFlags, RenameFlags};
use rustix::io::Errno;
use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::symlink;
use std::path::Path;

in_every_mode!(
    a_path_through_a_file_is_no_directory,
    a_step_has_255_characters_at_most,
    a_path_through_nothing_is_not_there,
    links_that_lead_to_themselves_are_given_up,
    what_is_there_is_not_made_again,
    directories_are_no_files,
    only_empty_directories_go,
    a_directory_does_not_move_into_itself,
    dots_are_no_names_to_change,
    other_file_systems_are_elsewhere,
    lengths_have_limits,
    a_descriptor_does_what_it_was_opened_for,
    no_special_files,
);

/// A call with one path.
type Call = fn(&Path) -> Result<(), Errno>;

/// Calls that want something to be there.
const WITH_OLD: &[(&str, Call)] = &[
    ("stat", |path| rustix::fs::stat(path).map(drop)),
    ("open", |path| rustix::fs::open(path, OFlags::RDONLY, Bits::empty()).map(drop)),
    ("chmod", |path| rustix::fs::chmod(path, Bits::RWXU)),
    ("truncate", |path| os(OpenOptions::new().write(true).open(path).and_then(|file| file.set_len(1))).map(drop)),
    ("unlink", |path| rustix::fs::unlink(path)),
    ("rmdir", |path| rustix::fs::rmdir(path)),
    ("rename from", |path| rustix::fs::rename(path, path.with_file_name("elsewhere"))),
    ("link from", |path| rustix::fs::link(path, path.with_file_name("elsewhere"))),
    ("utimensat", |path| rustix::fs::utimensat(CWD, path, &now(), AtFlags::empty())),
    ("readlink", |path| rustix::fs::readlink(path, Vec::new()).map(drop)),
];

/// Calls that make something.
const WITH_NEW: &[(&str, Call)] = &[
    ("create", |path| rustix::fs::open(path, OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY, Bits::RWXU).map(drop)),
    ("mkdir", |path| rustix::fs::mkdir(path, Bits::RWXU)),
    ("mknod", |path| rustix::fs::mknodat(CWD, path, FileType::RegularFile, Bits::RWXU, 0)),
    ("symlink", |path| rustix::fs::symlink("target", path)),
];

/// A volume whose layer has a file, a directory with a file, an empty directory and a link, and whose scratch has the same
/// with `new` before their names.
fn volume(mode: Mode) -> Fixture {
    let volume = Fixture::new(mode, &[&|layer| make(layer, "")]);
    make(&volume.root(), "new");
    volume
}

fn make(root: &Path, prefix: &str) {
    let at = |name: &str| root.join(format!("{prefix}{name}"));
    fs::write(at("file"), "content").unwrap();
    fs::create_dir(at("full")).unwrap();
    fs::write(at("full").join("inner"), "inner").unwrap();
    fs::create_dir(at("empty")).unwrap();
    symlink(format!("{prefix}file"), at("link")).unwrap();
}

/// Both files, directories or links of a name.
fn both(name: &str) -> [String; 2] {
    [name.to_owned(), format!("new{name}")]
}

fn a_path_through_a_file_is_no_directory(mode: Mode) {
    let volume = volume(mode);
    for file in both("file").into_iter().chain(both("link")) {
        for (call, work) in WITH_OLD.iter().chain(WITH_NEW) {
            let path = volume.at(&file).join("below");
            assert_eq!(work(&path), Err(Errno::NOTDIR), "{call} {file}");
        }
    }
}

fn a_step_has_255_characters_at_most(mode: Mode) {
    let volume = volume(mode);
    let (longest, too_long) = ("x".repeat(255), "x".repeat(256));
    for (call, work) in WITH_NEW {
        work(&volume.at(&longest)).unwrap_or_else(|e| panic!("{call}: {e}"));
        let removed = if *call == "mkdir" { rustix::fs::rmdir } else { rustix::fs::unlink };
        removed(volume.at(&longest)).unwrap();
    }
    for (call, work) in WITH_OLD.iter().chain(WITH_NEW) {
        assert_eq!(work(&volume.at(&too_long)), Err(Errno::NAMETOOLONG), "{call}");
    }
    for (from, to) in [("file", &*too_long), (&*too_long, "other")] {
        assert_eq!(rustix::fs::rename(volume.at(from), volume.at(to)), Err(Errno::NAMETOOLONG));
        assert_eq!(rustix::fs::link(volume.at(from), volume.at(to)), Err(Errno::NAMETOOLONG));
    }
}

fn a_path_through_nothing_is_not_there(mode: Mode) {
    let volume = volume(mode);
    for (call, work) in WITH_OLD.iter().chain(WITH_NEW) {
        assert_eq!(work(&volume.at("nothing/below")), Err(Errno::NOENT), "{call}");
    }
    for (call, work) in WITH_OLD {
        assert_eq!(work(&volume.at("nothing")), Err(Errno::NOENT), "{call}");
    }
    for file in both("file") {
        assert_eq!(rustix::fs::rename(volume.at(&file), volume.at("nothing/below")), Err(Errno::NOENT));
        assert_eq!(rustix::fs::link(volume.at(&file), volume.at("nothing/below")), Err(Errno::NOENT));
    }
}

fn links_that_lead_to_themselves_are_given_up(mode: Mode) {
    let volume = volume(mode);
    symlink("two", volume.at("one")).unwrap();
    symlink("one", volume.at("two")).unwrap();
    for (call, work) in WITH_OLD.iter().chain(WITH_NEW) {
        assert_eq!(work(&volume.at("one/below")), Err(Errno::LOOP), "{call}");
    }
    assert_eq!(rustix::fs::stat(volume.at("two")).map(drop), Err(Errno::LOOP));
    let not_followed = rustix::fs::open(volume.at("link"), OFlags::RDONLY | OFlags::NOFOLLOW, Bits::empty());
    assert_eq!(not_followed.map(drop), Err(Errno::LOOP));
}

fn what_is_there_is_not_made_again(mode: Mode) {
    let volume = volume(mode);
    let before = names(&volume.root());
    for name in ["file", "full", "empty", "link"].into_iter().flat_map(both) {
        for spelled in [name.clone(), name.to_uppercase()] {
            for (call, work) in WITH_NEW {
                assert_eq!(work(&volume.at(&spelled)), Err(Errno::EXIST), "{call} {spelled}");
            }
            assert_eq!(rustix::fs::link(volume.at("file"), volume.at(&spelled)), Err(Errno::EXIST), "{spelled}");
            let (from, to) = (volume.at("newfull"), volume.at(&spelled));
            if name != "newfull" {
                let kept = rustix::fs::renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE);
                assert_eq!(kept, Err(Errno::EXIST), "{spelled}");
            }
        }
    }
    assert_eq!(names(&volume.root()), before);
}

fn directories_are_no_files(mode: Mode) {
    let volume = volume(mode);
    for directory in both("full").into_iter().chain(both("empty")) {
        let path = volume.at(&directory);
        assert_eq!(error(OpenOptions::new().write(true).open(&path)), Errno::ISDIR.raw_os_error());
        assert_eq!(rustix::fs::unlink(&path), Err(Errno::ISDIR));
        assert_eq!(rustix::fs::link(&path, volume.at("another")), Err(Errno::PERM));
        for file in both("file").into_iter().chain(both("link")) {
            assert_eq!(rustix::fs::rename(volume.at(&file), &path), Err(Errno::ISDIR), "{file} {directory}");
            assert_eq!(rustix::fs::rename(&path, volume.at(&file)), Err(Errno::NOTDIR), "{directory} {file}");
        }
    }
    for file in both("file").into_iter().chain(both("link")) {
        assert_eq!(rustix::fs::rmdir(volume.at(&file)), Err(Errno::NOTDIR), "{file}");
    }
}

fn only_empty_directories_go(mode: Mode) {
    let volume = volume(mode);
    for full in both("full") {
        assert_eq!(rustix::fs::rmdir(volume.at(&full)), Err(Errno::NOTEMPTY), "{full}");
        for empty in both("empty") {
            assert_eq!(rustix::fs::rename(volume.at(&empty), volume.at(&full)), Err(Errno::NOTEMPTY), "{full}");
        }
        assert_eq!(volume.read(&format!("{full}/inner")), "inner");
        fs::remove_file(volume.at(&full).join("inner")).unwrap();
        fs::remove_dir(volume.at(&full)).unwrap();
    }
    for empty in both("empty") {
        fs::remove_dir(volume.at(&empty)).unwrap();
    }
}

fn a_directory_does_not_move_into_itself(mode: Mode) {
    let volume = volume(mode);
    for full in both("full") {
        for inside in [format!("{full}/x"), format!("{}/x", full.to_uppercase())] {
            assert_eq!(rustix::fs::rename(volume.at(&full), volume.at(&inside)), Err(Errno::INVAL), "{inside}");
        }
        let onto = rustix::fs::rename(volume.at(&full).join("inner"), volume.at(&full));
        assert!(matches!(onto, Err(Errno::ISDIR | Errno::NOTEMPTY)), "{onto:?}");
    }
}

fn dots_are_no_names_to_change(mode: Mode) {
    let volume = volume(mode);
    for directory in both("full") {
        let path = volume.at(&directory);
        assert_eq!(rustix::fs::rmdir(path.join(".")), Err(Errno::INVAL));
        assert_eq!(rustix::fs::rmdir(path.join("..")), Err(Errno::NOTEMPTY));
        for dots in [".", ".."] {
            let moved = rustix::fs::rename(path.join(dots), volume.at("moved"));
            assert!(matches!(moved, Err(Errno::BUSY | Errno::INVAL)), "{moved:?}");
            assert_eq!(rustix::fs::mkdir(path.join(dots), Bits::RWXU), Err(Errno::EXIST));
        }
    }
}

fn other_file_systems_are_elsewhere(mode: Mode) {
    let volume = volume(mode);
    for name in both("file").into_iter().chain(both("full")) {
        let outside = volume.directory().join("outside");
        assert_eq!(rustix::fs::rename(volume.at(&name), &outside), Err(Errno::XDEV), "{name}");
    }
    for file in both("file") {
        assert_eq!(rustix::fs::link(volume.at(&file), volume.directory().join("outside")), Err(Errno::XDEV));
    }
}

fn lengths_have_limits(mode: Mode) {
    let volume = volume(mode);
    for name in both("file") {
        let file = OpenOptions::new().write(true).open(volume.at(&name)).unwrap();
        let too_long = rustix::fs::ftruncate(&file, i64::MAX as u64);
        assert!(matches!(too_long, Err(Errno::FBIG | Errno::INVAL)), "{too_long:?}");
        assert_eq!(rustix::fs::ftruncate(&file, u64::MAX), Err(Errno::INVAL));
        let nothing = rustix::fs::fallocate(&file, rustix::fs::FallocateFlags::empty(), 0, 0);
        assert_eq!(nothing, Err(Errno::INVAL));
        assert_eq!(volume.read(&name), "content");
    }
}

fn a_descriptor_does_what_it_was_opened_for(mode: Mode) {
    let volume = volume(mode);
    for name in both("file") {
        let reader = File::open(volume.at(&name)).unwrap();
        assert_eq!(rustix::fs::ftruncate(&reader, 0), Err(Errno::INVAL));
        assert_eq!(rustix::io::write(&reader, b"x"), Err(Errno::BADF));
        let allocated = rustix::fs::fallocate(&reader, rustix::fs::FallocateFlags::empty(), 0, 1);
        assert_eq!(allocated, Err(Errno::BADF));
        let writer = OpenOptions::new().write(true).open(volume.at(&name)).unwrap();
        assert_eq!(rustix::io::read(&writer, &mut [0; 8]), Err(Errno::BADF));
        assert_eq!(volume.read(&name), "content");
    }
}

fn no_special_files(mode: Mode) {
    let volume = volume(mode);
    for kind in [FileType::Fifo, FileType::Socket, FileType::CharacterDevice, FileType::BlockDevice] {
        let made = rustix::fs::mknodat(CWD, volume.at("special"), kind, Bits::RWXU, 0);
        assert_eq!(made, Err(Errno::PERM), "{kind:?}");
    }
    assert!(std::os::unix::net::UnixListener::bind(volume.at("socket")).is_err());
    assert!(!volume.at("special").exists() && !volume.at("socket").exists());
}
