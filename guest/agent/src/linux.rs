//! The raw Linux calls of the agent.
#![allow(unsafe_code)]

use casement_silo::Filter;
use casement_silo::identity::PROGRAM_ID;
use casement_silo::linux::{become_user, place_descriptor};
use rustix::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;

/// A descriptor that is readable while children have ended that were not yet waited for. SIGCHLD is blocked
/// from now on.
pub fn child_events() -> io::Result<OwnedFd> {
    // SAFETY: the set is initialised by sigemptyset before use and lives through the calls; signalfd returns a
    // new descriptor or -1.
    unsafe {
        let mut set: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&raw mut set);
        libc::sigaddset(&raw mut set, libc::SIGCHLD);
        if libc::sigprocmask(libc::SIG_BLOCK, &raw const set, std::ptr::null_mut()) < 0 {
            return Err(io::Error::last_os_error());
        }
        let fd = libc::signalfd(-1, &raw const set, libc::SFD_CLOEXEC | libc::SFD_NONBLOCK);
        if fd < 0 { Err(io::Error::last_os_error()) } else { Ok(OwnedFd::from_raw_fd(fd)) }
    }
}

fn unblock_signals() {
    // SAFETY: as above; runs in the child before exec.
    unsafe {
        let mut set: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&raw mut set);
        libc::sigprocmask(libc::SIG_SETMASK, &raw const set, std::ptr::null_mut());
    }
}

/// Makes `command` run as the silo's program user under the programs' filter, in a session of its own, with
/// `control` as descriptor 3 and, if `terminal`, its standard input as controlling terminal.
pub fn as_program(command: &mut Command, control: Option<OwnedFd>, terminal: bool) {
    let prepare = move || {
        unblock_signals();
        rustix::process::setsid()?;
        if terminal {
            rustix::process::ioctl_tiocsctty(rustix::stdio::stdin())?;
        }
        if let Some(control) = &control {
            place_control(control.as_fd())?;
        }
        become_user(PROGRAM_ID, PROGRAM_ID)?;
        Filter::Program.install().map_err(io::Error::other)
    };
    // SAFETY: the agent has one thread, so the child of fork may allocate and take locks as it likes.
    unsafe { command.pre_exec(prepare) };
}

fn place_control(control: BorrowedFd<'_>) -> io::Result<()> {
    if control.as_raw_fd() == 3 {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    place_descriptor(control, 3)
}

/// Runs `work` with the file access rights of the silo's programs.
pub fn with_program_access<T>(work: impl FnOnce() -> T) -> T {
    // SAFETY: setfsuid takes any id and changes only whose files may be used.
    unsafe { libc::syscall(libc::SYS_setfsuid, PROGRAM_ID) };
    let result = work();
    // SAFETY: as above.
    unsafe { libc::syscall(libc::SYS_setfsuid, 0) };
    result
}

/// Kills every process of the silo but the agent.
pub fn kill_all() {
    // SAFETY: -1 is everything this process may signal in its process id namespace, itself excluded.
    unsafe { libc::kill(-1, libc::SIGKILL) };
}

/// Asks the process `pid` to end.
pub fn terminate(pid: u32) {
    if let Some(pid) = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw) {
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
    }
}

/// The agent's end of the bridge, which its maker put at a fixed number.
pub fn bridge() -> io::Result<std::os::unix::net::UnixStream> {
    // SAFETY: called once, at the start; nothing else in this process owns the descriptor.
    let fd = unsafe { OwnedFd::from_raw_fd(casement_silo::launch::BRIDGE_FD) };
    rustix::io::fcntl_setfd(&fd, rustix::io::FdFlags::CLOEXEC)?;
    Ok(fd.into())
}
