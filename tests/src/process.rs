//! Starting processes that do not outlive the test, and the processes of a host.
#![allow(unsafe_code)]

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use rustix::process::{Pid, Signal, set_parent_process_death_signal, setsid};

/// Has the process killed when the thread that starts it ends.
pub fn dies_with_its_parent(command: &mut Command) -> &mut Command {
    // SAFETY: between fork and exec only a system call is made, which allocates nothing and takes no lock.
    unsafe { command.pre_exec(|| set_parent_process_death_signal(Some(Signal::KILL)).map_err(Into::into)) }
}

/// Starts the process in a session of its own: signals to the test's process group do not reach it.
pub(crate) fn in_own_session(command: &mut Command) -> &mut Command {
    // SAFETY: between fork and exec only a system call is made, which allocates nothing and takes no lock.
    unsafe { command.pre_exec(|| setsid().map(drop).map_err(Into::into)) }
}

/// Starts the process in a session whose controlling terminal is its standard input.
pub(crate) fn on_terminal(command: &mut Command) -> &mut Command {
    // SAFETY: between fork and exec only system calls are made, which allocate nothing and take no lock.
    unsafe {
        command.pre_exec(|| {
            setsid()?;
            rustix::process::ioctl_tiocsctty(rustix::stdio::stdin())?;
            set_parent_process_death_signal(Some(Signal::KILL)).map_err(Into::into)
        })
    }
}

/// The processes whose command line holds `text`, with their command lines; without this one.
pub(crate) fn mentioning(text: &str) -> Vec<(i32, String)> {
    let own = std::process::id();
    let entries = fs::read_dir("/proc").expect("/proc").flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok()).filter(|pid| *pid != own);
    pids.filter_map(|pid| Some((i32::try_from(pid).ok()?, command_line(pid)?)))
        .filter(|(_, line)| line.contains(text))
        .collect()
}

fn command_line(pid: u32) -> Option<String> {
    let bytes = fs::read(Path::new("/proc").join(pid.to_string()).join("cmdline")).ok()?;
    Some(String::from_utf8_lossy(&bytes).replace('\0', " "))
}

/// Kills one process, by the id of a process of this host.
pub fn kill(pid: u32) {
    if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
        // It may have ended already.
        let _ = rustix::process::kill_process(pid, Signal::KILL);
    }
}

/// Sends a signal to one process.
///
/// # Panics
/// When it does not exist.
pub fn signal(pid: u32, signal: Signal) {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw).expect("a process id");
    rustix::process::kill_process(pid, signal).unwrap_or_else(|error| panic!("signal process {pid:?}: {error}"));
}

/// The children of a process: id and name.
///
/// # Panics
/// When it is gone.
pub fn children(pid: u32) -> Vec<(u32, String)> {
    let all = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).expect("a process that lives");
    let name = |pid: u32| Some((pid, std::fs::read_to_string(format!("/proc/{pid}/comm")).ok()?.trim().to_owned()));
    all.split_whitespace().filter_map(|pid| name(pid.parse().ok()?)).collect()
}
