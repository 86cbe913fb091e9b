//! What open files can do.

use crate::fixture::{Fixture, Mode};
use crate::mapping::Mapping;
use rustix::fs::{FallocateFlags, FlockOperation, fallocate, flock};
use std::fs::{self, File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt};

in_every_mode!(
    a_removed_file_lives_while_it_is_open,
    a_file_without_rights_can_be_written_by_its_creator,
    space_is_given_and_taken,
    mappings_are_shared,
    locks_hold_between_open_files,
    copies_within_the_volume,
    statistics_are_those_of_the_scratch,
    many_files_at_once,
    large_files,
    changes_are_announced,
    one_inode_opened_in_every_way,
);

fn read_write(volume: &Fixture, path: &str) -> File {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).open(volume.at(path)).unwrap()
}

fn a_removed_file_lives_while_it_is_open(mode: Mode) {
    let volume = Fixture::over(mode, &[("low", "low")]);
    let mut file = read_write(&volume, "up");
    let mut low = File::open(volume.at("low")).unwrap();
    file.write_all(b"content").unwrap();
    fs::remove_file(volume.at("UP")).unwrap();
    fs::remove_file(volume.at("low")).unwrap();
    assert_eq!(file.metadata().unwrap().nlink(), 0);
    file.write_all(b" more").unwrap();
    file.set_len(9).unwrap();
    file.set_permissions(fs::Permissions::from_mode(0o600)).unwrap();
    file.seek(SeekFrom::Start(0)).unwrap();
    let mut text = String::new();
    file.read_to_string(&mut text).unwrap();
    low.read_to_string(&mut text).unwrap();
    assert_eq!(text, "content mlow");
    volume.write("up", "other");
    assert_eq!(file.metadata().unwrap().len(), 9);
}

fn a_file_without_rights_can_be_written_by_its_creator(mode: Mode) {
    use std::os::unix::fs::OpenOptionsExt;
    let volume = Fixture::over(mode, &[]);
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o444).open(volume.at("f")).unwrap();
    file.write_all(b"1").unwrap();
    assert_eq!(fs::metadata(volume.at("f")).unwrap().mode() & 0o777, 0o444);
    assert_eq!(volume.read("F"), "1");
}

fn space_is_given_and_taken(mode: Mode) {
    let volume = Fixture::over(mode, &[]);
    let file = read_write(&volume, "f");
    fallocate(&file, FallocateFlags::empty(), 0, 1 << 20).unwrap();
    let full = file.metadata().unwrap();
    assert_eq!(full.len(), 1 << 20);
    assert!(full.blocks() * 512 >= 1 << 20);
    file.write_all_at(&[1; 4096], 8192).unwrap();
    fallocate(&file, FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE, 0, 1 << 20).unwrap();
    let mut buffer = [1; 4096];
    file.read_exact_at(&mut buffer, 8192).unwrap();
    assert_eq!(buffer, [0; 4096]);
    assert!(file.metadata().unwrap().blocks() < full.blocks());
}

fn mappings_are_shared(mode: Mode) {
    let volume = Fixture::over(mode, &[("low", &"x".repeat(4096))]);
    for name in ["low", "up"] {
        let file = read_write(&volume, name);
        file.set_len(8192).unwrap();
        let mut one = Mapping::writable(&file, 8192);
        let two = Mapping::new(&File::open(volume.at(name)).unwrap(), 8192);
        drop(file);
        one.write(100, b"written");
        assert_eq!(&two.bytes()[100..107], b"written");
        assert_eq!(&fs::read(volume.at(name)).unwrap()[100..107], b"written");
    }
}

fn locks_hold_between_open_files(mode: Mode) {
    let volume = Fixture::over(mode, &[("f", "0123456789")]);
    let one = read_write(&volume, "f");
    let two = read_write(&volume, "F");
    flock(&one, FlockOperation::LockExclusive).unwrap();
    assert!(flock(&two, FlockOperation::NonBlockingLockExclusive).is_err());
    flock(&one, FlockOperation::Unlock).unwrap();
    flock(&two, FlockOperation::NonBlockingLockExclusive).unwrap();
    flock(&two, FlockOperation::Unlock).unwrap();
    // Byte ranges, as another process asks for them.
    let held = rustix::fs::fcntl_lock(&one, FlockOperation::LockExclusive);
    held.unwrap();
    let line = format!("exec 9<>'{}'; flock -n 9", volume.at("F").display());
    assert!(std::process::Command::new("sh").args(["-c", &line]).status().unwrap().success());
    assert!(ofd_lock_refused(&volume.at("f")));
}

/// Whether another process is refused a lock of the whole file.
fn ofd_lock_refused(path: &std::path::Path) -> bool {
    let script = "import fcntl,sys\nf=open(sys.argv[1],'r+')\ntry: fcntl.lockf(f,fcntl.LOCK_EX|fcntl.LOCK_NB)\nexcept OSError: sys.exit(7)";
    let status = std::process::Command::new("python3").args(["-c", script]).arg(path).status().unwrap();
    status.code() == Some(7)
}

fn copies_within_the_volume(mode: Mode) {
    let volume = Fixture::over(mode, &[("low", &"data".repeat(100_000))]);
    fs::copy(volume.at("low"), volume.at("copy")).unwrap();
    assert_eq!(volume.read("copy").len(), 400_000);
    assert_eq!(volume.read("copy"), volume.read("low"));
}

fn statistics_are_those_of_the_scratch(mode: Mode) {
    let volume = Fixture::over(mode, &[]);
    let inside = rustix::fs::statvfs(volume.root()).unwrap();
    let outside = rustix::fs::statvfs(volume.upper()).unwrap();
    assert_eq!((inside.f_blocks, inside.f_bsize), (outside.f_blocks, outside.f_bsize));
    assert!(inside.f_bfree.abs_diff(outside.f_bfree) < inside.f_blocks / 10);
    assert_eq!(inside.f_namemax, 255);
}

fn many_files_at_once(mode: Mode) {
    let names: Vec<String> = (0..700).map(|n| format!("file{n}")).collect();
    let files: Vec<(&str, &str)> = names.iter().map(|n| (n.as_str(), n.as_str())).collect();
    let volume = Fixture::over(mode, &files);
    let held: Vec<File> = names.iter().take(300).map(|n| File::open(volume.at(n)).unwrap()).collect();
    for (name, mut file) in names.iter().zip(held) {
        let mut text = String::new();
        file.read_to_string(&mut text).unwrap();
        assert_eq!(text, *name);
    }
    for _ in 0..2 {
        for name in &names {
            assert_eq!(volume.read(&name.to_uppercase()), *name);
        }
    }
    assert_eq!(volume.names("").len(), 700);
    for name in names.iter().step_by(2) {
        fs::remove_file(volume.at(name)).unwrap();
    }
    assert_eq!(volume.names("").len(), 350);
}

fn large_files(mode: Mode) {
    let volume = Fixture::over(mode, &[]);
    let block: Vec<u8> = (0..1 << 20).map(|n: u32| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let mut file = File::create(volume.at("large")).unwrap();
    for _ in 0..40 {
        file.write_all(&block).unwrap();
    }
    file.sync_all().unwrap();
    drop(file);
    let read = fs::read(volume.at("LARGE")).unwrap();
    assert_eq!(read.len(), 40 << 20);
    assert!(read.chunks(1 << 20).all(|chunk| chunk == block));
    let far = read_write(&volume, "far");
    far.write_all_at(b"end", 5 << 32).unwrap();
    assert_eq!(far.metadata().unwrap().len(), (5 << 32) + 3);
}

fn changes_are_announced(mode: Mode) {
    use rustix::fs::inotify::{CreateFlags, ReadFlags, Reader, WatchFlags, add_watch, init};
    let volume = Fixture::over(mode, &[("d/low", "1")]);
    let watcher = init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK).unwrap();
    let all =
        WatchFlags::CREATE | WatchFlags::DELETE | WatchFlags::MODIFY | WatchFlags::MOVED_FROM | WatchFlags::MOVED_TO;
    add_watch(&watcher, volume.at("D"), all).unwrap();
    volume.write("d/new", "1");
    fs::rename(volume.at("d/new"), volume.at("d/NEW2")).unwrap();
    volume.write("d/LOW", "2");
    fs::remove_file(volume.at("d/low")).unwrap();
    let mut buffer = Vec::with_capacity(4096);
    let mut reader = Reader::new(&watcher, buffer.spare_capacity_mut());
    let mut seen = Vec::new();
    while let Ok(event) = reader.next() {
        let name = event.file_name().map(|n| n.to_str().unwrap().to_owned()).unwrap_or_default();
        seen.push((event.events(), name));
    }
    for (kind, name) in [
        (ReadFlags::CREATE, "new"),
        (ReadFlags::MODIFY, "new"),
        (ReadFlags::MOVED_FROM, "new"),
        (ReadFlags::MOVED_TO, "NEW2"),
        (ReadFlags::MODIFY, "LOW"),
        (ReadFlags::DELETE, "low"),
    ] {
        assert!(seen.iter().any(|(k, n)| k.contains(kind) && n == name), "{kind:?} {name}: {seen:?}");
    }
}

fn one_inode_opened_in_every_way(mode: Mode) {
    let volume = Fixture::over(mode, &[("f", "0123456789")]);
    let reader = File::open(volume.at("f")).unwrap();
    let appender = OpenOptions::new().append(true).open(volume.at("f")).unwrap();
    let writer = OpenOptions::new().write(true).open(volume.at("F")).unwrap();
    let later = File::open(volume.at("f")).unwrap();
    (&appender).write_all(b"a").unwrap();
    writer.write_all_at(b"w", 0).unwrap();
    let mut text = String::new();
    (&later).read_to_string(&mut text).unwrap();
    assert_eq!(text, "w123456789a");
    text.clear();
    (&reader).read_to_string(&mut text).unwrap();
    assert_eq!(text, "0123456789");
    drop((reader, appender, writer, later));
    assert_eq!(volume.read("f"), "w123456789a");
}
