//! W2: what Windows paths reach: drives, NT paths, links, and Linux programs on `C:`.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use casement_tests::Host;

use crate::attacker::Attacker;

/// The last words of a line of `drives.exe`.
fn said<'a>(report: &'a casement_tests::Output, what: &str) -> &'a str {
    report.after(&format!("{what}: "))
}

#[test]
fn w2_there_is_no_drive_but_c() {
    let host = Host::start();
    let report = host.run_program(&["drives.exe"]);
    assert_eq!(said(&report, "drives"), "C:3");
    assert!(said(&report, r"read Z:\etc\passwd").starts_with("error"), "{report}");
    assert!(said(&report, r"list Z:\*").starts_with("error"), "{report}");
    // A program may define a drive of its own; it leads nowhere.
    assert!(said(&report, r"list Q:\*").starts_with("error"), "{report}");
}

#[test]
fn w2_unix_paths_show_the_runtime_only() {
    let host = Host::start();
    let report = host.run_program(&["drives.exe"]);
    let hidden = [
        r"\\.\unix\etc\shadow",
        "/etc/passwd",
        r"C:\..\..\etc\passwd",
        r"\\?\unix\proc\1\environ",
        r"\\?\unix\proc\1\root\etc\passwd",
        r"\\?\unix\proc\kcore",
        r"\\?\unix\sys\firmware\acpi\tables\DSDT",
        r"\\?\unix\dev\vda",
        r"\\?\unix\dev\mem",
        r"\\?\unix\run\casement\docker.sock",
    ];
    for path in hidden {
        assert!(said(&report, &format!("read {path}")).starts_with("error"), "{path}: {report}");
    }
    assert!(said(&report, r"read \\?\unix\proc\keys").starts_with("0 bytes"), "{report}");
    let runtimes_own = said(&report, r"read \\?\unix\etc\passwd");
    assert!(runtimes_own.contains("container:x:1000"), "the runtime's, not the host's: {report}");
    let closed = [
        r"\\?\unix\usr\lib\wine\wine64",
        r"\\?\unix\etc\passwd",
        r"\\?\unix\proc\sys\kernel\core_pattern",
        r"\\?\unix\proc\sysrq-trigger",
        r"\\?\unix\proc\self\oom_score_adj",
        r"\\?\unix\sys\kernel\uevent_helper",
        r"\\?\unix\etc\casement_probe",
        r"\\?\unix\silo\dosdevices\probe",
    ];
    for path in closed {
        assert!(said(&report, &format!("write {path}")).starts_with("error"), "{path}: {report}");
    }
    let top = report.after(r"list \\?\unix\*: ");
    let known = [".", "..", "dev", "etc", "lib", "lib64", "proc", "root", "run", "silo", "sys", "tmp", "usr"];
    assert!(top.split(' ').all(|name| known.contains(&name)), "{top}");
}

#[test]
fn w2_a_program_cannot_give_itself_a_drive() {
    let attacker = Attacker::start();
    for (target, link) in [("/", "z:"), ("/proc", "d:"), ("/", "unix")] {
        let answer = attacker.call(libc::SYS_symlink, &[&format!("={target}"), &format!("=/silo/dosdevices/{link}")]);
        assert!(matches!(answer, Err(libc::EROFS | libc::EACCES)), "{answer:?}");
    }
    for (number, arguments) in [
        (libc::SYS_rename, ["=/silo/dosdevices", "=/silo/old"]),
        (libc::SYS_rename, ["=/silo/dosdevices/c:", "=/silo/dosdevices/d:"]),
        (libc::SYS_unlink, ["=/silo/dosdevices/c:", "0"]),
        (libc::SYS_rmdir, ["=/silo/dosdevices", "0"]),
        (libc::SYS_rename, ["=/silo/drive_c", "=/silo/old"]),
    ] {
        let answer = attacker.call(number, &arguments);
        assert!(matches!(answer, Err(libc::EROFS | libc::EACCES | libc::EBUSY)), "{arguments:?}: {answer:?}");
    }
    let script = r"subst z: C:\windows & mklink /d C:\link Z:\ & dir Z:\ ";
    let output = attacker.host.casement(["run", "--rm", "nanoserver", "cmd", "/c", script]);
    assert!(!output.stdout.contains("shadow"), "{output}");
}

#[test]
fn w2_planted_links_stay_in_the_silo_while_it_runs_and_after() {
    let attacker = Attacker::start();
    let host = &attacker.host;
    let target = host.new_directory("target");
    fs::write(target.join("secret"), "secret").unwrap();
    let target = target.to_str().unwrap();
    let plant = |from: &str, to: &str| format!(r"C:\t\linux.exe call 88 ={from} =/silo/drive_c/{to}");
    let script = [
        plant(target, "absolute"),
        plant(&format!("../../../../../../../../../..{target}"), "relative"),
        plant("/", "z:"),
        plant("/etc/shadow", "file"),
        plant("/proc/self/root", "root"),
        r"type C:\absolute\secret & type C:\relative\secret & type C:\file & type C:\z:\etc\shadow".to_owned(),
        format!(r"type C:\root{}\secret", target.replace('/', r"\")),
    ];
    let program =
        ["run", "--name", "planter", "-v", &host.programs_volume(), "nanoserver", "cmd", "/c", &script.join(" & ")];
    let output = host.casement(program);
    // No file of NTFS has a name like a drive's.
    let refused = format!("error {}", libc::EINVAL);
    assert_eq!(output.lines(), ["ok 0", "ok 0", &refused, "ok 0", "ok 0"], "{output}");
    // Neither a further start nor the removal follows them.
    let again = host.casement(["start", "-a", "planter"]);
    assert!(!again.stdout.contains("secret"), "{again}");
    let _ = host.casement(["rm", "planter"]).succeeded();
    assert_eq!(fs::read_to_string(format!("{target}/secret")).unwrap(), "secret");
    assert!(std::path::Path::new("/etc/shadow").exists());
}

#[test]
fn w2_links_in_place_of_the_registry_are_not_written_through() {
    let attacker = Attacker::start();
    let host = &attacker.host;
    let victim = host.new_directory("victim").join("file");
    fs::write(&victim, "untouched").unwrap();
    fs::set_permissions(&victim, fs::Permissions::from_mode(0o666)).unwrap();
    let link = |name: &str| {
        format!("C:\\t\\linux.exe call 87 =/silo/{name} & C:\\t\\linux.exe call 88 ={} =/silo/{name}", victim.display())
    };
    let script = ["system.reg", "user.reg", "userdef.reg", ".update-timestamp"].map(link).join(" & ");
    let output =
        host.casement(["run", "--name", "planter", "-v", &host.programs_volume(), "nanoserver", "cmd", "/c", &script]);
    assert_eq!(output.lines(), ["ok 0"; 8], "{output}");
    // A start with such a registry may fail; it must not touch the host.
    let _ = host.casement(["start", "-a", "planter"]);
    assert_eq!(fs::read_to_string(&victim).unwrap(), "untouched");
    let _ = host.casement(["rm", "-f", "planter"]).succeeded();
    assert_eq!(fs::read_to_string(&victim).unwrap(), "untouched");
}

#[test]
fn w2_linux_programs_on_c_are_not_executed() {
    let attacker = Attacker::start();
    let host = &attacker.host;
    // From a directory of the host.
    let shared = host.new_directory("shared");
    let copy = shared.join("program");
    fs::copy(casement_tests::places::casement(), &copy).unwrap();
    fs::set_permissions(&copy, fs::Permissions::from_mode(0o777)).unwrap();
    let volume = format!(r"{}:C:\shared", shared.display());
    let run = |path: &str| attacker.probe_with(&["-v", &volume], "linux", &["run", path]).text().to_owned();
    assert_eq!(run("/silo/drive_c/shared/program"), format!("error {}", libc::EACCES));
    // A copy that the program made itself.
    let script = r"copy C:\shared\program C:\program & C:\t\linux.exe call 90 =/silo/drive_c/program 511 & C:\t\linux.exe run /silo/drive_c/program";
    let output =
        host.casement(["run", "--rm", "-v", &host.programs_volume(), "-v", &volume, "nanoserver", "cmd", "/c", script]);
    assert!(
        output.stdout.contains("ok 0") && output.stdout.trim().ends_with(&format!("error {}", libc::EACCES)),
        "{output}"
    );
    // By the Windows way.
    let output = host.casement(["run", "--rm", "-v", &volume, "nanoserver", r"C:\shared\program", "--version"]);
    assert!(!output.status.success() && output.stdout.is_empty(), "{output}");
    // The probe can tell: the runtime's own programs do run.
    assert_eq!(run("/usr/lib/wine/wineserver64"), "status 0");
}
