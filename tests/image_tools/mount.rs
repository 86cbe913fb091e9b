//! An image mounted by `casement image mount`.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use casement_tests::Host;
use casement_tests::deadline;

const IMAGE: &str = "nanoserver:ltsc2022";

/// Unmounts also when a test fails.
struct Mounted<'a>(&'a Path);

impl Drop for Mounted<'_> {
    fn drop(&mut self) {
        let _ = rustix::mount::unmount(self.0, rustix::mount::UnmountFlags::DETACH);
    }
}

fn servers(directory: &Path) -> usize {
    let wanted = directory.to_str().unwrap();
    let processes = fs::read_dir("/proc").unwrap().flatten();
    let lines = processes.filter_map(|process| fs::read(process.path().join("cmdline")).ok());
    let serves = |line: &Vec<u8>| {
        let words: Vec<&[u8]> = line.split(|byte| *byte == 0).collect();
        words.contains(&&b"serve"[..]) && words.contains(&wanted.as_bytes())
    };
    lines.filter(serves).count()
}

#[test]
fn an_image_is_mounted_read_only_and_in_any_case_until_it_is_unmounted() {
    let host = Host::without_daemon();
    let directory = host.new_directory("mounted");
    let target = directory.to_str().unwrap();
    let _ = host.casement(["image", "mount", IMAGE, target]).succeeded();
    let mounted = Mounted(&directory);
    let program = fs::read(directory.join("WINDOWS/system32/CMD.exe")).unwrap();
    let cat = host.casement(["image", "cat", IMAGE, r"C:\Windows\System32\cmd.exe"]).succeeded();
    assert_eq!(program, cat.stdout_bytes);
    for (what, result) in [
        ("create", fs::write(directory.join("new.txt"), "x")),
        ("remove", fs::remove_file(directory.join("windows/system32/cmd.exe"))),
        ("rename", fs::rename(directory.join("windows"), directory.join("gone"))),
    ] {
        assert_eq!(result.map_err(|error| error.kind()), Err(ErrorKind::ReadOnlyFilesystem), "{what}");
    }
    let open = fs::File::open(directory.join("windows/system32/cmd.exe")).unwrap();
    let busy = host.casement(["image", "umount", target]).exited(1);
    assert!(busy.stderr.contains("is in use"), "{busy}");
    drop(open);
    let _ = host.casement(["image", "umount", target]).succeeded();
    drop(mounted);
    assert_eq!(fs::read_dir(&directory).unwrap().count(), 0);
    deadline::until("the server ends", || servers(&directory) == 0);
}

#[test]
fn a_killed_server_leaves_a_mount_that_can_be_removed_and_nothing_else() {
    let host = Host::without_daemon();
    let directory = host.new_directory("mounted");
    let target = directory.to_str().unwrap();
    let _ = host.casement(["image", "mount", IMAGE, target]).succeeded();
    let mounted = Mounted(&directory);
    let server = fs::read_dir("/proc").unwrap().flatten().find_map(|process| {
        let pid: i32 = process.file_name().to_str()?.parse().ok()?;
        let line = fs::read(process.path().join("cmdline")).ok()?;
        let words: Vec<&[u8]> = line.split(|byte| *byte == 0).collect();
        (words.contains(&&b"serve"[..]) && words.contains(&target.as_bytes())).then_some(pid)
    });
    let server = rustix::process::Pid::from_raw(server.unwrap()).unwrap();
    rustix::process::kill_process(server, rustix::process::Signal::KILL).unwrap();
    deadline::until("the server is gone", || servers(&directory) == 0);
    let _ = host.casement(["image", "umount", target]).succeeded();
    drop(mounted);
    assert_eq!(fs::read_dir(&directory).unwrap().count(), 0);
    let unfinished =
        fs::read_dir(host.root()).unwrap().flatten().filter(|e| e.file_name().to_string_lossy().starts_with('.'));
    assert_eq!(unfinished.count(), 0);
}

#[test]
fn what_cannot_be_mounted_is_refused_with_the_reason() {
    let host = Host::without_daemon();
    let directory = host.new_directory("mounted");
    let target = directory.to_str().unwrap();
    let missing = host.casement(["image", "mount", "no-such-image", target]).exited(1);
    assert!(missing.stderr.contains("no such image"), "{missing}");
    let nothing = host.casement(["image", "umount", target]).exited(1);
    assert!(nothing.stderr.contains("is no mounted image"), "{nothing}");
    let nowhere = host.casement(["image", "mount", IMAGE, "/no/such/directory"]).exited(1);
    assert!(nowhere.stderr.contains("/no/such/directory"), "{nowhere}");
}
