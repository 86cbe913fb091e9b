//! W6, W7: the marks of the file system on `C:`, and the layers that containers share.

use crate::attacker::Attacker;

#[test]
fn w6_a_program_makes_no_mark_of_the_file_system() {
    let attacker = Attacker::start();
    let file = "=/silo/drive_c/Windows/win.ini";
    for name in ["trusted.wcifs.opaque", "trusted.wcifs.reparse", "trusted.overlay.opaque", "security.capability"] {
        let name = format!("={name}");
        for path in [file, "=/silo/drive_c/Windows"] {
            let set = attacker.call(libc::SYS_setxattr, &[path, &name, "=y", "1", "0"]);
            assert!(set.is_err(), "{name} on {path}: {set:?}");
        }
    }
    for (kind, what) in [(libc::S_IFCHR, "tombstone"), (libc::S_IFBLK, "disk"), (libc::S_IFIFO, "pipe")] {
        let mode = (kind | 0o666).to_string();
        let made = attacker.call(libc::SYS_mknod, &[&format!("=/silo/drive_c/{what}"), &mode, "0"]);
        assert!(made.is_err(), "{what}: {made:?}");
    }
    let whiteout = libc::RENAME_WHITEOUT.to_string();
    let cwd = libc::AT_FDCWD.to_string();
    let moved = attacker.call(libc::SYS_renameat2, &[&cwd, file, &cwd, "=/silo/drive_c/moved", &whiteout]);
    assert!(moved.is_err(), "{moved:?}");
}

#[test]
fn w7_no_way_leads_to_the_shared_files_of_a_layer() {
    let attacker = Attacker::start();
    let host = &attacker.host;
    let layers = host.root().join("layers");
    let files = std::fs::read_dir(&layers).unwrap().flatten().map(|entry| entry.path().join("Files"));
    let target = files.map(|files| files.join("windows/system32/find.exe")).find(|path| path.exists()).unwrap();
    let before = std::fs::read(&target).unwrap();
    let inside = "=/silo/drive_c/Windows/System32/find.exe";
    let (write, mode) = ((libc::O_RDWR | libc::O_TRUNC).to_string(), "438");
    for (number, arguments) in [
        (libc::SYS_open, vec![inside, &write, mode]),
        (libc::SYS_truncate, vec![inside, "0"]),
        (libc::SYS_link, vec![inside, "=/silo/drive_c/second"]),
        (libc::SYS_rename, vec![inside, "=/silo/drive_c/moved"]),
        (libc::SYS_unlink, vec![inside]),
        (libc::SYS_chmod, vec![inside, "0"]),
    ] {
        // Each is done to the container's own copy.
        let answer = attacker.call(number, &arguments);
        assert!(answer.is_ok(), "{number}: {answer:?}");
        assert_eq!(std::fs::read(&target).unwrap(), before, "{number}");
    }
    // The layer's own path is nowhere inside.
    let outside = format!("={}", target.display());
    assert_eq!(attacker.call(libc::SYS_open, &[&outside, "0", "0"]), Err(libc::ENOENT));
}
