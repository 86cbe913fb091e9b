//! Permissions, counts of links and extended attributes.

use crate::fixture::{Fixture, Mode, error, fill};
use rustix::fs::{OFlags, XattrFlags};
use rustix::io::Errno;
use std::fs::{self, File, OpenOptions, Permissions};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt, symlink};

in_every_mode!(
    permissions_are_those_asked_for,
    no_file_runs_as_another_user,
    names_are_counted,
    a_file_that_is_replaced_has_no_name,
    a_file_without_a_name_gets_none_back,
    attributes_come_and_go,
    links_have_no_attributes_of_programs,
);

fn volume(mode: Mode) -> Fixture {
    let volume = Fixture::new(mode, &[&|layer| fill(layer, &[("low", "low"), ("directory/", "")])]);
    volume.write("up", "up");
    volume
}

fn permissions_are_those_asked_for(mode: Mode) {
    let volume = volume(mode);
    // The mask of this process takes 022.
    for bits in [0o000, 0o400, 0o644, 0o755] {
        let file = OpenOptions::new().write(true).create_new(true).mode(bits).open(volume.at("new")).unwrap();
        assert_eq!(file.metadata().unwrap().mode() & 0o7777, bits);
        fs::DirBuilder::new().mode(bits).create(volume.at("made")).unwrap();
        assert_eq!(fs::metadata(volume.at("made")).unwrap().mode() & 0o7777, bits);
        fs::remove_file(volume.at("new")).unwrap();
        fs::remove_dir(volume.at("made")).unwrap();
    }
    for name in ["low", "up", "directory"] {
        for bits in [0o000, 0o111, 0o640, 0o777] {
            fs::set_permissions(volume.at(name), Permissions::from_mode(bits)).unwrap();
            assert_eq!(fs::metadata(volume.at(name)).unwrap().mode() & 0o7777, bits, "{name}");
        }
    }
}

fn no_file_runs_as_another_user(mode: Mode) {
    let volume = volume(mode);
    for name in ["low", "up"] {
        fs::set_permissions(volume.at(name), Permissions::from_mode(0o6755)).unwrap();
        assert_eq!(fs::metadata(volume.at(name)).unwrap().mode() & 0o6000, 0, "{name}");
        assert_eq!(fs::metadata(volume.upper().join(name)).unwrap().mode() & 0o6000, 0, "{name} on disk");
    }
}

fn names_are_counted(mode: Mode) {
    let volume = volume(mode);
    for name in ["low", "up"] {
        let count = |name: &str| fs::metadata(volume.at(name)).unwrap().nlink();
        for number in 1..=3 {
            assert_eq!(count(name), number);
            fs::hard_link(volume.at(name), volume.at(&format!("{name}{number}"))).unwrap();
        }
        let inode = |name: &str| fs::metadata(volume.at(name)).unwrap().ino();
        assert_eq!(inode(&format!("{name}2")), inode(name));
        fs::rename(volume.at(&format!("{name}1")), volume.at("directory/moved")).unwrap();
        assert_eq!(count("directory/moved"), 4);
        for (gone, left) in [("directory/moved".to_owned(), 3), (format!("{name}3"), 2), (name.to_owned(), 1)] {
            fs::remove_file(volume.at(&gone)).unwrap();
            assert_eq!(count(&format!("{name}2")), left, "without {gone}");
        }
    }
}

fn a_file_that_is_replaced_has_no_name(mode: Mode) {
    let volume = volume(mode);
    for name in ["low", "up"] {
        let open = File::open(volume.at(name)).unwrap();
        volume.write("new", "new");
        fs::rename(volume.at("new"), volume.at(name)).unwrap();
        assert_eq!(open.metadata().unwrap().nlink(), 0, "{name}");
        assert_eq!(volume.read(name), "new");
    }
}

fn a_file_without_a_name_gets_none_back(mode: Mode) {
    let volume = volume(mode);
    let open = File::open(volume.at("up")).unwrap();
    fs::remove_file(volume.at("up")).unwrap();
    let path = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&open));
    let follow = rustix::fs::AtFlags::SYMLINK_FOLLOW;
    let linked = rustix::fs::linkat(rustix::fs::CWD, path, rustix::fs::CWD, volume.at("back"), follow);
    assert_eq!(linked, Err(Errno::NOENT));
}

fn attributes_come_and_go(mode: Mode) {
    let volume = volume(mode);
    for name in ["low", "up", "directory"] {
        let path = volume.at(name);
        let set = |name: &str, value: &[u8], flags| rustix::fs::setxattr(&path, name, value, flags);
        let get = |name: &str| {
            let mut value = vec![0; 4096];
            let length = rustix::fs::getxattr(&path, name, &mut value[..])?;
            value.truncate(length);
            Ok::<_, Errno>(value)
        };
        assert_eq!(get("user.one"), Err(Errno::NODATA));
        assert_eq!(set("user.one", b"1", XattrFlags::REPLACE), Err(Errno::NODATA));
        set("user.one", b"1", XattrFlags::CREATE).unwrap();
        assert_eq!(set("user.one", b"2", XattrFlags::CREATE), Err(Errno::EXIST));
        set("user.one", &[7; 1000], XattrFlags::REPLACE).unwrap();
        set("user.", b"", XattrFlags::empty()).unwrap_err();
        set("user.empty", b"", XattrFlags::empty()).unwrap();
        assert_eq!((get("user.one").unwrap(), get("user.empty").unwrap()), (vec![7; 1000], Vec::new()));
        assert_eq!(rustix::fs::getxattr(&path, "user.one", &mut [0u8; 10][..]), Err(Errno::RANGE));
        let mut list = vec![0; 4096];
        let length = rustix::fs::listxattr(&path, &mut list[..]).unwrap();
        let mut listed: Vec<_> = list[..length].split(|b| *b == 0).filter(|n| !n.is_empty()).collect();
        listed.sort();
        assert_eq!(listed, [&b"user.empty"[..], b"user.one"]);
        rustix::fs::removexattr(&path, "user.one").unwrap();
        assert_eq!(rustix::fs::removexattr(&path, "user.one"), Err(Errno::NODATA));
        assert_eq!(get("user.one"), Err(Errno::NODATA));
    }
}

fn links_have_no_attributes_of_programs(mode: Mode) {
    let volume = volume(mode);
    symlink("up", volume.at("link")).unwrap();
    let set = rustix::fs::lsetxattr(volume.at("link"), "user.one", b"1", XattrFlags::empty());
    assert_eq!(set, Err(Errno::PERM));
    let opened = OpenOptions::new().read(true).custom_flags(OFlags::NOFOLLOW.bits() as i32).open(volume.at("link"));
    assert_eq!(error(opened), Errno::LOOP.raw_os_error());
}
