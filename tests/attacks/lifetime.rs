//! W4: processes that want to stay.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use casement_tests::Host;
use casement_tests::deadline::until;

use crate::attacker::Attacker;
use crate::processes::{of_container, resting};

/// Processes of a fork bomb that has gone off.
const MANY: usize = 800;

/// The user namespace of a running container, which names it after its end, too.
fn user_namespace(host: &Host, id: &str) -> PathBuf {
    fs::read_link(format!("/proc/{}/ns/user", of_container(host, id)[0].pid)).unwrap()
}

/// How many processes on this host are in this user namespace.
fn count_in(namespace: &Path) -> usize {
    let entries = fs::read_dir("/proc").unwrap().flatten();
    entries.filter(|entry| fs::read_link(entry.path().join("ns/user")).is_ok_and(|own| own == namespace)).count()
}

#[test]
fn w4_a_process_that_hides_from_its_parent_ends_with_a_killed_container() {
    let attacker = Attacker::start();
    let host = &attacker.host;
    let id =
        host.start_container(&["--name", "orphan"], &["cmd", "/c", r"C:\t\linux.exe orphan & C:\t\linux.exe fork 1"]);
    until("the orphan was left", || host.casement(["logs", "orphan"]).stdout.contains("made 1"));
    let namespace = user_namespace(host, &id);
    let count = count_in(&namespace);
    assert!(count >= 6, "agent, wineserver, launcher, cmd, orphan and two more: {count}");
    let _ = host.casement(["kill", "orphan"]).succeeded();
    assert_eq!(count_in(&namespace), 0);
}

#[test]
fn w4_a_process_that_hides_from_its_parent_ends_with_the_main_program() {
    let attacker = Attacker::start();
    let host = &attacker.host;
    let line = r"C:\t\linux.exe orphan & set /p line=";
    let running = host.background([
        "run",
        "-i",
        "--name",
        "orphan",
        "-v",
        &host.programs_volume(),
        "nanoserver",
        "cmd",
        "/c",
        line,
    ]);
    running.await_stdout("left");
    let namespace = user_namespace(host, "orphan");
    let before = count_in(&namespace);
    assert!(before >= 5, "agent, wineserver, launcher, cmd and orphan: {before}");
    let _ = running.finish();
    assert_eq!(count_in(&namespace), 0);
}

#[test]
fn w4_a_fork_bomb_harms_only_its_container() {
    let attacker = Attacker::start();
    let id = attacker.host.start_container(&["--name", "bomb", "-m", "300m"], &[r"C:\t\linux.exe", "fork", "4000"]);
    let pid = of_container(&attacker.host, &id)[0].pid;
    let limit = task_limit(pid);
    let namespace = user_namespace(&attacker.host, &id);
    let all: u64 = fs::read_to_string("/proc/sys/kernel/pid_max").unwrap().trim().parse().unwrap();
    assert!(limit.is_none_or(|limit| limit <= all / 2), "one container may take {limit:?} of {all} process ids");
    // Its memory limit stops it, at the latest: the kernel may pick the forking program, or any other of the container.
    until("the bomb has gone off", || {
        let ended = attacker.host.inspect("bomb")["State"]["Running"] == false;
        ended || count_in(&namespace) >= MANY
    });
    assert!(Command::new("true").status().unwrap().success(), "the host has processes left");
    let _ = attacker.probe("linux", &["call", "39"]).succeeded();
    let _ = attacker.host.casement(["rm", "-f", "bomb"]).succeeded();
    assert_eq!(count_in(&namespace), 0);
}

/// The limit of tasks of the control group that `pid` is in; `None` where the host has no controller for it.
fn task_limit(pid: u32) -> Option<u64> {
    let groups = fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap();
    let path = |line: &str| {
        let mut fields = line.splitn(3, ':').skip(1);
        let (controllers, path) = (fields.next()?, fields.next()?);
        match controllers {
            "" => Some(format!("/sys/fs/cgroup{path}/pids.max")),
            _ if controllers.split(',').any(|c| c == "pids") => {
                Some(format!("/sys/fs/cgroup/{controllers}{path}/pids.max"))
            }
            _ => None,
        }
    };
    let files = groups.lines().filter_map(path);
    let text = files.filter_map(|file| fs::read_to_string(file).ok()).next()?;
    Some(text.trim().parse().unwrap_or_else(|_| panic!("tasks are not limited: {text}")))
}

#[test]
fn w4_killing_all_processes_ends_the_container_and_nothing_else() {
    let attacker = Attacker::start();
    let other = resting(&attacker, "other");
    let before = of_container(&attacker.host, &other).len();
    let id = resting(&attacker, "suicide");
    let _ = attacker.host.casement(["exec", "suicide", r"C:\t\linux.exe", "call", "62", "-1", "9"]);
    let code = attacker.host.wait(&id);
    assert_ne!(code, 0);
    let state = attacker.host.inspect("suicide")["State"].clone();
    assert_eq!(state["Status"], "exited", "{state}");
    assert_eq!(of_container(&attacker.host, &other).len(), before);
    let _ = attacker.host.casement(["rm", "suicide"]).succeeded();
    let _ = attacker.probe("linux", &["call", "39"]).succeeded();
}
