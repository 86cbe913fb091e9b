//! W1, R9: who the program is, as the kernel tells it.

use crate::attacker::{Attacker, ENOSYS};

/// The capabilities KILL, SETGID and SETUID, which the agent keeps; their bits stand in the bounding set of all.
const AGENT_BOUND: u64 = 1 << 5 | 1 << 6 | 1 << 7;

/// The value of a line of `/proc/self/status`.
pub fn field<'a>(status: &'a str, name: &str) -> &'a str {
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    line.unwrap_or_else(|| panic!("no {name} in {status}")).trim()
}

fn bits(status: &str, name: &str) -> u64 {
    u64::from_str_radix(field(status, name), 16).unwrap()
}

#[test]
fn w1_a_program_has_no_privilege_and_can_gain_none() {
    let attacker = Attacker::start();
    for user in ["ContainerAdministrator", "ContainerUser"] {
        let status = attacker.probe_with(&["-u", user], "linux", &["cat", "/proc/self/status"]).succeeded().stdout;
        assert_eq!(field(&status, "Uid"), "1000\t1000\t1000\t1000", "{user}");
        assert_eq!(field(&status, "Gid"), "1000\t1000\t1000\t1000", "{user}");
        assert_eq!(field(&status, "Groups"), "", "{user}");
        for set in ["CapInh", "CapPrm", "CapEff", "CapAmb"] {
            assert_eq!(bits(&status, set), 0, "{user} {set}");
        }
        assert_eq!(bits(&status, "CapBnd") & !AGENT_BOUND, 0, "{user}");
        assert_eq!(field(&status, "NoNewPrivs"), "1", "{user}");
        assert_eq!(field(&status, "Seccomp"), "2", "{user}");
    }
}

#[test]
fn w1_root_of_the_silo_is_nobody_on_the_host() {
    let attacker = Attacker::start();
    for map in ["/proc/self/uid_map", "/proc/self/gid_map"] {
        let text = attacker.cat(map);
        let numbers: Vec<u32> = text.split_whitespace().map(|n| n.parse().unwrap()).collect();
        assert_eq!(numbers.len(), 3, "{text}");
        assert!(numbers[0] == 0 && numbers[1] >= 0x7000_0000 && numbers[2] == 65_536, "{text}");
        assert!(attacker.linux(&["call", &libc::SYS_open.to_string(), &format!("={map}"), "1"]).is_err());
    }
    for call in [libc::SYS_setuid, libc::SYS_setgid, libc::SYS_setfsuid, libc::SYS_setfsgid] {
        assert_eq!(attacker.call(call, &["0"]), ENOSYS);
    }
}

#[test]
fn r9_a_program_has_no_terminal_session_or_keys_of_the_host() {
    let attacker = Attacker::start();
    let stat = attacker.cat("/proc/self/stat");
    // Behind the name in parentheses: state, parent, group, session, terminal.
    let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    assert_eq!(fields[4], "0", "the controlling terminal: {stat}");
    // A group or session that began outside of the silo would have the number 0.
    assert!(fields[2] != "0" && fields[3] != "0", "group and session: {stat}");
    assert_eq!(attacker.linux(&["call", &libc::SYS_open.to_string(), "=/dev/tty", "2"]), Err(libc::ENXIO));
    assert_eq!(attacker.probe("linux", &["cat", "/proc/keys"]).stdout, "");
    assert_eq!(attacker.call(libc::SYS_keyctl, &["0", "-3", "0"]), ENOSYS);
    assert_eq!(attacker.call(libc::SYS_request_key, &["=user", "=x", "0", "0"]), ENOSYS);
}

#[test]
fn r9_a_crash_runs_no_handler_of_the_host() {
    let limits = Attacker::start().cat("/proc/self/limits");
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    let values: Vec<&str> = core.split_whitespace().skip(4).take(2).collect();
    assert_eq!(values, ["1", "1"], "only this limit stops a handler behind a pipe: {core}");
}

#[test]
fn r9_the_environment_is_the_containers_own() {
    let attacker = Attacker::start();
    // The daemon has a variable of this test's runner that no container may have.
    assert!(std::env::vars().any(|(name, _)| name.starts_with("CARGO")));
    let outside: Vec<String> = std::env::vars()
        .map(|(name, _)| name)
        .filter(|n| n.starts_with("CARGO") || n.starts_with("CASEMENT") || n.starts_with("NEXTEST"))
        .collect();
    let unix = attacker.cat("/proc/self/environ");
    let windows = attacker.host.casement(["run", "--rm", "nanoserver", "cmd", "/c", "set"]).succeeded().stdout;
    assert!(unix.contains("WINEPREFIX=/silo") && windows.contains("SystemRoot="), "{unix} {windows}");
    for name in outside {
        assert!(!unix.contains(&format!("{name}=")) && !windows.contains(&format!("{name}=")), "{name}");
    }
    assert!(
        !windows.to_uppercase().lines().any(|line| line.starts_with("WINEPREFIX=") || line.starts_with("WINESERVER=")),
        "{windows}"
    );
}
