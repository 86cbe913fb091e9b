//! Volume `C:` is one union file system with the rules of NTFS, whatever the kernel can do.

use casement_tests::{Host, deadline};

/// What can be done without: nothing, each, and both.
const WITHOUT: [&str; 4] = ["", "fuse-passthrough", "fuse-epochs", "fuse-passthrough,fuse-epochs"];

/// Runs a line of cmd in a new container that stays.
fn cmd(host: &Host, name: &str, line: &str) -> Vec<String> {
    let volume = host.programs_volume();
    let words = ["run", "--name", name, "-u", "ContainerAdministrator", "-v", &volume, "nanoserver", "cmd", "/c", line];
    host.casement(words).succeeded().lines().into_iter().map(|line| line.trim().to_owned()).collect()
}

/// The file system of `C:` and its options, from a `mountinfo`.
fn volume_c(mounts: &[String]) -> (&str, &str) {
    let line = mounts.iter().find(|line| line.split(' ').nth(4) == Some("/silo/drive_c")).expect("a mount of C:");
    let (mount, system) = line.split_once(" - ").expect("a mount");
    (system, mount.split(' ').nth(5).unwrap_or_default())
}

#[test]
fn files_of_layers_and_scratch_are_one_volume_whatever_the_kernel_can_do() {
    for without in WITHOUT {
        let host = Host::start_doing_without(without);
        let lines = cmd(
            &host,
            "one",
            &[
                r"echo one> C:\MixedCase.txt",
                r"type c:\mIXEDcASE.TXT",
                r"ren c:\mixedcase.txt OtherCase.txt",
                r"dir /b C:\*case.txt",
                r"(if not exist C:\nothing.txt echo none)",
                r"echo new> C:\NOTHING.txt",
                r"(if exist C:\nothing.txt echo some)",
                r"mkdir C:\Deep\er",
                r"move C:\othercase.TXT C:\deep\ER\x.txt >nul",
                r"type C:\Deep\er\X.TXT",
                r"del C:\windows\system32\FIND.EXE",
                r"(if not exist C:\Windows\System32\find.exe echo gone)",
                r"copy /b C:\Windows\System32\cmd.exe C:\copied.exe >nul",
                r"C:\Copied.exe /c echo runs",
                r"rmdir /s /q C:\deep",
                r"(if not exist C:\Deep echo removed)",
            ]
            .join("& "),
        );
        assert_eq!(
            lines,
            ["one", "OtherCase.txt", "none", "some", "one", "gone", "runs", "removed"],
            "without {without:?}"
        );
        let mounts = cmd(&host, "two", r"C:\t\linux.exe cat /proc/self/mountinfo");
        let (system, options) = volume_c(&mounts);
        assert!(system.starts_with("fuse.wcifs C: "), "{system}");
        for option in ["noexec", "nosuid", "nodev"] {
            assert!(options.split(',').any(|o| o == option), "{options}");
        }
        // What a stopped container has changed.
        let changed = host.docker(["diff", "one"]).succeeded();
        for line in ["A /NOTHING.txt", "A /copied.exe", "D /windows/system32/find.exe", "C /windows/system32"] {
            assert!(changed.lines().iter().any(|found| found.trim() == line), "{line}: {changed}");
        }
        assert!(!changed.stdout.to_lowercase().contains("deep"), "{changed}");
        let target = host.directory().join("files/out.txt");
        let _ = host.docker(["cp", "one:C:/nothing.TXT", target.to_str().unwrap()]).succeeded();
        assert_eq!(std::fs::read_to_string(&target).unwrap().trim(), "new", "without {without:?}");
    }
}

#[test]
fn a_rename_that_changes_only_the_case_changes_the_name() {
    let host = Host::start();
    let line = r"cd C:\& echo one> readme.txt& ren readme.txt ReadMe.TXT& ren License.txt LICENSE.txt& dir /b *.txt& type README.txt";
    assert_eq!(cmd(&host, "one", line), ["LICENSE.txt", "ReadMe.TXT", "one"]);
    // The program has looked at it by the new name before.
    let line = r"cd C:\& echo one> file.txt& type FILE.TXT& (if exist FILE.TXT echo exists)& ren file.txt FILE.TXT& dir /b f*.txt";
    assert_eq!(cmd(&host, "three", line), ["one", "exists", "FILE.TXT"]);
    let line = r"cd C:\& type LICENSE.TXT>NUL& move License.txt LICENSE.TXT>NUL& dir /b lic*.txt";
    assert_eq!(cmd(&host, "four", line), ["LICENSE.TXT"]);
    // Directories, of the image and new.
    let line = r"cd C:\& md Data& echo two> Data\f.txt& ren Data dATA& ren ProgramData PROGRAMDATA& dir /b /ad *data& type data\F.txt";
    assert_eq!(cmd(&host, "two", line), ["dATA", "PROGRAMDATA", "two"]);
}

/// What is mounted in a directory stays, whatever becomes of its name.
#[test]
fn a_directory_with_a_mount_in_it_is_renamed_without_losing_it() {
    let host = Host::start();
    let outside = host.new_directory("outside");
    std::fs::write(outside.join("f.txt"), "outside\r\n").unwrap();
    let mapped = format!("{}:C:/data/inner", outside.display());
    let line = r"ren C:\data DATA& type C:\Data\Inner\f.txt& echo more> C:\data\inner\g.txt& dir /b C:\data\inner";
    let words = ["run", "--rm", "-u", "ContainerAdministrator", "-v", &mapped, "nanoserver", "cmd", "/c", line];
    assert_eq!(host.casement(words).succeeded().lines(), ["outside", "f.txt", "g.txt"]);
    assert_eq!(std::fs::read_to_string(outside.join("g.txt")).unwrap().trim(), "more");
}

#[test]
fn a_file_is_hidden_and_read_only_in_whatever_order() {
    let host = Host::start();
    let line = r"cd C:\& echo x> a.txt& echo x> b.txt& attrib +r a.txt& attrib +h a.txt& attrib +h b.txt& attrib +r b.txt& attrib a.txt& attrib b.txt& echo y> a.txt& type a.txt";
    let lines = cmd(&host, "one", line);
    for (line, name) in lines.iter().zip(["a.txt", "b.txt"]) {
        let (letters, _) = line.split_once("C:").unwrap();
        assert!(letters.contains('H') && letters.contains('R') && line.ends_with(name), "{lines:?}");
    }
    assert_eq!(lines.last().unwrap(), "x", "{lines:?}");
}

#[test]
fn layers_on_disk_do_not_change() {
    let host = Host::start();
    let layers = host.root().join("layers");
    let state = || {
        let mut state = std::collections::BTreeMap::new();
        let mut ahead = vec![layers.clone()];
        while let Some(directory) = ahead.pop() {
            for entry in std::fs::read_dir(directory).unwrap().flatten() {
                use std::os::unix::fs::MetadataExt;
                let file = entry.metadata().unwrap();
                if file.is_dir() {
                    ahead.push(entry.path());
                }
                state.insert(entry.path(), (file.len(), file.mode(), file.mtime(), file.mtime_nsec()));
            }
        }
        state
    };
    let before = state();
    assert!(before.len() > 100, "{}", before.len());
    let lines = cmd(
        &host,
        "one",
        r"cd C:\Windows\System32& del find.exe& ren where.exe other.exe& echo x> whoami.exe& echo x>> cmd.exe& attrib +r sort.exe& rmdir /s /q C:\Windows\System32\drivers& C:\t\linux.exe call 76 =/silo/drive_c/windows/system32/NTDLL.dll 0",
    );
    assert_eq!(lines.last().map(String::as_str), Some("ok 0"), "{lines:?}");
    assert_eq!(state(), before);
}

/// Names that come and go make the kernel forget others, but not what is mounted.
#[test]
fn mapped_directories_stay_when_names_come_and_go() {
    let host = Host::start();
    let lines = cmd(
        &host,
        "one",
        &[
            r"(if not exist C:\NOTHING.txt echo none)",
            r"echo one> C:\nothing.txt",
            r"dir /b C:\t\names.exe",
            r"type C:\Nothing.TXT",
            r"del C:\NOTHING.TXT",
            r"(if not exist C:\nothing.txt echo gone)",
            r"dir /b C:\T\NAMES.exe",
        ]
        .join("& "),
    );
    assert_eq!(lines, ["none", "names.exe", "one", "gone", "names.exe"]);
}

/// `watch.exe` is told of what another program does in a directory of a layer and in new ones.
#[test]
fn programs_are_told_of_changes() {
    let host = Host::start();
    let directory = r"C:\Windows\System32\drivers";
    let _ = cmd(&host, "layer", &format!(r"echo one> {directory}\low.txt"));
    let _ = host.docker(["commit", "layer", "with-low"]).succeeded();
    let volume = host.programs_volume();
    let watch = [r"C:\t\watch.exe", r"c:\windows\SYSTEM32\Drivers", "last.txt"];
    let flags = ["run", "-d", "-u", "ContainerAdministrator", "-v", &volume, "--name", "watcher", "with-low"];
    let _ = host.casement([&flags[..], &watch].concat()).succeeded();
    let logs = || host.casement(["logs", "watcher"]).succeeded();
    deadline::until("it watches", || logs().stdout.contains("watching"));
    let change = |line: &str| drop(host.casement(["exec", "watcher", "cmd", "/c", line]).succeeded());
    let seen =
        |line: &str| deadline::until(line, || logs().lines().iter().any(|seen| seen.trim().eq_ignore_ascii_case(line)));
    change(&format!(r"echo two> {directory}\new.txt"));
    seen("added new.txt");
    change(&format!(r"ren {directory}\NEW.txt Renamed.txt"));
    seen("renamed-from new.txt");
    seen("renamed-to Renamed.txt");
    change(&format!(r"echo two>> {directory}\LOW.TXT"));
    seen("modified low.txt");
    change(&format!(r"mkdir {directory}\made"));
    seen("added made");
    change(&format!(r"echo three> {directory}\made\inside.txt"));
    seen(r"added made\inside.txt");
    change(&format!(r"attrib +h {directory}\renamed.txt"));
    seen("modified renamed.txt");
    change(&format!(r"echo four> {directory}\last.txt& del {directory}\last.txt"));
    seen("removed last.txt");
    assert_eq!(host.wait("watcher"), 0, "{}", logs());
}

#[test]
fn doctor_says_which_fallback_is_in_use() {
    let host = Host::bare();
    let doctor = |without: &str, line: &str| {
        let mut command = host.command(["doctor", line]);
        command.env("CASEMENT_WITHOUT", without);
        casement_tests::Background::start(command).finish()
    };
    for line in ["fuse-passthrough", "fuse-epochs"] {
        let said = doctor(line, line);
        assert!(said.stdout.contains("degraded"), "{said}");
        // On a kernel that has it not, the line is the same without the switch.
        let offered = doctor("", line);
        if !offered.stdout.contains("not offered") {
            assert!(said.stdout.contains("switched off by CASEMENT_WITHOUT"), "{said}");
        }
        assert_eq!(offered.stdout.contains("not offered"), said.stdout.contains("not offered"), "{offered}{said}");
    }
    assert!(doctor("", "wcifs").succeeded().stdout.contains("ok"));
}
