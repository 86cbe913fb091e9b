//! W1, R4: the files that raw Linux calls reach.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use casement_tests::Host;

use crate::attacker::Attacker;

/// The top of a silo's tree.
const TOP: [&str; 11] = ["dev", "etc", "lib", "lib64", "proc", "root", "run", "silo", "sys", "tmp", "usr"];
/// All of `/dev`.
const DEVICES: [&str; 9] = ["full", "null", "ptmx", "pts", "random", "tty", "urandom", "zero", "pts/ptmx"];
/// Where mounts are that a program may write to.
const WRITABLE: [&str; 4] = ["/run", "/tmp", "/silo", "/silo/drive_c"];

/// The lines of `linux.exe walk`: letter, owner, mode, path.
fn walk(attacker: &Attacker, path: &str) -> Vec<(String, u32, u32, String)> {
    let output = attacker.probe("linux", &["walk", path]).succeeded();
    let parse = |line: &str| {
        let mut words = line.splitn(4, ' ');
        let kind = words.next()?.to_owned();
        Some((kind, words.next()?.parse().ok()?, u32::from_str_radix(words.next()?, 8).ok()?, words.next()?.to_owned()))
    };
    output.stdout.lines().map(|line| parse(line).unwrap_or_else(|| panic!("{line:?}"))).collect()
}

/// Every path below `directory`, without what is in the directories named in `skip`.
fn tree(directory: &Path, below: &str, found: &mut BTreeSet<String>) {
    for entry in fs::read_dir(directory).unwrap().flatten() {
        let name = format!("{below}/{}", entry.file_name().to_string_lossy());
        if entry.file_type().unwrap().is_dir() {
            tree(&entry.path(), &name, found);
        }
        found.insert(name);
    }
}

fn runtime_tree(host: &Host) -> std::path::PathBuf {
    // There may be older ones.
    host.root().join("runtimes/current/tree")
}

#[test]
fn w1_the_linux_side_is_the_runtime_and_nothing_of_the_host() {
    let attacker = Attacker::start();
    let top = attacker.probe("linux", &["ls", "/"]).succeeded();
    assert_eq!(top.lines().into_iter().collect::<BTreeSet<_>>(), BTreeSet::from(TOP));
    let mut expected = BTreeSet::new();
    tree(&runtime_tree(&attacker.host).join("usr"), "/usr", &mut expected);
    tree(&runtime_tree(&attacker.host).join("etc"), "/etc", &mut expected);
    let seen = [walk(&attacker, "/usr"), walk(&attacker, "/etc")].concat();
    let strangers: Vec<_> =
        seen.iter().map(|f| f.3.split(" -> ").next().unwrap()).filter(|p| !expected.contains(*p)).collect();
    assert!(strangers.is_empty(), "{strangers:?}");
    assert_eq!(seen.len(), expected.len());
    for (kind, _, mode, path) in seen {
        assert!("-dl".contains(&kind) && mode & 0o6000 == 0, "{kind} {mode:o} {path}");
    }
    // Nobody's passwords, no host names, and no servers outside.
    assert!(!Path::new(&runtime_tree(&attacker.host).join("etc/shadow")).exists());
    assert_ne!(attacker.cat("/etc/passwd"), fs::read_to_string("/etc/passwd").unwrap());
}

#[test]
fn w1_host_files_are_out_of_reach() {
    let attacker = Attacker::start();
    let secret = attacker.host.new_directory("secret").join("key");
    fs::write(&secret, "secret").unwrap();
    fs::set_permissions(&secret, std::os::unix::fs::PermissionsExt::from_mode(0o666)).unwrap();
    let secret = secret.to_str().unwrap();
    for before in [
        "",
        "/proc/self/root",
        "/proc/self/cwd/../../../..",
        "/proc/1/root",
        "/silo/drive_c/../../..",
        "/../../..",
        "/dev/fd/0/..",
    ] {
        let path = format!("{before}{secret}");
        let answer = attacker.linux(&["cat", &path]);
        assert!(answer.is_err(), "{path}: {answer:?}");
    }
    for path in [
        "/etc/shadow",
        "/root/.ssh",
        "/home",
        "/var",
        "/boot",
        "/dev/mem",
        "/dev/kmsg",
        "/dev/vda",
        "/dev/sda",
        "/proc/kcore",
        "/run/casement",
    ] {
        assert!(attacker.linux(&["cat", path]).is_err(), "{path}");
    }
    // No descriptor that a program begins with leads there.
    for number in 0..12 {
        let path = format!("/proc/self/fd/{number}{secret}");
        assert!(attacker.linux(&["cat", &path]).is_err(), "{path}");
    }
}

#[test]
fn r4_everything_but_scratch_and_temporary_files_is_read_only() {
    let attacker = Attacker::start();
    let text = attacker.cat("/proc/self/mountinfo");
    let mut writable = Vec::new();
    for line in text.lines() {
        let fields: Vec<&str> = line.split(' ').collect();
        let (point, options): (&str, Vec<&str>) = (fields[4], fields[5].split(',').collect());
        assert!(options.contains(&"nosuid"), "{line}");
        let device = point.starts_with("/dev/") || line.contains(" - devtmpfs ");
        assert!(device || options.contains(&"nodev"), "{line}");
        let runtime = ["/", "/run", "/tmp"].contains(&point);
        assert!(runtime || options.contains(&"noexec"), "{line}");
        if options.contains(&"rw") && !device {
            writable.push(point.to_owned());
        }
    }
    writable.sort();
    assert_eq!(writable, {
        let mut all = WRITABLE.to_vec();
        all.sort();
        all
    });
    // And the mounts do what they say.
    let create = (libc::O_CREAT | libc::O_WRONLY).to_string();
    for directory in ["", "/etc", "/usr/lib/wine", "/dev", "/sys", "/silo/dosdevices", "/silo/drive_c/t"] {
        let answer = attacker.call(libc::SYS_open, &[&format!("={directory}/new"), &create, "438"]);
        assert!(matches!(answer, Err(libc::EROFS | libc::EACCES)), "{directory}: {answer:?}");
    }
    for file in ["/usr/lib/wine/wineserver64", "/usr/lib/wine/wine64", "/etc/passwd", "/proc/self/exe"] {
        for number in [libc::SYS_unlink, libc::SYS_truncate, libc::SYS_chmod] {
            let answer = attacker.call(number, &[&format!("={file}"), "511"]);
            assert!(matches!(answer, Err(libc::EROFS | libc::EACCES | libc::EPERM)), "{file}: {answer:?}");
        }
    }
    assert!(attacker.call(libc::SYS_open, &["=/tmp/new", &create, "438"]).is_ok());
}

#[test]
fn r4_proc_gives_no_hold_on_the_host() {
    let attacker = Attacker::start();
    for name in [
        "kcore",
        "kmsg",
        "keys",
        "key-users",
        "timer_list",
        "sysrq-trigger",
        "kallsyms",
        "cmdline",
        "config.gz",
        "interrupts",
        "iomem",
    ] {
        let output = attacker.probe("linux", &["cat", &format!("/proc/{name}")]);
        let text = output.text();
        assert!(text.is_empty() || text.starts_with("error"), "{name}: {text}");
    }
    for name in ["acpi", "asound", "bus", "driver", "fs", "irq", "pressure", "scsi"] {
        let output = attacker.probe("linux", &["ls", &format!("/proc/{name}")]);
        assert!(output.text().is_empty() || output.text().starts_with("error"), "{name}: {output}");
    }
    assert!(!fs::read_to_string("/proc/cmdline").unwrap().is_empty(), "this host has what is hidden");
    for name in [
        "sys/kernel/core_pattern",
        "sys/kernel/modprobe",
        "sys/vm/drop_caches",
        "sys/net/ipv4/ip_forward",
        "sysrq-trigger",
        "self/oom_score_adj",
        "self/setgroups",
        "self/uid_map",
    ] {
        let answer = attacker.call(libc::SYS_open, &[&format!("=/proc/{name}"), "1"]);
        assert!(matches!(answer, Err(libc::EROFS | libc::EACCES | libc::ENOENT)), "{name}: {answer:?}");
    }
    for path in ["/sys/kernel", "/sys/fs", "/sys/class", "/sys/firmware", "/sys/block", "/sys/devices/pci0000:00"] {
        assert_eq!(attacker.linux(&["ls", path]), Err(libc::ENOENT), "{path}");
    }
}

#[test]
fn r4_devices_only_give_and_take_bytes() {
    let attacker = Attacker::start();
    let files = walk(&attacker, "/dev");
    let names: BTreeSet<String> =
        files.iter().map(|f| f.3.split(" -> ").next().unwrap().trim_start_matches("/dev/").to_owned()).collect();
    assert_eq!(names, DEVICES.map(str::to_owned).into());
    assert!(files.iter().all(|(kind, ..)| kind != "b"));
}

#[test]
fn r4_mounts_tell_no_more_than_where_the_containers_own_files_are() {
    let attacker = Attacker::start();
    let other = crate::processes::resting(&attacker, "other");
    let id = crate::processes::resting(&attacker, "one");
    let text =
        attacker.host.casement(["exec", &id, r"C:\t\linux.exe", "cat", "/proc/self/mountinfo"]).succeeded().stdout;
    let scratch = format!("/scratches/{id}/prefix");
    let programs = casement_tests::places::test_programs().canonicalize().unwrap();
    for line in text.lines() {
        let root = line.split(' ').nth(3).unwrap();
        let kinds = [
            "/null",
            "/zero",
            "/full",
            "/random",
            "/urandom",
            "/tty",
            "/",
            "/tmp",
            "/devices/system/cpu",
            "/names/resolv.conf",
            "/names/hosts",
        ];
        // Known and documented: a bind mount names its place on the host's file system.
        let own = root.contains(&scratch)
            || root.contains("/runtimes/")
            || root.ends_with(programs.file_name().unwrap().to_str().unwrap());
        assert!(own || kinds.contains(&root), "{line}");
    }
    assert!(!text.contains(&other) && text.contains(&id), "{text}");
    assert!(!text.contains("/layers/"), "the layers of the image are not named: {text}");
}
