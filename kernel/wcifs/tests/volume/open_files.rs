//! What open files can do.

use crate::fixture::{Fixture, Mode};
use crate::mapping::Mapping;
use rustix::fs::{FallocateFlags, FlockOperation, XattrFlags, fallocate, flock};
use rustix::io::Errno;
use std::fs::{self, File, OpenOptions};
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt};
use std::path::Path;
use std::process::{Child, Command, Stdio};

in_every_mode!(
    a_removed_file_lives_while_it_is_open,
    so_does_one_that_was_copied_up_meanwhile,
    a_file_without_rights_can_be_written_by_its_creator,
    space_is_given_and_taken,
    mappings_are_shared,
    locks_hold_between_open_files,
    ranges_are_locked_on_their_own,
    a_lock_stays_with_the_file_that_was_opened,
    copies_within_the_volume,
    statistics_are_those_of_the_scratch,
    many_files_at_once,
    programs_cannot_open_all_that_the_server_may,
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

/// Does something with a file.
type ByPath = fn(&Path);

fn so_does_one_that_was_copied_up_meanwhile(mode: Mode) {
    let reasons: [(&str, ByPath); 3] = [
        ("mode", |path| fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap()),
        ("attribute", |path| rustix::fs::setxattr(path, "user.mine", b"1", XattrFlags::empty()).unwrap()),
        ("name", |path| {
            fs::rename(path, path.with_extension("moved")).unwrap();
            fs::rename(path.with_extension("moved"), path).unwrap();
        }),
    ];
    let ends: [ByPath; 2] = [
        |path| fs::remove_file(path).unwrap(),
        |path| {
            fs::write(path.with_extension("new"), "new").unwrap();
            fs::rename(path.with_extension("new"), path).unwrap();
        },
    ];
    for (reason, copy_up) in reasons {
        for end in ends {
            let volume = Fixture::over(mode, &[("low", "content")]);
            let mut low = File::open(volume.at("low")).unwrap();
            copy_up(&volume.at("low"));
            end(&volume.at("LOW"));
            let seen = low.metadata().unwrap_or_else(|e| panic!("after its {reason} changed: {e}"));
            assert_eq!((seen.nlink(), seen.len()), (0, 7));
            let mut value = [0; 16];
            assert_eq!(rustix::fs::fgetxattr(&low, "user.DOSATTRIB", &mut value), Err(Errno::NODATA));
            let mut text = String::new();
            low.read_to_string(&mut text).unwrap();
            assert_eq!(text, "content");
        }
    }
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
}

/// A process that has locked bytes of a file, until it is dropped.
struct Locker(Child);

impl Locker {
    /// `kind` is `LOCK_EX` or `LOCK_SH` of Python's `fcntl.lockf`. `None`: another process has them.
    fn of(path: &Path, kind: &str, start: u64, length: u64) -> Option<Self> {
        let script = "import fcntl,sys\n\
            f=open(sys.argv[1],'r+')\n\
            try: fcntl.lockf(f,getattr(fcntl,sys.argv[2])|fcntl.LOCK_NB,int(sys.argv[4]),int(sys.argv[3]))\n\
            except OSError: print('refused')\n\
            else: print('held',flush=True); sys.stdin.read()";
        let mut command = Command::new("python3");
        command.args(["-c", script]).arg(path).args([kind, &start.to_string(), &length.to_string()]);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut said = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut said).unwrap();
        let locker = Self(child);
        match said.trim() {
            "held" => Some(locker),
            "refused" => None,
            other => panic!("python said {other:?}"),
        }
    }
}

impl Drop for Locker {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        self.0.wait().unwrap();
    }
}

fn ranges_are_locked_on_their_own(mode: Mode) {
    let volume = Fixture::over(mode, &[("f", "0123456789")]);
    let lock = |kind, start, length| Locker::of(&volume.at("F"), kind, start, length);
    let end = lock("LOCK_EX", 4, 6).unwrap();
    assert!(lock("LOCK_EX", 4, 1).is_none() && lock("LOCK_SH", 9, 100).is_none() && lock("LOCK_EX", 0, 5).is_none());
    assert!(lock("LOCK_EX", 0, 4).is_some() && lock("LOCK_EX", 10, 1).is_some());
    drop(end);
    let _shared = lock("LOCK_SH", 4, 6).unwrap();
    assert!(lock("LOCK_SH", 0, 10).is_some() && lock("LOCK_EX", 4, 1).is_none());
}

fn a_lock_stays_with_the_file_that_was_opened(mode: Mode) {
    let volume = Fixture::over(mode, &[("low", "1")]);
    let reader = File::open(volume.at("low")).unwrap();
    flock(&reader, FlockOperation::LockExclusive).unwrap();
    let second = File::open(volume.at("LOW")).unwrap();
    assert!(flock(&second, FlockOperation::NonBlockingLockExclusive).is_err());
    // Who writes has a file of the scratch (README, limits), and all who open it from now on.
    let writer = read_write(&volume, "low");
    flock(&writer, FlockOperation::NonBlockingLockExclusive).unwrap();
    let third = File::open(volume.at("low")).unwrap();
    assert!(flock(&third, FlockOperation::NonBlockingLockExclusive).is_err());
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

/// The program and the server are one process here; it is the server that refuses, as the numbers are not used up.
fn programs_cannot_open_all_that_the_server_may(mode: Mode) {
    use rustix::process::{Resource, Rlimit, setrlimit};
    let limit = Rlimit { current: Some(320), maximum: Some(320) };
    setrlimit(Resource::Nofile, limit).unwrap();
    let names: Vec<String> = (0..200).map(|n| format!("low{n}")).collect();
    let files: Vec<(&str, &str)> = names.iter().map(|n| (n.as_str(), n.as_str())).collect();
    let volume = Fixture::over(mode, &files);
    let (mut held, mut created) = (Vec::new(), 0);
    let refused = |result: std::io::Result<File>| match result {
        Ok(file) => Ok(file),
        Err(error) => Err(error.raw_os_error()),
    };
    for name in &names {
        match refused(File::open(volume.at(name))) {
            Ok(file) => held.push(file),
            Err(error) => {
                assert_eq!(error, Some(libc::EMFILE));
                break;
            }
        }
    }
    assert!((100..160).contains(&held.len()), "{}", held.len());
    held.truncate(held.len() - 8);
    loop {
        match refused(File::create(volume.at(&format!("new{created}")))) {
            Ok(file) => held.push(file),
            Err(error) => {
                assert_eq!(error, Some(libc::EMFILE));
                break;
            }
        }
        created += 1;
    }
    // A file that is refused is not emptied.
    let last = names.last().unwrap();
    let emptied = OpenOptions::new().write(true).truncate(true).open(volume.at(last));
    assert_eq!(emptied.unwrap_err().raw_os_error(), Some(libc::EMFILE));
    let others: Vec<File> = (0..8).map(|_| File::open("/dev/null").unwrap()).collect();
    drop((others, held));
    assert!(created > 0);
    assert_eq!(volume.names("").iter().filter(|name| name.starts_with("new")).count(), created);
    for name in &names {
        assert_eq!(volume.read(name), *name);
    }
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
    let all = all | WatchFlags::ATTRIB;
    add_watch(&watcher, volume.at("D"), all).unwrap();
    volume.write("d/new", "1");
    fs::rename(volume.at("d/new"), volume.at("d/NEW2")).unwrap();
    volume.write("d/LOW", "2");
    fs::set_permissions(volume.at("d/LOW"), fs::Permissions::from_mode(0o600)).unwrap();
    fs::remove_file(volume.at("d/low")).unwrap();
    fs::create_dir(volume.at("d/inner")).unwrap();
    fs::remove_dir(volume.at("d/INNER")).unwrap();
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
        (ReadFlags::ATTRIB, "LOW"),
        (ReadFlags::DELETE, "low"),
        (ReadFlags::CREATE, "inner"),
        (ReadFlags::DELETE, "INNER"),
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
