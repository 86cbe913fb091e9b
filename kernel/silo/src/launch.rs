//! Starts a silo: a process in its own namespaces that becomes the guest agent.

use crate::error::{Context, SiloError};
use crate::identity::IdRange;
use crate::linux::{self, Cloned};
use crate::mount::{DetachedMount, Restrictions};
use crate::seccomp::Filter;
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::mount::{MountFlags, UnmountFlags};
use rustix::process::Pid;
use rustix::thread::CapabilitySet;
use std::ffi::{CStr, CString};
use std::io::{Read, Write};
use std::path::Path;

/// Descriptor number at which the agent finds its end of the bridge.
pub const BRIDGE_FD: i32 = 3;

/// Longest report of a failed launch, in bytes.
const MAX_REPORT: u64 = 4096;

/// What the agent keeps: it ends programs and starts them as another user. All else is given up, also for
/// whatever it starts.
const KEPT: [CapabilitySet; 3] = [CapabilitySet::KILL, CapabilitySet::SETUID, CapabilitySet::SETGID];

/// Names in `/proc` that tell about the host; each is covered.
const MASKED: [&str; 22] = [
    "acpi",
    "asound",
    "bus",
    "cmdline",
    "config.gz",
    "driver",
    "fs",
    "interrupts",
    "iomem",
    "irq",
    "kallsyms",
    "kcore",
    "key-users",
    "keys",
    "kmsg",
    "latency_stats",
    "modules",
    "pressure",
    "sched_debug",
    "scsi",
    "sysrq-trigger",
    "timer_list",
];

/// Network settings of a silo, below /proc/sys/net: on Windows any user may listen on any port and send echo requests.
const NETWORK: [(&str, &str); 2] = [("ipv4/ip_unprivileged_port_start", "0"), ("ipv4/ping_group_range", "1000 1000")];

/// How to start a silo.
#[derive(Debug)]
pub struct Launch<'a> {
    /// Directory on which the tree was assembled.
    pub root: &'a Path,
    /// Host ids of the silo.
    pub ids: IdRange,
    /// Name of the silo's computer.
    pub host_name: &'a str,
    /// The agent's program file.
    pub agent: BorrowedFd<'a>,
    /// Its arguments, its own name first.
    pub arguments: &'a [&'a CStr],
    /// The agent's end of the bridge.
    pub bridge: BorrowedFd<'a>,
    /// A version 2 control group for the silo to begin in.
    pub cgroup: Option<BorrowedFd<'a>>,
    /// The network namespace of another silo that this one shares; it has one of its own without.
    pub network: Option<BorrowedFd<'a>>,
}

/// A running silo.
#[derive(Debug)]
pub struct Silo {
    /// The agent's process id on the host.
    pub pid: Pid,
    /// Descriptor of that process: readable when it has ended.
    pub process: OwnedFd,
}

impl Launch<'_> {
    /// Starts the silo. `enter_job` runs first of all in the new process, and is to put it under its limits.
    ///
    /// When this process ends, in whatever way, the silo ends.
    pub fn start(&self, enter_job: impl FnOnce() -> Result<(), SiloError>) -> Result<Silo, SiloError> {
        let pipe = || rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).during("make", "a pipe");
        let (gate_in, gate_out) = pipe()?;
        let (report_in, report_out) = pipe()?;
        let mut namespaces =
            libc::CLONE_NEWUSER | libc::CLONE_NEWNS | libc::CLONE_NEWPID | libc::CLONE_NEWIPC | libc::CLONE_NEWUTS;
        let visit = match self.network {
            // The new process has no power over another silo's namespace: it must begin in it.
            Some(network) => Some(NetworkVisit::begin(network)?),
            None => {
                namespaces |= libc::CLONE_NEWNET;
                None
            }
        };
        let cloned = linux::clone_process(namespaces, self.cgroup);
        if let (Some(visit), false) = (visit, matches!(cloned, Ok(Cloned::Child))) {
            visit.end()?;
        }
        match cloned.during("make", "the namespaces of a silo").map_err(|e| e.see("user-namespaces"))? {
            Cloned::Child => {
                drop((gate_out, report_in));
                let error = self.become_agent(gate_in, enter_job);
                let text = crate::error_chain(&error);
                let _ = std::fs::File::from(report_out).write_all(text.as_bytes());
                linux::exit_now(1)
            }
            Cloned::Parent(pid, process) => {
                drop((gate_in, report_out));
                let silo = Silo { pid, process };
                let opened = self
                    .ids
                    .apply_to(pid)
                    .and_then(|()| rustix::io::write(&gate_out, b"g").during("start", "the silo").map(drop));
                if let Err(e) = opened {
                    silo.end();
                    return Err(e);
                }
                // End of file without a byte: the agent runs (its copy was closed by exec).
                let mut report = Vec::new();
                let _ = std::fs::File::from(report_in).take(MAX_REPORT).read_to_end(&mut report);
                let report = String::from_utf8_lossy(&report);
                if report.is_empty() {
                    return Ok(silo);
                }
                silo.end();
                Err(SiloError::new("start", "the silo", std::io::Error::other(report.into_owned())))
            }
        }
    }

    /// Runs in the new process; returns only on failure.
    fn become_agent(&self, gate: OwnedFd, enter_job: impl FnOnce() -> Result<(), SiloError>) -> SiloError {
        match enter_job().and_then(|()| self.enter(gate)) {
            Ok(program) => {
                let env: [&CStr; 0] = [];
                let error = linux::exec(program.as_fd(), self.arguments, &env);
                SiloError::new("start", "the guest agent", error)
            }
            Err(e) => e,
        }
    }

    fn enter(&self, gate: OwnedFd) -> Result<OwnedFd, SiloError> {
        let kill = Some(rustix::process::Signal::KILL);
        rustix::process::set_parent_process_death_signal(kill).during("tie", "the silo to its host")?;
        let mut go = [0u8; 1];
        if rustix::io::read(&gate, &mut go).during("wait for", "the silo host")? == 0 {
            linux::exit_now(1);
        }
        // As the host's root still: the silo's own ids may not pass the directories above.
        // A mount that was made in a more privileged namespace cannot become a root: a copy of it can.
        let tree = DetachedMount::bind_recursive(self.root)?;
        tree.attach_here(self.root)?;
        rustix::process::fchdir(&tree).during("enter", "the silo's root")?;
        linux::become_user(0, 0).during("become", "the agent's user")?;
        // Changing user clears the signal.
        rustix::process::set_parent_process_death_signal(kill).during("tie", "the silo to its host")?;
        linux::unshare(libc::CLONE_NEWCGROUP).during("make", "a cgroup namespace")?;
        rustix::process::setsid().during("start", "a session")?;
        rustix::system::sethostname(self.host_name.as_bytes()).during("set", "the host name")?;
        if self.network.is_none() {
            linux::loopback_up().during("bring up", "the loopback interface")?;
            for (name, value) in NETWORK {
                std::fs::write(Path::new("/proc/sys/net").join(name), value).during("set", name)?;
            }
        }
        // Not every kernel has key rings.
        let _ = linux::join_new_session_keyring();
        enter_root()?;
        rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o022));
        forbid_core_dumps()?;
        self.take_descriptors()
    }

    /// Leaves the agent standard descriptors on /dev/null and the bridge, and nothing else, and gives up
    /// every privilege that it does not need.
    fn take_descriptors(&self) -> Result<OwnedFd, SiloError> {
        use rustix::fs::{Mode, OFlags};
        let program = rustix::io::fcntl_dupfd_cloexec(self.agent, 16).during("keep", "the agent")?;
        let bridge = rustix::io::fcntl_dupfd_cloexec(self.bridge, 16).during("keep", "the bridge")?;
        let null =
            rustix::fs::open("/dev/null", OFlags::RDWR | OFlags::CLOEXEC, Mode::empty()).during("open", "/dev/null")?;
        rustix::stdio::dup2_stdin(&null).during("set", "standard input")?;
        rustix::stdio::dup2_stdout(&null).during("set", "standard output")?;
        rustix::stdio::dup2_stderr(&null).during("set", "standard error")?;
        linux::close_on_exec_from(3).during("close", "the host's descriptors")?;
        linux::place_descriptor(bridge.as_fd(), BRIDGE_FD).during("place", "the bridge")?;
        give_up_capabilities()?;
        rustix::thread::set_no_new_privs(true).during("forbid", "new privileges")?;
        Filter::Agent.install()?;
        Ok(program)
    }
}

/// This process in another network namespace.
struct NetworkVisit {
    own: OwnedFd,
}

impl NetworkVisit {
    fn begin(namespace: BorrowedFd<'_>) -> Result<Self, SiloError> {
        let own = open_network_namespace("self")?;
        enter_network(namespace)?;
        Ok(Self { own })
    }

    fn end(self) -> Result<(), SiloError> {
        enter_network(self.own.as_fd())
    }
}

fn enter_network(namespace: BorrowedFd<'_>) -> Result<(), SiloError> {
    let kind = Some(rustix::thread::LinkNameSpaceType::Network);
    rustix::thread::move_into_link_name_space(namespace, kind).during("enter", "a network namespace")
}

fn open_network_namespace(process: &str) -> Result<OwnedFd, SiloError> {
    use rustix::fs::{Mode, OFlags};
    rustix::fs::open(format!("/proc/{process}/ns/net"), OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())
        .during("open", "a network namespace")
}

impl Silo {
    /// The silo's network namespace.
    pub fn network_namespace(&self) -> Result<OwnedFd, SiloError> {
        // The process is this one's child and not yet waited for: its id is nobody else's.
        open_network_namespace(&self.pid.as_raw_nonzero().to_string())
    }

    /// Ends the agent, and with it every process of the silo, and waits until it has ended.
    pub fn end(&self) {
        let _ = rustix::process::pidfd_send_signal(&self.process, rustix::process::Signal::KILL);
        self.reap();
    }

    /// Waits until the agent has ended and takes its process away.
    pub fn reap(&self) {
        let id = rustix::process::WaitId::PidFd(self.process.as_fd());
        while let Err(rustix::io::Errno::INTR) =
            rustix::process::waitid(id.clone(), rustix::process::WaitIdOptions::EXITED)
        {}
    }
}

/// Completes the tree in the working directory and makes it the root.
fn enter_root() -> Result<(), SiloError> {
    let quiet = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
    rustix::mount::mount("proc", "proc", "proc", quiet, c"hidepid=2").during("mount", "/proc")?;
    rustix::mount::mount(
        "devpts",
        "dev/pts",
        "devpts",
        MountFlags::NOSUID | MountFlags::NOEXEC,
        c"newinstance,ptmxmode=0666,mode=0666",
    )
    .during("mount", "/dev/pts")?;
    mask_proc()?;
    rustix::process::pivot_root(".", ".").during("change", "the root")?;
    rustix::mount::unmount(".", UnmountFlags::DETACH).during("leave", "the host's root")?;
    rustix::process::chdir("/").during("enter", "the silo's root")
}

fn mask_proc() -> Result<(), SiloError> {
    for name in MASKED {
        let path = Path::new("proc").join(name);
        match std::fs::metadata(&path) {
            Err(_) => {}
            Ok(found) if found.is_dir() => {
                DetachedMount::new("tmpfs", &[("mode", "0555"), ("size", "4k"), ("nr_inodes", "1")])?
                    .restrict(Restrictions::READ_ONLY_DATA)?
                    .attach(&path)?;
            }
            Ok(_) => DetachedMount::bind(Path::new("dev/null"))?.attach(&path)?,
        }
    }
    use rustix::fs::{Mode, OFlags};
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let proc = rustix::fs::open("proc", flags, Mode::empty()).during("open", "/proc")?;
    linux::mount_setattr(proc.as_fd(), linux::mount_attr::RDONLY, false, None).during("make read-only", "/proc")
}

/// Core dumps would run the host's handler, as the host's root, on input of the silo's choosing. Of all limits only
/// 1 byte also stops handlers behind a pipe (core(5), `coredump_pipe` of the kernel's fs/coredump.c).
fn forbid_core_dumps() -> Result<(), SiloError> {
    let limit = rustix::process::Rlimit { current: Some(1), maximum: Some(1) };
    rustix::process::setrlimit(rustix::process::Resource::Core, limit).during("forbid", "core dumps")
}

fn give_up_capabilities() -> Result<(), SiloError> {
    use rustix::thread::CapabilitySets;
    let kept = KEPT.into_iter().fold(CapabilitySet::empty(), |all, one| all | one);
    for bit in 0..64 {
        let one = CapabilitySet::from_bits_retain(1 << bit);
        if kept.contains(one) {
            continue;
        }
        match rustix::thread::remove_capability_from_bounding_set(one) {
            Ok(()) => {}
            // The kernel knows no capability with this number, nor any higher one.
            Err(rustix::io::Errno::INVAL) => break,
            Err(e) => return Err(SiloError::new("give up", format!("capability {bit}"), e)),
        }
    }
    let sets = CapabilitySets { effective: kept, permitted: kept, inheritable: CapabilitySet::empty() };
    rustix::thread::set_capabilities(None, sets).during("give up", "capabilities")
}

/// The arguments of the agent as C strings.
pub fn c_strings(list: &[&str]) -> Result<Vec<CString>, SiloError> {
    list.iter().map(|s| CString::new(*s).map_err(|e| SiloError::new("pass", *s, std::io::Error::other(e)))).collect()
}
