//! Attacks from inside of a volume and from inside of a layer.

use crate::fixture::{Fixture, Mode, error, fill};
use crate::mapping::Mapping;
use rustix::fs::{CWD, FileType, Mode as Permissions, XattrFlags, getxattr, listxattr, mknodat, removexattr, setxattr};
use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::{FileExt, FileTypeExt, MetadataExt, symlink};

in_every_mode!(
    w6_no_mark_of_the_file_system_can_be_made_inside,
    w6_no_tombstone_can_be_made_inside,
    w7_layers_never_change,
    l3_links_in_a_layer_lead_nowhere_for_the_host,
    l3_a_link_that_was_a_directory,
    l4_names_that_fold_to_one,
    forbidden_names_are_refused,
);

/// Programs of a container are never root of the host; what even its root cannot do, they cannot.
fn w6_no_mark_of_the_file_system_can_be_made_inside(mode: Mode) {
    let volume = Fixture::new(
        mode,
        &[&|l| {
            fill(l, &[("d/f", "1"), ("secret", "2")]);
            setxattr(l.join("secret"), "trusted.wcifs.reparse", b"target", XattrFlags::empty()).unwrap();
        }],
    );
    volume.write("up", "3");
    for path in ["d", "d/f", "up", "secret"] {
        let path = volume.at(path);
        for name in ["trusted.wcifs.opaque", "trusted.wcifs.reparse", "trusted.overlay.opaque", "security.x"] {
            let set = setxattr(&path, name, b"y", XattrFlags::empty());
            assert_eq!(error(set.map_err(Into::into)), 95, "{name}");
            assert!(getxattr(&path, name, &mut [0; 16]).is_err(), "{name}");
            assert!(removexattr(&path, name).is_err(), "{name}");
        }
        let mut list = [0u8; 256];
        assert_eq!(listxattr(&path, &mut list).unwrap(), 0);
    }
    assert_eq!(volume.names("d"), ["f"]);
    assert!(getxattr(volume.upper().join("up"), "trusted.wcifs.reparse", &mut [0; 16]).is_err());
}

fn w6_no_tombstone_can_be_made_inside(mode: Mode) {
    let volume = Fixture::over(mode, &[("low", "1"), ("d/", "")]);
    for (name, kind) in [
        ("low", FileType::CharacterDevice),
        ("new", FileType::CharacterDevice),
        ("block", FileType::BlockDevice),
        ("pipe", FileType::Fifo),
        ("socket", FileType::Socket),
    ] {
        assert!(mknodat(CWD, volume.at(name), kind, Permissions::from_raw_mode(0o600), 0).is_err(), "{name}");
        assert!(mknodat(CWD, volume.at("d").join(name), kind, Permissions::from_raw_mode(0o600), 0).is_err(), "{name}");
    }
    let whiteout = rustix::fs::RenameFlags::WHITEOUT;
    assert!(rustix::fs::renameat_with(CWD, volume.at("low"), CWD, volume.at("moved"), whiteout).is_err());
    assert_eq!(volume.names(""), ["d", "low"]);
    assert!(!volume.upper().join("low").exists());
    mknodat(CWD, volume.at("file"), FileType::RegularFile, Permissions::from_raw_mode(0o600), 0).unwrap();
    assert_eq!(volume.read("file"), "");
}

fn w7_layers_never_change(mode: Mode) {
    let content = "layer ".repeat(2048);
    let names = ["write", "map", "cut", "link", "mode", "time", "rename", "remove", "attribute", "append", "punch"];
    let files: Vec<(&str, &str)> = names.iter().map(|n| (*n, content.as_str())).collect();
    let volume = Fixture::over(mode, &files);
    let open = |name: &str| OpenOptions::new().read(true).write(true).open(volume.at(name)).unwrap();
    let before: Vec<_> = names.iter().map(|n| fs::metadata(volume.layer(0).join(n)).unwrap()).collect();
    // A file opened to be read cannot be written by way of its descriptor.
    let reader = File::open(volume.at("write")).unwrap();
    assert!(reader.write_at(b"x", 0).is_err());
    assert!(reader.set_len(0).is_err());
    open("write").write_all_at(b"XXXX", 0).unwrap();
    Mapping::writable(&open("map"), 4096).write(0, b"XXXX");
    open("cut").set_len(1).unwrap();
    fs::hard_link(volume.at("link"), volume.at("second")).unwrap();
    volume.write("second", "XXXX");
    fs::set_permissions(volume.at("mode"), std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    open("time").set_modified(std::time::UNIX_EPOCH).unwrap();
    fs::rename(volume.at("rename"), volume.at("renamed")).unwrap();
    open("renamed").set_len(0).unwrap();
    fs::remove_file(volume.at("remove")).unwrap();
    setxattr(volume.at("attribute"), "user.x", b"y", XattrFlags::empty()).unwrap();
    OpenOptions::new().append(true).open(volume.at("append")).unwrap().write_at(b"X", 0).unwrap();
    let punch = rustix::fs::FallocateFlags::PUNCH_HOLE | rustix::fs::FallocateFlags::KEEP_SIZE;
    rustix::fs::fallocate(open("punch"), punch, 0, 8192).unwrap();
    for (name, before) in names.iter().zip(before) {
        let path = volume.layer(0).join(name);
        let after = fs::metadata(&path).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), content, "{name}");
        assert_eq!((after.mtime_nsec(), after.ctime_nsec()), (before.mtime_nsec(), before.ctime_nsec()), "{name}");
        assert_eq!((after.mode(), after.nlink()), (before.mode(), before.nlink()), "{name}");
        assert_eq!(listxattr(&path, &mut [0u8; 64]).unwrap(), 0, "{name}");
    }
}

fn l3_links_in_a_layer_lead_nowhere_for_the_host(mode: Mode) {
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("secret"), "secret").unwrap();
    let volume = Fixture::new(
        mode,
        &[&|l| fill(l, &[("dir/top", "1")]), &|l| {
            symlink(outside.path(), l.join("dir")).unwrap();
            symlink(outside.path(), l.join("other")).unwrap();
            symlink("loop", l.join("loop")).unwrap();
        }],
    );
    // A link below a directory does not merge with it.
    assert_eq!(volume.names("dir"), ["top"]);
    assert!(!volume.at("dir/secret").exists());
    // A link is a link, also for the host: it is copied up as such.
    assert_eq!(fs::read_link(volume.at("OTHER")).unwrap(), outside.path());
    fs::rename(volume.at("other"), volume.at("moved")).unwrap();
    assert!(fs::symlink_metadata(volume.upper().join("moved")).unwrap().is_symlink());
    assert_eq!(error(fs::read(volume.at("loop"))), 40);
    assert_eq!(crate::fixture::names(outside.path()), ["secret"]);
}

/// What was a directory when its parent was read and is a link now, as in a scratch that somebody tampers with.
fn l3_a_link_that_was_a_directory(mode: Mode) {
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("secret"), "secret").unwrap();
    let volume = Fixture::over(mode, &[("d/sub/f", "1")]);
    assert_eq!(volume.names("d"), ["sub"]);
    let sub = volume.layer(0).join("d/sub");
    fs::rename(&sub, volume.layer(0).join("aside")).unwrap();
    symlink(outside.path(), &sub).unwrap();
    assert!(fs::read(volume.at("d/sub/secret")).is_err());
    assert!(fs::write(volume.at("d/sub/new"), "x").is_err());
    assert_eq!(crate::fixture::names(outside.path()), ["secret"]);
}

fn l4_names_that_fold_to_one(mode: Mode) {
    let volume = Fixture::new(
        mode,
        &[&|l| fill(l, &[("DLL", "top"), ("dll", "shadow")]), &|l| {
            fill(l, &[("Dll", "base"), ("dLL", "base2"), ("ſ", "long s"), ("S", "s"), ("ﬁ", "ligature"), ("FI", "fi")])
        }],
    );
    assert_eq!(volume.names(""), ["DLL", "FI", "S", "ſ", "ﬁ"]);
    assert_eq!(volume.read("dll"), "top");
    assert_eq!((volume.read("s"), volume.read("fi"), volume.read("ﬁ")), ("s".into(), "fi".into(), "ligature".into()));
    fs::remove_file(volume.at("dll")).unwrap();
    for name in ["DLL", "dll", "Dll", "dLL"] {
        assert!(!volume.at(name).exists(), "{name}");
    }
}

fn forbidden_names_are_refused(mode: Mode) {
    use std::os::unix::ffi::OsStrExt;
    let volume = Fixture::over(mode, &[("f", "1")]);
    for name in ["a:b", "a*", "a?", "a\\b", "a|b", "\u{7}", "<", ">", "\""] {
        assert_eq!(error(fs::write(volume.at(name), "x")), 22, "{name}");
        assert_eq!(error(fs::create_dir(volume.at(name))), 22, "{name}");
        assert_eq!(error(fs::rename(volume.at("f"), volume.at(name))), 22, "{name}");
    }
    let bytes = volume.root().join(std::ffi::OsStr::from_bytes(b"\xff\xfe"));
    assert_eq!(error(fs::write(&bytes, "x")), 84);
    assert_eq!(error(fs::read(&bytes)), 2);
    let device = |path: &str| fs::symlink_metadata(volume.at(path)).map(|m| m.file_type().is_char_device());
    assert!(device("f").is_ok_and(|is| !is));
}
