//! Directories that are read while they change.

use crate::fixture::{Fixture, Mode, fill};
use rustix::fs::{Dir, FileType, Mode as Bits, OFlags};
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{DirEntryExt, MetadataExt, symlink};

in_every_mode!(
    every_name_is_listed_once,
    kinds_and_numbers_are_those_of_the_files,
    a_new_look_sees_what_is_new,
    names_that_stay_are_listed_while_others_are_renamed,
    a_listing_goes_on_where_it_was_left,
    a_directory_that_was_moved_knows_its_parent,
    long_links_are_read_whole,
);

/// Names of a directory that does not fit into one answer.
const MANY: usize = 700;

fn many(mode: Mode) -> Fixture {
    let volume = Fixture::new(
        mode,
        &[&|layer| {
            fs::create_dir(layer.join("d")).unwrap();
            (0..MANY / 2).for_each(|n| fs::write(layer.join(format!("d/a-rather-long-name-{n}")), "").unwrap());
        }],
    );
    for n in MANY / 2..MANY {
        volume.write(&format!("d/a-rather-long-name-{n}"), "");
    }
    volume
}

fn open(volume: &Fixture, name: &str) -> Dir {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    Dir::new(rustix::fs::open(volume.at(name), flags, Bits::empty()).unwrap()).unwrap()
}

/// The names that a listing has yet to give, without the dots.
fn rest(listing: &mut Dir) -> Vec<String> {
    let names = listing.map(|entry| entry.unwrap().file_name().to_str().unwrap().to_owned());
    names.filter(|name| name != "." && name != "..").collect()
}

fn every_name_is_listed_once(mode: Mode) {
    let volume = many(mode);
    for _ in 0..2 {
        let names = rest(&mut open(&volume, "d"));
        assert_eq!(names.len(), MANY);
        assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), MANY);
    }
}

fn kinds_and_numbers_are_those_of_the_files(mode: Mode) {
    let volume = Fixture::new(
        mode,
        &[&|layer| {
            fill(layer, &[("d/file", "1"), ("d/directory/", "")]);
            symlink("file", layer.join("d/link")).unwrap();
        }],
    );
    volume.write("d/newfile", "");
    fs::create_dir(volume.at("d/newdirectory")).unwrap();
    symlink("file", volume.at("d/newlink")).unwrap();
    for entry in fs::read_dir(volume.at("d")).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        let kind = entry.file_type().unwrap();
        let expected = (name.ends_with("file"), name.ends_with("directory"), name.ends_with("link"));
        assert_eq!((kind.is_file(), kind.is_dir(), kind.is_symlink()), expected, "{name}");
        assert_eq!(entry.ino(), fs::symlink_metadata(entry.path()).unwrap().ino(), "{name}");
    }
    let dots: Vec<_> = open(&volume, "d").map(Result::unwrap).take(2).collect();
    assert!(dots.iter().all(|entry| entry.file_type() == FileType::Directory));
}

fn a_new_look_sees_what_is_new(mode: Mode) {
    let volume = many(mode);
    let mut listing = open(&volume, "d");
    assert_eq!(rest(&mut listing).len(), MANY);
    volume.write("d/new", "");
    fs::remove_file(volume.at("d/a-rather-long-name-3")).unwrap();
    for mut look in [open(&volume, "d"), {
        listing.rewind();
        listing
    }] {
        let names = rest(&mut look);
        assert_eq!(names.len(), MANY);
        assert!(names.iter().any(|name| name == "new") && names.iter().all(|name| name != "a-rather-long-name-3"));
    }
}

fn names_that_stay_are_listed_while_others_are_renamed(mode: Mode) {
    let volume = many(mode);
    let mut seen = Vec::new();
    for (number, entry) in open(&volume, "d").enumerate() {
        let name = entry.unwrap().file_name().to_str().unwrap().to_owned();
        // Some of them move on; what is made meanwhile may or may not be listed. Few of the layer's: they are copied up.
        let is_new = number > MANY / 2;
        if number % if is_new { 2 } else { 50 } == 1 && name.starts_with('a') {
            fs::rename(volume.at(&format!("d/{name}")), volume.at(&format!("d/renamed-{number}"))).unwrap();
        }
        seen.push(name);
        assert!(seen.len() < 10 * MANY, "a listing without an end");
    }
    let stayed = |names: &[String]| names.iter().filter(|name| name.starts_with('a')).cloned().collect::<BTreeSet<_>>();
    let left = stayed(&rest(&mut open(&volume, "d")));
    assert!((MANY / 4..MANY).contains(&left.len()), "{}", left.len());
    assert!(left.is_subset(&stayed(&seen)), "names that stayed were not listed");
    assert_eq!(seen.iter().filter(|name| left.contains(*name)).count(), left.len(), "listed twice");
}

fn a_listing_goes_on_where_it_was_left(mode: Mode) {
    let volume = many(mode);
    let mut listing = open(&volume, "d");
    let mut offsets = Vec::new();
    let mut names = Vec::new();
    for entry in listing.by_ref() {
        let entry = entry.unwrap();
        offsets.push(entry.offset());
        names.push(entry.file_name().to_owned());
    }
    for from in [0, 1, 2, 100, MANY / 2, MANY, names.len() - 2] {
        listing.seek(offsets[from]).unwrap();
        let next = listing.next().unwrap().unwrap();
        assert_eq!(next.file_name(), &*names[from + 1], "after {from}");
    }
}

fn a_directory_that_was_moved_knows_its_parent(mode: Mode) {
    let volume = Fixture::over(mode, &[("a/moved/x", "1"), ("b/y", "2")]);
    let inside = open(&volume, "a/moved");
    fs::rename(volume.at("a/moved"), volume.at("b/moved")).unwrap();
    let number = |name: &str| fs::metadata(volume.at(name)).unwrap().ino();
    assert_eq!(number("b/moved/.."), number("b"));
    let above = rustix::fs::openat(inside.fd().unwrap(), "..", OFlags::PATH, Bits::empty()).unwrap();
    assert_eq!(rustix::fs::fstat(above).unwrap().st_ino, number("b"));
    let listed = fs::read_dir(volume.at("b/moved")).unwrap().count();
    assert_eq!(listed, 1);
}

fn long_links_are_read_whole(mode: Mode) {
    let volume = Fixture::over(mode, &[]);
    for length in [1, 59, 60, 255, 1023, 4095] {
        let text = "x".repeat(length);
        let name = format!("link{length}");
        symlink(&text, volume.at(&name)).unwrap();
        assert_eq!(fs::read_link(volume.at(&name)).unwrap().to_str().unwrap(), text);
        assert_eq!(fs::symlink_metadata(volume.at(&name)).unwrap().len(), length as u64);
    }
    let too_long = symlink("x".repeat(4096), volume.at("longer"));
    assert!(too_long.is_err());
}
