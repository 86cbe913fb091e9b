//! The raw Linux calls that have no safe wrapper: each is one system call with checked arguments.
#![allow(unsafe_code)]

use std::ffi::CStr;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

/// Attributes for [`mount_setattr`], `struct mount_attr` of mount_setattr(2).
#[repr(C)]
#[derive(Default)]
struct MountAttr {
    attr_set: u64,
    attr_clr: u64,
    propagation: u64,
    userns_fd: u64,
}

/// Mount attributes as mount_setattr(2) names them.
pub mod mount_attr {
    /// Read-only.
    pub const RDONLY: u64 = 0x1;
    /// Set-user-id bits and file capabilities are ignored.
    pub const NOSUID: u64 = 0x2;
    /// Device nodes cannot be opened.
    pub const NODEV: u64 = 0x4;
    /// Files cannot be executed.
    pub const NOEXEC: u64 = 0x8;
    /// Owners are translated through a user namespace.
    pub const IDMAP: u64 = 0x0010_0000;
}

fn check(result: libc::c_long) -> io::Result<libc::c_long> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

/// Sets `set` attributes on the mount that `mount` refers to, and on those below it if `recursive`;
/// `id_map` is the user namespace for [`mount_attr::IDMAP`].
pub fn mount_setattr(
    mount: BorrowedFd<'_>,
    set: u64,
    recursive: bool,
    id_map: Option<BorrowedFd<'_>>,
) -> io::Result<()> {
    let attr = MountAttr {
        attr_set: set | if id_map.is_some() { mount_attr::IDMAP } else { 0 },
        userns_fd: id_map.map_or(0, |fd| fd.as_raw_fd() as u64),
        ..MountAttr::default()
    };
    let flags = libc::AT_EMPTY_PATH | if recursive { libc::AT_RECURSIVE } else { 0 };
    // SAFETY: the path is an empty C string, `attr` lives through the call and its size is given.
    check(unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            mount.as_raw_fd(),
            c"".as_ptr(),
            flags,
            &raw const attr,
            size_of::<MountAttr>(),
        )
    })
    .map(drop)
}

/// What [`clone_process`] returns.
pub enum Cloned {
    /// In the new process.
    Child,
    /// In the caller: the child's pid and a pidfd for it.
    Parent(rustix::process::Pid, OwnedFd),
}

/// Makes a copy of this process in new namespaces (`CLONE_NEW*` flags). The child gets SIGKILL when its
/// parent dies only if it asks for it itself. `cgroup` is a version 2 control group for it to begin in.
///
/// The calling process must have a single thread: the child is an exact copy, locks included.
pub fn clone_process(namespaces: libc::c_int, cgroup: Option<BorrowedFd<'_>>) -> io::Result<Cloned> {
    const CLONE_INTO_CGROUP: u64 = 0x2_0000_0000;
    #[repr(C)]
    #[derive(Default)]
    struct CloneArgs {
        flags: u64,
        pidfd: u64,
        child_tid: u64,
        parent_tid: u64,
        exit_signal: u64,
        stack: u64,
        stack_size: u64,
        tls: u64,
        set_tid: u64,
        set_tid_size: u64,
        cgroup: u64,
    }
    let mut pidfd: RawFd = -1;
    let args = CloneArgs {
        flags: namespaces as u64 | libc::CLONE_PIDFD as u64 | cgroup.map_or(0, |_| CLONE_INTO_CGROUP),
        cgroup: cgroup.map_or(0, |fd| fd.as_raw_fd() as u64),
        pidfd: &raw mut pidfd as u64,
        exit_signal: libc::SIGCHLD as u64,
        ..CloneArgs::default()
    };
    // SAFETY: no CLONE_VM and no new stack, so the child continues on a copy of this memory as after fork(2);
    // `args` and `pidfd` live through the call.
    let pid = check(unsafe { libc::syscall(libc::SYS_clone3, &raw const args, size_of::<CloneArgs>()) })?;
    match rustix::process::Pid::from_raw(pid as i32) {
        None => Ok(Cloned::Child),
        // SAFETY: the kernel has just made this descriptor for us.
        Some(pid) => Ok(Cloned::Parent(pid, unsafe { OwnedFd::from_raw_fd(pidfd) })),
    }
}

/// Ends this process at once, without destructors or exit handlers.
pub fn exit_now(status: i32) -> ! {
    // SAFETY: _exit(2) takes any status and does not return.
    unsafe { libc::_exit(status) }
}

/// Replaces this process by the program behind `program` with the given arguments and environment.
pub fn exec(program: BorrowedFd<'_>, args: &[&CStr], env: &[&CStr]) -> io::Error {
    let pointers = |list: &[&CStr]| -> Vec<*const libc::c_char> {
        list.iter().map(|s| s.as_ptr()).chain([std::ptr::null()]).collect()
    };
    let (argv, envp) = (pointers(args), pointers(env));
    // SAFETY: both lists end in a null pointer and outlive the call.
    unsafe {
        libc::syscall(
            libc::SYS_execveat,
            program.as_raw_fd(),
            c"".as_ptr(),
            argv.as_ptr(),
            envp.as_ptr(),
            libc::AT_EMPTY_PATH,
        )
    };
    io::Error::last_os_error()
}

/// Marks every descriptor from `first` on close-on-exec.
pub fn close_on_exec_from(first: RawFd) -> io::Result<()> {
    // SAFETY: changes flags of descriptors only.
    check(unsafe { libc::syscall(libc::SYS_close_range, first, u32::MAX, libc::CLOSE_RANGE_CLOEXEC) }).map(drop)
}

/// Installs a classic BPF seccomp filter (the bytes of `struct sock_filter`s) on this thread.
pub fn seccomp_install(program: &[u8]) -> io::Result<()> {
    let instructions: Vec<libc::sock_filter> = program
        .chunks_exact(8)
        .map(|c| libc::sock_filter {
            code: u16::from_le_bytes([c[0], c[1]]),
            jt: c[2],
            jf: c[3],
            k: u32::from_le_bytes([c[4], c[5], c[6], c[7]]),
        })
        .collect();
    let prog = libc::sock_fprog {
        len: u16::try_from(instructions.len()).map_err(|_| io::ErrorKind::InvalidInput)?,
        filter: instructions.as_ptr().cast_mut(),
    };
    // SAFETY: `prog` points at `instructions`, which live through the call; the kernel copies and checks them.
    check(unsafe { libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, 0, &raw const prog) }).map(drop)
}

/// Starts a new, empty session keyring, so that none of the host's keys is reachable.
pub fn join_new_session_keyring() -> io::Result<()> {
    const KEYCTL_JOIN_SESSION_KEYRING: libc::c_long = 1;
    // SAFETY: a null name asks for an anonymous keyring.
    check(unsafe { libc::syscall(libc::SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, 0, 0, 0, 0) }).map(drop)
}

/// Sets user and group ids of this thread (which is the whole process) and drops supplementary groups.
pub fn become_user(uid: u32, gid: u32) -> io::Result<()> {
    // SAFETY: plain id changes; a null list of length 0 is an empty group list.
    unsafe {
        check(libc::syscall(libc::SYS_setgroups, 0, 0))?;
        check(libc::syscall(libc::SYS_setresgid, gid, gid, gid))?;
        check(libc::syscall(libc::SYS_setresuid, uid, uid, uid))?;
    }
    Ok(())
}

/// While it lives, this thread's file operations are those of a plain user: without root's power over files, and with files made
/// in that user's name (setfsuid(2)). Not to be sent to another thread.
pub struct FileUser {
    before: (u32, u32),
    of_this_thread: std::marker::PhantomData<*const ()>,
}

impl FileUser {
    /// Becomes user and group `id` for file operations.
    pub fn become_now(id: u32) -> io::Result<Self> {
        let before = (set_file_ids(libc::SYS_setfsuid, u32::MAX), set_file_ids(libc::SYS_setfsgid, u32::MAX));
        let user = Self { before, of_this_thread: std::marker::PhantomData };
        set_file_ids(libc::SYS_setfsgid, id);
        set_file_ids(libc::SYS_setfsuid, id);
        // The calls report no failure: asking with an id that nobody has tells what holds.
        if (set_file_ids(libc::SYS_setfsuid, u32::MAX), set_file_ids(libc::SYS_setfsgid, u32::MAX)) != (id, id) {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        Ok(user)
    }
}

impl Drop for FileUser {
    fn drop(&mut self) {
        set_file_ids(libc::SYS_setfsuid, self.before.0);
        set_file_ids(libc::SYS_setfsgid, self.before.1);
    }
}

/// Sets one of this thread's ids for file operations and returns the one before.
fn set_file_ids(call: libc::c_long, id: u32) -> u32 {
    // SAFETY: changes an id of this thread; there are no pointers.
    (unsafe { libc::syscall(call, id) }) as u32
}

/// Brings the loopback interface of the current network namespace up.
pub fn loopback_up() -> io::Result<()> {
    let socket = rustix::net::socket_with(
        rustix::net::AddressFamily::INET,
        rustix::net::SocketType::DGRAM,
        rustix::net::SocketFlags::CLOEXEC,
        None,
    )?;
    // SAFETY: ifreq is plain data for which all zeroes is valid; the ioctls read and write only that struct.
    unsafe {
        let mut request: libc::ifreq = std::mem::zeroed();
        request.ifr_name[0] = b'l' as libc::c_char;
        request.ifr_name[1] = b'o' as libc::c_char;
        request.ifr_ifru.ifru_flags = libc::IFF_UP as i16;
        check(libc::ioctl(socket.as_raw_fd(), libc::SIOCSIFFLAGS, &raw mut request) as libc::c_long).map(drop)
    }
}

/// Moves this process into new namespaces (`CLONE_NEW*` flags other than a user namespace for the caller's
/// children). The process must have a single thread.
pub fn unshare(namespaces: libc::c_int) -> io::Result<()> {
    // SAFETY: no descriptor table or memory is unshared, only namespaces.
    check(unsafe { libc::syscall(libc::SYS_unshare, namespaces) }).map(drop)
}

/// Makes descriptor number `number` refer to what `fd` refers to, open across exec.
pub fn place_descriptor(fd: BorrowedFd<'_>, number: RawFd) -> io::Result<()> {
    // SAFETY: the caller runs between clone and exec, where no safe owner of `number` is used any more.
    check(unsafe { libc::syscall(libc::SYS_dup3, fd.as_raw_fd(), number, 0) }).map(drop)
}
