//! The `syscall` instruction with six arguments, and the numbers of x86-64 Linux (syscall_64.tbl).
#ifndef CASEMENT_LINUX_SYSCALL_H
#define CASEMENT_LINUX_SYSCALL_H

typedef long long word;

enum {
    NR_READ = 0, NR_CLOSE = 3, NR_SOCKET = 41, NR_FORK = 57, NR_EXECVE = 59, NR_WAIT4 = 61, NR_KILL = 62,
    NR_FCNTL = 72, NR_READLINK = 89, NR_PTRACE = 101, NR_SETUID = 105, NR_SETGROUPS = 116, NR_CAPSET = 126,
    NR_MKNOD = 133, NR_PERSONALITY = 135, NR_PIVOT_ROOT = 155, NR_PRCTL = 157, NR_CHROOT = 161, NR_SYSLOG = 103,
    NR_SETTIMEOFDAY = 164, NR_MOUNT = 165, NR_UMOUNT2 = 166, NR_SWAPON = 167, NR_REBOOT = 169,
    NR_SETHOSTNAME = 170, NR_IOPL = 172, NR_INIT_MODULE = 175, NR_QUOTACTL = 179, NR_GETDENTS64 = 217,
    NR_EXIT_GROUP = 231, NR_KEXEC_LOAD = 246, NR_ADD_KEY = 248, NR_KEYCTL = 250, NR_OPENAT = 257, NR_UNSHARE = 272,
    NR_SYMLINKAT = 266, NR_PERF_EVENT_OPEN = 298, NR_FANOTIFY_INIT = 300, NR_NAME_TO_HANDLE_AT = 303,
    NR_OPEN_BY_HANDLE_AT = 304, NR_SETNS = 308, NR_PROCESS_VM_READV = 310, NR_FINIT_MODULE = 313,
    NR_MEMFD_CREATE = 319, NR_BPF = 321, NR_EXECVEAT = 322, NR_USERFAULTFD = 323, NR_IO_URING_SETUP = 425,
    NR_OPEN_TREE = 428, NR_FSOPEN = 430, NR_PIDFD_OPEN = 434, NR_CLONE3 = 435, NR_LANDLOCK_CREATE = 444,
};

static inline word linux_syscall(word number, word a, word b, word c, word d, word e, word f) {
    word result;
    register word r10 __asm__("r10") = d;
    register word r8 __asm__("r8") = e;
    register word r9 __asm__("r9") = f;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
    return result;
}

#define CALL1(n, a) linux_syscall(n, (word)(a), 0, 0, 0, 0, 0)
#define CALL2(n, a, b) linux_syscall(n, (word)(a), (word)(b), 0, 0, 0, 0)
#define CALL3(n, a, b, c) linux_syscall(n, (word)(a), (word)(b), (word)(c), 0, 0, 0)
#define CALL4(n, a, b, c, d) linux_syscall(n, (word)(a), (word)(b), (word)(c), (word)(d), 0, 0)
#define CALL5(n, a, b, c, d, e) linux_syscall(n, (word)(a), (word)(b), (word)(c), (word)(d), (word)(e), 0)

#endif
