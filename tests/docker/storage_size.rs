//! `--storage-opt size=`: a container whose changes have a disk of their own.

use casement_tests::{Host, deadline};
use rustix::process::{Pid, Signal, kill_process};

const SIZE: &[&str] = &["--storage-opt", "size=96m"];

/// The number after a word at the beginning of a line.
fn number(output: &casement_tests::Output, word: &str) -> u64 {
    let line = output.lines().into_iter().find_map(|line| line.strip_prefix(word).map(|rest| rest.trim().to_owned()));
    line.and_then(|rest| rest.parse().ok()).unwrap_or_else(|| panic!("no {word}: {output}"))
}

fn sized(host: &Host, name: &str) -> String {
    let volume = host.programs_volume();
    let flags = ["run", "-d", "-v", &volume, "--name", name, "-u", "ContainerAdministrator"].into_iter();
    let words = flags.chain(SIZE.iter().copied()).chain(["nanoserver", r"C:\t\ctrl.exe", r"C:\event.txt", "600"]);
    let id = host.docker(words).succeeded().text().to_owned();
    deadline::until("the program is ready", || host.docker(["logs", &id]).stdout.contains("ready"));
    id
}

#[test]
fn a_program_finds_the_disk_full_at_the_size_and_the_host_keeps_its_space() {
    let host = Host::start();
    let volume = host.programs_volume();
    let words = ["run", "--name", "full", "-v", &volume, "-u", "ContainerAdministrator"].into_iter();
    let words = words.chain(SIZE.iter().copied()).chain(["nanoserver", r"C:\t\fill.exe", r"C:\"]);
    let output = host.docker(words).succeeded();
    // ERROR_DISK_FULL
    assert_eq!(number(&output, "error"), 112, "{output}");
    let (total, free, wrote) = (number(&output, "total"), number(&output, "free"), number(&output, "wrote"));
    assert!((64..=96).contains(&total), "{output}");
    assert!(free <= total && wrote <= free + 1 && wrote + 4 >= free, "{output}");
    let size = host.docker(["inspect", "--format", "{{.HostConfig.StorageOpt.size}}", "full"]).succeeded();
    assert_eq!(size.text(), "96m");
    // What is on it is there for everybody who asks, also while the container does not run.
    let changed = host.docker(["diff", "full"]).succeeded();
    assert!(changed.lines().iter().any(|line| line.trim() == "A /filled.bin"), "{changed}");
    assert_eq!(host.loop_devices(), [] as [String; 0]);
}

#[test]
fn a_disk_stays_with_its_container() {
    let host = Host::start();
    let id = sized(&host, "kept");
    let cmd = |line: &str| host.docker(["exec", &id, "cmd", "/c", line]).succeeded().text().trim().to_owned();
    cmd(r"echo kept> C:\kept.txt& del C:\Windows\System32\find.exe");
    let changed = host.docker(["diff", &id]).succeeded();
    for line in ["A /kept.txt", "D /windows/system32/find.exe"] {
        assert!(changed.lines().iter().any(|found| found.trim() == line), "{line}: {changed}");
    }
    assert_eq!(host.loop_devices().len(), 1);
    let _ = host.docker(["stop", &id]).succeeded();
    deadline::until("the loop device is gone", || host.loop_devices().is_empty());
    let target = host.directory().join("files/kept.txt");
    let _ = host.docker(["cp", &format!("{id}:/KEPT.TXT"), target.to_str().unwrap()]).succeeded();
    assert_eq!(std::fs::read_to_string(target).unwrap().trim(), "kept");
    let _ = host.docker(["start", &id]).succeeded();
    assert_eq!(
        cmd(r"type C:\kept.txt& if not exist C:\Windows\System32\find.exe echo gone").replace("\r\n", " "),
        "kept gone"
    );
}

#[test]
fn no_loop_device_is_left_when_processes_are_killed() {
    let host = Host::start();
    let ids = [sized(&host, "one"), sized(&host, "two")];
    assert_eq!(host.loop_devices().len(), 2);
    let pid = host.silo_hosts()[&ids[0]];
    kill_process(Pid::from_raw(pid as i32).unwrap(), Signal::KILL).unwrap();
    deadline::until("one loop device is gone", || host.loop_devices().len() == 1);
    host.kill_daemon();
    assert_eq!(host.loop_devices().len(), 1, "the other container goes on");
    host.start_daemon();
    let _ = host.docker(["kill", &ids[1]]).succeeded();
    deadline::until("both are gone", || host.loop_devices().is_empty());
    // What was on the disk when its server was killed is there again.
    let _ = host.docker(["start", &ids[0]]).succeeded();
    assert_eq!(host.loop_devices().len(), 1);
    let _ = host.docker(["rm", "-f", &ids[0], &ids[1]]).succeeded();
    deadline::until("nothing is left", || host.loop_devices().is_empty());
}
