//! What a container must have left: numbered lines, its processes gone, its user ids free.

use std::fs;
use std::path::PathBuf;

use casement_tests::Host;
use casement_tests::deadline::until;
use casement_tests::process::children;

/// First id of the first range; a new container gets it when no other has it.
const FIRST_BASE: u64 = 0x7000_0000;

/// What `lines.exe COUNT` writes.
pub fn numbered(count: u64) -> String {
    (1..=count).map(|n| format!("line {n} of {count}\n")).collect()
}

/// The words that run `lines.exe`.
pub fn lines_program(count: u64, pause: u64, code: u64) -> [String; 4] {
    [r"C:\t\lines.exe".to_owned(), count.to_string(), pause.to_string(), code.to_string()]
}

/// Process id of a running container's silo host.
pub fn silo_host(host: &Host, id: &str) -> u32 {
    let pid = host.inspect(id)["State"]["Pid"].as_u64().unwrap();
    assert!(pid > 0, "{id} does not run");
    u32::try_from(pid).unwrap()
}

/// Process id of the agent in a running container.
pub fn agent(host: &Host, id: &str) -> u32 {
    let children = children(silo_host(host, id));
    children.first().unwrap_or_else(|| panic!("the silo host has no child")).0
}

/// Kills one process for good.
pub fn kill(pid: u32) {
    rustix::process::kill_process(pid_of(pid), rustix::process::Signal::KILL).unwrap();
}

/// A process id in the type of system calls.
pub fn pid_of(pid: u32) -> rustix::process::Pid {
    rustix::process::Pid::from_raw(i32::try_from(pid).unwrap()).unwrap()
}

/// The user namespace of a running container, by which its processes are known.
pub fn user_namespace(host: &Host, id: &str) -> PathBuf {
    fs::read_link(format!("/proc/{}/ns/user", agent(host, id))).unwrap()
}

/// How many processes are in a user namespace.
pub fn count_in(namespace: &PathBuf) -> usize {
    let entries = fs::read_dir("/proc").unwrap().flatten();
    entries.filter(|entry| fs::read_link(entry.path().join("ns/user")).is_ok_and(|own| own == *namespace)).count()
}

/// Waits until no process is in a user namespace: what was killed takes a moment to go.
pub fn is_deserted(namespace: &PathBuf) {
    until("every process of the container has ended", || count_in(namespace) == 0);
}

/// Removes every container; then nothing may be left of any: no process, file, mount, control group or user id.
pub fn nothing_stays(host: &Host) {
    let listed = host.casement(["ps", "-a", "-q", "--no-trunc"]).succeeded();
    for id in listed.lines() {
        let _ = host.casement(["rm", "-f", id]).succeeded();
    }
    assert_eq!(host.casement(["ps", "-a", "-q"]).succeeded().stdout, "");
    assert_eq!(host.leftovers(), Vec::<String>::new());
    until("the silo hosts have ended", || host.silo_hosts().is_empty());
    let id = host.casement(["create", "nanoserver"]).succeeded().text().to_owned();
    assert_eq!(host.inspect(&id)["UidBase"].as_u64(), Some(FIRST_BASE), "the ids of removed containers are free");
    let _ = host.casement(["rm", &id]).succeeded();
}
