//! The first change of a lower file copies it, whole.

use crate::fixture::{Fixture, Mode, OWNER, fill};
use std::fs;
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt};

in_every_mode!(
    a_write_copies_the_file_and_leaves_the_layer_alone,
    a_reader_keeps_the_old_file,
    attributes_survive,
    holes_stay_holes,
    everything_belongs_to_the_programs,
    a_mapping_keeps_the_old_file,
    appending_and_emptying,
);

fn a_write_copies_the_file_and_leaves_the_layer_alone(mode: Mode) {
    let volume = Fixture::over(mode, &[("a/b/file", "0123456789")]);
    let before = fs::metadata(volume.at("a/b/file")).unwrap();
    let file = fs::OpenOptions::new().write(true).open(volume.at("A/B/FILE")).unwrap();
    file.write_all_at(b"xx", 2).unwrap();
    drop(file);
    assert_eq!(volume.read("a/b/file"), "01xx456789");
    assert_eq!(fs::read_to_string(volume.layer(0).join("a/b/file")).unwrap(), "0123456789");
    assert_eq!(fs::metadata(volume.at("a/b/file")).unwrap().ino(), before.ino());
}

fn a_reader_keeps_the_old_file(mode: Mode) {
    let volume = Fixture::over(mode, &[("file", "old content")]);
    let mut reader = fs::File::open(volume.at("file")).unwrap();
    let mut start = [0; 3];
    reader.read_exact(&mut start).unwrap();
    let mut writer = fs::OpenOptions::new().write(true).open(volume.at("file")).unwrap();
    writer.write_all(b"NEW").unwrap();
    assert_eq!(volume.read("file"), "NEW content");
    reader.seek(SeekFrom::Start(0)).unwrap();
    let mut text = String::new();
    reader.read_to_string(&mut text).unwrap();
    assert_eq!(text, "old content");
    let mut second = fs::OpenOptions::new().read(true).write(true).open(volume.at("FILE")).unwrap();
    second.read_to_string(&mut text).unwrap();
    assert_eq!(text, "old contentNEW content");
    assert_eq!(reader.metadata().unwrap().ino(), writer.metadata().unwrap().ino());
    // Cutting it while it is open.
    let other = Fixture::over(mode, &[("file", "old content")]);
    let reader = fs::File::open(other.at("file")).unwrap();
    fs_truncate(&other.at("file"), 3);
    assert_eq!(other.read("file"), "old");
    let mut text = [0; 11];
    reader.read_exact_at(&mut text, 0).unwrap();
    assert_eq!(&text, b"old content");
}

fn attributes_survive(mode: Mode) {
    let volume = Fixture::new(
        mode,
        &[&|l| {
            fill(l, &[("d/file", "1")]);
            fs::set_permissions(l.join("d/file"), fs::Permissions::from_mode(0o444)).unwrap();
            let file = fs::File::open(l.join("d/file")).unwrap();
            let time = std::time::UNIX_EPOCH + std::time::Duration::new(1_000_000_000, 123_456_700);
            fs::OpenOptions::new().write(true).open(l.join("d/file")).unwrap().set_modified(time).unwrap();
            rustix::fs::fsetxattr(&file, "trusted.wcifs.security", b"descriptor", rustix::fs::XattrFlags::empty())
                .unwrap();
        }],
    );
    let before = fs::metadata(volume.at("d/file")).unwrap();
    rustix::fs::setxattr(volume.at("d/file"), "user.x", b"y", rustix::fs::XattrFlags::empty()).unwrap();
    let after = fs::metadata(volume.at("d/file")).unwrap();
    assert_eq!((before.mtime(), before.mtime_nsec()), (1_000_000_000, 123_456_700));
    assert_eq!((after.mtime(), after.mtime_nsec()), (before.mtime(), before.mtime_nsec()));
    assert_eq!(after.mode() & 0o7777, 0o444);
    let mut value = [0; 32];
    let path = volume.upper().join("d/file");
    let length = rustix::fs::getxattr(&path, "trusted.wcifs.security", &mut value).unwrap();
    assert_eq!(&value[..length], b"descriptor");
}

fn holes_stay_holes(mode: Mode) {
    let volume = Fixture::new(
        mode,
        &[&|l| {
            let file = fs::File::create(l.join("sparse")).unwrap();
            file.set_len(64 << 20).unwrap();
            file.write_all_at(b"middle", 32 << 20).unwrap();
        }],
    );
    let file = fs::OpenOptions::new().read(true).write(true).open(volume.at("sparse")).unwrap();
    let mut middle = [0; 6];
    file.read_exact_at(&mut middle, 32 << 20).unwrap();
    assert_eq!(&middle, b"middle");
    let data = rustix::fs::seek(&file, rustix::fs::SeekFrom::Data(0)).unwrap();
    assert!(data > 0 && data <= 32 << 20, "{data}");
    assert!(file.metadata().unwrap().blocks() < 1024);
    assert_eq!(file.metadata().unwrap().len(), 64 << 20);
}

fn everything_belongs_to_the_programs(mode: Mode) {
    let volume = Fixture::over(mode, &[("d/f", "1")]);
    volume.write("d/new", "2");
    for path in ["", "d", "d/f", "d/new"] {
        let metadata = fs::metadata(volume.at(path)).unwrap();
        assert_eq!((metadata.uid(), metadata.gid()), (OWNER, OWNER), "{path}");
    }
    assert_eq!(fs::metadata(volume.upper().join("d/new")).unwrap().uid(), 0);
}

fn a_mapping_keeps_the_old_file(mode: Mode) {
    let volume = Fixture::over(mode, &[("file", &"old ".repeat(2048))]);
    let mapping = crate::mapping::Mapping::new(&fs::File::open(volume.at("file")).unwrap(), 8192);
    fs::OpenOptions::new().write(true).open(volume.at("file")).unwrap().write_all_at(b"new ", 4096).unwrap();
    assert_eq!(&volume.read("file")[4096..4104], "new old ");
    assert_eq!(&mapping.bytes()[4096..4104], b"old old ");
    assert_eq!(&mapping.bytes()[..4], b"old ");
}

fn appending_and_emptying(mode: Mode) {
    let volume = Fixture::over(mode, &[("log", "line\n"), ("full", "xxxx")]);
    let mut log = fs::OpenOptions::new().append(true).open(volume.at("LOG")).unwrap();
    log.write_all(b"more\n").unwrap();
    log.write_all(b"end\n").unwrap();
    assert_eq!(volume.read("log"), "line\nmore\nend\n");
    drop(fs::File::create(volume.at("full")).unwrap());
    assert_eq!(volume.read("full"), "");
    assert_eq!(fs::metadata(volume.at("full")).unwrap().len(), 0);
}

/// As another program does it.
fn fs_truncate(path: &std::path::Path, size: u64) {
    let status = std::process::Command::new("truncate").arg("-s").arg(size.to_string()).arg(path).status().unwrap();
    assert!(status.success());
}
