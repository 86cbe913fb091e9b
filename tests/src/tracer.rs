//! A process that watches another one's system calls and kills it before one of them.
#![allow(unsafe_code)]

use std::fs::File;
use std::io::Read;
use std::os::fd::OwnedFd;

/// What the tracer has seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Traced {
    /// The process was killed.
    Killed,
    /// It had not come to the call.
    Alive,
}

/// Kills a process before one of its system calls.
#[derive(Debug)]
pub struct Tracer {
    process: libc::pid_t,
    pid: libc::pid_t,
    words: File,
}

impl Tracer {
    /// Begins to watch for call number `at` among `calls`, counted over all threads from now on; returns when every thread is watched.
    ///
    /// # Panics
    /// When the process cannot be traced.
    pub fn kill_at(process: u32, calls: &[libc::c_long], at: usize) -> Self {
        let process = process as libc::pid_t;
        let (said, say) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).expect("a pipe");
        // SAFETY: fork(2); the child reads /proc, calls the kernel and ends with _exit.
        let pid = unsafe { libc::fork() };
        assert!(pid >= 0, "fork: {}", std::io::Error::last_os_error());
        if pid == 0 {
            drop(said);
            let watched = std::panic::catch_unwind(|| watch(process, calls, at, say));
            // SAFETY: ends the process.
            unsafe { libc::_exit(if watched.is_ok() { 0 } else { 3 }) }
        }
        drop(say);
        let (mut words, mut byte) = (File::from(said), [0]);
        words.read_exact(&mut byte).expect("the tracer watches");
        Self { process, pid, words }
    }

    /// Stops watching.
    ///
    /// # Panics
    /// When the pipe to it breaks.
    pub fn end(mut self) -> Traced {
        let (mut status, mut said) = (0, Vec::new());
        // SAFETY: the tracer is this process's child; its tracees go on when it ends.
        unsafe {
            libc::kill(self.pid, libc::SIGKILL);
            libc::waitpid(self.pid, &mut status, 0);
        }
        self.words.read_to_end(&mut said).expect("a pipe");
        if said.is_empty() {
            return Traced::Alive;
        }
        // It may have come to no more than saying so.
        // SAFETY: a call without pointers.
        unsafe { libc::kill(self.process, libc::SIGKILL) };
        Traced::Killed
    }
}

/// Returns when the process was killed.
fn watch(process: libc::pid_t, calls: &[libc::c_long], at: usize, say: OwnedFd) {
    let options = libc::PTRACE_O_TRACESYSGOOD | libc::PTRACE_O_TRACECLONE;
    let mut seized = std::collections::BTreeSet::new();
    // New threads of threads that are seized already are seized by the kernel.
    loop {
        let threads = std::fs::read_dir(format!("/proc/{process}/task")).expect("threads").flatten();
        let threads = threads.filter_map(|entry| entry.file_name().to_str()?.parse::<libc::pid_t>().ok());
        let new: Vec<libc::pid_t> = threads.filter(|thread| seized.insert(*thread)).collect();
        if new.is_empty() {
            break;
        }
        for thread in new {
            // SAFETY: calls without pointers to memory of this process. A thread may have ended, or be traced already.
            unsafe {
                if libc::ptrace(libc::PTRACE_SEIZE, thread, 0, options) == 0 {
                    libc::ptrace(libc::PTRACE_INTERRUPT, thread, 0, 0);
                }
            }
        }
    }
    rustix::io::write(&say, b"r").expect("a reader");
    let mut seen = 0;
    loop {
        let mut status = 0;
        // SAFETY: the kernel writes the status.
        let thread = unsafe { libc::waitpid(-1, &mut status, libc::__WALL) };
        if thread < 0 || (thread == process && (libc::WIFEXITED(status) || libc::WIFSIGNALED(status))) {
            return;
        }
        if !libc::WIFSTOPPED(status) {
            continue;
        }
        let signal = libc::WSTOPSIG(status);
        if signal == libc::SIGTRAP | 0x80 && is_entry(thread, calls) {
            seen += 1;
            if seen == at {
                rustix::io::write(&say, b"k").expect("a reader");
                // SAFETY: calls without pointers.
                unsafe { libc::kill(process, libc::SIGKILL) };
            }
        }
        // Stops of the tracer's making are not passed on, signals are.
        let pass_on = if status >> 16 != 0 || signal & !0x80 == libc::SIGTRAP { 0 } else { signal };
        // SAFETY: as above.
        unsafe { libc::ptrace(libc::PTRACE_SYSCALL, thread, 0, pass_on) };
    }
}

fn is_entry(thread: libc::pid_t, calls: &[libc::c_long]) -> bool {
    // SAFETY: plain data for which all zeroes is valid; the kernel writes at most its size.
    unsafe {
        let mut info: libc::ptrace_syscall_info = std::mem::zeroed();
        let size = size_of_val(&info);
        libc::ptrace(libc::PTRACE_GET_SYSCALL_INFO, thread, size, &raw mut info);
        info.op == libc::PTRACE_SYSCALL_INFO_ENTRY && calls.iter().any(|call| info.u.entry.nr == *call as u64)
    }
}
