//! What the kernel remembers of a name in one spelling is never believed once it has changed by another.

use crate::fixture::{Fixture, Mode};
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::symlink;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

in_every_mode!(
    a_name_that_comes_to_be_is_found,
    a_name_that_goes_is_not_found,
    a_name_that_stands_for_another_file_leads_to_it,
    a_file_that_is_copied_up_while_it_is_open_is_the_new_one,
    other_names_of_a_file_go_on_to_count,
    names_that_change_places_keep_their_spelling,
    several_programs_write_a_file_that_is_read,
    a_file_that_is_written_through_its_descriptor_keeps_its_name,
    who_reads_a_file_keeps_it_when_it_is_cut,
    a_file_that_is_written_and_renamed_at_once_is_one_file,
    others_go_on_while_a_change_waits,
    more_misses_than_are_noted,
    programs_that_change_spellings_all_the_time_do_not_wait_for_ever,
);

type Change = fn(&Fixture);

/// A volume of its own for each change: one that has made others wait may be remembering nothing any more.
fn after_each(mode: Mode, changes: &[Change], before: impl Fn(&Fixture), check: impl Fn(&Fixture, usize)) {
    for (index, change) in changes.iter().enumerate() {
        let volume = Fixture::over(mode, &[("d/low", "low"), ("d/other", "other"), ("e/", "")]);
        before(&volume);
        change(&volume);
        check(&volume, index);
    }
}

fn a_name_that_comes_to_be_is_found(mode: Mode) {
    let changes: [Change; 8] = [
        |v| v.write("d/new", "x"),
        |v| fs::create_dir(v.at("d/new")).unwrap(),
        |v| symlink("low", v.at("d/new")).unwrap(),
        |v| fs::hard_link(v.at("d/low"), v.at("d/new")).unwrap(),
        |v| fs::rename(v.at("d/low"), v.at("d/new")).unwrap(),
        |v| fs::rename(v.at("e"), v.at("d/new")).unwrap(),
        |v| {
            let from = v.at("d/low");
            let flags = rustix::fs::RenameFlags::NOREPLACE;
            rustix::fs::renameat_with(rustix::fs::CWD, &from, rustix::fs::CWD, v.at("d/new"), flags).unwrap();
        },
        |v| {
            use rustix::fs::{CWD, FileType, Mode, mknodat};
            mknodat(CWD, v.at("d/new"), FileType::RegularFile, Mode::from_raw_mode(0o644), 0).unwrap();
        },
    ];
    let absent = |volume: &Fixture| {
        for _ in 0..2 {
            for name in ["new", "NEW", "New"] {
                assert!(fs::symlink_metadata(volume.at("d").join(name)).is_err());
            }
        }
    };
    after_each(mode, &changes, absent, |volume, change| {
        for name in ["New", "NEW", "new", "neW"] {
            assert!(fs::symlink_metadata(volume.at("D").join(name)).is_ok(), "change {change}: {name}");
        }
    });
}

fn look(volume: &Fixture, names: &[&str]) {
    for _ in 0..2 {
        for name in names {
            fs::metadata(volume.at("d").join(name)).unwrap();
        }
    }
}

fn a_name_that_goes_is_not_found(mode: Mode) {
    let changes: [Change; 4] = [
        |v| fs::remove_file(v.at("d/LOW")).unwrap(),
        |v| fs::remove_file(v.at("d/low")).unwrap(),
        |v| fs::rename(v.at("d/LOW"), v.at("e/x")).unwrap(),
        |v| fs::rename(v.at("d/lOw"), v.at("d/x")).unwrap(),
    ];
    let known = |volume: &Fixture| look(volume, &["low", "LOW", "Low"]);
    after_each(mode, &changes, known, |volume, change| {
        for name in ["Low", "LOW", "low"] {
            assert!(!volume.at("d").join(name).exists(), "change {change}: {name}");
        }
    });
}

fn a_name_that_stands_for_another_file_leads_to_it(mode: Mode) {
    let changes: [Change; 3] = [
        |v| fs::rename(v.at("d/OTHER"), v.at("d/low")).unwrap(),
        |v| fs::rename(v.at("d/other"), v.at("d/LOW")).unwrap(),
        |v| {
            let (from, to) = (v.at("d/other"), v.at("d/LOW"));
            rustix::fs::renameat_with(rustix::fs::CWD, &from, rustix::fs::CWD, &to, rustix::fs::RenameFlags::EXCHANGE)
                .unwrap();
        },
    ];
    let known = |volume: &Fixture| look(volume, &["low", "LOW", "other", "Other"]);
    after_each(mode, &changes, known, |volume, change| {
        for name in ["Low", "LOW", "low"] {
            assert_eq!(volume.read(&format!("d/{name}")), "other", "change {change}: {name}");
        }
        for name in ["other", "Other", "OTHER"] {
            let content = fs::read_to_string(volume.at("d").join(name)).ok();
            assert_eq!(content.as_deref(), (change == 2).then_some("low"), "change {change}: {name}");
        }
    });
}

fn a_file_that_is_copied_up_while_it_is_open_is_the_new_one(mode: Mode) {
    let changes: [Change; 3] = [
        |v| OpenOptions::new().append(true).open(v.at("d/Low")).unwrap().write_all(b"er").unwrap(),
        |v| v.write("d/LOW", "lower"),
        |v| {
            crate::posix::permissions::truncate(&v.at("d/low")).unwrap();
            v.write("d/low", "lower");
        },
    ];
    let held = std::cell::RefCell::new(Vec::new());
    let known = |volume: &Fixture| {
        look(volume, &["low", "LOW", "Low"]);
        held.borrow_mut().push(File::open(volume.at("d/LOW")).unwrap());
    };
    after_each(mode, &changes, known, |volume, change| {
        for name in ["Low", "LOW", "low"] {
            assert_eq!(volume.read(&format!("d/{name}")), "lower", "change {change}: {name}");
        }
        let old = held.borrow_mut().pop().unwrap();
        assert_eq!(std::io::read_to_string(old).unwrap(), "low", "change {change}");
    });
}

fn other_names_of_a_file_go_on_to_count(mode: Mode) {
    let volume = Fixture::over(mode, &[("d/", ""), ("e/", "")]);
    volume.write("d/a", "x");
    fs::hard_link(volume.at("d/a"), volume.at("e/b")).unwrap();
    assert!(volume.at("e/b").exists());
    fs::remove_file(volume.at("d/a")).unwrap();
    assert!(volume.at("e/B").exists());
    fs::remove_file(volume.at("e/B")).unwrap();
    assert!(!volume.at("e/b").exists() && !volume.at("d/a").exists());
}

fn names_that_change_places_keep_their_spelling(mode: Mode) {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    let volume = Fixture::over(mode, &[("d/low", "low"), ("d/other", "other")]);
    assert!(volume.at("d/low").exists());
    renameat_with(CWD, volume.at("d/low"), CWD, volume.at("d/OTHER"), RenameFlags::EXCHANGE).unwrap();
    assert_eq!((volume.read("d/low"), volume.read("d/OTHER")), ("other".into(), "low".into()));
    fs::remove_file(volume.at("d/other")).unwrap();
    volume.write("d/other", "new");
    assert_eq!(volume.read("d/OTHER"), "new");
}

fn several_programs_write_a_file_that_is_read(mode: Mode) {
    let volume = Fixture::over(mode, &[("d/low", "low"), ("d/other", "other")]);
    for cut in [false, true] {
        let name = if cut { "d/other" } else { "d/low" };
        assert!(volume.at(name).exists() && volume.at(&name.to_uppercase()).exists());
        let held = File::open(volume.at(name)).unwrap();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| match cut {
                    true => crate::posix::permissions::truncate(&volume.at(name)).unwrap(),
                    false => OpenOptions::new().append(true).open(volume.at(name)).unwrap().write_all(b"+").unwrap(),
                });
            }
        });
        assert_eq!(volume.read(name), if cut { "o" } else { "low++++" });
        assert_eq!(std::io::read_to_string(held).unwrap(), if cut { "other" } else { "low" });
    }
}

fn a_file_that_is_written_through_its_descriptor_keeps_its_name(mode: Mode) {
    use std::os::fd::AsRawFd;
    let volume = Fixture::over(mode, &[("d/low", "low")]);
    let held = File::open(volume.at("d/low")).unwrap();
    // Nothing leads from here to the new file: it is refused, or it is the file of that name.
    let again = format!("/proc/self/fd/{}", held.as_raw_fd());
    let _ = OpenOptions::new().write(true).open(again).map(|mut file| file.write_all(b"LOW"));
    volume.write("d/low", "new");
    assert_eq!((volume.read("d/low"), volume.read("d/LOW")), ("new".into(), "new".into()));
}

/// However it was copied up.
fn who_reads_a_file_keeps_it_when_it_is_cut(mode: Mode) {
    let changes: [Change; 4] = [
        |v| fs::set_permissions(v.at("d/low"), std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap(),
        |v| fs::hard_link(v.at("d/low"), v.at("e/low")).unwrap(),
        |v| fs::rename(v.at("d/low"), v.at("d/LOW")).unwrap(),
        |_| {},
    ];
    let held = std::cell::RefCell::new(None);
    let open = |volume: &Fixture| *held.borrow_mut() = Some(File::open(volume.at("d/low")).unwrap());
    after_each(mode, &changes, open, |volume, change| {
        crate::posix::permissions::truncate(&volume.at("d/low")).unwrap();
        assert_eq!((volume.read("d/low"), volume.read("d/Low")), ("l".into(), "l".into()), "change {change}");
        let old = held.borrow_mut().take().unwrap();
        assert_eq!(old.metadata().unwrap().len(), 3, "change {change}");
        assert_eq!(std::io::read_to_string(old).unwrap(), "low", "change {change}");
    });
}

/// In whatever order both are done.
fn a_file_that_is_written_and_renamed_at_once_is_one_file(mode: Mode) {
    let names: Vec<String> = (0..150).map(|number| format!("d/low{number}")).collect();
    let files: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "low")).collect();
    let volume = Fixture::over(mode, &files);
    for (number, name) in names.iter().enumerate() {
        let held = File::open(volume.at(name)).unwrap();
        let renamed = format!("d/x{number}");
        let barrier = std::sync::Barrier::new(2);
        let written = std::thread::scope(|scope| {
            let writer = scope.spawn(|| {
                barrier.wait();
                let file = OpenOptions::new().write(true).open(volume.at(name));
                file.map(|mut file| file.write_all(b"new").unwrap()).is_ok()
            });
            barrier.wait();
            fs::rename(volume.at(name), volume.at(&renamed)).unwrap();
            writer.join().unwrap()
        });
        let content = if written { "new" } else { "low" };
        assert_eq!(volume.read(&renamed.to_uppercase()), content, "{renamed}");
        assert_eq!(volume.read(&renamed), content, "{renamed}");
        OpenOptions::new().append(true).open(volume.at(&renamed)).unwrap().write_all(b"!").unwrap();
        assert_eq!(volume.read(&renamed), format!("{content}!"), "{renamed}");
        drop(held);
    }
}

/// A directory has 16,384 of them at most.
fn more_misses_than_are_noted(mode: Mode) {
    let volume = Fixture::over(mode, &[("d/", "")]);
    let name = |number: u32| volume.at(&format!("d/Name{number}"));
    for number in 0..17_000 {
        assert!(!name(number).exists());
    }
    for number in [0, 1, 16_383, 16_384, 16_999] {
        volume.write(&format!("d/nAME{number}"), "x");
        assert!(name(number).exists(), "{number}");
    }
}

/// In one directory a program waits; another one works in another directory meanwhile.
fn others_go_on_while_a_change_waits(mode: Mode) {
    let volume = Fixture::over(mode, &[("d/low", "low"), ("e/", "")]);
    look(&volume, &["low", "LOW"]);
    let (removed, others) = (AtomicBool::new(false), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !removed.load(Ordering::SeqCst) {
                let name = format!("e/{}", others.fetch_add(1, Ordering::SeqCst));
                volume.write(&name, &name);
                assert_eq!(volume.read(&name), name);
                assert!(!volume.at("e/absent").exists());
            }
        });
        while others.load(Ordering::SeqCst) < 3 {
            std::thread::yield_now();
        }
        look(&volume, &["low", "LOW"]);
        let before = others.load(Ordering::SeqCst);
        fs::remove_file(volume.at("d/LOW")).unwrap();
        let meanwhile = others.load(Ordering::SeqCst) - before;
        removed.store(true, Ordering::SeqCst);
        if !mode.epochs {
            assert!(meanwhile > 3, "{meanwhile}");
        }
    });
    assert!(!volume.at("d/low").exists());
}

/// Each file is looked for in a spelling, made in a second, and removed by a third.
fn programs_that_change_spellings_all_the_time_do_not_wait_for_ever(mode: Mode) {
    let volume = Fixture::over(mode, &[("d/", "")]);
    for number in 0..400 {
        let name = |letters: &str| format!("d/{letters}{number}");
        assert!(!volume.at(&name("NAME")).exists());
        volume.write(&name("name"), "x");
        assert_eq!(volume.read(&name("NAME")), "x");
        fs::remove_file(volume.at(&name("Name"))).unwrap();
        assert!(!volume.at(&name("NAME")).exists());
        assert!(!volume.at(&name("name")).exists());
    }
}
