//! Names are found in any spelling and keep the one they were given.

use crate::fixture::{Fixture, Mode, error, fill};
use std::fs;
use std::os::unix::fs::MetadataExt;

in_every_mode!(
    wineserver_renames_to_another_case,
    wineserver_renames_directories_to_another_case,
    wineserver_renames_to_a_case_that_was_used_before,
    a_directory_with_a_mount_in_it_keeps_its_spelling,
    any_spelling_finds_a_file,
    a_miss_is_forgotten_when_another_spelling_is_created,
    a_removed_file_is_gone_in_every_spelling,
    a_new_spelling_is_kept,
    directories_of_different_spelling_merge,
    other_alphabets_fold_too,
    what_would_be_one_name_on_windows_is_one,
    the_case_flag_is_told,
    a_directory_may_be_entered_in_changing_spellings,
);

fn any_spelling_finds_a_file(mode: Mode) {
    let volume = Fixture::over(mode, &[("Windows/System32/Kernel32.dll", "k")]);
    for path in ["Windows/System32/Kernel32.dll", "windows/system32/KERNEL32.DLL", "WINDOWS/SYSTEM32/kernel32.dll"] {
        assert_eq!(volume.read(path), "k");
    }
    let inode = |path: &str| fs::metadata(volume.at(path)).unwrap().ino();
    assert_eq!(inode("windows/system32/kernel32.dll"), inode("WINDOWS/system32/KERNEL32.dll"));
    assert_eq!(volume.names(""), ["Windows"]);
    assert_eq!(volume.names("windows/SYSTEM32"), ["Kernel32.dll"]);
}

fn a_miss_is_forgotten_when_another_spelling_is_created(mode: Mode) {
    let volume = Fixture::over(mode, &[("d/", "")]);
    for _ in 0..2 {
        assert!(!volume.at("d/FOO.TXT").exists());
        assert!(!volume.at("d/Foo.Txt").exists());
    }
    volume.write("d/foo.txt", "1");
    assert_eq!(volume.read("d/FOO.TXT"), "1");
    assert_eq!(volume.read("d/Foo.Txt"), "1");
    assert!(!volume.at("D/BAR").exists());
    fs::rename(volume.at("d/foo.txt"), volume.at("d/bar")).unwrap();
    assert_eq!(volume.read("D/BAR"), "1");
    assert!(!volume.at("d/foo.txt").exists());
    assert!(!volume.at("d/FOO.TXT").exists());
    assert!(!volume.at("SUB").exists());
    fs::create_dir(volume.at("sub")).unwrap();
    assert!(volume.at("SUB").is_dir());
}

fn a_removed_file_is_gone_in_every_spelling(mode: Mode) {
    let volume = Fixture::over(mode, &[("d/low.txt", "1")]);
    volume.write("d/up.txt", "2");
    for (known, removed) in [("low.txt", "LOW.TXT"), ("UP.txt", "up.txt")] {
        for name in [known, removed] {
            volume.read(&format!("d/{name}"));
        }
        fs::remove_file(volume.at(&format!("d/{removed}"))).unwrap();
        for name in [known, removed] {
            assert!(!volume.at(&format!("d/{name}")).exists(), "{name}");
        }
    }
    assert_eq!(volume.names("d"), [""; 0]);
}

fn a_new_spelling_is_kept(mode: Mode) {
    let mut volume = Fixture::over(mode, &[("Low/File.txt", "1"), ("Low/inner/x", "2")]);
    volume.write("Up", "3");
    fs::rename(volume.at("up"), volume.at("UP")).unwrap();
    fs::rename(volume.at("low/file.txt"), volume.at("low/FILE.TXT")).unwrap();
    fs::rename(volume.at("low"), volume.at("LOW")).unwrap();
    for _ in 0..2 {
        assert_eq!(volume.names(""), ["LOW", "UP"]);
        assert_eq!(volume.names("low"), ["FILE.TXT", "inner"]);
        assert_eq!(volume.read("lOw/fIle.txt"), "1");
        assert_eq!(volume.read("Low/INNER/x"), "2");
        volume.remount();
    }
}

fn directories_of_different_spelling_merge(mode: Mode) {
    let volume = Fixture::new(
        mode,
        &[
            &|l| fill(l, &[("WINDOWS/top", "t"), ("windows.txt/", "")]),
            &|l| fill(l, &[("Windows/Middle/a", "a")]),
            &|l| fill(l, &[("windows/MIDDLE/b", "b"), ("windows/TOP", "hidden"), ("WINDOWS.TXT", "hidden")]),
        ],
    );
    assert_eq!(volume.names(""), ["WINDOWS", "windows.txt"]);
    assert_eq!(volume.names("windows"), ["Middle", "top"]);
    assert_eq!(volume.names("windows/middle"), ["a", "b"]);
    assert_eq!(volume.read("windows/top"), "t");
    assert_eq!(volume.read("windows/middle/B"), "b");
    volume.write("windows/middle/c", "c");
    assert_eq!(volume.names("windows/middle"), ["a", "b", "c"]);
    assert!(volume.upper().join("WINDOWS/Middle/c").exists());
    assert!(volume.at("windows.txt").is_dir());
}

fn other_alphabets_fold_too(mode: Mode) {
    let volume = Fixture::over(mode, &[("Привет.txt", "1"), ("straße", "2"), ("ÿ", "3")]);
    assert_eq!(volume.read("ПРИВЕТ.TXT"), "1");
    assert_eq!(volume.read("STRAßE"), "2");
    assert!(!volume.at("STRASSE").exists());
    assert_eq!(volume.read("Ÿ"), "3");
}

fn what_would_be_one_name_on_windows_is_one(mode: Mode) {
    // L4: a layer that no Windows could have made.
    let files =
        [("FOO", "first"), ("Foo", "second"), ("foo", "third"), ("ı", "dotless"), ("I", "i"), ("\u{212a}", "kelvin")];
    let volume = Fixture::over(mode, &files);
    assert_eq!(volume.names(""), ["FOO", "I", "ı", "\u{212a}"]);
    for name in ["FOO", "Foo", "foo"] {
        assert_eq!(volume.read(name), "first");
    }
    fs::remove_file(volume.at("foo")).unwrap();
    assert!(!volume.at("Foo").exists());
    assert_eq!(volume.names(""), ["I", "ı", "\u{212a}"]);
    volume.write("fOO", "new");
    assert_eq!(volume.names(""), ["I", "fOO", "ı", "\u{212a}"]);
    assert!(!volume.at("k").exists());
}

fn the_case_flag_is_told(mode: Mode) {
    let volume = Fixture::over(mode, &[("d/f", "")]);
    let flags = |path: &str| {
        let file = fs::File::open(volume.at(path)).unwrap();
        rustix::fs::ioctl_getflags(&file).unwrap().bits()
    };
    assert_eq!(flags("d") & 0x4000_0000, 0x4000_0000);
    assert_eq!(flags("d/f") & 0x4000_0000, 0);
}

fn a_directory_may_be_entered_in_changing_spellings(mode: Mode) {
    let volume = Fixture::over(mode, &[("Dir/Sub/f", "1")]);
    let held = fs::File::open(volume.at("DIR/SUB")).unwrap();
    for round in 0..50 {
        for path in ["dir/sub/f", "DIR/SUB/F", "Dir/Sub/f"] {
            assert_eq!(volume.read(path), "1", "{round}");
        }
        volume.write(&format!("dIR/new{round}"), "2");
        assert!(volume.at(&format!("Dir/NEW{round}")).exists());
    }
    let entry = rustix::fs::statat(&held, "F", rustix::fs::AtFlags::empty()).unwrap();
    assert_eq!(entry.st_size, 1);
}

/// Does what wineserver does in a thread that has its name.
fn as_wineserver<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().name("wineserver64".into());
        thread.spawn_scoped(scope, work).unwrap().join().unwrap()
    })
}

fn wineserver_renames_to_another_case(mode: Mode) {
    let volume = Fixture::over(mode, &[("readme", "low"), ("other", "other")]);
    volume.write("new", "new");
    for (name, spelled) in [("readme", "ReadMe"), ("new", "NEW")] {
        let held = fs::File::open(volume.at(name)).unwrap();
        // The program looks first.
        assert!(volume.at(spelled).exists());
        as_wineserver(|| {
            assert_eq!(error(fs::metadata(volume.at(spelled))), 2, "{spelled}");
            fs::rename(volume.at(name), volume.at(spelled)).unwrap();
        });
        assert!(volume.names("").iter().any(|found| found == spelled), "{:?}", volume.names(""));
        // What is open is not replaced.
        let respelled = spelled.to_lowercase();
        let refused = as_wineserver(|| error(fs::rename(volume.at("other"), volume.at(&respelled))));
        assert_eq!(refused, 13, "{respelled}");
        assert_eq!(volume.read("other"), "other");
        drop(held);
        assert!(as_wineserver(|| volume.at(&respelled).exists()));
    }
    as_wineserver(|| fs::rename(volume.at("other"), volume.at("readme")).unwrap());
    assert_eq!(volume.read("README"), "other");
}

/// Programs look whether something has the new name, some by opening it, before anybody has the file open.
fn wineserver_renames_to_a_case_that_was_used_before(mode: Mode) {
    for looked in [true, false] {
        let volume = Fixture::over(mode, &[("d/readme", "low")]);
        volume.write("new", "new");
        for (name, spelled) in [("d/readme", "d/ReadMe"), ("new", "NEW")] {
            for _ in 0..2 {
                match looked {
                    true => assert!(volume.at(spelled).exists()),
                    false => _ = volume.read(spelled),
                }
            }
            as_wineserver(|| {
                let held = fs::File::open(volume.at(name)).unwrap();
                assert_eq!(held.metadata().unwrap().len(), 3);
                assert_eq!(error(fs::metadata(volume.at(spelled))), 2, "{spelled}");
                // The name that it has is found.
                assert_eq!(fs::metadata(volume.at(name)).unwrap().ino(), held.metadata().unwrap().ino());
                fs::rename(volume.at(name), volume.at(spelled)).unwrap();
            });
            let (parent, last) = spelled.rsplit_once('/').unwrap_or(("", spelled));
            assert!(volume.names(parent).iter().any(|found| found == last), "{:?}", volume.names(parent));
            assert!(as_wineserver(|| volume.at(name).exists()));
        }
        // By another of its names, too.
        fs::hard_link(volume.at("new"), volume.at("d/hard")).unwrap();
        assert!(volume.at("d/HARD").exists());
        as_wineserver(|| {
            let _held = fs::File::open(volume.at("d/hard")).unwrap();
            assert_eq!(error(fs::metadata(volume.at("d/HARD"))), 2);
            fs::rename(volume.at("d/hard"), volume.at("d/HARD")).unwrap();
        });
        assert!(volume.names("d").contains(&"HARD".to_owned()), "{:?}", volume.names("d"));
        // Anybody else finds it meanwhile.
        let _held = fs::File::open(volume.at("d/readme")).unwrap();
        assert!(volume.at("d/README").exists() && volume.at("d/ReadMe").exists());
    }
}

fn wineserver_renames_directories_to_another_case(mode: Mode) {
    let volume = Fixture::over(mode, &[("low/sub/f", "1"), ("other/", "")]);
    fill(&volume.root(), &[("new/sub/f", "1")]);
    for (name, spelled, respelled) in [
        ("low", "Low", "LOW"),
        ("new", "NEW", "New"),
        ("low/sub", "low/SUB", "LOW/Sub"),
        ("new/sub", "NEW/Sub", "NEW/sUB"),
    ] {
        let held = fs::File::open(volume.at(name)).unwrap();
        // The program looks first.
        assert!(volume.at(spelled).is_dir());
        as_wineserver(|| {
            assert_eq!(error(fs::metadata(volume.at(spelled))), 2, "{spelled}");
            fs::rename(volume.at(name), volume.at(spelled)).unwrap();
        });
        let (parent, last) = spelled.rsplit_once('/').unwrap_or(("", spelled));
        assert!(volume.names(parent).iter().any(|found| found == last), "{:?}", volume.names(parent));
        // What was opened before is the same directory.
        assert!(rustix::fs::statat(&held, ".", rustix::fs::AtFlags::empty()).is_ok());
        // Another one does not take its place.
        assert!(volume.at(respelled).is_dir());
        let refused = as_wineserver(|| error(fs::rename(volume.at("other"), volume.at(respelled))));
        assert_eq!(refused, 13, "{respelled}");
        drop(held);
        // Once it is open no more, it is found again.
        assert!(as_wineserver(|| volume.at(respelled).is_dir()), "{respelled}");
    }
    assert_eq!((volume.read("low/sub/f"), volume.read("new/sub/f")), ("1".into(), "1".into()));
}

/// For the kernel the directory would be gone for a moment, and what is mounted in it with it.
fn a_directory_with_a_mount_in_it_keeps_its_spelling(mode: Mode) {
    let volume = Fixture::over(mode, &[("Data/My Files/", "")]);
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("f"), "outside").unwrap();
    let point = volume.at("Data/My Files");
    rustix::mount::mount_bind(outside.path(), &point).unwrap();
    let held = fs::File::open(volume.at("Data")).unwrap();
    assert!(volume.at("DATA").is_dir());
    as_wineserver(|| {
        assert!(volume.at("DATA").is_dir());
        fs::rename(volume.at("Data"), volume.at("DATA")).unwrap_or_default();
    });
    assert_eq!(volume.read("data/my files/f"), "outside");
    drop(held);
    rustix::mount::unmount(&point, rustix::mount::UnmountFlags::DETACH).unwrap();
}
