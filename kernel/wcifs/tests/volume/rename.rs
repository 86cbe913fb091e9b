//! Renaming, within and across layers.

use crate::fixture::{Fixture, Mode, error, fill, is_tombstone, names};
use casement_wcifs::MountPlan;
use rustix::fs::{CWD, RenameFlags, renameat_with};
use std::fs;
use std::io::Read;

in_every_mode!(
    lower_files_move,
    lower_directories_move_with_all_that_is_in_them,
    an_open_file_is_replaced_at_once,
    directories_replace_empty_ones_only,
    flags,
    a_directory_that_moves_over_a_removed_one_does_not_merge,
    renaming_over_another_spelling,
    a_directory_moved_away_and_back,
    a_full_disk_changes_nothing,
);

fn lower_files_move(mode: Mode) {
    let mut volume = Fixture::over(mode, &[("a/File", "1"), ("b/", "")]);
    fs::rename(volume.at("a/file"), volume.at("b/Moved")).unwrap();
    for _ in 0..2 {
        assert_eq!(volume.read("b/moved"), "1");
        assert_eq!(volume.names("a"), [""; 0]);
        assert!(!volume.at("a/File").exists());
        volume.remount();
    }
    assert!(is_tombstone(&volume.upper().join("a/File")));
}

fn lower_directories_move_with_all_that_is_in_them(mode: Mode) {
    let mut volume = Fixture::new(
        mode,
        &[&|l| fill(l, &[("Dir/Sub/top", "t")]), &|l| {
            fill(l, &[("dir/sub/base", "b"), ("dir/gone", "g"), ("dir/e/", "")])
        }],
    );
    fs::remove_file(volume.at("dir/gone")).unwrap();
    let mut held = fs::File::open(volume.at("dir/sub/base")).unwrap();
    fs::rename(volume.at("DIR"), volume.at("New")).unwrap();
    assert_eq!(volume.read("new/sub/base"), "b");
    let mut text = String::new();
    held.read_to_string(&mut text).unwrap();
    assert_eq!(text, "b");
    drop(held);
    for _ in 0..2 {
        assert_eq!(volume.names(""), ["New"]);
        assert_eq!(volume.names("new"), ["Sub", "e"]);
        assert_eq!(volume.names("new/sub"), ["base", "top"]);
        assert_eq!(volume.read("NEW/SUB/BASE"), "b");
        volume.remount();
    }
    fs::create_dir(volume.at("dir")).unwrap();
    assert_eq!(volume.names("dir"), [""; 0]);
}

fn an_open_file_is_replaced_at_once(mode: Mode) {
    let volume = Fixture::over(mode, &[("target", "old")]);
    volume.write("new", "new");
    let mut held = fs::File::open(volume.at("target")).unwrap();
    fs::rename(volume.at("new"), volume.at("TARGET")).unwrap();
    assert_eq!(volume.read("target"), "new");
    let mut text = String::new();
    held.read_to_string(&mut text).unwrap();
    assert_eq!(text, "old");
    assert_eq!(volume.names(""), ["TARGET"]);
}

fn directories_replace_empty_ones_only(mode: Mode) {
    let mut volume = Fixture::over(mode, &[("low/x", "1"), ("full/y", "2"), ("emptied/z", "3"), ("file", "4")]);
    fs::create_dir(volume.at("new")).unwrap();
    volume.write("new/n", "5");
    assert_eq!(error(fs::rename(volume.at("new"), volume.at("full"))), 39);
    assert_eq!(error(fs::rename(volume.at("new"), volume.at("file"))), 20);
    assert_eq!(error(fs::rename(volume.at("file"), volume.at("new"))), 21);
    fs::remove_file(volume.at("emptied/z")).unwrap();
    fs::rename(volume.at("new"), volume.at("EMPTIED")).unwrap();
    fs::rename(volume.at("low"), volume.at("new")).unwrap();
    for _ in 0..2 {
        assert_eq!(volume.names(""), ["EMPTIED", "file", "full", "new"]);
        assert_eq!(volume.names("emptied"), ["n"]);
        assert_eq!(volume.names("new"), ["x"]);
        volume.remount();
    }
    assert_eq!(names(&volume.work()), [""; 0]);
}

fn flags(mode: Mode) {
    let mut volume = Fixture::over(mode, &[("a/one", "1"), ("b/two", "2"), ("f", "3")]);
    let rename = |from: &str, to: &str, flags| renameat_with(CWD, volume.at(from), CWD, volume.at(to), flags);
    assert_eq!(rename("f", "A", RenameFlags::NOREPLACE), Err(rustix::io::Errno::EXIST));
    rename("f", "g", RenameFlags::NOREPLACE).unwrap();
    rename("a", "b", RenameFlags::EXCHANGE).unwrap();
    rename("g", "B/ONE", RenameFlags::EXCHANGE).unwrap();
    assert!(rename("g", "h", RenameFlags::WHITEOUT).is_err());
    for _ in 0..2 {
        assert_eq!(volume.names("a"), ["two"]);
        assert_eq!(volume.names("b"), ["one"]);
        assert_eq!(volume.read("b/one"), "3");
        assert_eq!(volume.read("g"), "1");
        volume.remount();
    }
}

fn a_directory_that_moves_over_a_removed_one_does_not_merge(mode: Mode) {
    let mut volume = Fixture::over(mode, &[("old/low", "1"), ("other/x", "2")]);
    fs::remove_dir_all(volume.at("old")).unwrap();
    fs::rename(volume.at("other"), volume.at("OLD")).unwrap();
    fs::create_dir_all(volume.at("other/fresh")).unwrap();
    for _ in 0..2 {
        assert_eq!(volume.names(""), ["OLD", "other"]);
        assert_eq!(volume.names("old"), ["x"]);
        assert_eq!(volume.names("other"), ["fresh"]);
        volume.remount();
    }
}

fn renaming_over_another_spelling(mode: Mode) {
    let mut volume = Fixture::over(mode, &[("low.txt", "low")]);
    volume.write("Up.txt", "up");
    volume.write("src1", "1");
    volume.write("src2", "2");
    fs::rename(volume.at("src1"), volume.at("LOW.TXT")).unwrap();
    fs::rename(volume.at("src2"), volume.at("UP.TXT")).unwrap();
    for _ in 0..2 {
        assert_eq!(volume.names(""), ["LOW.TXT", "UP.TXT"]);
        assert_eq!((volume.read("low.txt"), volume.read("up.txt")), ("1".into(), "2".into()));
        volume.remount();
    }
    assert_eq!(names(&volume.upper()), ["LOW.TXT", "UP.TXT"]);
}

fn a_directory_moved_away_and_back(mode: Mode) {
    let mut volume = Fixture::over(mode, &[("Dir/Sub/f", "1")]);
    fs::rename(volume.at("dir"), volume.at("tmp")).unwrap();
    fs::rename(volume.at("tmp"), volume.at("dir")).unwrap();
    fs::rename(volume.at("dir/sub"), volume.at("sub")).unwrap();
    fs::rename(volume.at("sub"), volume.at("dir/sub")).unwrap();
    for _ in 0..2 {
        assert_eq!(volume.names(""), ["dir"]);
        assert_eq!(volume.read("DIR/SUB/F"), "1");
        volume.remount();
    }
    fs::remove_dir_all(volume.at("dir")).unwrap();
    volume.remount();
    assert_eq!(volume.names(""), [""; 0]);
}

fn a_full_disk_changes_nothing(mode: Mode) {
    const NO_SPACE: i32 = 28;
    let mut volume = Fixture::over(mode, &[("A/f", "content"), ("low", "low")]);
    volume.unmount();
    let disk = volume.directory().join("disk");
    fs::create_dir(&disk).unwrap();
    let flags = rustix::mount::MountFlags::empty();
    rustix::mount::mount("tmpfs", &disk, "tmpfs", flags, Some(c"nr_inodes=60")).unwrap();
    let plan = MountPlan { scratch: disk.join("upper"), work: disk.join("work"), ..volume.plan() };
    fs::create_dir(&plan.scratch).unwrap();
    fs::create_dir(&plan.work).unwrap();
    volume.mount_as(&plan);
    for name in ["new", "OTHER"] {
        fs::create_dir(volume.at(name)).unwrap();
    }
    volume.write("target", "old");
    fs::write(volume.at("A/g"), "more").unwrap();
    fs::rename(volume.at("A"), volume.at("A2")).unwrap();
    fs::rename(volume.at("A2"), volume.at("A")).unwrap();
    fs::create_dir(volume.at("full")).unwrap();
    let filled = (0..100).take_while(|n| fs::write(volume.at(&format!("full/{n}")), "").is_ok()).count();
    assert!((1..100).contains(&filled));
    for target in ["new", "NEW", "Other", "OTHER"] {
        assert_eq!(error(fs::rename(volume.at("A"), volume.at(target))), NO_SPACE, "{target}");
        assert_eq!((volume.read("A/f"), volume.read("a/G")), ("content".into(), "more".into()), "{target}");
        assert_eq!(volume.names(target), [""; 0], "{target}");
    }
    assert_eq!(error(fs::rename(volume.at("low"), volume.at("TARGET"))), NO_SPACE);
    assert_eq!((volume.read("low"), volume.read("target")), ("low".into(), "old".into()));
    assert_eq!(names(&plan.work), [""; 0]);
    fs::remove_dir_all(volume.at("full")).unwrap();
    fs::rename(volume.at("A"), volume.at("Other")).unwrap();
    fs::rename(volume.at("low"), volume.at("TARGET")).unwrap();
    for _ in 0..2 {
        assert_eq!((volume.read("other/f"), volume.read("OTHER/g")), ("content".into(), "more".into()));
        assert_eq!(volume.names(""), ["Other", "TARGET", "new"]);
        volume.unmount();
        volume.mount_as(&plan);
    }
    volume.unmount();
    rustix::mount::unmount(&disk, rustix::mount::UnmountFlags::DETACH).unwrap();
}
