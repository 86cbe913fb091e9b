//! rawsys.exe NAME [ARGUMENT] ...: issues raw Linux system calls from a Windows program, as hostile code would, and prints
//! one line for each: "NAME [ARGUMENT]: ok VALUE" or "...: error ERRNO". "all" does every one that harms nothing
//! when it works. Names with an argument: open PATH, read PATH, write PATH, exec PATH, kill PID, ptrace PID, vmread PID,
//! pidfd PID, setns PATH, socket netlink|packet|vsock|raw|alg|unix|xdp. Exit code: how many calls were allowed.
#include <stdlib.h>
#include <string.h>

#include "linux_syscall.h"
#include "text_output.h"

enum {
    AT_CWD = -100,
    EMPTY_PATH = 0x1000,
    CLONE_NEWUSER = 0x10000000,
    CLONE_NEWNS = 0x00020000,
    CHARACTER_DEVICE = 020000 | 0666,
    DEVICE_MEM = 1 << 8 | 1,
    WRITE_ONLY = 1,
    PTRACE_ATTACH = 16,
    SIGNAL_NONE = 0,
};

struct iovec64 {
    void *base;
    word size;
};

static word open_path(const char *path, int flags) { return CALL4(NR_OPENAT, AT_CWD, path, flags, 0); }

static word do_open(const char *path) { return open_path(path, 0); }
static word do_write(const char *path) { return open_path(path, WRITE_ONLY); }

static word do_read(const char *path) {
    char data[257];
    word file = open_path(path, 0);
    if (file < 0) return file;
    word size = CALL3(NR_READ, file, data, sizeof data - 1);
    CALL1(NR_CLOSE, file);
    if (size < 0) return size;
    for (word i = 0; i < size; i++)
        if ((unsigned char)data[i] < 32) data[i] = '|';
    data[size] = 0;
    say("  <%s>\n", data);
    return size;
}

// Forks and executes a Linux program; the value is its wait status, so 0 means that it ran and left with 0.
static word run_child(word file, const char *path) {
    const char *arguments[] = {path, "--version", NULL}, *environment[] = {NULL};
    word child = CALL1(NR_FORK, 0);
    if (child < 0) return child;
    if (!child) {
        word error = file >= 0 ? CALL5(NR_EXECVEAT, file, "", arguments, environment, EMPTY_PATH)
                               : CALL3(NR_EXECVE, path, arguments, environment);
        CALL1(NR_EXIT_GROUP, -error);
    }
    int status = -1;
    word waited = CALL4(NR_WAIT4, child, &status, 0, 0);
    if (waited < 0) return waited;
    return (status & 0x7f) == 0 && status >> 8 ? -(word)(status >> 8) : status;
}

static word do_exec(const char *path) { return run_child(-1, path); }
static word do_kill(const char *pid) { return CALL2(NR_KILL, atoi(pid), SIGNAL_NONE); }
static word do_ptrace(const char *pid) { return CALL4(NR_PTRACE, PTRACE_ATTACH, atoi(pid), 0, 0); }
static word do_pidfd(const char *pid) { return CALL2(NR_PIDFD_OPEN, atoi(pid), 0); }

static word do_vmread(const char *pid) {
    char byte;
    struct iovec64 local = {&byte, 1}, remote = {(void *)0x400000, 1};
    return linux_syscall(NR_PROCESS_VM_READV, atoi(pid), (word)&local, 1, (word)&remote, 1, 0);
}

static word do_setns(const char *path) {
    word file = open_path(path, 0);
    return file < 0 ? file : CALL2(NR_SETNS, file, 0);
}

static word do_socket(const char *family) {
    static const struct {
        const char *name;
        int family, type, protocol;
    } kinds[] = {{"netlink", 16, 3, 0}, {"packet", 17, 3, 0x300}, {"vsock", 40, 1, 0}, {"raw", 2, 3, 1},
                 {"alg", 38, 5, 0},     {"unix", 1, 1, 0},        {"xdp", 44, 3, 0}};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (!strcmp(kinds[i].name, family)) return CALL3(NR_SOCKET, kinds[i].family, kinds[i].type, kinds[i].protocol);
    return -22;
}

static word do_mount(void) { return CALL5(NR_MOUNT, "none", "/tmp", "tmpfs", 0, 0); }
static word do_umount(void) { return CALL2(NR_UMOUNT2, "/proc", 2); }
static word do_fsopen(void) { return CALL2(NR_FSOPEN, "tmpfs", 0); }
static word do_open_tree(void) { return CALL3(NR_OPEN_TREE, AT_CWD, "/", 1); }
static word do_pivot_root(void) { return CALL2(NR_PIVOT_ROOT, ".", "."); }
static word do_unshare(void) { return CALL1(NR_UNSHARE, CLONE_NEWNS); }
static word do_userns(void) { return CALL1(NR_UNSHARE, CLONE_NEWUSER); }
static word do_bpf(void) { char map[128] = {1, 0, 0, 0, 4, 0, 0, 0, 4, 0, 0, 0, 1}; return CALL3(NR_BPF, 0, map, 72); }
static word do_keyctl(void) { return CALL3(NR_KEYCTL, 0, -3, 0); }
static word do_add_key(void) { return CALL5(NR_ADD_KEY, "user", "probe", "x", 1, -2); }
static word do_io_uring(void) { char parameters[120] = {0}; return CALL2(NR_IO_URING_SETUP, 4, parameters); }
static word do_setuid(void) { return CALL1(NR_SETUID, 0); }
static word do_setgroups(void) { return CALL2(NR_SETGROUPS, 0, 0); }
static word do_chroot(void) { return CALL1(NR_CHROOT, "/tmp"); }
static word do_mknod(void) { return CALL3(NR_MKNOD, "/tmp/rawsys_mem", CHARACTER_DEVICE, DEVICE_MEM); }
static word do_personality(void) { return CALL1(NR_PERSONALITY, 0x0400000); }
static word do_syslog(void) { return CALL3(NR_SYSLOG, 10, 0, 0); }
static word do_sethostname(void) { return CALL2(NR_SETHOSTNAME, "probe", 5); }
static word do_swapon(void) { return CALL2(NR_SWAPON, "/tmp/none", 0); }
static word do_reboot(void) { return CALL4(NR_REBOOT, 0xfee1dead, 672274793, 0 /* Ctrl-Alt-Del off */, 0); }
static word do_iopl(void) { return CALL1(NR_IOPL, 3); }
static word do_module(void) { return CALL3(NR_FINIT_MODULE, -1, "", 0); }
static word do_kexec(void) { return CALL4(NR_KEXEC_LOAD, 0, 0, 0, 0); }
static word do_settime(void) { word time[2] = {-1, -1}; return CALL2(NR_SETTIMEOFDAY, time, 0); }
static word do_perf(void) { int event[28] = {1, 112}; return CALL5(NR_PERF_EVENT_OPEN, event, 0, -1, -1, 0); }
static word do_userfaultfd(void) { return CALL1(NR_USERFAULTFD, 0); }
static word do_fanotify(void) { return CALL2(NR_FANOTIFY_INIT, 0, 0); }
static word do_quotactl(void) { return CALL4(NR_QUOTACTL, 0x80000100, 0, 0, 0); }
static word do_handle(void) { char handle[8] = {0}; return CALL3(NR_OPEN_BY_HANDLE_AT, AT_CWD, handle, 0); }
static word do_no_new_privs(void) { return CALL5(NR_PRCTL, 39, 0, 0, 0, 0); }
static word do_dumpable(void) { return CALL5(NR_PRCTL, 4, 1, 0, 0, 0); }
static word do_clone3(void) {
    word arguments[8] = {CLONE_NEWUSER, 0, 0, 0, 17};
    word child = CALL2(NR_CLONE3, arguments, sizeof arguments);
    if (!child) CALL1(NR_EXIT_GROUP, 0);
    return child;
}

static word do_capset(void) {
    unsigned header[2] = {0x20080522, 0}, sets[6] = {~0u, ~0u, ~0u, ~0u, ~0u, ~0u};
    return CALL2(NR_CAPSET, header, sets);
}

// A Linux program held in memory only: no file system flag such as noexec stops it, a filter has to.
static word do_memfd_exec(void) {
    char data[4096];
    word memory = CALL2(NR_MEMFD_CREATE, "probe", 1), source = open_path("/usr/lib/wine/wine64", 0), size;
    if (memory < 0) return memory;
    while (source >= 0 && (size = CALL3(NR_READ, source, data, sizeof data)) > 0) CALL3(1, memory, data, size);
    return run_child(memory, "memfd");
}

struct plain_call {
    const char *name;
    word (*call)(void);
};

struct path_call {
    const char *name;
    word (*call)(const char *argument);
    const char *in_all;
};

static const struct plain_call plain_calls[] = {
    {"mount", do_mount},           {"umount", do_umount},       {"fsopen", do_fsopen},
    {"open_tree", do_open_tree},   {"pivot_root", do_pivot_root}, {"unshare", do_unshare},
    {"userns", do_userns},         {"clone3", do_clone3},       {"bpf", do_bpf},
    {"keyctl", do_keyctl},         {"add_key", do_add_key},     {"io_uring_setup", do_io_uring},
    {"setuid", do_setuid},         {"setgroups", do_setgroups}, {"capset", do_capset},
    {"chroot", do_chroot},         {"mknod", do_mknod},         {"personality", do_personality},
    {"syslog", do_syslog},         {"sethostname", do_sethostname}, {"swapon", do_swapon},
    {"reboot", do_reboot},         {"iopl", do_iopl},           {"finit_module", do_module},
    {"kexec_load", do_kexec},      {"settimeofday", do_settime}, {"perf_event_open", do_perf},
    {"userfaultfd", do_userfaultfd}, {"fanotify_init", do_fanotify}, {"quotactl", do_quotactl},
    {"open_by_handle_at", do_handle}, {"memfd_exec", do_memfd_exec},
    {"get_no_new_privs", do_no_new_privs}, {"set_dumpable", do_dumpable},
};

static const struct path_call path_calls[] = {
    {"open", do_open, "/dev/mem"},
    {"read", do_read, "/proc/1/environ"},
    {"write", do_write, "/usr/lib/wine/wine64"},
    {"exec", do_exec, "/usr/lib/wine/wineserver64"},
    {"kill", do_kill, "1"},
    {"ptrace", do_ptrace, "1"},
    {"vmread", do_vmread, "1"},
    {"pidfd", do_pidfd, "1"},
    {"setns", do_setns, "/proc/1/ns/mnt"},
    {"socket", do_socket, "packet"},
};

static int report(const char *name, const char *argument, word result) {
    if (result >= 0) say("%s%s%s: ok %lld\n", name, *argument ? " " : "", argument, result);
    else say("%s%s%s: error %lld\n", name, *argument ? " " : "", argument, -result);
    return result >= 0;
}

static int do_all(void) {
    static const char *const families[] = {"netlink", "vsock", "raw", "alg", "xdp"};
    int allowed = 0;
    for (size_t i = 0; i < sizeof path_calls / sizeof *path_calls; i++)
        allowed += report(path_calls[i].name, path_calls[i].in_all, path_calls[i].call(path_calls[i].in_all));
    for (size_t i = 0; i < sizeof families / sizeof *families; i++)
        allowed += report("socket", families[i], do_socket(families[i]));
    for (size_t i = 0; i < sizeof plain_calls / sizeof *plain_calls; i++)
        allowed += report(plain_calls[i].name, "", plain_calls[i].call());
    return allowed;
}

int main(int count, char **words) {
    int allowed = 0;
    for (int at = 1; at < count; at++) {
        BOOL known = FALSE;
        if (!strcmp(words[at], "all")) {
            allowed += do_all();
            continue;
        }
        for (size_t i = 0; i < sizeof plain_calls / sizeof *plain_calls && !known; i++)
            if ((known = !strcmp(words[at], plain_calls[i].name)))
                allowed += report(words[at], "", plain_calls[i].call());
        for (size_t i = 0; i < sizeof path_calls / sizeof *path_calls && !known && at + 1 < count; i++)
            if ((known = !strcmp(words[at], path_calls[i].name))) {
                allowed += report(words[at], words[at + 1], path_calls[i].call(words[at + 1]));
                at++;
            }
        if (!known) {
            say("%s: unknown\n", words[at]);
            return 255;
        }
    }
    return allowed;
}
