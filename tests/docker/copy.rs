//! `docker cp` both ways, and `docker diff`.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::{MetadataExt, symlink};
use std::os::unix::net::UnixStream;
use std::path::Path;

use casement_tests::{Host, deadline};

/// A container that was never started.
fn created(host: &Host) -> String {
    host.docker(["create", "nanoserver", "cmd"]).succeeded().text().to_owned()
}

/// A container that runs, as ContainerUser.
fn running(host: &Host) -> String {
    let id = host.start_container(&[], &[r"C:\t\ctrl.exe", r"C:\Users\ContainerUser\event.txt", "600"]);
    deadline::until("the program is ready", || host.casement(["logs", &id]).stdout.contains("ready"));
    id
}

fn cmd(host: &Host, container: &str, command: &str) -> String {
    host.casement(["exec", container, "cmd", "/c", command]).succeeded().text().to_owned()
}

/// A tree with a file of this content, a directory, and a link.
fn source(host: &Host, content: &str) -> std::path::PathBuf {
    let source = host.new_directory("source");
    fs::create_dir(source.join("sub")).unwrap();
    fs::write(source.join("a.txt"), content).unwrap();
    fs::write(source.join("sub/b.txt"), "b").unwrap();
    symlink("../a.txt", source.join("sub/link")).unwrap();
    let time = rustix::fs::Timespec { tv_sec: 1_500_000_000, tv_nsec: 250_000_000 };
    let times = rustix::fs::Timestamps { last_access: time, last_modification: time };
    rustix::fs::utimensat(rustix::fs::CWD, source.join("a.txt"), &times, rustix::fs::AtFlags::empty()).unwrap();
    source
}

fn path_of(container: &str, path: &str) -> String {
    format!("{container}:{path}")
}

/// A request without a body; the answer to its end.
fn request(host: &Host, method: &str, path: &str) -> String {
    let mut stream = UnixStream::connect(host.docker_socket()).unwrap();
    write!(stream, "{method} {path} HTTP/1.1\r\nHost: docker\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn a_tree_goes_in_and_comes_out_as_it_was_whether_the_container_runs_or_not() {
    let host = Host::start();
    let source = source(&host, "one");
    let out = host.new_directory("out");
    for (number, id) in [created(&host), running(&host)].into_iter().enumerate() {
        let _ = host.docker(["cp", source.to_str().unwrap(), &path_of(&id, "/Users/ContainerUser/new")]).succeeded();
        let target = out.join(number.to_string());
        let _ = host.docker(["cp", &path_of(&id, "C:/Users/CONTAINERUSER/NEW"), target.to_str().unwrap()]).succeeded();
        assert_eq!(fs::read_to_string(target.join("a.txt")).unwrap(), "one");
        assert_eq!(fs::read_to_string(target.join("sub/b.txt")).unwrap(), "b");
        assert_eq!(fs::read_link(target.join("sub/link")).unwrap(), Path::new("../a.txt"));
        let file = fs::metadata(target.join("a.txt")).unwrap();
        assert_eq!((file.mtime(), file.mode() & 0o777), (1_500_000_000, 0o644));
        let listed = host.docker(["cp", &path_of(&id, r"C:\Users\ContainerUser\new\sub"), "-"]).succeeded();
        assert!(listed.stdout.starts_with("sub/"), "{}", listed.stdout);
    }
}

#[test]
fn programs_use_what_was_copied_and_the_host_gets_what_they_wrote() {
    let host = Host::start();
    let source = source(&host, "one\r\n");
    let id = running(&host);
    let _ =
        host.docker(["cp", &format!("{}/.", source.display()), &path_of(&id, r"C:\Users\ContainerUser")]).succeeded();
    let commands = r"cd C:\Users\ContainerUser& echo two>> a.txt& type a.txt& type sub\link& del sub\b.txt& dir /b sub";
    let said = cmd(&host, &id, commands);
    assert_eq!(said.lines().map(str::trim_end).collect::<Vec<_>>(), ["one", "two", "one", "two", "link"]);
    let output = host.docker(["cp", &path_of(&id, "/users/containeruser/A.TXT"), "-"]).succeeded();
    assert!(output.stdout.contains("one\r\ntwo\r\n"), "{output}");
    // A Windows path whose last part is new: the client takes it for a name in its own directory.
    let file = source.join("sub/b.txt");
    let _ =
        host.docker(["cp", file.to_str().unwrap(), &path_of(&id, r"C:\Users\ContainerUser\renamed.txt")]).succeeded();
    assert_eq!(cmd(&host, &id, r"type C:\Users\ContainerUser\renamed.txt"), "b");
}

#[test]
fn what_cannot_be_copied_is_refused_in_dockers_words() {
    let host = Host::start();
    let source = source(&host, "one");
    let id = created(&host);
    let file = source.join("a.txt");
    let file = file.to_str().unwrap();
    let nowhere = host.directory().join("nowhere");
    let target = nowhere.to_str().unwrap().to_owned();
    for (from, to, message) in [
        (path_of(&id, "/no/file"), target.clone(), format!("Could not find the file /no/file in container {id}")),
        (file.to_owned(), path_of(&id, "/no/file"), format!("Could not find the file /no in container {id}")),
        (file.to_owned(), path_of(&id, r"C:\no\file"), format!(r"Could not find the file C:\no in container {id}")),
        (path_of(&id, "d:/x"), target.clone(), "the specified path is not on the system drive (C:)".to_owned()),
        (file.to_owned(), path_of("none", "/x"), "No such container: none".to_owned()),
        (
            source.to_str().unwrap().to_owned(),
            path_of(&id, "/Windows/system32/cmd.exe"),
            "cannot copy directory".to_owned(),
        ),
    ] {
        let output = host.docker(["cp", &from, &to]);
        assert_eq!(output.code(), 1, "{output}");
        assert!(output.stderr.contains(&message), "{message}: {output}");
    }
    assert!(!nowhere.exists());
    let answer = request(&host, "HEAD", &format!("/containers/{id}/archive?path=/Windows"));
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(answer.to_ascii_lowercase().contains("x-docker-container-path-stat: eyj"), "{answer}");
    let answer = request(&host, "GET", &format!("/containers/{id}/archive"));
    assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
}

#[test]
fn r7_a_link_that_a_program_planted_leads_nowhere_on_the_host() {
    let host = Host::start();
    let id = running(&host);
    let secrets = host.new_directory("secrets");
    fs::write(secrets.join("secret"), "the host's own").unwrap();
    let home = "/silo/drive_c/users/ContainerUser";
    for (target, name) in
        [(secrets.to_str().unwrap(), "absolute"), ("/proc/1/root", "magic"), ("../../../../../..", "up")]
    {
        let words = [
            "exec",
            &id,
            r"C:\t\linux.exe",
            "call",
            &libc::SYS_symlink.to_string(),
            &format!("={target}"),
            &format!("={home}/{name}"),
        ]
        .map(str::to_owned);
        assert_eq!(host.casement(words).succeeded().text(), "ok 0");
    }
    let probe = host.directory().join("probe");
    fs::write(&probe, "probe").unwrap();
    for path in ["absolute/secret", "absolute/.", "magic/etc/passwd", "up/etc/passwd"] {
        let output = host.docker(["cp", &path_of(&id, &format!("/Users/ContainerUser/{path}")), "-"]);
        assert!(output.stderr.contains("Could not find the file"), "{path}: {output}");
    }
    for path in ["absolute", "magic/etc", "up/etc"] {
        let output =
            host.docker(["cp", probe.to_str().unwrap(), &path_of(&id, &format!("/Users/ContainerUser/{path}/"))]);
        assert_eq!(output.code(), 1, "{path}: {output}");
    }
    assert_eq!(fs::read_dir(&secrets).unwrap().count(), 1);
    assert!(!Path::new("/etc/probe").exists());
}

#[test]
fn a_mounted_volume_is_copied_from_and_to_as_programs_see_it() {
    let host = Host::start();
    let shared = host.new_directory("shared");
    fs::write(shared.join("there.txt"), "there").unwrap();
    let volume = format!("{}:C:\\data", shared.display());
    let created = host.docker(["create", "-v", &volume, "nanoserver", "cmd"]).succeeded().text().to_owned();
    let read_only =
        host.docker(["create", "-v", &format!("{volume}:ro"), "nanoserver", "cmd"]).succeeded().text().to_owned();
    let output = host.docker(["cp", &path_of(&created, "/data/there.txt"), "-"]).succeeded();
    assert!(output.stdout.contains("there"), "{output}");
    let probe = host.directory().join("probe");
    fs::write(&probe, "probe").unwrap();
    let _ = host.docker(["cp", probe.to_str().unwrap(), &path_of(&created, "/data/")]).succeeded();
    assert_eq!(fs::read_to_string(shared.join("probe")).unwrap(), "probe");
    assert_eq!(fs::metadata(shared.join("probe")).unwrap().uid(), fs::metadata(&shared).unwrap().uid());
    let output = host.docker(["cp", probe.to_str().unwrap(), &path_of(&read_only, "/data/")]);
    assert!(output.stderr.contains("mounted volume is marked read-only"), "{output}");
}

#[test]
fn large_copies_stream_and_a_client_that_leaves_ends_them() {
    const SIZE: u64 = 256 << 20;
    let host = Host::start();
    let id = created(&host);
    let large = host.directory().join("large");
    fs::File::create(&large).unwrap().set_len(SIZE).unwrap();
    let peak = || {
        let status = fs::read_to_string(format!("/proc/{}/status", host.daemon_pid())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() << 10
    };
    let before = peak();
    let _ = host.docker(["cp", large.to_str().unwrap(), &path_of(&id, "/large")]).succeeded();
    fs::remove_file(&large).unwrap();
    let _ = host.docker(["cp", &path_of(&id, "/large"), large.to_str().unwrap()]).succeeded();
    assert_eq!(fs::metadata(&large).unwrap().len(), SIZE);
    assert!(peak() - before < SIZE / 4, "{before} {}", peak());
    // While somebody copies, the container cannot start; this one goes away after the first bytes.
    let mut stream = UnixStream::connect(host.docker_socket()).unwrap();
    write!(stream, "GET /containers/{id}/archive?path=/large HTTP/1.1\r\nHost: docker\r\n\r\n").unwrap();
    stream.read_exact(&mut [0; 1024]).unwrap();
    drop(stream);
    let _ = host.docker(["start", &id]).succeeded();
}

#[test]
fn diff_tells_added_changed_and_deleted_files_of_drive_c() {
    let host = Host::start();
    let untouched = created(&host);
    let answer = request(&host, "GET", &format!("/containers/{untouched}/changes"));
    assert!(answer.ends_with("\r\n\r\nnull"), "{answer}");
    assert_eq!(host.docker(["diff", &untouched]).succeeded().text(), "");
    let id = host.start_container(&["-u", "ContainerAdministrator"], &[r"C:\t\ctrl.exe", r"C:\event.txt", "600"]);
    deadline::until("the program is ready", || host.casement(["logs", &id]).stdout.contains("ready"));
    let commands = r"md C:\new& echo x> C:\new\file.txt& del C:\Windows\System32\find.exe& reg add HKLM\Software\Zoo";
    let _ = host.casement(["exec", "-u", "ContainerAdministrator", &id, "cmd", "/c", commands]).succeeded();
    let expected = ["A /new", "A /new/file.txt", "C /Windows", "C /Windows/System32", "D /Windows/System32/find.exe"];
    let lines = |output: &casement_tests::Output| output.stdout.to_ascii_lowercase();
    let while_running = host.docker(["diff", &id]).succeeded();
    let _ = host.docker(["stop", "-t", "1", &id]).succeeded();
    let afterwards = host.docker(["diff", &id]).succeeded();
    for output in [&while_running, &afterwards] {
        for line in expected {
            assert!(lines(output).lines().any(|found| found == line.to_ascii_lowercase()), "{line}: {output}");
        }
        assert!(!lines(output).contains("hives") && !lines(output).contains("system.reg"), "{output}");
    }
}
