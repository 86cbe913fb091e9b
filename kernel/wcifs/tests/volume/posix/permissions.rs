//! What the permission bits keep whom from. The container's programs are one user, which owns everything.

use super::{both_times, now, os};
use crate::fixture::{Fixture, Mode, OWNER, fill, names};
use casement_silo::linux::FileUser;
use rustix::fs::{AtFlags, CWD, FileType, Mode as Bits, OFlags, XattrFlags};
use rustix::io::Errno;
use std::fs::{self, File, OpenOptions, Permissions};
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

in_every_mode!(
    a_read_only_file_is_not_written,
    who_has_a_file_open_goes_on,
    a_new_file_is_open_whatever_its_bits,
    names_of_a_read_only_directory_stay,
    names_of_a_closed_directory_are_not_told,
    read_only_files_get_dos_attributes,
    others_change_nothing,
    nothing_is_given_away,
);

/// Neither the container's programs nor root.
const OTHER: u32 = 4711;

/// A call that the bits may forbid.
type Call = fn(&Path) -> Result<(), Errno>;

/// A volume with two of each, of the layer and of the scratch.
fn volume(mode: Mode) -> Fixture {
    let volume = Fixture::new(mode, &[&|layer| fill(layer, &[("low", "content"), ("lowdir/inner", "1")])]);
    fill(&volume.root(), &[("up", "content"), ("updir/inner", "1")]);
    volume
}

fn set(path: &Path, bits: u32) {
    fs::set_permissions(path, Permissions::from_mode(bits)).unwrap();
}

/// As a user for file operations.
fn acting<T>(user: u32, work: impl FnOnce() -> T) -> T {
    let _acting = FileUser::become_now(user).unwrap();
    work()
}

/// `truncate`, which has the file open nowhere.
#[allow(unsafe_code)]
pub fn truncate(path: &Path) -> Result<(), Errno> {
    let path = std::ffi::CString::new(path.to_str().unwrap()).unwrap();
    // SAFETY: a path that ends with a zero byte.
    let status = unsafe { libc::truncate(path.as_ptr(), 1) };
    if status == 0 { Ok(()) } else { os(Err(std::io::Error::last_os_error())) }
}

/// Calls that write to a file.
const WRITING: &[(&str, Call)] = &[
    ("open", |path| os(OpenOptions::new().write(true).open(path)).map(drop)),
    ("open to append", |path| os(OpenOptions::new().append(true).open(path)).map(drop)),
    ("open both ways", |path| os(OpenOptions::new().read(true).write(true).open(path)).map(drop)),
    ("empty", |path| rustix::fs::open(path, OFlags::RDONLY | OFlags::TRUNC, Bits::empty()).map(drop)),
    ("truncate", truncate),
    ("setxattr", |path| rustix::fs::setxattr(path, "user.x", b"y", XattrFlags::empty())),
];

fn a_read_only_file_is_not_written(mode: Mode) {
    let volume = volume(mode);
    for name in ["low", "up"] {
        let path = volume.at(name);
        set(&path, 0o444);
        for (call, work) in WRITING {
            assert_eq!(acting(OWNER, || work(&path)), Err(Errno::ACCESS), "{call} {name}");
        }
        assert_eq!(acting(OWNER, || fs::read_to_string(&path)).unwrap(), "content");
        set(&path, 0o222);
        assert_eq!(acting(OWNER, || os(File::open(&path)).map(drop)), Err(Errno::ACCESS), "{name}");
        assert_eq!(acting(OWNER, || os(OpenOptions::new().write(true).open(&path)).map(drop)), Ok(()), "{name}");
        // Its owner may change that, and take it away.
        acting(OWNER, || set(&path, 0o644));
        assert_eq!(acting(OWNER, || fs::read_to_string(&path)).unwrap(), "content");
        set(&path, 0o000);
        acting(OWNER, || fs::remove_file(&path)).unwrap();
    }
}

fn who_has_a_file_open_goes_on(mode: Mode) {
    let volume = volume(mode);
    for name in ["low", "up"] {
        let path = volume.at(name);
        let file = acting(OWNER, || OpenOptions::new().write(true).open(&path)).unwrap();
        acting(OWNER, || {
            set(&path, 0o444);
            file.write_all_at(b"C", 0).unwrap();
            file.set_len(3).unwrap();
        });
        assert_eq!(volume.read(name), "Con");
    }
}

fn a_new_file_is_open_whatever_its_bits(mode: Mode) {
    let volume = volume(mode);
    for (bits, name) in [(0o444, "a"), (0o000, "b")] {
        let path = volume.at(name);
        let create = || OpenOptions::new().read(true).write(true).create_new(true).mode(bits).open(&path);
        let file = acting(OWNER, create).unwrap();
        file.write_all_at(b"new", 0).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "new");
        assert_eq!(acting(OWNER, || os(OpenOptions::new().write(true).open(&path)).map(drop)), Err(Errno::ACCESS));
    }
}

/// Calls that change the names in a directory, which has `inner`.
const NAMING: &[(&str, Call)] = &[
    ("create", |d| os(File::create_new(d.join("new"))).map(drop)),
    ("mkdir", |d| rustix::fs::mkdir(d.join("new"), Bits::RWXU)),
    ("mknod", |d| rustix::fs::mknodat(CWD, d.join("new"), FileType::RegularFile, Bits::RWXU, 0)),
    ("symlink", |d| rustix::fs::symlink("target", d.join("new"))),
    ("link", |d| rustix::fs::link(d.with_file_name("other"), d.join("new"))),
    ("file without a name", |d| rustix::fs::open(d, OFlags::TMPFILE | OFlags::RDWR, Bits::RWXU).map(drop)),
    ("unlink", |d| rustix::fs::unlink(d.join("inner"))),
    ("rmdir", |d| rustix::fs::rmdir(d.join("empty"))),
    ("rename from", |d| rustix::fs::rename(d.join("inner"), d.with_file_name("moved"))),
    ("rename to", |d| rustix::fs::rename(d.with_file_name("other"), d.join("moved"))),
    ("respell", |d| rustix::fs::rename(d.join("inner"), d.join("INNER"))),
];

fn names_of_a_read_only_directory_stay(mode: Mode) {
    let volume = volume(mode);
    volume.write("other", "other");
    for name in ["lowdir", "updir"] {
        let path = volume.at(name);
        fs::create_dir(path.join("empty")).unwrap();
        set(&path, 0o555);
        for (call, work) in NAMING {
            assert_eq!(acting(OWNER, || work(&path)), Err(Errno::ACCESS), "{call} {name}");
        }
        acting(OWNER, || {
            assert_eq!(names(&path), ["empty", "inner"]);
            // The file in it is another matter.
            fs::write(path.join("inner"), "written").unwrap();
            set(&path, 0o755);
            fs::remove_dir(path.join("empty")).unwrap();
            fs::write(path.join("new"), "").unwrap();
        });
        assert_eq!(names(&path), ["inner", "new"]);
    }
}

fn names_of_a_closed_directory_are_not_told(mode: Mode) {
    let volume = volume(mode);
    for name in ["lowdir", "updir"] {
        let path = volume.at(name);
        // The kernel remembers them from here on.
        assert_eq!(names(&path), ["inner"]);
        assert_eq!(names(&path), ["inner"]);
        set(&path, 0o311);
        let listed = acting(OWNER, || fs::read_dir(&path).and_then(Iterator::collect::<Result<Vec<_>, _>>));
        assert_eq!(os(listed).map(drop), Err(Errno::ACCESS), "{name}");
        acting(OWNER, || fs::write(path.join("new"), "")).unwrap();
        set(&path, 0o755);
        assert_eq!(acting(OWNER, || names(&path)), ["inner", "new"]);
    }
}

/// `attrib +r +h` of a program: Windows has no order in which to set them.
fn read_only_files_get_dos_attributes(mode: Mode) {
    let volume = volume(mode);
    for name in ["low", "up"] {
        let path = volume.at(name);
        let hide = || rustix::fs::setxattr(&path, "user.DOSATTRIB", b"0x3", XattrFlags::empty());
        set(&path, 0o444);
        acting(OWNER, hide).unwrap();
        let mut value = [0; 8];
        let length = acting(OWNER, || rustix::fs::getxattr(&path, "user.DOSATTRIB", &mut value)).unwrap();
        // ARCHIVE as before, and HIDDEN; that it is read-only is in its mode.
        assert_eq!(&value[..length], b"0x22");
        acting(OWNER, || rustix::fs::removexattr(&path, "user.DOSATTRIB")).unwrap();
        assert_eq!(acting(OTHER, hide), Err(Errno::PERM));
    }
}

fn others_change_nothing(mode: Mode) {
    let volume = volume(mode);
    volume.write("other", "other");
    for name in ["low", "up"] {
        let path = volume.at(name);
        set(&path, 0o640);
        acting(OTHER, || {
            assert_eq!(os(File::open(&path)).map(drop), Err(Errno::ACCESS));
            for (call, work) in WRITING {
                assert_eq!(work(&path), Err(Errno::ACCESS), "{call} {name}");
            }
            assert_eq!(rustix::fs::chmod(&path, Bits::RWXU), Err(Errno::PERM));
            assert_eq!(rustix::fs::utimensat(CWD, &path, &now(), AtFlags::empty()), Err(Errno::ACCESS));
            assert_eq!(rustix::fs::utimensat(CWD, &path, &both_times(0), AtFlags::empty()), Err(Errno::PERM));
        });
        set(&path, 0o646);
        acting(OTHER, || {
            assert_eq!(fs::read_to_string(&path).unwrap(), "content");
            assert_eq!(rustix::fs::utimensat(CWD, &path, &now(), AtFlags::empty()), Ok(()));
            assert_eq!(rustix::fs::utimensat(CWD, &path, &both_times(0), AtFlags::empty()), Err(Errno::PERM));
        });
        let directory = volume.at(&format!("{name}dir"));
        fs::create_dir(directory.join("empty")).unwrap();
        for (call, work) in NAMING {
            let done = acting(OTHER, || work(&directory));
            // Linux itself keeps others from making links to files that they could not write.
            assert!(matches!(done, Err(Errno::ACCESS | Errno::PERM)), "{call} {name}: {done:?}");
        }
        assert_eq!(names(&directory), ["empty", "inner"]);
    }
}

fn nothing_is_given_away(mode: Mode) {
    let volume = volume(mode);
    for name in ["low", "up"] {
        let path = volume.at(name);
        let give = |user, group| os(std::os::unix::fs::chown(&path, user, group));
        acting(OWNER, || {
            assert_eq!(give(Some(OWNER), Some(OWNER)), Ok(()));
            assert_eq!(give(Some(0), None), Err(Errno::PERM));
            assert_eq!(give(None, Some(OTHER)), Err(Errno::PERM));
        });
        assert_eq!(acting(OTHER, || give(Some(OTHER), None)), Err(Errno::PERM));
        let is = fs::metadata(&path).unwrap();
        assert_eq!((is.uid(), is.gid()), (OWNER, OWNER));
    }
}
