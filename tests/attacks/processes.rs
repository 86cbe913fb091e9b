//! W1, R9 seen from the host: every process of a container, its ids, its namespaces and its descriptors.

use std::collections::BTreeSet;
use std::fs;

use casement_tests::Host;

use crate::attacker::Attacker;
use crate::identity::field;

/// Namespaces that a container shares with nobody.
const NAMESPACES: [&str; 7] = ["user", "mnt", "pid", "net", "ipc", "uts", "cgroup"];
/// Ids of one container.
const RANGE: u32 = 65_536;
/// Programs of a container at rest with one program: agent, wineserver, launcher and the program itself.
const LEAST: usize = 4;

/// A process of the host: its id and what `/proc/<pid>/status` says.
pub struct Process {
    pub pid: u32,
    pub status: String,
}

impl Process {
    fn numbers(&self, name: &str) -> Vec<u32> {
        field(&self.status, name).split_whitespace().map(|n| n.parse().unwrap()).collect()
    }

    fn parent(&self) -> u32 {
        self.numbers("PPid")[0]
    }

    fn file(&self, name: &str) -> String {
        format!("/proc/{}/{name}", self.pid)
    }
}

fn all() -> Vec<Process> {
    let pids = fs::read_dir("/proc").unwrap().flatten().filter_map(|e| e.file_name().to_str()?.parse().ok());
    pids.filter_map(|pid| Some(Process { pid, status: fs::read_to_string(format!("/proc/{pid}/status")).ok()? }))
        .collect()
}

/// The processes of a running container, without its silo host.
pub fn of_container(host: &Host, id: &str) -> Vec<Process> {
    let silo_host = u32::try_from(host.inspect(id)["State"]["Pid"].as_u64().unwrap()).unwrap();
    assert!(silo_host > 0, "{id} does not run");
    let (mut found, mut rest): (Vec<_>, Vec<_>) = all().into_iter().partition(|p| p.parent() == silo_host);
    loop {
        let parents: BTreeSet<u32> = found.iter().map(|p| p.pid).collect();
        let (children, others): (Vec<_>, Vec<_>) = rest.into_iter().partition(|p| parents.contains(&p.parent()));
        if children.is_empty() {
            return found;
        }
        found.extend(children);
        rest = others;
    }
}

/// First host id of a container.
pub fn uid_base(host: &Host, id: &str) -> u32 {
    u32::try_from(host.inspect(id)["UidBase"].as_u64().unwrap()).unwrap()
}

fn namespace(pid: &str, kind: &str) -> String {
    fs::read_link(format!("/proc/{pid}/ns/{kind}")).unwrap().to_string_lossy().into_owned()
}

/// A container whose program runs until it is ended.
pub fn resting(attacker: &Attacker, name: &str) -> String {
    let id = attacker.host.start_container(&["--name", name], &[r"C:\t\linux.exe", "fork", "2"]);
    casement_tests::deadline::until("the program runs", || {
        attacker.host.casement(["logs", name]).stdout.contains("made 2")
    });
    id
}

#[test]
fn w1_no_process_of_a_container_has_an_id_of_the_host_or_of_another() {
    let attacker = Attacker::start();
    let host = &attacker.host;
    let ids = [resting(&attacker, "one"), resting(&attacker, "two")];
    let bases = ids.each_ref().map(|id| uid_base(host, id));
    assert!(bases[0].abs_diff(bases[1]) >= RANGE, "{bases:?}");
    for (id, base) in ids.iter().zip(bases) {
        assert!(base >= 0x7000_0000);
        let processes = of_container(host, id);
        assert!(processes.len() >= LEAST + 2, "{}", processes.len());
        for process in &processes {
            let group_ids = [process.numbers("Uid"), process.numbers("Gid"), process.numbers("Groups")].concat();
            let outside: Vec<_> = group_ids.iter().filter(|n| !(base..base + RANGE).contains(n)).collect();
            assert!(outside.is_empty(), "{outside:?} in {}", process.status);
        }
    }
}

#[test]
fn w1_only_the_agent_has_capabilities_and_only_three() {
    let attacker = Attacker::start();
    let id = resting(&attacker, "one");
    let mut privileged = Vec::new();
    for process in of_container(&attacker.host, &id) {
        assert_eq!(field(&process.status, "NoNewPrivs"), "1", "{}", process.status);
        assert_eq!(field(&process.status, "Seccomp"), "2", "{}", process.status);
        for set in ["CapPrm", "CapEff"] {
            let bits = u64::from_str_radix(field(&process.status, set), 16).unwrap();
            assert_eq!(bits & !(1 << 5 | 1 << 6 | 1 << 7), 0, "{}", process.status);
            if bits != 0 {
                privileged.push(field(&process.status, "Name").to_owned());
            }
        }
    }
    assert_eq!(privileged, ["casement-agent", "casement-agent"]);
}

#[test]
fn w1_a_container_shares_no_namespace() {
    let attacker = Attacker::start();
    let ids = [resting(&attacker, "one"), resting(&attacker, "two")];
    for kind in NAMESPACES {
        let mut seen = BTreeSet::from([namespace("self", kind)]);
        for id in &ids {
            let own: BTreeSet<_> =
                of_container(&attacker.host, id).iter().map(|p| namespace(&p.pid.to_string(), kind)).collect();
            assert_eq!(own.len(), 1, "all processes of a container are in one {kind} namespace: {own:?}");
            assert!(seen.insert(own.into_iter().next().unwrap()), "{kind} is shared");
        }
    }
}

#[test]
fn r9_no_descriptor_of_the_host_is_open_in_a_container() {
    let attacker = Attacker::start();
    let id = resting(&attacker, "one");
    let processes = of_container(&attacker.host, &id);
    let mut looked_at = 0;
    for process in &processes {
        let own: BTreeSet<String> = mounts(&process.file("mountinfo"));
        for entry in fs::read_dir(process.file("fd")).unwrap().flatten() {
            let number = entry.file_name().into_string().unwrap();
            let target = fs::read_link(entry.path()).unwrap().to_string_lossy().into_owned();
            let information = fs::read_to_string(process.file(&format!("fdinfo/{number}"))).unwrap();
            let mount = field(&information, "mnt_id");
            // Pipes, sockets and the like are files of no mount.
            let nameless = ["pipe:", "socket:", "anon_inode:", "/memfd:"].iter().any(|kind| target.starts_with(kind));
            assert!(nameless || own.contains(mount), "{} of {}: {target}", number, process.status);
            looked_at += 1;
        }
        // Neither the working directory nor the root is one of the host.
        for link in ["cwd", "root"] {
            let path = fs::read_link(process.file(link)).unwrap();
            let own = ["/silo", "/run/user/1000"].iter().any(|place| path.starts_with(place));
            assert!(own || path == std::path::Path::new("/"), "{link}: {}", path.display());
        }
    }
    assert!(looked_at > 3 * processes.len());
    // The same look finds a host's file in a process of the host, so that it would find one here.
    let file = fs::File::open("/proc/self/mountinfo").unwrap();
    let information =
        fs::read_to_string(format!("/proc/self/fdinfo/{}", std::os::fd::AsRawFd::as_raw_fd(&file))).unwrap();
    assert!(!mounts(&processes[0].file("mountinfo")).contains(field(&information, "mnt_id")));
}

fn mounts(mountinfo: &str) -> BTreeSet<String> {
    let text = fs::read_to_string(mountinfo).unwrap();
    text.lines().map(|line| line.split(' ').next().unwrap().to_owned()).collect()
}

#[test]
fn w1_a_program_sees_only_its_containers_processes() {
    let attacker = Attacker::start();
    let id = resting(&attacker, "one");
    let host = &attacker.host;
    let exec = |words: &[&str]| host.casement([&["exec", &id], words].concat()).succeeded().stdout;
    let names = exec(&[r"C:\t\linux.exe", "ls", "/proc"]);
    let visible = names.lines().filter(|name| name.bytes().all(|b| b.is_ascii_digit())).count();
    let real = of_container(host, &id).len();
    // What runs at the moment of looking: the resting processes, and the launcher and program of exec itself.
    assert!((3..=real + 3).contains(&visible), "{visible} of {real}: {names}");
    let host_pid = std::process::id().to_string();
    assert!(!exec(&[r"C:\t\linux.exe", "cat", "/proc/self/cgroup"]).contains(&id), "names its group on the host");
    let answer = attacker.linux(&["readlink", &format!("/proc/{host_pid}/exe")]);
    assert_eq!(answer, Err(libc::ENOENT));
}
