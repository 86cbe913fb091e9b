//! The directory a program starts in, and host directories shown in a container.

use std::fs;
use std::os::unix::fs::MetadataExt;

use casement_tests::Host;

#[test]
fn a_program_starts_in_the_root_or_where_it_is_told() {
    let host = Host::start();
    let start = |flags: &[&str]| {
        let line = ["run", "--rm"].iter().chain(flags).chain(&["nanoserver", "cmd", "/c", "cd"]);
        host.casement(line.copied()).succeeded().text().to_owned()
    };
    assert_eq!(start(&[]), r"C:\");
    assert_eq!(start(&["-w", r"C:\Windows"]), r"C:\Windows");
    assert!(start(&["-w", "c:/windows/system32"]).eq_ignore_ascii_case(r"C:\windows\system32"));
}

#[test]
fn a_missing_directory_to_start_in_is_said_so() {
    let host = Host::start();
    let output = host.casement(["run", "--rm", "-w", r"C:\no\such", "nanoserver", "cmd", "/c", "cd"]).exited(125);
    assert!(output.stderr.contains("The directory name is invalid. (0x10b)"), "{output}");
}

#[test]
fn a_shared_directory_is_read_and_written_from_both_sides() {
    let host = Host::start();
    let shared = host.new_directory("shared");
    fs::write(shared.join("from host.txt"), "host says").expect("write");
    let volume = format!(r"{}:C:\data", shared.display());
    let read = ["type", r"C:\data\from host.txt"];
    let write = ["&", "mkdir", r"C:\data\sub&", "echo", "guest", "says>", r"C:\data\sub\guest.txt"];
    let line = ["run", "--rm", "-v", &volume, "nanoserver", "cmd", "/c"].into_iter().chain(read).chain(write);
    let output = host.casement(line).succeeded();
    assert!(output.stdout.starts_with("host says"), "{output}");
    let written = shared.join("sub/guest.txt");
    assert_eq!(fs::read_to_string(&written).expect("read").trim(), "guest says");
    let owner = fs::metadata(&shared).expect("metadata").uid();
    for path in [written, shared.join("sub")] {
        assert_eq!(
            fs::metadata(&path).expect("metadata").uid(),
            owner,
            "{} belongs to who owns the directory",
            path.display()
        );
    }
}

#[test]
fn a_read_only_directory_cannot_be_changed() {
    let host = Host::start();
    let shared = host.new_directory("shared");
    fs::write(shared.join("a.txt"), "kept").expect("write");
    let volume = format!(r"{}:C:\data:ro", shared.display());
    let run = |command: &str| {
        host.casement([
            "run",
            "--rm",
            "-u",
            "ContainerAdministrator",
            "-v",
            &volume,
            "nanoserver",
            "cmd",
            "/c",
            command,
        ])
    };
    assert_eq!(run(r"type C:\data\a.txt").succeeded().text(), "kept");
    for command in [r"echo x> C:\data\b.txt", r"echo x> C:\data\a.txt", r"mkdir C:\data\sub", r"del C:\data\a.txt"] {
        let _ = run(command);
        let names: Vec<_> = fs::read_dir(&shared).expect("read").flatten().map(|entry| entry.file_name()).collect();
        assert_eq!(names, ["a.txt"], "{command}");
        assert_eq!(fs::read_to_string(shared.join("a.txt")).expect("read"), "kept", "{command}");
    }
}

#[test]
fn what_cannot_be_shared_is_refused() {
    let host = Host::start();
    let directory = host.new_directory("shared");
    let file = directory.join("file");
    fs::write(&file, "").expect("write");
    for volume in [
        r"/no/such/directory:C:\data".to_owned(),
        format!(r"{}:C:\data", file.display()),
        format!(r"{}:C:\", directory.display()),
        format!(r"{}:D:\data", directory.display()),
        format!(r"{}:C:\..\x", directory.display()),
        r"./relative:C:\data".to_owned(),
    ] {
        let output = host.casement(["run", "--rm", "-v", &volume, "nanoserver", "cmd", "/c", "exit 0"]);
        assert_eq!(output.code(), 125, "{volume}: {output}");
    }
    assert_eq!(host.casement(["ps", "-a", "-q"]).succeeded().stdout, "");
}

#[test]
fn dir_lists_volume_c_of_a_container_that_has_run_nothing_else() {
    let host = Host::start();
    let listed = host.casement(["run", "--rm", "nanoserver", "cmd", "/c", r"dir C:\ & vol C:"]).succeeded();
    let text = listed.text();
    assert!(text.contains("Directory of C:"), "{text}");
    for name in ["windows", "users", "Program Files"] {
        assert!(text.contains(&format!("<DIR>          {name}")), "{name} is not in: {text}");
    }
    assert!(text.contains("Volume Serial Number is"), "{text}");
}
