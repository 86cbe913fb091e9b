//! The host ids that a silo uses: one range of 65,536 user and group ids for each.

use crate::error::{Context, SiloError};
use crate::linux::{self, Cloned};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::process::Pid;

/// Number of ids in a silo's range.
pub const RANGE: u32 = 65_536;
/// First id of the first range: above what distributions give to users, subordinate ids and other containers
/// (systemd's UIDS-GIDS document leaves 0x70000000 to 0x7FFDFFFF unassigned).
pub const FIRST_BASE: u32 = 0x7000_0000;
/// Number of ranges.
pub const SLOTS: u32 = 4094;
/// User and group of the guest agent inside the silo.
pub const AGENT_ID: u32 = 0;
/// User and group of every Windows program inside the silo, and of wineserver.
pub const PROGRAM_ID: u32 = 1000;

/// The range of host ids of one silo.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IdRange {
    base: u32,
}

impl IdRange {
    /// The range that starts at host id `base`; `None` if it would hold ids of the host's own users.
    pub fn new(base: u32) -> Option<Self> {
        (base >= RANGE && base.checked_add(RANGE).is_some()).then_some(Self { base })
    }

    /// The host id of id `inside` of the silo.
    pub fn host_id(self, inside: u32) -> u32 {
        debug_assert!(inside < RANGE);
        self.base + inside
    }

    /// Host id of the silo's Windows programs.
    pub fn program(self) -> u32 {
        self.host_id(PROGRAM_ID)
    }

    fn map(self) -> String {
        format!("0 {} {RANGE}\n", self.base)
    }

    /// Gives this range to the user namespace of `pid`.
    pub fn apply_to(self, pid: Pid) -> Result<(), SiloError> {
        write_maps(pid, &self.map())
    }
}

/// Does something with the host ids of the silo's programs: in a mount with translated owners, root owns nothing.
/// Only for processes with one thread.
pub fn as_program<T>(ids: IdRange, work: impl FnOnce() -> T) -> Result<T, SiloError> {
    use rustix::process::{Gid, Uid, getegid, geteuid, getgid, getuid};
    let (user, group) = (geteuid(), getegid());
    let program = ids.program();
    set_group(getgid(), Gid::from_raw(program))?;
    set_user(getuid(), Uid::from_raw(program))?;
    let done = work();
    // In the opposite order: only root may change its group.
    set_user(getuid(), user)?;
    set_group(getgid(), group)?;
    Ok(done)
}

/// Changes the effective user; the real and the saved one stay, and with them the way back.
fn set_user(real: rustix::process::Uid, effective: rustix::process::Uid) -> Result<(), SiloError> {
    rustix::thread::set_thread_res_uid(real, effective, real).during("become user", effective.to_string())
}

fn set_group(real: rustix::process::Gid, effective: rustix::process::Gid) -> Result<(), SiloError> {
    rustix::thread::set_thread_res_gid(real, effective, real).during("become group", effective.to_string())
}

fn write_maps(pid: Pid, map: &str) -> Result<(), SiloError> {
    for file in ["uid_map", "gid_map"] {
        let path = format!("/proc/{}/{file}", pid.as_raw_nonzero());
        std::fs::write(&path, map).during("write", &path).map_err(|e| e.see("user-namespaces"))?;
    }
    Ok(())
}

/// A user namespace that exists only to translate the owners of a mount
/// (mount_setattr(2), `MOUNT_ATTR_IDMAP`).
pub struct OwnerMap(OwnedFd);

impl OwnerMap {
    /// Files of host user `disk` are seen as files of host user `seen`.
    pub fn new(disk: u32, seen: u32) -> Result<Self, SiloError> {
        let (gate_in, gate_out) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).during("make", "a pipe")?;
        match linux::clone_process(libc::CLONE_NEWUSER, None)
            .during("make", "a user namespace")
            .map_err(|e| e.see("user-namespaces"))?
        {
            Cloned::Child => {
                // Lives until the parent closes its end, on success, on failure and when it is killed.
                drop(gate_out);
                let _ = rustix::io::read(&gate_in, &mut [0u8; 1]);
                linux::exit_now(0)
            }
            Cloned::Parent(pid, pidfd) => {
                drop(gate_in);
                let made = write_maps(pid, &format!("{disk} {seen} 1\n")).and_then(|()| {
                    let path = format!("/proc/{}/ns/user", pid.as_raw_nonzero());
                    let flags = rustix::fs::OFlags::RDONLY | rustix::fs::OFlags::CLOEXEC;
                    rustix::fs::open(&path, flags, rustix::fs::Mode::empty()).during("open", &path)
                });
                drop(gate_out);
                let exited = rustix::process::WaitIdOptions::EXITED;
                let _ = rustix::process::waitid(rustix::process::WaitId::PidFd(pidfd.as_fd()), exited);
                made.map(Self)
            }
        }
    }
}

impl AsFd for OwnerMap {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_never_holds_host_users() {
        assert!(IdRange::new(0).is_none());
        assert!(IdRange::new(1000).is_none());
        assert!(IdRange::new(u32::MAX - 10).is_none());
        let range = IdRange::new(FIRST_BASE).unwrap();
        assert_eq!(range.program(), 0x7000_03e8);
        let last = IdRange::new(FIRST_BASE + (SLOTS - 1) * RANGE).unwrap();
        assert!(last.host_id(RANGE - 1) < 0x7ffe_0000);
    }
}
