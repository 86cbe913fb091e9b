//! Copies into and out of a directory that stands for a volume, with a secret beside it that must stay one.

use super::changes::ChangeKind;
use super::{Overwrite, PathKind, UnionMount, VolumeError, VolumePath, VolumeTree};
use rustix::fs::{Mode, OFlags, RenameFlags};
use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use tar::{Builder, EntryType, Header};

const SECRET: &str = "the host's own";

struct Bench {
    directory: tempfile::TempDir,
    tree: VolumeTree,
}

impl Bench {
    /// A volume `c` beside a directory `outside` with a file `secret`.
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        fs::create_dir(directory.path().join("c")).unwrap();
        fs::create_dir(directory.path().join("outside")).unwrap();
        fs::write(directory.path().join("outside/secret"), SECRET).unwrap();
        let root =
            rustix::fs::open(directory.path().join("c"), OFlags::PATH | OFlags::DIRECTORY, Mode::empty()).unwrap();
        Self { tree: VolumeTree::new(root, rustix::process::geteuid().as_raw()), directory }
    }

    fn inside(&self, path: &str) -> PathBuf {
        self.directory.path().join("c").join(path)
    }

    fn outside(&self) -> PathBuf {
        self.directory.path().join("outside")
    }

    fn unpack(&self, path: &str, archive: &[u8]) -> Result<(), VolumeError> {
        self.tree.unpack(&VolumePath::parse(path).unwrap(), archive, Overwrite::Anything)
    }

    /// The names and contents of what is packed.
    fn pack(&self, path: &str) -> Result<Vec<(String, String)>, VolumeError> {
        let mut bytes = Vec::new();
        self.tree.pack(&VolumePath::parse(path).unwrap(), &mut bytes)?;
        let mut archive = tar::Archive::new(&bytes[..]);
        let entries = archive.entries().unwrap().map(|entry| {
            let mut entry = entry.unwrap();
            let mut text = String::new();
            std::io::Read::read_to_string(&mut entry, &mut text).unwrap();
            (entry.path().unwrap().to_str().unwrap().to_owned(), text)
        });
        Ok(entries.collect())
    }

    /// Nothing beside the volume has changed.
    fn assert_untouched(&self) {
        assert_eq!(fs::read_to_string(self.outside().join("secret")).unwrap(), SECRET);
        assert_eq!(fs::read_dir(self.outside()).unwrap().count(), 1);
        assert_eq!(fs::read_dir(self.directory.path()).unwrap().count(), 2);
    }
}

/// A tar stream of entries, with names that no well-behaved writer would write.
#[derive(Default)]
struct Stream(Vec<u8>);

impl Stream {
    fn entry(mut self, kind: EntryType, name: &str, link: &str, content: &[u8]) -> Self {
        let mut header = Header::new_ustar();
        header.set_entry_type(kind);
        header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
        header.as_old_mut().linkname[..link.len()].copy_from_slice(link.as_bytes());
        header.set_mode(0o644);
        header.set_mtime(1_000_000_000);
        header.set_size(content.len() as u64);
        header.set_cksum();
        let mut builder = Builder::new(&mut self.0);
        builder.append(&header, content).unwrap();
        drop(builder.into_inner());
        let end = self.0.len() - 1024;
        self.0.truncate(end);
        self
    }

    fn file(self, name: &str, content: &str) -> Self {
        self.entry(EntryType::Regular, name, "", content.as_bytes())
    }

    fn link(self, kind: EntryType, name: &str, target: &str) -> Self {
        self.entry(kind, name, target, b"")
    }
}

#[test]
fn what_goes_in_comes_out() {
    let bench = Bench::new();
    let long = "n".repeat(180);
    let mut archive = Builder::new(Vec::new());
    let mut header = Header::new_ustar();
    header.set_size(3);
    header.set_mode(0o444);
    header.append_pax_time(&mut archive);
    archive.append_data(&mut header, format!("d/é/{long}"), &b"one"[..]).unwrap();
    bench.unpack("/", &archive.into_inner().unwrap()).unwrap();
    let packed = bench.pack("C:\\D").unwrap();
    assert_eq!(
        packed,
        [("D/".into(), String::new()), ("D/é/".into(), String::new()), (format!("D/é/{long}"), "one".into())]
    );
    let file = fs::metadata(bench.inside(&format!("d/é/{long}"))).unwrap();
    assert_eq!((file.mtime(), file.mtime_nsec(), file.mode() & 0o777), (1_500_000_000, 250_000_000, 0o444));
}

trait PaxTime {
    fn append_pax_time(&mut self, archive: &mut Builder<Vec<u8>>);
}

impl PaxTime for Header {
    fn append_pax_time(&mut self, archive: &mut Builder<Vec<u8>>) {
        archive.append_pax_extensions([("mtime", &b"1500000000.25"[..])]).unwrap();
    }
}

#[test]
fn names_match_without_regard_to_case_and_links_lead_nowhere_else() {
    let bench = Bench::new();
    fs::create_dir(bench.inside("Users")).unwrap();
    fs::write(bench.inside("Users/Read.me"), "x").unwrap();
    symlink("Users", bench.inside("link")).unwrap();
    symlink(bench.outside(), bench.inside("absolute")).unwrap();
    symlink("../../outside", bench.inside("Users/relative")).unwrap();
    symlink("loop", bench.inside("loop")).unwrap();
    assert_eq!(bench.pack("c:/USERS/read.ME").unwrap(), [("read.ME".to_owned(), "x".to_owned())]);
    assert_eq!(bench.pack("/LINK/read.me").unwrap()[0].1, "x");
    for path in ["/absolute/secret", "/Users/relative/secret", "/absolute/.", "/nothing"] {
        assert!(matches!(bench.pack(path), Err(VolumeError::NotFound(_))), "{path}");
    }
    assert!(matches!(bench.pack("/loop/x"), Err(VolumeError::TooManyLinks(_))));
    for (path, target) in [("/link", "/Users"), ("/Users/relative", "/outside")] {
        let stat = bench.tree.stat(&VolumePath::parse(path).unwrap()).unwrap();
        assert_eq!(stat.kind, PathKind::Link(target.to_owned()), "{path}");
    }
}

#[test]
fn a_file_replaces_one_whose_name_differs_in_case() {
    let bench = Bench::new();
    fs::write(bench.inside("Read.me"), "old").unwrap();
    bench
        .unpack("/", &Stream::default().file("README.TXT", "1").file("READ.ME", "new").file("read.me", "newer").0)
        .unwrap();
    let mut names: Vec<_> = fs::read_dir(bench.inside("")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["README.TXT", "read.me"]);
    assert_eq!(fs::read_to_string(bench.inside("read.me")).unwrap(), "newer");
}

#[test]
fn r7_names_that_lead_out_are_refused() {
    for name in [
        "../x",
        "a/../../x",
        "..\\x",
        "C:\\x",
        "d:/x",
        "a:stream",
        "nul",
        "con.txt",
        "trailing.",
        "a\u{1}b",
        "\\\\?\\C:\\x",
    ] {
        let bench = Bench::new();
        fs::create_dir(bench.inside("to")).unwrap();
        let result = bench.unpack("/to", &Stream::default().file(name, "x").0);
        assert!(result.is_err(), "{name:?}");
        assert_eq!(fs::read_dir(bench.inside("to")).unwrap().count(), 0, "{name:?}");
        assert_eq!(fs::read_dir(bench.inside("")).unwrap().count(), 1, "{name:?}");
        bench.assert_untouched();
    }
    // An absolute name is one below the destination.
    let bench = Bench::new();
    fs::create_dir(bench.inside("to")).unwrap();
    bench.unpack("/to", &Stream::default().file("/etc/passwd", "x").0).unwrap();
    assert_eq!(fs::read_to_string(bench.inside("to/etc/passwd")).unwrap(), "x");
}

#[test]
fn r7_writing_through_links_stays_in_the_volume() {
    let bench = Bench::new();
    let outside = bench.outside().display().to_string();
    let archive = Stream::default().link(EntryType::Symlink, "a", &outside).file("a/secret", "mine");
    // The link leads to a directory of the volume that is not there, and is not made.
    assert!(bench.unpack("/", &archive.0).is_err());
    bench.assert_untouched();
    let archive = Stream::default().link(EntryType::Symlink, "b", "../outside").file("b/secret", "mine");
    assert!(matches!(bench.unpack("/", &archive.0), Err(VolumeError::Archive(_))));
    // One that somebody else made is followed within the volume.
    symlink("/", bench.inside("root")).unwrap();
    bench.unpack("/", &Stream::default().file("root/x", "mine").0).unwrap();
    assert_eq!(fs::read_to_string(bench.inside("x")).unwrap(), "mine");
    // One at the very place of a file is replaced.
    symlink(bench.outside().join("secret"), bench.inside("s")).unwrap();
    bench.unpack("/", &Stream::default().file("s", "mine").0).unwrap();
    assert!(fs::symlink_metadata(bench.inside("s")).unwrap().is_file());
    bench.assert_untouched();
}

#[test]
fn r7_hard_links_and_devices_give_nothing() {
    let bench = Bench::new();
    symlink(bench.outside().join("secret"), bench.inside("s")).unwrap();
    for target in ["../outside/secret", "/outside/secret", "s", "missing"] {
        let archive = Stream::default().link(EntryType::Link, "h", target);
        assert!(bench.unpack("/", &archive.0).is_err(), "{target}");
        assert!(!bench.inside("h").exists());
    }
    let devices = Stream::default().link(EntryType::Char, "device", "").link(EntryType::Fifo, "pipe", "");
    let archive = devices.file("f", "x").link(EntryType::Link, "g", "F");
    bench.unpack("/", &archive.0).unwrap();
    assert!(!bench.inside("device").exists() && !bench.inside("pipe").exists());
    assert_eq!(fs::metadata(bench.inside("f")).unwrap().ino(), fs::metadata(bench.inside("g")).unwrap().ino());
    assert!(bench.unpack("/", &Stream::default().entry(EntryType::GNUSparse, "sparse", "", b"x").0).is_err());
    bench.assert_untouched();
}

#[test]
fn kinds_are_kept_when_asked() {
    let bench = Bench::new();
    fs::create_dir_all(bench.inside("d/e")).unwrap();
    fs::write(bench.inside("f"), "x").unwrap();
    let same =
        |archive: Stream| bench.tree.unpack(&VolumePath::parse("/").unwrap(), &archive.0[..], Overwrite::SameKind);
    let error = same(Stream::default().file("D", "x")).unwrap_err();
    assert_eq!(error.to_string(), r#"cannot overwrite directory "/d" with non-directory "D""#);
    let error = same(Stream::default().link(EntryType::Directory, "f/", "")).unwrap_err();
    assert_eq!(error.to_string(), r#"cannot overwrite non-directory "/f" with directory "f/""#);
    bench.unpack("/", &Stream::default().file("d", "x").link(EntryType::Directory, "f/", "").0).unwrap();
    assert!(bench.inside("d").is_file() && bench.inside("f").is_dir());
    let error = bench.unpack("/d", &Stream::default().0).unwrap_err();
    assert_eq!(error.to_string(), "extraction point is not a directory");
}

#[test]
fn r7_directories_that_become_links_meanwhile_lead_nowhere() {
    let bench = Bench::new();
    fs::create_dir_all(bench.inside("at/deep")).unwrap();
    fs::write(bench.inside("at/secret"), "harmless").unwrap();
    fs::write(bench.inside("at/deep/secret"), "harmless").unwrap();
    symlink(bench.outside(), bench.inside("trap")).unwrap();
    let archive =
        Stream::default().link(EntryType::Directory, "deep/", "").file("secret", "mine").file("deep/new", "mine");
    let stop = AtomicBool::new(false);
    let (mut copies, mut swaps) = (0, 0);
    std::thread::scope(|scope| {
        let swapping = scope.spawn(|| {
            let (at, trap) = (bench.inside("at"), bench.inside("trap"));
            let mut swaps = 0;
            while !stop.load(Ordering::Relaxed) {
                let cwd = rustix::fs::CWD;
                rustix::fs::renameat_with(cwd, &at, cwd, &trap, RenameFlags::EXCHANGE).unwrap();
                swaps += 1;
            }
            swaps
        });
        for _ in 0..2_000 {
            // Either the directory or the trap, which is no way out: whatever happens, it happens in the volume.
            if let Ok(packed) = bench.pack("/at/.") {
                copies += 1;
                assert!(packed.iter().all(|(_, content)| !content.contains(SECRET)), "{packed:?}");
            }
            let _ = bench.pack("/at/secret").map(|packed| assert_ne!(packed[0].1, SECRET));
            let _ = bench.unpack("/at", &archive.0);
            let _ = bench.unpack("/", &Stream::default().file("at/other", "mine").0);
        }
        stop.store(true, Ordering::Relaxed);
        swaps = swapping.join().unwrap();
    });
    assert!(swaps > 0 && copies > 0, "{swaps} swaps, {copies} copies");
    bench.assert_untouched();
}

#[test]
fn changes_are_what_the_scratch_has_over_the_layers() {
    let directory = tempfile::tempdir().unwrap();
    let make = |path: &str| fs::create_dir_all(directory.path().join(path)).unwrap();
    let write = |path: &str| fs::write(directory.path().join(path), "x").unwrap();
    make("base/Files/kept/below");
    write("base/Files/kept/changed");
    write("base/Files/kept/gone");
    make("top/Files/kept");
    write("top/Files/kept/ontop");
    make("scratch/upper/kept/new");
    write("scratch/upper/kept/changed");
    write("scratch/upper/kept/ontop");
    write("scratch/upper/kept/new/file");
    let whiteout = directory.path().join("scratch/upper/kept/gone");
    rustix::fs::mknodat(rustix::fs::CWD, &whiteout, rustix::fs::FileType::CharacterDevice, Mode::empty(), 0).unwrap();
    let layers = ["top", "base"].map(|layer| directory.path().join(layer));
    let changes = UnionMount::new(&layers, &directory.path().join("scratch")).changes().unwrap();
    let changes: Vec<_> = changes.iter().map(|change| (change.path.as_str(), change.kind)).collect();
    assert_eq!(
        changes,
        [
            ("/kept", ChangeKind::Modified),
            ("/kept/changed", ChangeKind::Modified),
            ("/kept/gone", ChangeKind::Deleted),
            ("/kept/new", ChangeKind::Added),
            ("/kept/new/file", ChangeKind::Added),
            ("/kept/ontop", ChangeKind::Modified),
        ]
    );
}

#[test]
fn a_client_that_knows_only_slashes_names_whole_paths() {
    let bench = Bench::new();
    fs::create_dir(bench.inside("Dir")).unwrap();
    bench.unpack(".", &Stream::default().file("C:\\dir\\x.txt", "x").0).unwrap();
    assert_eq!(fs::read_to_string(bench.inside("Dir/x.txt")).unwrap(), "x");
    assert!(matches!(bench.unpack(".", &Stream::default().file("C:\\no\\x", "x").0), Err(VolumeError::NotFound(_))));
    assert!(matches!(bench.unpack(".", &Stream::default().file("D:\\x", "x").0), Err(VolumeError::OtherDrive)));
    assert!(bench.unpack("/", &Stream::default().file("C:\\dir\\x", "x").0).is_err());
    assert!(!Path::new("C:\\dir\\x").exists());
}
