//! W1: a Windows program that issues Linux system calls of its own.

use crate::attacker::{Attacker, ENOSYS};

/// Calls that no program in a silo has: probe of `rawsys.exe`.
const CLOSED: [&str; 31] = [
    "mount",
    "umount",
    "fsopen",
    "open_tree",
    "pivot_root",
    "unshare",
    "userns",
    "clone3",
    "bpf",
    "keyctl",
    "add_key",
    "io_uring_setup",
    "setuid",
    "setgroups",
    "capset",
    "chroot",
    "mknod",
    "personality",
    "syslog",
    "sethostname",
    "swapon",
    "reboot",
    "iopl",
    "finit_module",
    "kexec_load",
    "settimeofday",
    "perf_event_open",
    "userfaultfd",
    "fanotify_init",
    "quotactl",
    "open_by_handle_at",
];

#[test]
fn w1_calls_that_reach_into_the_kernel_do_not_exist() {
    let attacker = Attacker::start();
    for (probe, answer) in attacker.rawsys(&CLOSED) {
        assert_eq!(answer, ENOSYS, "{probe}");
    }
    // The probes do work: a call that is allowed, and one that asks about the program itself.
    assert_eq!(attacker.call(libc::SYS_getpid, &[]).map(|pid| pid > 1), Ok(true));
    assert_eq!(attacker.rawsys(&["get_no_new_privs"])[0].1, Ok(1));
}

#[test]
#[allow(unsafe_code)]
fn w1_the_filter_closes_what_the_kernel_has() {
    let attacker = Attacker::start();
    let calls = [
        libc::SYS_setns,
        libc::SYS_unshare,
        libc::SYS_mount,
        libc::SYS_move_mount,
        libc::SYS_mount_setattr,
        libc::SYS_bpf,
        libc::SYS_io_uring_setup,
        libc::SYS_name_to_handle_at,
        libc::SYS_open_by_handle_at,
        libc::SYS_pidfd_getfd,
        libc::SYS_seccomp,
        libc::SYS_acct,
        libc::SYS_setfsuid,
        libc::SYS_setresuid,
        libc::SYS_setresgid,
        libc::SYS_setreuid,
        libc::SYS_setgid,
    ];
    for number in calls {
        // Arguments that are never valid: outside of a silo the call exists, and is refused for another reason or does nothing.
        // SAFETY: null pointers and negative numbers only; ids of -1 mean "no change".
        let outside = unsafe { libc::syscall(number, -1i64, -1i64, -1i64, -1i64, -1i64, -1i64) };
        let error = std::io::Error::last_os_error();
        assert!(outside >= 0 || error.raw_os_error() != Some(libc::ENOSYS), "this kernel has no call {number}");
        assert_eq!(attacker.call(number, &["-1", "-1", "-1", "-1", "-1", "-1"]), ENOSYS, "call {number}");
    }
}

#[test]
fn w1_no_other_entry_leads_around_the_filter() {
    let attacker = Attacker::start();
    // getpid by the numbers of the x32 interface (bit 30), which some filters forget.
    assert_eq!(attacker.linux(&["call", "0x40000027"]), ENOSYS);
    // getpid by the 32-bit entry: the filter ends the program, so that it says nothing.
    let output = attacker.probe("linux", &["call32", "20"]);
    assert!(!output.status.success() && output.stdout.is_empty(), "{output}");
}

#[test]
fn w1_only_harmless_sockets_can_be_made() {
    let attacker = Attacker::start();
    let closed = ["socket packet", "socket vsock", "socket alg", "socket xdp"];
    for (probe, answer) in attacker.rawsys(&closed) {
        assert_eq!(answer, ENOSYS, "{probe}");
    }
    let netlink = |protocol: i32| attacker.call(libc::SYS_socket, &["16", "3", &protocol.to_string()]);
    assert_eq!(netlink(libc::NETLINK_AUDIT), ENOSYS);
    assert_eq!(netlink(libc::NETLINK_KOBJECT_UEVENT), ENOSYS);
    // What Wine lists interfaces with; it shows the silo's own network only.
    assert!(netlink(libc::NETLINK_ROUTE).is_ok());
    assert_eq!(attacker.rawsys(&["socket raw"])[0].1, Err(libc::EPERM));
}

#[test]
fn w1_pid_1_is_out_of_reach() {
    let attacker = Attacker::start();
    for (probe, answer) in attacker.rawsys(&["ptrace 1", "vmread 1", "kill 1"]) {
        assert_eq!(answer, Err(libc::EPERM), "{probe}");
    }
    for path in ["/proc/1/root", "/proc/1/cwd", "/proc/1/environ", "/proc/1/fd", "/proc/1/ns/mnt", "/proc/1/mem"] {
        let answer = attacker.linux(&["cat", path]);
        assert!(matches!(answer, Err(libc::ENOENT | libc::EACCES)), "{path}: {answer:?}");
    }
    // The agent's program file is the host's: not even its name may be seen.
    assert_eq!(attacker.linux(&["readlink", "/proc/1/exe"]), Err(libc::ENOENT));
}

#[test]
fn w1_device_nodes_cannot_be_made() {
    let attacker = Attacker::start();
    let (character, block) = ((libc::S_IFCHR | 0o666).to_string(), (libc::S_IFBLK | 0o666).to_string());
    for mode in [&character, &block] {
        for place in ["=/tmp/node", "=/silo/drive_c/node", "=/run/user/1000/node"] {
            assert_eq!(attacker.call(libc::SYS_mknod, &[place, mode, "0x101"]), ENOSYS, "{place}");
            assert_eq!(attacker.call(libc::SYS_mknodat, &["-100", place, mode, "0x101"]), ENOSYS, "{place}");
        }
    }
    // Whereas a pipe, which is harmless, can be.
    let pipe = (libc::S_IFIFO | 0o600).to_string();
    assert_eq!(attacker.call(libc::SYS_mknod, &["=/tmp/pipe", &pipe, "0"]), Ok(0));
}

#[test]
fn w1_set_user_id_bits_never_reach_the_host() {
    use std::os::unix::fs::MetadataExt;
    let attacker = Attacker::start();
    let shared = tempfile::tempdir().unwrap();
    let file = shared.path().join("program");
    std::fs::write(&file, "#!/bin/sh\n").unwrap();
    let volume = format!("{}:C:\\shared", shared.path().display());
    let flags = ["-v", volume.as_str()];
    let inside = "=/silo/drive_c/shared/program";
    let call = |number, arguments: &[&str]| attacker.call_with(&flags, number, arguments);
    assert_eq!(call(libc::SYS_chmod, &[inside, "0x1ff"]), Ok(0), "the program may change its files");
    assert_eq!(std::fs::metadata(&file).unwrap().mode() & 0o7777, 0o777, "and the host sees it");
    for mode in [0o4755, 0o2755, 0o6755] {
        let mode = mode.to_string();
        let created = "=/silo/drive_c/shared/new";
        let create = (libc::O_CREAT | libc::O_WRONLY).to_string();
        assert_eq!(call(libc::SYS_chmod, &[inside, &mode]), ENOSYS);
        assert_eq!(call(libc::SYS_fchmodat, &["-100", inside, &mode]), ENOSYS);
        assert_eq!(call(libc::SYS_creat, &[created, &mode]), ENOSYS);
        assert_eq!(call(libc::SYS_open, &[created, &create, &mode]), ENOSYS);
        assert_eq!(call(libc::SYS_openat, &["-100", created, &create, &mode]), ENOSYS);
        assert_eq!(
            call(libc::SYS_mknod, &[created, &(mode.parse::<u32>().unwrap() | libc::S_IFREG).to_string(), "0"]),
            ENOSYS
        );
        // fchmodat2, which newer kernels have.
        assert_eq!(call(452, &["-100", inside, &mode, "0"]), ENOSYS);
        // openat2 takes its mode behind a pointer, where no filter sees it.
        assert_eq!(call(libc::SYS_openat2, &["-100", created, "0", "24"]), ENOSYS);
    }
    let names: Vec<_> = std::fs::read_dir(shared.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(names, ["program"]);
    assert_eq!(std::fs::metadata(&file).unwrap().mode() & 0o6000, 0);
}
