//! R1 to R8: what is given to the silo when it is made: directories, names, and the content of the image.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::PathBuf;

use casement_tests::Host;

use crate::attacker::Attacker;

/// `Files` of the base layers of a host's own copy of the images.
fn layer_files(host: &Host) -> Vec<PathBuf> {
    let layers = fs::read_dir(host.root().join("layers")).unwrap().flatten();
    layers.map(|layer| layer.path().join("Files")).filter(|files| files.is_dir()).collect()
}

#[test]
fn r1_no_working_directory_leads_out() {
    let attacker = Attacker::start();
    let outside = [
        r"\\?\unix\proc\self\cwd",
        r"\\?\unix\proc\1\root",
        r"\\?\unix\",
        r"\\?\unix\usr\lib",
        r"\\.\unix\usr",
        r"\??\unix\usr",
        "/proc/self/fd/3",
        "/proc/self/fd/7",
        r"C:\..\..\proc",
        r"Z:\",
        r"\\?\Z:\",
        r"\\localhost\c$",
        r"C:\proc\self\fd\3",
        "..",
        "",
    ];
    let descriptors: Vec<String> = (0..12).map(|n| format!(r"\\?\unix\proc\self\fd\{n}")).collect();
    for directory in outside.iter().copied().chain(descriptors.iter().map(String::as_str)) {
        let output = attacker.probe_with(&["-w", directory], "linux", &["readlink", "/proc/self/cwd"]);
        let refused = !output.status.success() && output.stdout.is_empty();
        assert!(refused || output.text().starts_with("/silo/drive_c"), "{directory}: {output}");
    }
    let output = attacker.probe_with(&["-w", r"C:\windows"], "linux", &["readlink", "/proc/self/cwd"]).succeeded();
    assert_eq!(output.text().to_lowercase(), "/silo/drive_c/windows");
}

#[test]
fn r1_exec_has_no_other_directories_than_run() {
    let attacker = Attacker::start();
    let id = crate::processes::resting(&attacker, "one");
    for directory in [r"\\?\unix\proc\self\fd\3", "/proc/self/fd/3", r"Z:\", r"C:\..\.."] {
        let output =
            attacker.host.casement(["exec", "-w", directory, &id, r"C:\t\linux.exe", "readlink", "/proc/self/cwd"]);
        // The refusal of a process comes in its output, as with Docker.
        let silent = output.stdout.is_empty() || output.stdout.contains("hcs::System::CreateProcess");
        let refused = !output.status.success() && silent;
        assert!(refused || output.text().starts_with("/silo/drive_c"), "{directory}: {output}");
    }
}

#[test]
fn r2_the_runtimes_programs_cannot_be_overwritten_while_they_run() {
    let attacker = Attacker::start();
    for path in ["/proc/self/exe", "/usr/lib/wine/wine64", "/usr/lib/wine/wineserver64"] {
        for flags in [libc::O_WRONLY, libc::O_RDWR, libc::O_WRONLY | libc::O_TRUNC] {
            let answer = attacker.call(libc::SYS_open, &[&format!("={path}"), &flags.to_string()]);
            assert!(matches!(answer, Err(libc::EROFS | libc::EACCES)), "{path}: {answer:?}");
        }
        assert!(attacker.call(libc::SYS_open, &[&format!("={path}"), "0"]).is_ok(), "{path} is there");
    }
}

#[test]
fn r3_a_link_planted_at_a_mount_point_is_not_followed() {
    let attacker = Attacker::start();
    let host = &attacker.host;
    let (shared, target) = (host.new_directory("shared"), host.new_directory("target"));
    fs::write(target.join("untouched"), "").unwrap();
    let volume = format!(r"{}:C:\a\b", shared.display());
    // The program moves the directory of its mount away and puts a link to the host in its place. A start would make `b` there.
    let plan = format!(
        r"C:\t\linux.exe call 82 =/silo/drive_c/a =/silo/drive_c/old & C:\t\linux.exe call 88 ={} =/silo/drive_c/a",
        target.display()
    );
    let command =
        ["run", "--name", "planter", "-v", &host.programs_volume(), "-v", &volume, "nanoserver", "cmd", "/c", &plan];
    let planted = host.casement(command);
    assert_eq!(planted.lines(), ["ok 0", "ok 0"], "{planted}");
    let again = host.casement(["start", "planter"]);
    assert!(!again.status.success(), "{again}");
    let names: Vec<_> = fs::read_dir(&target).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(names, ["untouched"]);
    let _ = host.casement(["rm", "planter"]).succeeded();
    assert!(target.join("untouched").exists());
}

#[test]
fn r5_odd_files_of_an_image_stay_inside() {
    let host = Host::without_daemon();
    let target = host.new_directory("target");
    fs::write(target.join("secret"), "secret").unwrap();
    for files in layer_files(&host) {
        symlink("/etc", files.join("dev")).unwrap();
        symlink("../../../../../../../../../etc", files.join("etc")).unwrap();
        symlink(&target, files.join("absolute")).unwrap();
        symlink("/proc/1/root", files.join("proc")).unwrap();
        symlink("/", files.join("z:")).unwrap();
        symlink("/silo/system.reg", files.join("registry")).unwrap();
        fs::create_dir(files.join("dosdevices")).unwrap();
        symlink("/", files.join("dosdevices/z:")).unwrap();
        let suid = files.join("suid");
        fs::copy("/bin/true", &suid).unwrap();
        fs::set_permissions(&suid, fs::Permissions::from_mode(0o6755)).unwrap();
        let null = rustix::fs::makedev(1, 3);
        rustix::fs::mknodat(
            rustix::fs::CWD,
            files.join("null"),
            rustix::fs::FileType::CharacterDevice,
            0o666.into(),
            null,
        )
        .unwrap();
    }
    host.start_daemon();
    let run = |words: &[&str]| host.run_program(&[&["linux.exe"], words].concat());
    let _ = run(&["call", "39"]).succeeded();
    let secret = r"C:\absolute\secret".to_owned();
    for path in [secret.as_str(), r"C:\dev\shadow", r"C:\etc\shadow", r"C:\proc\etc\shadow", r"C:\z:\etc\shadow"] {
        let output = host.casement(["run", "--rm", "nanoserver", "cmd", "/c", "type", path]);
        assert!(!output.status.success() && output.stdout.is_empty(), "{path}: {output}");
    }
    // A device of the image is not there, a program of it not executed: without set-user-id, and not at all.
    assert_eq!(run(&["cat", "/silo/drive_c/null"]).text(), format!("error {}", libc::ENOENT));
    assert_eq!(run(&["run", "/silo/drive_c/suid"]).text(), format!("error {}", libc::EACCES));
    // The silo's own directories are what they are.
    assert!(run(&["ls", "/dev"]).stdout.contains("urandom"));
    assert!(!run(&["ls", "/silo/dosdevices"]).stdout.contains("z:"));
    assert_eq!(host.run_program(&["drives.exe"]).after("drives: "), "C:3");
    // Nothing is mounted through a link of the image.
    for place in [r"C:\dev", r"C:\absolute", r"C:\etc\sub", r"C:\proc"] {
        let volume = format!("{}:{place}", target.display());
        let output = host.casement(["run", "--rm", "-v", &volume, "nanoserver", "cmd", "/c", "exit", "0"]);
        assert!(!output.status.success(), "{place}: {output}");
    }
    assert_eq!(fs::read_dir(&target).unwrap().count(), 1);
    assert!(!std::path::Path::new("/etc/sub").exists());
}

#[test]
fn r8_no_name_or_id_is_a_path() {
    let host = Host::start();
    let long = "x".repeat(10_000);
    let names = [
        "..", ".", "../x", "a/b", "/a", "a\\b", "-x", ".hidden", "", " ", "a b", "a\nb", "ä", "a:b", "%n", "$(id)",
        &long,
    ];
    let before = fs::read_dir(host.root()).unwrap().count();
    for name in names {
        let output = host.casement(
            [format!("--name={name}")]
                .iter()
                .map(String::as_str)
                .fold(vec!["create"], |mut all, w| {
                    all.push(w);
                    all
                })
                .into_iter()
                .chain(["nanoserver"]),
        );
        assert!(!output.status.success(), "{name:?}: {output}");
        for verb in ["inspect", "rm", "start", "logs", "stop", "wait"] {
            let output = host.casement([verb, "--", name]);
            assert!(!output.status.success(), "{verb} {name:?}: {output}");
        }
    }
    assert!(host.casement(["ps", "-a", "-q"]).succeeded().stdout.is_empty());
    assert_eq!(fs::read_dir(host.root()).unwrap().count(), before);
    // The control socket takes no bytes that the command cannot send: a name with a zero byte.
    let _ = host.casement(["create", "--name", "good", "nanoserver"]).succeeded();
}

#[test]
fn r8_host_names_and_labels_are_only_text() {
    let attacker = Attacker::start();
    let host = &attacker.host;
    for name in ["../../etc", "a/b", &"x".repeat(300), "a\nb", "$(id)"] {
        let output = host.casement(["run", "--rm", "-h", name, "nanoserver", "cmd", "/c", "exit", "0"]);
        assert!(!output.status.success(), "{name:?}: {output}");
    }
    let label = "../../../x\n\"'$(id)=`id`";
    let id = host.casement(["create", "-l", label, "nanoserver"]).succeeded().text().to_owned();
    assert!(host.inspect(&id)["Config"]["Labels"].to_string().contains("$(id)"));
}
